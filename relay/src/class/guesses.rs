//! How many wrong codes and tokens may come from an address. Pure: time comes in as numbers.

use std::{collections::HashMap, net::IpAddr};

/// So many addresses are remembered; beyond, those that made no guess for longest are forgotten.
const MOST: usize = 4096;

/// Wrong guesses by address: each costs one of `burst`, which grow again with time.
#[derive(Debug)]
pub(super) struct Guesses {
    burst: u64,
    /// Milliseconds until one more may be made.
    every_ms: u64,
    /// When all guesses of an address will be there again.
    whole_at: HashMap<IpAddr, u64>,
}

impl Guesses {
    pub(super) fn new(burst: u64, every_ms: u64) -> Self {
        Self {
            burst,
            every_ms,
            whole_at: HashMap::new(),
        }
    }

    /// Seconds until this address may guess again; none where it may now.
    pub(super) fn wait_s(&self, from: IpAddr, now_ms: u64) -> Option<u64> {
        let whole_at = self.whole_at.get(&from).copied().unwrap_or_default();
        let over = whole_at
            .saturating_sub(now_ms)
            .saturating_sub((self.burst - 1) * self.every_ms);
        (over > 0).then(|| over.div_ceil(1000))
    }

    /// It guessed wrong.
    pub(super) fn wrong(&mut self, from: IpAddr, now_ms: u64) {
        if self.whole_at.len() >= MOST {
            self.forget(now_ms);
        }
        let whole_at = self.whole_at.entry(from).or_default();
        *whole_at = now_ms.max(*whole_at) + self.every_ms;
    }

    fn forget(&mut self, now_ms: u64) {
        self.whole_at.retain(|_, whole_at| *whole_at > now_ms);
        if self.whole_at.len() >= MOST {
            let mut times: Vec<u64> = self.whole_at.values().copied().collect();
            let (_, middle, _) = times.select_nth_unstable(MOST / 2);
            let middle = *middle;
            self.whole_at.retain(|_, whole_at| *whole_at > middle);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn after_a_burst_one_has_to_wait_and_nobody_else_has() {
        let mut guesses = Guesses::new(3, 2000);
        for _ in 0..3 {
            assert_eq!(guesses.wait_s(HERE, 500), None);
            guesses.wrong(HERE, 500);
        }
        assert_eq!(guesses.wait_s(HERE, 500), Some(2));
        assert_eq!(guesses.wait_s(HERE, 1501), Some(1));
        assert_eq!(guesses.wait_s([1, 2, 3, 4].into(), 500), None);
        assert_eq!(guesses.wait_s(HERE, 2500), None);
        guesses.wrong(HERE, 2500);
        assert_eq!(guesses.wait_s(HERE, 2500), Some(2));
        assert_eq!(guesses.wait_s(HERE, 60_000), None);
    }

    #[test]
    fn a_thousand_times_a_thousand_addresses_take_no_more_room_than_a_few() {
        let mut guesses = Guesses::new(3, 2000);
        for address in 0..100_000_u32 {
            guesses.wrong(IpAddr::V4(address.into()), 7);
            assert!(guesses.whole_at.len() <= MOST);
        }
    }
}
