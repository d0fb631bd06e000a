//! What a bridge does about time: whether its visitor still reads, and is still there.

use std::time::Duration;

use shared::message::GoodbyeReason;
use tokio::time::Instant;

use super::{Bridge, because, ending::Ended, visitor::Visitor};
use crate::session::heartbeat::{Beat, Heartbeat};

/// A visitor that does not take what it is sent holds its socket for nothing.
pub(super) fn left_unread(visitor: &Visitor, most: Duration) -> Ended {
    let since = visitor
        .unread_since()
        .filter(|since| since.elapsed() >= most)?;
    let reason = format!("nothing was read for {} s", since.elapsed().as_secs());
    because(GoodbyeReason::Unread.close_code(), reason)
}

impl Bridge<'_> {
    /// What the visitor's silence asks for, where it can be heard at all.
    pub(super) fn beat(&mut self, heartbeat: &mut Heartbeat, now: Instant) -> Beat {
        if self.visitor.was_heard() {
            heartbeat.heard();
        }
        // Either side that has ended its half has little time left for the other, and need not answer.
        let has_ended = self.ending.is_by_visitor() || !self.ending.may_change();
        let can_answer = self.is_listening() && !has_ended && self.visitor.unread_since().is_none();
        heartbeat.beat(now, can_answer)
    }
}
