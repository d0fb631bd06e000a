//! One seat that is this page's: its token, how long it is kept, and what was said there and not yet answered.

use std::collections::VecDeque;

use shared::{
    lab::LabKind,
    message::{Ask, ClientMessage, Request},
};

use crate::model::core::time::Millis;

/// How long the relay keeps a seat, until it states its own time.
const DEFAULT_KEEP_TIME: Millis = 60_000;

/// A seat that is this page's.
#[derive(Debug)]
pub(super) struct HeldSession {
    pub(super) token: String,
    /// Of which kind the lab is; a page that was just loaded learns it when it is there.
    pub(super) kind: LabKind,
    pub(super) kept_for: Millis,
    /// Since when the page is not there.
    pub(super) away_since: Option<Millis>,
    /// It goes back by itself.
    pub(super) wants_back: bool,
    /// How many replies were heard; none where what was said there is no longer known.
    pub(super) replies: Option<u64>,
    /// The number of the last request.
    pub(super) sent: u64,
    pub(super) unanswered: VecDeque<(u64, ClientMessage)>,
}

impl Default for HeldSession {
    fn default() -> Self {
        Self {
            token: String::new(),
            kind: LabKind::Private,
            kept_for: DEFAULT_KEEP_TIME,
            away_since: None,
            wants_back: false,
            replies: None,
            sent: 0,
            unanswered: VecDeque::new(),
        }
    }
}

impl HeldSession {
    /// The page is no longer there, and does not go back by itself.
    pub(super) fn detach(&mut self, now: Millis) {
        (self.away_since, self.wants_back) = (Some(now), false);
        self.forget_unanswered();
    }

    /// What was said there is no longer known here.
    pub(super) fn forget_unanswered(&mut self) {
        self.replies = None;
        self.unanswered.clear();
    }

    /// What the relay has not heard, numbered on from what it has. The trace is asked for anew in any case.
    pub(super) fn resend_unreceived(&mut self, heard: u64) -> Vec<ClientMessage> {
        let is_watch =
            |message: &ClientMessage| matches!(message.request, Request::Ask(Ask::Watch { .. }));
        self.unanswered
            .retain(|(number, message)| *number <= heard || !is_watch(message));
        let mut number = heard;
        let mut again = Vec::new();
        for (known, message) in self
            .unanswered
            .iter_mut()
            .filter(|(known, _)| *known > heard)
        {
            number += 1;
            *known = number;
            again.push(message.clone());
        }
        again
    }
}
