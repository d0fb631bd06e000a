//! The page. A pure [`model`] decides; [`view`] draws it; [`dom`], [`window`], [`files`] and [`socket`] are the only rooms
//! that touch the browser; [`json`] reads what the relay says; the [`shell`] joins them.

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

/// Brings the page to life. `want` fetches a file of words by its name in `www/`, until it is told by [`read`].
#[wasm_bindgen]
pub fn begin(want: js_sys::Function) {
    shell::start(window::Library::new(want));
}

/// A file of words has come.
#[wasm_bindgen]
pub fn read(name: &str, text: String) {
    i18n::keep(name, text);
    shell::has_words();
}
