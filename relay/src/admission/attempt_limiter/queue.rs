//! When the next attempt may be verified, and whose it is. Pure: callers pass the time.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
};

/// The rate of wrong attempts from all addresses together: `burst` at once, then one per interval (the generic cell rate
/// algorithm, ITU-T I.371).
#[derive(Debug)]
pub(super) struct Budget {
    burst: u64,
    interval_us: u64,
    /// Time at which the whole burst is available again.
    full_at_us: u64,
}

impl Budget {
    pub(super) const fn new(burst: u64, interval_us: u64) -> Self {
        Self {
            burst,
            interval_us,
            full_at_us: 0,
        }
    }

    pub(super) const fn set_interval_us(&mut self, interval_us: u64) {
        self.interval_us = interval_us;
    }

    /// Microseconds until the next attempt may be verified; 0 if one may now.
    pub(super) const fn wait_us(&self, now_us: u64) -> u64 {
        let room = self
            .burst
            .saturating_sub(1)
            .saturating_mul(self.interval_us);
        self.full_at_us.saturating_sub(now_us).saturating_sub(room)
    }

    /// Counts an attempt as wrong, before it is verified.
    pub(super) fn spend(&mut self, now_us: u64) {
        self.full_at_us = self.full_at_us.max(now_us) + self.interval_us;
    }

    /// Takes back the count of an attempt that was correct.
    pub(super) const fn refund(&mut self) {
        self.full_at_us = self.full_at_us.saturating_sub(self.interval_us);
    }
}

/// A queue of waiting attempts with turns by address (round robin), so that many attempts from one address do not delay
/// those of others.
#[derive(Debug)]
pub(super) struct TurnQueue<T> {
    order: VecDeque<IpAddr>,
    waiting: HashMap<IpAddr, VecDeque<T>>,
}

impl<T> Default for TurnQueue<T> {
    fn default() -> Self {
        Self {
            order: VecDeque::new(),
            waiting: HashMap::new(),
        }
    }
}

impl<T> TurnQueue<T> {
    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    pub(super) fn push(&mut self, from: IpAddr, attempt: T) {
        let of_address = self.waiting.entry(from).or_default();
        if of_address.is_empty() {
            self.order.push_back(from);
        }
        of_address.push_back(attempt);
    }

    /// Removes the next attempt: the oldest of the address that has waited longest for a turn.
    pub(super) fn pop(&mut self) -> Option<T> {
        let from = self.order.pop_front()?;
        let of_address = self.waiting.get_mut(&from)?;
        let attempt = of_address.pop_front();
        if of_address.is_empty() {
            self.waiting.remove(&from);
        } else {
            self.order.push_back(from);
        }
        attempt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn address(last: u8) -> IpAddr {
        IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, last))
    }

    #[test]
    fn after_a_burst_wrong_attempts_follow_at_the_interval() {
        let mut budget = Budget::new(3, 2000);
        for _ in 0..3 {
            assert_eq!(budget.wait_us(500), 0);
            budget.spend(500);
        }
        assert_eq!(budget.wait_us(500), 2000);
        assert_eq!(budget.wait_us(1500), 1000);
        assert_eq!(budget.wait_us(2500), 0);
        budget.spend(2500);
        assert_eq!(budget.wait_us(2500), 2000);
        assert_eq!(budget.wait_us(60_000), 0);
    }

    #[test]
    fn correct_attempts_do_not_count() {
        let mut budget = Budget::new(1, 2000);
        for _ in 0..1000 {
            assert_eq!(budget.wait_us(7), 0);
            budget.spend(7);
            budget.refund();
        }
    }

    #[test]
    fn the_rate_of_wrong_attempts_is_limited() {
        let (burst, interval_us, until_us) = (100, 20_000, 60_000_000);
        let mut budget = Budget::new(burst, interval_us);
        let mut verified = 0;
        for now_us in (0..until_us).step_by(1000) {
            if budget.wait_us(now_us) == 0 {
                budget.spend(now_us);
                verified += 1;
            }
        }
        assert_eq!(verified, burst + until_us / interval_us - 1);
    }

    #[test]
    fn many_attempts_from_one_address_do_not_delay_another() {
        let mut turns = TurnQueue::default();
        for attempt in 0..1000 {
            turns.push(address(1), attempt);
        }
        turns.push(address(2), 2000);
        turns.push(address(2), 2001);
        let order: Vec<_> = std::iter::from_fn(|| turns.pop()).collect();
        assert_eq!(order[..5], [0, 2000, 1, 2001, 2]);
        assert_eq!(order.len(), 1002, "and none is lost");
        assert!(turns.is_empty() && turns.waiting.is_empty());
    }
}
