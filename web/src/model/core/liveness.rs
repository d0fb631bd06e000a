//! Whether the relay is still heard. Scripts do not see a WebSocket's own pings, so the page asks by a message of the
//! conversation. Pure: times come in; the model sends the ping and ends the connection.
//!
//! Browsers slow down the timers of hidden tabs and stop those of a sleeping phone. A late timer is therefore never
//! taken for silence: the page asks again and waits once more, now awake.

use crate::model::core::time::Millis;

/// With nothing heard for this long, the page pings.
const PING_INTERVAL: Millis = 7_000;
/// A ping that is unanswered for this long ends the connection.
const ANSWER_TIMEOUT: Millis = 5_000;
/// A timer that is later than this was held back by the browser.
const MAX_TIMER_DELAY: Millis = 2_000;
/// A ping that is unanswered for this long is worth telling.
const SILENCE_SHOWN_AFTER: Millis = 1_500;

/// What is to be done about the silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LivenessAction {
    /// Nothing yet.
    Wait,
    /// Send a ping.
    Ping,
    /// The connection is dead.
    Dead,
}

/// What was heard on one connection, and which pings are unanswered.
#[derive(Debug, Default)]
pub(crate) struct Liveness {
    heard_at: Millis,
    /// When the last ping was sent, if nothing was heard since.
    pinged_at: Option<Millis>,
    /// The pings whose replies have not come.
    pings: Vec<u64>,
}

impl Liveness {
    /// The state of a connection that begins now.
    pub(in crate::model) fn new(now: Millis) -> Self {
        Self {
            heard_at: now,
            ..Self::default()
        }
    }

    /// Something was heard, whatever it was.
    pub(in crate::model) const fn record_received(&mut self, now: Millis) {
        self.heard_at = now;
        self.pinged_at = None;
    }

    /// Whether this is the reply to a ping; it is not expected again.
    pub(in crate::model) fn take_reply(&mut self, id: Option<u64>) -> bool {
        let at = self.pings.iter().position(|ping| Some(*ping) == id);
        at.map(|at| self.pings.swap_remove(at)).is_some()
    }

    /// A ping goes off under this id.
    pub(in crate::model) fn record_ping(&mut self, id: u64, now: Millis) {
        self.pings.push(id);
        self.pinged_at = Some(now);
    }

    /// What is to be done now.
    pub(in crate::model) const fn action(&self, now: Millis) -> LivenessAction {
        match self.pinged_at {
            None if now >= self.heard_at + PING_INTERVAL => LivenessAction::Ping,
            Some(at) if now >= at + ANSWER_TIMEOUT + MAX_TIMER_DELAY => LivenessAction::Ping,
            Some(at) if now >= at + ANSWER_TIMEOUT => LivenessAction::Dead,
            None | Some(_) => LivenessAction::Wait,
        }
    }

    /// When the relay was heard last.
    pub(in crate::model) const fn heard_at(&self) -> Millis {
        self.heard_at
    }

    /// How long the relay was not heard, once that is worth telling.
    pub(in crate::model) fn silence(&self, now: Millis) -> Option<Millis> {
        let at = self.pinged_at?;
        (now >= at + SILENCE_SHOWN_AFTER).then(|| now.saturating_sub(self.heard_at))
    }

    /// The next time at which [`Liveness::action`] or the shown silence changes.
    pub(in crate::model) fn wakes_at(&self, now: Millis) -> Millis {
        let Some(at) = self.pinged_at else {
            return self.heard_at + PING_INTERVAL;
        };
        let next_second = now + 1_000 - now.saturating_sub(self.heard_at) % 1_000;
        let told = (at + SILENCE_SHOWN_AFTER).max(next_second);
        told.min(at + ANSWER_TIMEOUT).max(now)
    }
}
