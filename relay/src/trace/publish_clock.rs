//! When new events are published to viewers that get them in batches: the first after a silence at once, later ones
//! joined. Pure: times are arguments.

use std::time::{Duration, Instant};

/// The times of one trace's publications.
#[derive(Debug, Default)]
pub(super) struct PublishClock {
    last: Option<Instant>,
    /// When the events that wait are published; `None` while none wait.
    deadline: Option<Instant>,
}

impl PublishClock {
    /// Events were appended. Two publications are at least `interval` apart.
    pub(super) fn handle_appended(&mut self, now: Instant, interval: Duration) {
        let earliest = self.last.map_or(now, |last| last + interval);
        self.deadline.get_or_insert(earliest.max(now));
    }

    /// When to call [`Self::handle_timeout`]; `None` while nothing waits.
    pub(super) const fn poll_timeout(&self) -> Option<Instant> {
        self.deadline
    }

    /// Whether to publish what waits now.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> bool {
        let is_due = self.deadline.is_some_and(|deadline| deadline <= now);
        if is_due {
            (self.last, self.deadline) = (Some(now), None);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_millis(16);

    #[test]
    fn the_first_event_after_a_silence_is_published_at_once() {
        let (mut clock, start) = (PublishClock::default(), Instant::now());
        for now in [start, start + INTERVAL, start + 5 * INTERVAL] {
            clock.handle_appended(now, INTERVAL);
            assert_eq!(clock.poll_timeout(), Some(now));
            assert!(clock.handle_timeout(now));
        }
    }

    #[test]
    fn no_timer_runs_while_nothing_waits() {
        let (mut clock, start) = (PublishClock::default(), Instant::now());
        assert_eq!(clock.poll_timeout(), None);
        assert!(!clock.handle_timeout(start));
        clock.handle_appended(start, INTERVAL);
        assert!(clock.handle_timeout(start));
        assert_eq!(clock.poll_timeout(), None);
        assert!(!clock.handle_timeout(start + INTERVAL));
    }

    #[test]
    fn a_flood_is_published_once_an_interval_and_waits_no_longer() {
        let (mut clock, start) = (PublishClock::default(), Instant::now());
        let mut published = Vec::new();
        for step in 0..=160 {
            let now = start + INTERVAL * step / 10;
            clock.handle_appended(now, INTERVAL);
            if clock.handle_timeout(now) {
                published.push(step);
            }
            assert!(clock.poll_timeout().is_none_or(|due| due <= now + INTERVAL));
        }
        assert_eq!(
            published,
            (0..=16).map(|turn| 10 * turn).collect::<Vec<_>>()
        );
    }
}
