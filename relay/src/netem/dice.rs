//! The dice: pseudorandom numbers that are the same for the same seed on every system. Pure.
//!
//! The generator is SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014;
//! constants as in Vigna's <https://prng.di.unimi.it/splitmix64.c>): good enough here, and six lines.

/// The dice of one direction.
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

/// One throw for one datagram. All four dice are always thrown, so that changing one percentage does not change the
/// other results.
#[derive(Clone, Copy, Debug)]
pub(super) struct Throw {
    /// Whether it is lost.
    pub(super) loss: Die,
    /// How much its delay deviates.
    pub(super) jitter: Die,
    /// Whether it is doubled.
    pub(super) duplicate: Die,
    /// Whether it is overtaken.
    pub(super) reorder: Die,
}

/// One die: 64 uniformly distributed bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Die(u64);

impl Dice {
    /// The dice of both directions. They are independent, so that datagrams of one direction do not change the results of
    /// the other.
    pub(super) const fn pair(seed: u64) -> [Self; 2] {
        let mut source = Self(seed);
        [Self(source.next()), Self(source.next())]
    }

    /// Throws for the next datagram.
    pub(super) const fn throw(&mut self) -> Throw {
        Throw {
            loss: Die(self.next()),
            jitter: Die(self.next()),
            duplicate: Die(self.next()),
            reorder: Die(self.next()),
        }
    }

    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = self.0;
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl Die {
    /// True with a probability of `percent` in a hundred.
    pub(super) fn is_among(self, percent: u8) -> bool {
        self.below(100) < percent.into()
    }

    /// A uniform number below `sides`, by multiplying instead of dividing (Lemire, "Fast Random Integer Generation in an
    /// Interval", 2019): off by less than `sides` in 2^64.
    pub(super) fn below(self, sides: u32) -> u32 {
        let product = u128::from(self.0) * u128::from(sides);
        // The upper 64 bits are below `sides`.
        u32::try_from(product >> 64).unwrap_or(sides)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_returns_the_published_numbers() {
        let mut dice = Dice(1_234_567);
        let thrown = [0; 3].map(|_| dice.next());
        assert_eq!(
            thrown,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn the_directions_have_independent_dice() {
        let [mut request, mut reply] = Dice::pair(0);
        let same = (0..100).filter(|_| request.next() == reply.next());
        assert_eq!(same.count(), 0);
    }

    #[test]
    fn a_die_stays_below_its_sides() {
        for sides in [1, 2, 100, 240_001] {
            assert_eq!(Die(0).below(sides), 0);
            assert_eq!(Die(u64::MAX).below(sides), sides - 1);
        }
        assert!(!Die(0).is_among(0), "0 % is never");
        assert!(Die(u64::MAX).is_among(100), "100 % is always");
    }
}
