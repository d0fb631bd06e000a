//! The connection to the relay: open, lost and tried again, or ended with a reason.

use shared::message::{Goodbye, GoodbyeReason};

use super::{Millis, program::Lost};

/// The first wait before trying again.
const FIRST_WAIT: Millis = 500;
/// The longest wait.
const LONGEST_WAIT: Millis = 15_000;
/// How long one attempt may take until it counts as failed.
const ATTEMPT: Millis = 10_000;

/// How the page stands with the relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
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
pub(crate) enum Next {
    /// Nothing by itself.
    Nothing,
    /// An attempt is on its way, given up at this time.
    Trying(Millis),
    /// The next attempt comes at this time.
    At(Millis),
}

/// The connection, and what was lost with it the last time.
#[derive(Debug)]
pub(crate) struct Connection {
    /// How it stands.
    pub(crate) state: State,
    /// What comes next.
    pub(crate) next: Next,
    /// What was cut off the last time.
    pub(crate) lost: Lost,
    /// Whether the relay was another one after the last break: its trace began anew.
    pub(crate) restarted: bool,
    goodbye: Option<Goodbye>,
    closed_at: Millis,
    failures: u32,
}

impl Default for Connection {
    fn default() -> Self {
        Self {
            state: State::Connecting,
            next: Next::Nothing,
            lost: Lost::default(),
            restarted: false,
            goodbye: None,
            closed_at: 0,
            failures: 0,
        }
    }
}

impl Connection {
    /// An attempt starts now.
    pub(crate) fn tries(&mut self, now: Millis) {
        self.next = Next::Trying(now + ATTEMPT);
    }

    /// The relay has welcomed the page.
    pub(crate) fn opened(&mut self, restarted: bool) {
        self.state = State::Open;
        self.next = Next::Nothing;
        self.restarted = restarted;
        self.goodbye = None;
        self.failures = 0;
    }

    /// Whether they talk.
    pub(crate) fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// What was lost is told until the next sentence.
    pub(crate) fn forget(&mut self) {
        self.lost = Lost::default();
        self.restarted = false;
    }

    /// The relay says goodbye; it closes next.
    pub(crate) fn goodbye(&mut self, goodbye: Goodbye) {
        self.goodbye = Some(goodbye);
    }

    /// Whether that is what it has said.
    pub(crate) fn is_told(&self, reason: GoodbyeReason) -> bool {
        let told = self.goodbye.as_ref();
        told.is_some_and(|goodbye| goodbye.reason == reason)
    }

    /// Whether another page has this one's seat.
    pub(crate) fn is_taken_over(&self) -> bool {
        let is_it = |goodbye: &Goodbye| goodbye.reason == GoodbyeReason::TakenOver;
        matches!(&self.state, State::Ended(goodbye) if is_it(goodbye))
    }

    /// The WebSocket is closed, or could not be opened; `random` spreads the attempts of many pages.
    pub(crate) fn closed(&mut self, lost: Lost, random: u32, now: Millis) {
        if matches!(self.state, State::Open | State::Connecting) {
            (self.lost, self.closed_at) = (lost, now);
        }
        let told = self.goodbye.take();
        self.state = match (told, &self.state) {
            (Some(goodbye), _) => State::Ended(goodbye),
            (None, State::Lost { told, .. }) => State::Lost {
                since: self.closed_at,
                told: told.clone(),
            },
            // It said goodbye, and now it does not even answer.
            (None, State::Ended(goodbye)) => State::Lost {
                since: self.closed_at,
                told: Some(goodbye.clone()),
            },
            (None, State::Open | State::Connecting) => State::Lost {
                since: now,
                told: None,
            },
        };
        self.next = if self.waits_for_the_user() {
            Next::Nothing
        } else {
            Next::At(now + self.wait(random))
        };
        self.failures += 1;
    }

    /// After these the relay would only say the same again, or the page is not needed right now.
    pub(crate) fn waits_for_the_user(&self) -> bool {
        let State::Ended(goodbye) = &self.state else {
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
    fn wait(&self, random: u32) -> Millis {
        let full = FIRST_WAIT
            .saturating_mul(1 << self.failures.min(10))
            .min(LONGEST_WAIT);
        full / 2 + Millis::from(random) % (full / 2 + 1)
    }

    /// Whether an attempt is due.
    pub(crate) fn is_due(&self, now: Millis) -> bool {
        matches!(self.next, Next::At(at) if at <= now)
    }

    /// Whether the attempt on its way has taken too long.
    pub(crate) fn is_overdue(&self, now: Millis) -> bool {
        matches!(self.next, Next::Trying(until) if until <= now)
    }

    /// When something here needs a look: an attempt, its end, or the next second of the countdown.
    pub(crate) fn wakes_at(&self, now: Millis) -> Option<Millis> {
        match self.next {
            Next::Nothing => None,
            Next::Trying(until) => Some(until),
            Next::At(at) => {
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
