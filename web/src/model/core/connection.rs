//! The connection to the relay: open, lost and tried again, or ended with a reason.

use shared::message::{Goodbye, GoodbyeReason};

use crate::model::core::{
    liveness::{Liveness, LivenessAction},
    refusal::Refusal,
    time::Millis,
};

/// What was cut off with the connection to the relay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Losses {
    /// Calls that had not returned.
    pub(crate) calls: usize,
    /// TCP connections that stood.
    pub(crate) connections: usize,
}

/// The first wait before trying again.
const MIN_BACKOFF: Millis = 500;
/// The longest wait.
const MAX_BACKOFF: Millis = 15_000;
/// How long one attempt may take until it counts as failed.
const ATTEMPT_TIMEOUT: Millis = 10_000;

/// How the page stands with the relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ConnectionState {
    /// For the first time.
    Connecting,
    /// They talk.
    Open,
    /// It broke.
    Lost {
        /// When.
        since: Millis,
        /// What the relay had said before, if it said anything.
        told: Option<Goodbye>,
    },
    /// The relay said goodbye.
    Ended(Goodbye),
}

/// What is tried next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NextAttempt {
    /// Nothing by itself.
    Nothing,
    /// An attempt is on its way, given up at this time.
    Trying(Millis),
    /// The next attempt comes at this time.
    At(Millis),
}

/// Why there is no connection, as far as the page could find out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Nothing was heard any more, not even the reply to a ping.
    Silent,
    /// No WebSocket could be opened.
    Refused(Refusal),
}

/// The connection, and what was lost with it the last time.
#[derive(Debug)]
pub(crate) struct Connection {
    /// How it stands.
    pub(crate) state: ConnectionState,
    /// What comes next.
    pub(crate) next: NextAttempt,
    /// What was cut off the last time.
    pub(crate) lost: Losses,
    /// Whether the relay was another one after the last break: its trace began anew.
    pub(crate) restarted: bool,
    /// Why there is none, if that is known.
    pub(crate) trouble: Option<Trouble>,
    /// Whether there ever was one.
    pub(crate) was_open: bool,
    pub(in crate::model) liveness: Liveness,
    /// Whether anything was heard in this attempt.
    heard: bool,
    /// Whether a proxy seemed to drop the upgrade the last time it was asked.
    lacks_upgrade: bool,
    goodbye: Option<Goodbye>,
    closed_at: Millis,
    failures: u32,
}

impl Default for Connection {
    fn default() -> Self {
        Self {
            state: ConnectionState::Connecting,
            next: NextAttempt::Nothing,
            lost: Losses::default(),
            restarted: false,
            trouble: None,
            was_open: false,
            liveness: Liveness::default(),
            heard: false,
            lacks_upgrade: false,
            goodbye: None,
            closed_at: 0,
            failures: 0,
        }
    }
}

impl Connection {
    /// An attempt starts now.
    pub(crate) fn start_attempt(&mut self, now: Millis) {
        self.next = NextAttempt::Trying(now + ATTEMPT_TIMEOUT);
        self.liveness = Liveness::new(now);
        self.heard = false;
    }

    /// Something was heard, whatever it was.
    pub(in crate::model) const fn record_received(&mut self, now: Millis) {
        self.heard = true;
        self.liveness.record_received(now);
    }

    /// The relay has welcomed the page.
    pub(crate) fn handle_welcome(&mut self, restarted: bool) {
        self.state = ConnectionState::Open;
        self.next = NextAttempt::Nothing;
        self.was_open = true;
        (self.trouble, self.lacks_upgrade) = (None, false);
        self.restarted = restarted;
        self.goodbye = None;
        self.failures = 0;
    }

    /// Whether they talk.
    pub(crate) fn is_open(&self) -> bool {
        self.state == ConnectionState::Open
    }

    /// What was lost is told until the next sentence.
    pub(crate) fn clear_losses(&mut self) {
        self.lost = Losses::default();
        self.restarted = false;
    }

    /// The relay says goodbye; it closes next.
    pub(crate) fn handle_goodbye(&mut self, goodbye: Goodbye) {
        self.goodbye = Some(goodbye);
    }

    /// Whether that is what it has said.
    pub(crate) fn has_goodbye(&self, reason: GoodbyeReason) -> bool {
        let told = self.goodbye.as_ref();
        told.is_some_and(|goodbye| goodbye.reason == reason)
    }

    /// Whether another page has this one's seat.
    pub(crate) fn is_taken_over(&self) -> bool {
        let is_it = |goodbye: &Goodbye| goodbye.reason == GoodbyeReason::TakenOver;
        matches!(&self.state, ConnectionState::Ended(goodbye) if is_it(goodbye))
    }

