//! A bridge's timeouts: whether the client still reads, and whether it is still there.

use std::time::Duration;

use shared::message::GoodbyeReason;
use tokio::time::Instant;

use super::{Bridge, close, close_state::BridgeEnd, frames};
use crate::session::{
    SessionContext,
    heartbeat::{Beat, Heartbeat},
};

impl Bridge<'_> {
    /// Sends a ping if one is due.
    ///
    /// # Errors
    /// How the bridge ends, where the client has not read for `unread` or does not answer pings.
    pub(super) fn handle_timeout(
        &mut self,
        heartbeat: &mut Heartbeat,
        unread: Duration,
        now: Instant,
        context: &SessionContext,
    ) -> Result<(), BridgeEnd> {
        let unread_for = self.socket.unread_since().map(|since| since.elapsed());
        if let Some(time) = unread_for.filter(|time| *time >= unread) {
            let reason = format!("nothing was read for {} s", time.as_secs());
            return Err(close(GoodbyeReason::Unread.close_code(), reason));
        }
        if self.socket.take_received() {
            heartbeat.record_received();
        }
        // A side that has closed leaves the other little time, and need not answer.
        let has_closed = self.close.is_by_client() || !self.close.is_undecided();
        let can_answer = self.is_reading() && !has_closed && unread_for.is_none();
        match heartbeat.handle_timeout(now, can_answer) {
            // No frame may follow a close frame (RFC 6455 §5.5.1).
            Beat::Ping if self.close.is_undecided() => {
                frames::write_ping(self.socket.pending_mut());
            }
            Beat::Wait | Beat::Ping => {}
            Beat::TimedOut => {
                context.page_quota.count_ping_timeout();
                let code = GoodbyeReason::PingTimeout.close_code();
                return Err(close(code, "pings are not answered"));
            }
        }
        Ok(())
    }
}
