//! The page. A pure [`model`] decides; [`view`] draws it; [`dom`], [`window`], [`files`] and [`socket`] are the only rooms
//! that touch the browser; [`json`] reads what the relay says; the [`shell`] joins them.
//!
//! It comes twice. The *first part*, built without the feature `whole`, can send a sentence and show its reply, and
//! is there at once. The *whole* follows, takes in again what the first part has met, and goes on in its place.

mod dom;
mod files;
pub mod filter;
mod i18n;
mod json;
mod model;
mod shell;
mod socket;
mod view;
mod window;

use wasm_bindgen::prelude::wasm_bindgen;

/// Whether this is the whole page. What only that does stands behind it, so that it is not in the first part.
pub(crate) const WHOLE: bool = cfg!(feature = "whole");

/// Brings the page to life. `want` fetches a file of words by its name in `www/`, until it is told by [`read`];
/// and `app.js`, the whole page.
#[wasm_bindgen]
pub fn begin(want: js_sys::Function) {
    shell::start(window::Library::new(want));
}

/// A file of words has come.
#[wasm_bindgen]
pub fn read(name: &str, text: String) {
    if WHOLE && name == i18n::TextFile::Cards.name() {
        return shell::tell(model::Event::Cards(
            model::panes::cards::CardsCommand::Deal(text),
        ));
    }
    i18n::keep(name, text);
    shell::has_words();
}

/// Whether this part of the page does something when the button of this id is pressed.
#[wasm_bindgen]
#[must_use]
pub fn hears(button: &str) -> bool {
    view::hears(button)
}

/// The first part ends; gives what [`go_on`] wants.
#[wasm_bindgen]
#[must_use]
pub fn hand_over() -> js_sys::Array {
    shell::hand_over()
}

/// Brings the whole page to life, where the first part was.
#[wasm_bindgen]
pub fn go_on(want: js_sys::Function, past: &js_sys::Array) {
    shell::go_on(window::Library::new(want), past);
}
