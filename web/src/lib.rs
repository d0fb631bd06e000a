//! The page. A pure [`model`] decides; [`view`] draws it; [`dom`], [`window`] and [`socket`] are the only rooms that
//! touch the browser; [`json`] reads what the relay says; the [`shell`] joins them.

mod dom;
mod i18n;
mod json;
mod model;
mod shell;
mod socket;
mod view;
mod window;

use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

/// Brings the page to life.
///
/// # Errors
/// Where its markup is not what the code expects, which the tests would have found.
#[wasm_bindgen(start)]
pub fn start() -> Result<(), JsValue> {
    shell::start()
}
