//! Who sends tells who receives: on one event loop a datagram can be taken at once, without asking the system first
//! whether one has come.
//!
//! It only saves time. A bell nobody rang, or that was rung in vain, changes nothing: the system tells, too.

use std::{
    cell::{Cell, RefCell},
    task::{Context, Waker},
};

/// The bell of one socket.
#[derive(Debug, Default)]
pub(super) struct Bell {
    /// How often it was rung and not answered yet.
    rung: Cell<u32>,
    waiting: RefCell<Option<Waker>>,
}

impl Bell {
    /// Something was sent to this socket, in one call.
    pub(super) fn ring(&self) {
        self.rung.set(self.rung.get().saturating_add(1));
        if let Some(waiting) = self.waiting.take() {
            waiting.wake();
        }
    }

    /// Whether something should be there.
    pub(super) const fn is_rung(&self) -> bool {
        self.rung.get() > 0
    }

    /// Something was there.
    pub(super) fn answered(&self) {
        self.rung.set(self.rung.get().saturating_sub(1));
    }

    /// Nothing was there.
    pub(super) fn in_vain(&self) {
        self.rung.set(0);
    }

    /// From now on whoever asks here is woken when it is rung.
    pub(super) fn wakes(&self, context: &Context<'_>) {
        let mut waiting = self.waiting.borrow_mut();
        if !waiting
            .as_ref()
            .is_some_and(|waker| waker.will_wake(context.waker()))
        {
            waiting.replace(context.waker().clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_answered_as_often_as_it_is_rung() {
        let bell = Bell::default();
        assert!(!bell.is_rung());
        bell.ring();
        bell.ring();
        bell.answered();
        assert!(bell.is_rung());
        bell.answered();
        assert!(!bell.is_rung());
        bell.answered();
        bell.ring();
        assert!(bell.is_rung(), "an answer without a ring owes nothing");
        bell.in_vain();
        assert!(!bell.is_rung());
    }
}
