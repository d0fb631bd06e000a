//! What a conversation does about time: whether its page still reads, still speaks, and is still there.

use std::time::Duration;

use bytes::Bytes;
use shared::{
    message::GoodbyeReason,
    outcome::{Outcome, Returned},
};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use super::{Driver, Exit, goodbye};
use crate::session::{
    SessionContext,
    heartbeat::Beat,
    page::session::{plain, to},
};

impl Driver {
    /// A page that only asks whether the relay is there does not say anything in its session, and may be idle.
    pub(super) fn answer_ping(&mut self, id: u64) {
        let checked = self.session.check_id(id);
        self.session.met_id(id);
        match checked {
            Ok(()) => {
                let outcome = Outcome::Returned(Returned::Nothing);
                self.ws.send(&to(Some(id), plain(outcome)));
            }
            Err(failed) => self.refuse(Some(id), failed),
        }
    }

    /// Time to look whether the page still reads, still speaks and is still there; if so, when to look again.
    pub(super) fn check_time(&mut self) -> Option<Exit> {
        let limits = &self.session.context.limits;
        let (idle, unread) = (
            Duration::from_secs(limits.idle_seconds),
            Duration::from_secs(limits.unread_seconds),
        );
        if self
            .ws
            .unread_since()
            .is_some_and(|since| since.elapsed() >= unread)
        {
            return Some(goodbye(
                GoodbyeReason::Unread,
                Some(limits.unread_seconds),
                "what was sent is not being read",
            ));
        }
        if self.heard_at.elapsed() >= idle {
            return Some(goodbye(
                GoodbyeReason::Idle,
                Some(limits.idle_seconds),
                "nothing was said for a long time",
            ));
        }
        let can_answer = self.is_listening() && self.ws.unread_since().is_none();
        match self.heartbeat.handle_timeout(Instant::now(), can_answer) {
            Beat::Wait => {}
            Beat::Ping => self.ws.queue(Message::Ping(Bytes::new())),
            Beat::TimedOut => {
                let SessionContext {
                    page_quota, limits, ..
                } = &self.session.context;
                page_quota.count_ping_timeout();
                return Some(goodbye(
                    GoodbyeReason::PingTimeout,
                    Some(limits.ping_seconds),
                    "pings are not answered",
                ));
            }
        }
        let next_look = Instant::now() + unread.min(idle.saturating_sub(self.heard_at.elapsed()));
        let next_look = next_look.min(self.heartbeat.poll_timeout());
        self.timer.as_mut().reset(next_look);
        None
    }
}
