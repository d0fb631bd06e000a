//! The timeouts of a page's connection: whether the page still reads, still sends, and is still there.

use std::time::Duration;

use shared::{limits::Limits, message::GoodbyeReason};
use tokio::time::Instant;

use super::Disconnect;
use crate::session::heartbeat::{Beat, Heartbeat};

/// What the timeouts need to know of the connection.
#[derive(Clone, Copy, Debug, Default)]
pub(in super::super) struct ConnectionState {
    /// Whether the page is read from.
    pub(in super::super) is_reading: bool,
    /// Since when the page does not take what is sent.
    pub(in super::super) unread_since: Option<Instant>,
}

#[derive(Debug)]
pub(super) struct Clock {
    last_message: Instant,
    heartbeat: Heartbeat,
    next_timeout: Instant,
}

impl Clock {
    pub(super) fn new(limits: &Limits, now: Instant) -> Self {
        let heartbeat = Heartbeat::new(Duration::from_secs(limits.ping_seconds), now);
        let first = Duration::from_secs(limits.idle_seconds.min(limits.unread_seconds));
        Self {
            last_message: now,
            next_timeout: heartbeat.poll_timeout().min(now + first),
            heartbeat,
        }
    }

    pub(super) const fn record_frame(&mut self) {
        self.heartbeat.record_received();
    }

    /// Records a message other than a ping: a page that only pings may be idle.
    pub(super) const fn record_message(&mut self, now: Instant) {
        self.last_message = now;
    }

    pub(super) const fn poll_timeout(&self) -> Instant {
        self.next_timeout
    }

    /// Whether to send a ping.
    ///
    /// # Errors
    /// Where a timeout closes the connection.
    pub(super) fn handle_timeout(
        &mut self,
        limits: &Limits,
        now: Instant,
        connection: ConnectionState,
    ) -> Result<bool, Disconnect> {
        let idle = Duration::from_secs(limits.idle_seconds);
        let unread = Duration::from_secs(limits.unread_seconds);
        let is_over =
            |since: Instant, timeout: Duration| now.saturating_duration_since(since) >= timeout;
        if connection
            .unread_since
            .is_some_and(|since| is_over(since, unread))
        {
            return Err(Disconnect::new(
                GoodbyeReason::Unread,
                Some(limits.unread_seconds),
                "what was sent is not being read",
            ));
        }
        if is_over(self.last_message, idle) {
            return Err(Disconnect::new(
                GoodbyeReason::Idle,
                Some(limits.idle_seconds),
                "nothing was said for a long time",
            ));
        }
        let can_answer = connection.is_reading && connection.unread_since.is_none();
        let beat = self.heartbeat.handle_timeout(now, can_answer);
        if beat == Beat::TimedOut {
            return Err(Disconnect::new(
                GoodbyeReason::PingTimeout,
                Some(limits.ping_seconds),
                "pings are not answered",
            ));
        }
        let next = (now + unread).min(self.last_message + idle);
        self.next_timeout = next.min(self.heartbeat.poll_timeout());
        Ok(beat == Beat::Ping)
    }
}
