//! What is known of a file from the ending of its name. A new sort of file needs one line here.

use super::links::Syntax;

/// A sort of file.
#[derive(Debug)]
pub(crate) struct Kind {
    /// What stands behind the last dot of its name.
    pub(super) ending: &'static str,
    /// What browsers are told that it is.
    pub(crate) content_type: &'static str,
    /// How it refers to other files, if it can.
    pub(super) syntax: Option<Syntax>,
    /// Not compressed already by its own format.
    pub(crate) compressible: bool,
}

const KINDS: &[Kind] = &[
    text("css", "text/css; charset=utf-8", Some(Syntax::Css)),
    text("html", "text/html; charset=utf-8", Some(Syntax::Html)),
    text(
        "js",
        "text/javascript; charset=utf-8",
        Some(Syntax::JavaScript),
    ),
    text("json", "application/json", None),
    text("py", "text/x-python; charset=utf-8", None),
    text("svg", "image/svg+xml", None),
    text("txt", "text/plain; charset=utf-8", None),
    text("wasm", "application/wasm", None),
    text(
        "webmanifest",
        "application/manifest+json",
        Some(Syntax::Manifest),
    ),
    text("ico", "image/vnd.microsoft.icon", None),
    packed("jpg", "image/jpeg"),
    packed("png", "image/png"),
    packed("webp", "image/webp"),
    packed("woff2", "font/woff2"),
];

const fn text(ending: &'static str, content_type: &'static str, syntax: Option<Syntax>) -> Kind {
    Kind {
        ending,
        content_type,
        syntax,
        compressible: true,
    }
}

const fn packed(ending: &'static str, content_type: &'static str) -> Kind {
    Kind {
        ending,
        content_type,
        syntax: None,
        compressible: false,
    }
}

/// The sort of the file called `name`.
pub(super) fn of(name: &str) -> Result<&'static Kind, String> {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let known = KINDS.iter().find(|kind| kind.ending == ending);
    known.ok_or_else(|| {
        format!("www/{name}: relay/build/site/kinds.rs knows no content type for `.{ending}`")
    })
}
