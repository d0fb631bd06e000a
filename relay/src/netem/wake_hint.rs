//! A hint in user space that a datagram has been sent to a socket of the same event loop.
//!
//! With a hint the receiver tries the socket at once, instead of waiting for the kernel to report it as readable.
//! A hint only saves time: a missing or a wrong one changes nothing, because the kernel reports the socket, too.

use std::{
    cell::{Cell, RefCell},
    task::{Context, Waker},
};

/// The hints for one socket.
#[derive(Debug, Default)]
pub(super) struct WakeHint {
    /// Sends that have not been matched by a receive yet.
    pending: Cell<u32>,
    waker: RefCell<Option<Waker>>,
}

impl WakeHint {
    /// Records one send to this socket and wakes its receiver.
    pub(super) fn notify(&self) {
        self.pending.set(self.pending.get().saturating_add(1));
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Whether a datagram should be there.
    pub(super) const fn is_pending(&self) -> bool {
        self.pending.get() > 0
    }

    /// Removes one hint after a successful receive.
    pub(super) fn consume(&self) {
        self.pending.set(self.pending.get().saturating_sub(1));
    }

    /// Removes all hints, because the socket was empty.
    pub(super) fn clear(&self) {
        self.pending.set(0);
    }

    /// Wakes this task at the next hint.
    pub(super) fn register_waker(&self, context: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        if !waker
            .as_ref()
            .is_some_and(|known| known.will_wake(context.waker()))
        {
            waker.replace(context.waker().clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hint_is_consumed_once() {
        let hint = WakeHint::default();
        assert!(!hint.is_pending());
        hint.notify();
        hint.notify();
        hint.consume();
        assert!(hint.is_pending());
        hint.consume();
        assert!(!hint.is_pending());
        hint.consume();
        hint.notify();
        assert!(hint.is_pending(), "a receive without a hint owes nothing");
        hint.clear();
        assert!(!hint.is_pending());
    }
}
