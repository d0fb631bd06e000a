//! The sizes of what rolls: whatever changes them, the rows that are seen then are drawn.

use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::ResizeObserver;

use crate::{
    dom::el,
    model::{Event, panes::inspector::Action},
    shell::tell,
};

/// What rolls, and how wide the bytes may be written.
const OBSERVED: [&str; 2] = ["packets-scroll", "packet-bytes"];

/// Asks for another drawing whenever one of them has another size. It observes nothing once it is dropped.
pub(super) struct Sizes {
    observer: Option<ResizeObserver>,
    _hears: Closure<dyn FnMut()>,
}

impl Sizes {
    pub(super) fn observe() -> Self {
        let hears = Closure::<dyn FnMut()>::new(|| tell(Event::Inspect(Action::Look)));
        let observer = ResizeObserver::new(hears.as_ref().unchecked_ref()).ok();
        if let Some(observer) = &observer {
            for scroller in OBSERVED {
                observer.observe(&el(scroller));
            }
        }
        Self {
            observer,
            _hears: hears,
        }
    }
}

impl Drop for Sizes {
    fn drop(&mut self) {
        if let Some(observer) = &self.observer {
            observer.disconnect();
        }
    }
}
