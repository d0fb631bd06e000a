//! The queue of events on their way to the model. Every room above the model sends into it; the shell empties it.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
};

use crate::model::Event;

thread_local! {
    static EVENTS: RefCell<VecDeque<Event>> = const { RefCell::new(VecDeque::new()) };
    static WAKE: Cell<Option<fn()>> = const { Cell::new(None) };
}

/// Sets the function that is called after every [`send`].
pub(crate) fn set_wake(wake: fn()) {
    WAKE.set(Some(wake));
}

/// Queues an event for the model and wakes the shell.
pub(crate) fn send(event: impl Into<Event>) {
    EVENTS.with_borrow_mut(|events| events.push_back(event.into()));
    if let Some(wake) = WAKE.get() {
        wake();
    }
}

/// Takes the oldest event.
pub(crate) fn pop() -> Option<Event> {
    EVENTS.with_borrow_mut(VecDeque::pop_front)
}
