//! Limits how often the page is drawn while more happens than anybody could read.

use crate::model::core::time::Millis;

/// More changes than this in one frame count as a rush.
const RUSH: u64 = 24;
/// Interval between drawings in a rush, in milliseconds.
const PAUSE: Millis = 250;

/// What was drawn last, and when.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    version: u64,
    drawn_at: Millis,
}

impl Throttle {
    /// Returns whether to draw now; if not, the caller asks again in the next frame.
    pub(crate) fn try_acquire(&mut self, version: u64, now: Millis) -> bool {
        let rushes = version.abs_diff(self.version) > RUSH;
        self.version = version;
        let try_acquire = !rushes || now >= self.drawn_at + PAUSE;
        if try_acquire {
            self.drawn_at = now;
        }
        try_acquire
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rush_is_drawn_now_and_then_and_its_end_at_once() {
        let mut pace = Throttle::default();
        let mut drawn = Vec::new();
        for frame in 0..40 {
            if pace.try_acquire(frame * 80, 1_000 + frame * 16) {
                drawn.push(frame);
            }
        }
        assert_eq!(drawn, [0, 16, 32]);
        assert!(pace.try_acquire(39 * 80 + 1, 1_640), "the rush is over");
    }

    #[test]
    fn what_people_do_is_drawn_at_once() {
        let mut pace = Throttle::default();
        assert!((1..9).all(|change| pace.try_acquire(change, 1_000)));
    }
}
