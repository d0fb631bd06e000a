//! The stylesheets of `www/`, joined into one, so that the first paint waits for one request. Pure.

use std::collections::BTreeMap;

/// The stylesheets in the order of their cascade, each with the media it is for.
pub(super) const STYLES: &[(&str, Option<&str>)] = &[
    (JOINED, None),
    ("inspector.css", None),
    ("workbench.css", None),
    ("lab.css", None),
    ("past.css", None),
    ("programs.css", None),
    ("card.css", None),
    ("classroom.css", None),
    ("contrast.css", Some("(forced-colors: active)")),
    ("print.css", Some("print")),
];

/// The name of the joined stylesheet, and of the first one in it.
const JOINED: &str = "style.css";

/// Replaces the stylesheets in `sources` by the joined one.
pub(super) fn join(sources: &mut BTreeMap<String, Vec<u8>>) -> Result<(), String> {
    let mut joined = String::new();
    for (name, media) in STYLES {
        let style = sources
            .remove(*name)
            .ok_or_else(|| format!("www/{name} is missing"))?;
        let style = super::decode(name, style)?;
        joined += &match media {
            Some(media) => format!("@media {media} {{\n{style}}}\n"),
            None => style,
        };
    }
    if let Some(name) = sources.keys().find(|name| name.ends_with(".css")) {
        return Err(format!(
            "www/{name} has no place in the order of relay/build/site/styles.rs"
        ));
    }
    sources.insert(JOINED.to_owned(), joined.into_bytes());
    Ok(())
}
