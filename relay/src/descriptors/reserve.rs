//! A reserve of open descriptors. When no other is left, one is closed so that a connection can be accepted and refused
//! with a reason; it is opened again when that connection has closed.

use std::{cell::RefCell, fs::File, io};

/// Number of descriptors in the reserve.
pub(super) const RESERVE_SIZE: usize = 16;
/// Number of these that only connections from this machine may use, for its operators.
const LOCAL_ONLY_SLOTS: usize = 4;

thread_local! {
    /// The event loop's reserve; empty on every other thread.
    static RESERVE: RefCell<Reserve> = const { RefCell::new(Reserve { source: None, held: Vec::new(), lent: 0 }) };
}

#[derive(Debug)]
struct Reserve {
    /// The file of which the held descriptors are duplicates.
    source: Option<File>,
    held: Vec<File>,
    lent: usize,
}

/// A descriptor of the reserve that is on loan to a connection. It must be dropped after the connection; dropping it
/// refills the reserve.
#[derive(Debug)]
pub struct ReserveSlot(());

impl ReserveSlot {
    /// Frees a descriptor for a connection; `None` if all are on loan.
    #[must_use]
    pub fn take() -> Option<Self> {
        RESERVE.with_borrow_mut(|reserve| {
            reserve.refill();
            reserve.held.pop()?;
            reserve.lent += 1;
            Some(Self(()))
        })
    }

    /// Whether only descriptors for connections from this machine are left.
    #[must_use]
    pub fn is_reserve_low() -> bool {
        RESERVE.with_borrow(|reserve| reserve.held.len() < LOCAL_ONLY_SLOTS)
    }
}

impl Drop for ReserveSlot {
    fn drop(&mut self) {
        RESERVE.with_borrow_mut(|reserve| {
            reserve.lent = reserve.lent.saturating_sub(1);
            reserve.refill();
        });
    }
}

impl Reserve {
    fn refill(&mut self) {
        let Some(source) = &self.source else { return };
        while self.held.len() + self.lent < RESERVE_SIZE
            && let Ok(another) = source.try_clone()
        {
            self.held.push(another);
        }
    }
}

/// Fills this thread's reserve. Systems without `/dev/null` have no reserve.
///
/// # Errors
/// The kernel's error if the descriptors cannot be opened.
pub fn fill_reserve() -> io::Result<()> {
    RESERVE.with_borrow_mut(|reserve| {
        reserve.source = match File::open("/dev/null") {
            Ok(source) => Some(source),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        reserve.refill();
        Ok(())
    })
}

/// Whether a descriptor can be opened at this moment.
pub(super) fn is_descriptor_free() -> bool {
    RESERVE.with_borrow(|reserve| match &reserve.source {
        Some(source) => source.try_clone().is_ok(),
        None => true,
    })
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn slots_return_to_the_reserve() {
        assert!(
            ReserveSlot::take().is_none(),
            "the reserve is empty before it is filled"
        );
        fill_reserve().expect("descriptors");
        let mut lent: Vec<ReserveSlot> = std::iter::from_fn(ReserveSlot::take).collect();
        assert_eq!(lent.len(), RESERVE_SIZE);
        assert!(ReserveSlot::is_reserve_low());
        lent.truncate(RESERVE_SIZE - LOCAL_ONLY_SLOTS);
        assert!(!ReserveSlot::is_reserve_low());
        drop(lent);
        let again: Vec<ReserveSlot> = std::iter::from_fn(ReserveSlot::take).collect();
        assert_eq!(again.len(), RESERVE_SIZE);
    }
}
