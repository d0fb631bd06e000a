//! Pings that check whether the other end of a WebSocket is still there (RFC 6455 §5.5.2). Pure: takes `now`.
//!
//! One ping per interval, whatever else is sent: proxies cut connections that are silent in the relay's direction. An end
//! that sends nothing for a whole interval after a ping is gone; any frame counts as an answer.

use std::time::Duration;

use tokio::time::Instant;

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beat {
    /// Nothing until [`Heartbeat::poll_timeout`].
    Wait,
    /// Send a ping.
    Ping,
    /// The other end has not answered the last ping.
    TimedOut,
}

/// The pings of one connection.
#[derive(Debug)]
pub(super) struct Heartbeat {
    interval: Duration,
    next_ping: Instant,
    is_awaiting: bool,
    has_received: bool,
}

impl Heartbeat {
    /// A ping every `interval`, the first one an interval from now.
    pub(super) fn new(interval: Duration, now: Instant) -> Self {
        Self {
            interval,
            next_ping: now + interval,
            is_awaiting: false,
            has_received: false,
        }
    }

    /// Records that a frame was received.
    pub(super) const fn record_received(&mut self) {
        self.has_received = true;
    }

    /// When to call [`Self::handle_timeout`] next.
    pub(super) const fn poll_timeout(&self) -> Instant {
        self.next_ping
    }

    /// What to do at `now`. `can_answer` is false while the relay does not read, or the other end does not take what is
    /// sent: then no answer can arrive, and other timeouts apply. A call that is a whole interval late does not time out
    /// either: the relay was stopped, and has yet to read what arrived.
    pub(super) fn handle_timeout(&mut self, now: Instant, can_answer: bool) -> Beat {
        if now < self.next_ping {
            return Beat::Wait;
        }
        let is_late = now >= self.next_ping + self.interval;
        if self.is_awaiting && !self.has_received && can_answer && !is_late {
            return Beat::TimedOut;
        }
        (self.next_ping, self.is_awaiting) = (now + self.interval, true);
        self.has_received = false;
        Beat::Ping
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(20);

    fn new() -> (Heartbeat, Instant) {
        let now = Instant::now();
        (Heartbeat::new(INTERVAL, now), now)
    }

    #[test]
    fn an_end_that_answers_stays() {
        let (mut heartbeat, mut now) = new();
        for _ in 0..10 {
            assert_eq!(heartbeat.handle_timeout(now, true), Beat::Wait);
            now = heartbeat.poll_timeout();
            assert_eq!(heartbeat.handle_timeout(now, true), Beat::Ping);
            heartbeat.record_received();
        }
    }

    #[test]
    fn an_end_that_vanishes_times_out_within_two_intervals() {
        let (mut heartbeat, start) = new();
        assert_eq!(heartbeat.handle_timeout(start + INTERVAL, true), Beat::Ping);
        heartbeat.record_received();
        let vanished = start + INTERVAL;
        assert_eq!(
            heartbeat.handle_timeout(vanished + INTERVAL, true),
            Beat::Ping
        );
        let almost = vanished + INTERVAL * 2 - Duration::from_millis(1);
        assert_eq!(heartbeat.handle_timeout(almost, true), Beat::Wait);
        assert_eq!(
            heartbeat.handle_timeout(vanished + INTERVAL * 2, true),
            Beat::TimedOut
        );
    }

    #[test]
    fn an_end_that_cannot_answer_is_pinged_again() {
        let (mut heartbeat, mut now) = new();
        for _ in 0..5 {
            now += INTERVAL;
            assert_eq!(heartbeat.handle_timeout(now, false), Beat::Ping);
        }
        assert_eq!(
            heartbeat.handle_timeout(now + INTERVAL, true),
            Beat::TimedOut
        );
    }

    #[test]
    fn a_relay_that_was_stopped_pings_again() {
        let (mut heartbeat, now) = new();
        assert_eq!(heartbeat.handle_timeout(now + INTERVAL, true), Beat::Ping);
        let late = now + INTERVAL * 10;
        assert_eq!(heartbeat.handle_timeout(late, true), Beat::Ping);
        assert_eq!(
            heartbeat.handle_timeout(late + INTERVAL, true),
            Beat::TimedOut
        );
    }
}