    /// The WebSocket is closed, or could not be opened; `random` spreads the attempts of many pages. Where it went
    /// silent, the connection counts as lost since the relay was heard last.
    pub(crate) fn handle_close(&mut self, lost: Losses, random: u32, now: Millis) {
        if matches!(
            self.state,
            ConnectionState::Open | ConnectionState::Connecting
        ) {
            let is_silent = self.trouble == Some(Trouble::Silent);
            let since = if is_silent {
                self.liveness.heard_at()
            } else {
                now
            };
            (self.lost, self.closed_at) = (lost, since);
        }
        let told = self.goodbye.take();
        self.state = match (told, &self.state) {
            (Some(goodbye), _) => ConnectionState::Ended(goodbye),
            (None, ConnectionState::Lost { told, .. }) => ConnectionState::Lost {
                since: self.closed_at,
                told: told.clone(),
            },
            // It said goodbye, and now it does not even answer.
            (None, ConnectionState::Ended(goodbye)) => ConnectionState::Lost {
                since: self.closed_at,
                told: Some(goodbye.clone()),
            },
            (None, ConnectionState::Open | ConnectionState::Connecting) => ConnectionState::Lost {
                since: self.closed_at,
                told: None,
            },
        };
        self.next = if self.waits_for_the_user() {
            NextAttempt::Nothing
        } else {
            NextAttempt::At(now + self.backoff(random))
        };
        self.failures += 1;
    }

    /// What the silence of an open connection asks for.
    pub(in crate::model) fn action(&self, now: Millis) -> LivenessAction {
        match self.state {
            ConnectionState::Open => self.liveness.action(now),
            ConnectionState::Connecting
            | ConnectionState::Lost { .. }
            | ConnectionState::Ended(_) => LivenessAction::Wait,
        }
    }

    /// How long the relay was not heard, where that is worth telling: it did not answer a ping.
    pub(crate) fn silence(&self, now: Millis) -> Option<Millis> {
        let silence = || self.liveness.silence(now);
        (self.state == ConnectionState::Open)
            .then(silence)
            .flatten()
    }

    /// Whether what the page shows of the lab may be old: the relay is not heard.
    pub(crate) fn is_stale(&self, now: Millis) -> bool {
        self.state != ConnectionState::Open || self.silence(now).is_some()
    }

    /// Whether to ask by a plain request why no WebSocket opens: the first one did not, or two in a row did not.
    pub(in crate::model) const fn wants_reason(&self) -> bool {
        !self.heard && (!self.was_open || self.failures > 1)
    }

    /// The answer to that request. A relay that was only being started again meanwhile says the same as one behind a
    /// proxy that drops the upgrade: that is believed the second time.
    pub(in crate::model) fn handle_probe(&mut self, refusal: Refusal) {
        if self.state == ConnectionState::Open {
            return;
        }
        let lacks_upgrade = refusal == Refusal::NoUpgrade;
        let is_first = !std::mem::replace(&mut self.lacks_upgrade, lacks_upgrade);
        if lacks_upgrade && is_first {
            return;
        }
        self.trouble = Some(Trouble::Refused(refusal));
    }

    /// After these the relay would only say the same again, or the page is not needed right now.
    pub(crate) fn waits_for_the_user(&self) -> bool {
        let ConnectionState::Ended(goodbye) = &self.state else {
            return false;
        };
        matches!(
            goodbye.reason,
            GoodbyeReason::Idle
                | GoodbyeReason::NotAConversation
                | GoodbyeReason::TooLong
                | GoodbyeReason::TakenOver
        )
    }

    /// Between half and all of a wait that doubles with each failure.
    fn backoff(&self, random: u32) -> Millis {
        let full = MIN_BACKOFF
            .saturating_mul(1 << self.failures.min(10))
            .min(MAX_BACKOFF);
        full / 2 + Millis::from(random) % (full / 2 + 1)
    }

    /// Whether an attempt is due.
    pub(crate) fn is_due(&self, now: Millis) -> bool {
        matches!(self.next, NextAttempt::At(at) if at <= now)
    }

    /// Whether the attempt on its way has taken too long.
    pub(crate) fn is_overdue(&self, now: Millis) -> bool {
        matches!(self.next, NextAttempt::Trying(until) if until <= now)
    }

    /// When something here needs a look: an attempt, its end, or the next second of the countdown.
    pub(crate) fn wakes_at(&self, now: Millis) -> Option<Millis> {
        match self.next {
            NextAttempt::Nothing if self.state == ConnectionState::Open => {
                Some(self.liveness.wakes_at(now))
            }
            NextAttempt::Nothing => None,
            NextAttempt::Trying(until) => Some(until),
            NextAttempt::At(at) => {
                let left = at.saturating_sub(now);
                Some(
                    now + if left.is_multiple_of(1_000) {
                        left.min(1_000)
                    } else {
                        left % 1_000
                    },
                )
            }
        }
    }
}
