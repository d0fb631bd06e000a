//! Descriptors held back: one is let go to accept a newcomer who is to hear why it is refused, and taken back when
//! that connection has closed.

use std::{cell::RefCell, fs::File, io};

/// How many are held.
pub(super) const RESERVE_SIZE: usize = 16;
/// So many of them only peers on this machine may use, who look after the relay.
const LOCAL_ONLY_SLOTS: usize = 4;

thread_local! {
    /// The event loop's reserve; empty on every other thread.
    static RESERVE: RefCell<Reserve> = const { RefCell::new(Reserve { source: None, held: Vec::new(), lent: 0 }) };
}

#[derive(Debug)]
struct Reserve {
    /// What the held descriptors are duplicates of.
    source: Option<File>,
    held: Vec<File>,
    lent: usize,
}

/// A descriptor that was let go for a newcomer. Dropped after the newcomer's connection, it is taken back.
#[derive(Debug)]
pub struct ReserveSlot(());

impl ReserveSlot {
    /// Lets a descriptor go; none where all are lent.
    #[must_use]
    pub fn take() -> Option<Self> {
        RESERVE.with_borrow_mut(|reserve| {
            reserve.refill();
            reserve.held.pop()?;
            reserve.lent += 1;
            Some(Self(()))
        })
    }

    /// Whether as few are left as peers elsewhere must not use.
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

/// Fills this thread's reserve. On systems without `/dev/null` there is none.
///
/// # Errors
/// The kernel's, where not even the reserve can be had.
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

/// Whether another descriptor could be had at this moment.
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
    fn what_is_lent_comes_back() {
        assert!(
            ReserveSlot::take().is_none(),
            "nothing is held before it is filled"
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
