//! Durations, counted in classes less than one percent wide.

use std::time::Duration;

/// Classes per power of two: 128 make them 0.8 % wide.
const FINENESS: u32 = 7;
const PER_POWER: usize = 1 << FINENESS;
/// Up to 2^36 ns, about a minute.
const POWERS: usize = 30;

/// Durations, by class.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    classes: Vec<u32>,
    count: u64,
    longest: Duration,
}

impl Default for Histogram {
    fn default() -> Self {
        let classes = vec![0; PER_POWER * POWERS];
        Self {
            classes,
            count: 0,
            longest: Duration::ZERO,
        }
    }
}

impl Histogram {
    /// Adds a duration.
    pub(crate) fn add(&mut self, took: Duration) {
        let class = class_of(took).min(self.classes.len() - 1);
        self.classes[class] += 1;
        self.count += 1;
        self.longest = self.longest.max(took);
    }

    /// Records that a duration that is not over is at least this long; it only affects the maximum.
    pub(crate) fn was_at_least(&mut self, took: Duration) {
        self.longest = self.longest.max(took);
    }

    /// The quantile, in microseconds.
    pub(crate) fn microseconds(&self, share: f64) -> f64 {
        let wanted = (self.count as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (class, count) in self.classes.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= wanted.max(1) {
                return upper_end(class) as f64 / 1e3;
            }
        }
        f64::NAN
    }

    /// The longest.
    pub(crate) const fn longest(&self) -> Duration {
        self.longest
    }
}

fn class_of(took: Duration) -> usize {
    let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
    if ns < PER_POWER as u64 {
        return ns as usize;
    }
    let power = ns.ilog2() - FINENESS;
    (power as usize + 1) * PER_POWER + ((ns >> power) as usize - PER_POWER)
}

fn upper_end(class: usize) -> u64 {
    let (power, within) = (class / PER_POWER, class % PER_POWER);
    if power == 0 {
        return within as u64;
    }
    (((PER_POWER + within + 1) as u64) << (power - 1)) - 1
}
