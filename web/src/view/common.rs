//! What several rooms of the view share: cache keys, texts of small values, and the current texts.

use std::net::SocketAddr;

use shared::outcome::Failed;

use crate::{
    dom::{self, el},
    i18n::{Language, Texts},
    model::{core::time::Millis, text::explain, trace::log::RunId},
};

/// What the drawing of a run depends on; it is drawn again only if this has changed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct RunKey {
    pub(super) version: u64,
    pub(super) run: Option<RunId>,
    pub(super) selected: Option<u64>,
    pub(super) language: Language,
}

/// `yes` if the condition is true, else `no`.
pub(super) const fn pick(condition: bool, yes: &'static str, no: &'static str) -> &'static str {
    if condition { yes } else { no }
}

/// The texts of the language the document is in.
pub(super) fn current_texts() -> Texts {
    let tag = dom::root().get_attribute("lang").unwrap_or_default();
    Texts::new(Language::of_tag(&tag).unwrap_or_default())
}

/// An address as text; empty without one.
pub(super) fn address(address: Option<SocketAddr>) -> String {
    address
        .map(|address| address.to_string())
        .unwrap_or_default()
}

/// A time in whole seconds, rounded down.
pub(super) fn whole_seconds(ms: Millis) -> String {
    [(ms / 1_000).to_string().as_str(), "\u{202f}s"].concat()
}

/// Explains a failure in the element with this id, which is hidden without one.
pub(super) fn write_failure(id: &str, failed: Option<&Failed>, texts: &Texts) {
    let text = failed.map(|failed| explain::failure(failed, texts));
    dom::write_or_hide(&el(id), &text.unwrap_or_default());
}
