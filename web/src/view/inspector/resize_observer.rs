//! Observes the sizes of the virtual lists: after a change their visible rows are drawn again.

use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::ResizeObserver;

use crate::{
    dom::el,
    inbox::send,
    model::{WholeEvent, panes::inspector::InspectorCommand},
};

/// The observed elements.
const OBSERVED: [&str; 2] = ["packets-scroll", "packet-bytes"];

/// Requests a frame whenever an observed element changes its size; stops when it is dropped.
pub(super) struct SizeObserver {
    observer: Option<ResizeObserver>,
    _callback: Closure<dyn FnMut()>,
}

impl SizeObserver {
    pub(super) fn observe() -> Self {
        let callback =
            Closure::<dyn FnMut()>::new(|| send(WholeEvent::Inspect(InspectorCommand::Look)));
        let observer = ResizeObserver::new(callback.as_ref().unchecked_ref()).ok();
        if let Some(observer) = &observer {
            for scroller in OBSERVED {
                observer.observe(&el(scroller));
            }
        }
        Self {
            observer,
            _callback: callback,
        }
    }
}

impl Drop for SizeObserver {
    fn drop(&mut self) {
        if let Some(observer) = &self.observer {
            observer.disconnect();
        }
    }
}
