//! Where files are served, and how one of them reaches another.

use super::kinds::Kind;

/// The page itself.
pub(super) const INDEX: &str = "index.html";

/// Where the page's second form is kept: the same page for addresses one folder deeper, such as `/c/{code}`. No
/// request asks for this path, because it does not begin with `/`.
pub(super) const ONE_FOLDER_DEEPER: &str = "one-folder-deeper/";

/// A path for what people, robots and browsers ask for by name; the others are told.
pub(super) fn fixed(name: &str) -> Option<String> {
    match name {
        INDEX => Some("/".to_owned()),
        "favicon.ico" | "robots.txt" => Some(format!("/{name}")),
        _ => name.ends_with(".html").then(|| format!("/{name}")),
    }
}

/// A path that changes with the content.
pub(super) fn hashed(name: &str, kind: &Kind, hash: &str) -> String {
    let stem = name.strip_suffix(kind.ending).unwrap_or(name);
    format!("/assets/{stem}{hash}.{}", kind.ending)
}

/// `file` as seen from the folder of `from`; `None` when it leads out of `www/`.
pub(super) fn join(from: &str, file: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in file.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()?),
            _ => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// `to` as seen from the folder of `from`, both absolute. References are relative, so that the page also works under
/// a path of a proxy.
pub(super) fn relative(from: &str, to: &str) -> String {
    let shared = from.split_inclusive('/').zip(to.split_inclusive('/'));
    let shared = shared.take_while(|(a, b)| a == b && a.ends_with('/'));
    let shared: usize = shared.map(|(part, _)| part.len()).sum();
    let up = from[shared..].matches('/').count();
    let path = "../".repeat(up) + &to[shared..];
    if path.is_empty() {
        "./".to_owned()
    } else {
        path
    }
}
