//! The order in which loopback addresses are tried for new labs and clients. Pure: a seed determines the order.

use std::net::Ipv4Addr;

/// Draws addresses of 127.0.0.0/8, which all belong to this machine (RFC 1122 §3.2.1.3), in the seed's order. Addresses
/// of 127.0.0.0/16 are left out, because people configure programs with them.
#[derive(Debug)]
pub(super) struct Addresses {
    state: u64,
}

impl Addresses {
    pub(super) const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Returns the next address that is not in use.
    pub(super) fn next(&mut self, in_use: impl Fn(Ipv4Addr) -> bool) -> Ipv4Addr {
        loop {
            let address = self.draw();
            if !in_use(address) {
                return address;
            }
        }
    }

    /// Draws an address that is short enough to be read aloud and to fit a narrow column.
    fn draw(&mut self) -> Ipv4Addr {
        let [a, b, c, ..] = self.random().to_le_bytes();
        Ipv4Addr::new(127, a % 9 + 1, b % 99 + 1, c % 99 + 1)
    }

    /// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
    const fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn addresses_are_loopback_outside_the_first_network() {
        let mut addresses = Addresses::new(7);
        let mut seen = HashSet::new();
        for _ in 0..10_000 {
            let address = addresses.next(|address| seen.contains(&address));
            let [_, second, _, last] = address.octets();
            assert!(address.is_loopback() && second != 0 && last != 0 && last != 255);
            assert!(seen.insert(address), "{address} was in use");
        }
    }

    #[test]
    fn the_seed_determines_the_order() {
        let order = |seed| {
            let mut addresses = Addresses::new(seed);
            [(); 8].map(|()| addresses.next(|_| false))
        };
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
    }

    #[test]
    fn addresses_in_use_are_skipped() {
        let first = Addresses::new(3).next(|_| false);
        assert_ne!(Addresses::new(3).next(|address| address == first), first);
    }
}
