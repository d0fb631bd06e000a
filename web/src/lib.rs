//! The page. A pure [`model`] decides what is shown; [`view`] draws it and turns the user's input into events; the
//! [`shell`] runs the loop between them. Only [`view`], [`window`], [`files`], [`socket`] and [`dom`] touch the browser.
//!
//! It is built twice. The *first part*, without the feature `whole`, can send a sentence and show its reply, and loads
//! at once. The *whole* page loads after it, replays the first part's events, and takes its place.
//!
//! Rooms, each importing only from those after it: `shell`, `view`, `inbox`, `files`, `socket`, `window`, `dom`, `model`,
//! `i18n`, `json`.

mod dom;
mod files;
mod i18n;
mod inbox;
mod json;
mod model;
mod shell;
mod socket;
mod view;
mod window;

use wasm_bindgen::prelude::wasm_bindgen;

/// Whether this is the whole page. Code behind `if WHOLE` is left out of the first part.
pub(crate) const WHOLE: bool = cfg!(feature = "whole");

/// Starts the page. `fetch` fetches a file by its path below `www/` and passes its text to [`add_text`]; for `app.js`
/// it loads the whole page.
#[wasm_bindgen]
pub fn start(fetch: js_sys::Function) {
    shell::start(window::Fetcher::new(fetch));
}

/// Adds a file of texts that `fetch` was called for.
#[wasm_bindgen]
pub fn add_text(path: &str, text: String) {
    if WHOLE && path == i18n::TextFile::Cards.path() {
        return inbox::send(model::WholeEvent::Cards(
            model::panes::cards::CardsCommand::Deal(text),
        ));
    }
    i18n::add(path, text);
    shell::request_frame();
}

/// Whether this part of the page handles a click on the button with this id.
#[wasm_bindgen]
#[must_use]
pub fn handles_button(button: &str) -> bool {
    view::handles_button(button)
}

/// Stops the first part. Returns its state for [`resume`].
#[wasm_bindgen]
#[must_use]
pub fn suspend() -> js_sys::Array {
    shell::suspend()
}

/// Starts the whole page from the first part's state.
#[wasm_bindgen]
pub fn resume(fetch: js_sys::Function, state: &js_sys::Array) {
    shell::resume(window::Fetcher::new(fetch), state);
}
