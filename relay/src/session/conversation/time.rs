//! What a conversation does about time: whether its page still reads, still speaks, and is still there.

use std::time::Duration;

use bytes::Bytes;
use shared::{
    message::GoodbyeReason,
    outcome::{Outcome, Returned},
};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use super::{Conversation, Ending, goodbye};
use crate::session::{
    Surroundings,
    heartbeat::Beat,
    seat::{plain, to},
};

impl Conversation {
    /// A page that only asks whether the relay is there does not say anything in its seat, and may be idle.
    pub(super) fn answer_ping(&mut self, id: u64) {
        let checked = self.seat.check_id(id);
        self.seat.met_id(id);
        match checked {
            Ok(()) => {
                let outcome = Outcome::Returned(Returned::Nothing);
                self.talk.say(&to(Some(id), plain(outcome)));
            }
            Err(failed) => self.refuse(Some(id), failed),
        }
    }

    /// Time to look whether the page still reads, still speaks and is still there; if so, when to look again.
    pub(super) fn check_time(&mut self) -> Option<Ending> {
        let limits = &self.seat.surroundings.limits;
        let (idle, unread) = (
            Duration::from_secs(limits.idle_seconds),
            Duration::from_secs(limits.unread_seconds),
        );
        if self
            .talk
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
        let can_answer = self.is_listening() && self.talk.unread_since().is_none();
        match self.heartbeat.beat(Instant::now(), can_answer) {
            Beat::Wait => {}
            Beat::Ping => self.talk.queue(Message::Ping(Bytes::new())),
            Beat::Silent => {
                let Surroundings {
                    page_quota, limits, ..
                } = &self.seat.surroundings;
                page_quota.count_ping_timeout();
                return Some(goodbye(
                    GoodbyeReason::PingTimeout,
                    Some(limits.ping_seconds),
                    "pings are not answered",
                ));
            }
        }
        let next_look = Instant::now() + unread.min(idle.saturating_sub(self.heard_at.elapsed()));
        let next_look = next_look.min(self.heartbeat.due());
        self.timer.as_mut().reset(next_look);
        None
    }
}
