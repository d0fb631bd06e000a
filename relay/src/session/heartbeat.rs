//! Pings that tell whether the other end of a WebSocket is still there (RFC 6455 §5.5.2). Pure: times come in.
//!
//! One ping per interval, whatever else is sent: proxies count what comes from the relay and cut what is quiet. An
//! end that leaves a whole interval after a ping unanswered is gone; anything it sends counts as an answer.

use std::time::Duration;

use tokio::time::Instant;

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beat {
    /// Nothing until [`Heartbeat::due`].
    Wait,
    /// Send a ping.
    Ping,
    /// The other end has not answered the last ping.
    Silent,
}

/// The pings of one connection.
#[derive(Debug)]
pub(super) struct Heartbeat {
    interval: Duration,
    due: Instant,
    pinged: bool,
    heard: bool,
}

impl Heartbeat {
    /// A ping every `interval`, the first one an interval from now.
    pub(super) fn new(interval: Duration, now: Instant) -> Self {
        Self {
            interval,
            due: now + interval,
            pinged: false,
            heard: false,
        }
    }

    /// Something was heard, whatever it was.
    pub(super) const fn heard(&mut self) {
        self.heard = true;
    }

    /// When to ask next what is to be done.
    pub(super) const fn due(&self) -> Instant {
        self.due
    }

    /// What is to be done now. While the relay itself does not read, or the other end does not take what was sent, no
    /// answer can be heard: `can_answer` is false then, and the connection has other time limits. Nor is silence
    /// believed when the relay looks a whole interval too late: it was stopped, and has yet to read what came.
    pub(super) fn beat(&mut self, now: Instant, can_answer: bool) -> Beat {
        if now < self.due {
            return Beat::Wait;
        }
        let is_late = now >= self.due + self.interval;
        if self.pinged && !self.heard && can_answer && !is_late {
            return Beat::Silent;
        }
        (self.due, self.pinged, self.heard) = (now + self.interval, true, false);
        Beat::Ping
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(20);

    fn begin() -> (Heartbeat, Instant) {
        let now = Instant::now();
        (Heartbeat::new(INTERVAL, now), now)
    }

    #[test]
    fn whoever_answers_stays() {
        let (mut heartbeat, mut now) = begin();
        for _ in 0..10 {
            assert_eq!(heartbeat.beat(now, true), Beat::Wait);
            now = heartbeat.due();
            assert_eq!(heartbeat.beat(now, true), Beat::Ping);
            heartbeat.heard();
        }
    }

    #[test]
    fn whoever_vanishes_is_gone_within_two_intervals() {
        let (mut heartbeat, start) = begin();
        assert_eq!(heartbeat.beat(start + INTERVAL, true), Beat::Ping);
        heartbeat.heard();
        let vanished = start + INTERVAL;
        assert_eq!(heartbeat.beat(vanished + INTERVAL, true), Beat::Ping);
        let almost = vanished + INTERVAL * 2 - Duration::from_millis(1);
        assert_eq!(heartbeat.beat(almost, true), Beat::Wait);
        assert_eq!(heartbeat.beat(vanished + INTERVAL * 2, true), Beat::Silent);
    }

    #[test]
    fn whoever_cannot_answer_is_asked_again() {
        let (mut heartbeat, mut now) = begin();
        for _ in 0..5 {
            now += INTERVAL;
            assert_eq!(heartbeat.beat(now, false), Beat::Ping);
        }
        assert_eq!(heartbeat.beat(now + INTERVAL, true), Beat::Silent);
    }

    #[test]
    fn a_relay_that_was_stopped_asks_again() {
        let (mut heartbeat, now) = begin();
        assert_eq!(heartbeat.beat(now + INTERVAL, true), Beat::Ping);
        let late = now + INTERVAL * 10;
        assert_eq!(heartbeat.beat(late, true), Beat::Ping);
        assert_eq!(heartbeat.beat(late + INTERVAL, true), Beat::Silent);
    }
}
