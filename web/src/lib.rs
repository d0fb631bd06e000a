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

/// Brings the page to life.
#[wasm_bindgen::prelude::wasm_bindgen(start)]
pub fn start() {
    shell::start();
}
