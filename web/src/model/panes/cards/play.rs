//! A card that is being played: what was foreseen, which steps are done, and what the running one still has to do.

use std::collections::VecDeque;

use shared::{call::Transport, outcome::Failed};

use super::{
    card::{Card, Highlight, StepAction},
    check::Check,
    restore::Changes,
};
use shared::filter::Filter;

use crate::model::panes::workbench::Workbench;

/// A card in play.
#[derive(Debug, Default)]
pub(crate) struct CardRun {
    /// Which: its place in the deck.
    pub(crate) card: usize,
    /// The answer: a choice, or none of them; `None` until the user has answered.
    pub(crate) answer: Option<Option<usize>>,
    /// Which steps are done.
    pub(crate) done: Vec<bool>,
    /// The one that is under way.
    pub(crate) running: Option<usize>,
    /// Why a step was not done, of those that were refused.
    pub(crate) refused: Vec<Option<Failed>>,
    /// The last one could not be done: a socket was missing.
    pub(crate) missing_socket: Option<String>,
    /// What has been seen.
    pub(crate) check: Check,
    /// Whether the explanation was asked for.
    pub(crate) told: bool,
    /// Where to look.
    pub(crate) look: Option<Highlight>,
    /// The card's sockets by their names.
    pub(crate) sockets: Vec<NamedSocket>,
    /// Sockets of the workbench up to this one were there before.
    pub(super) before: u64,
    pub(super) queue: VecDeque<StepAction>,
    pub(super) waits: Option<StepWait>,
    /// The calls of steps that have not been seen to end: which step, and the message that asked for it. A step does
    /// not wait for its last one.
    pub(super) under_way: Vec<(usize, u64)>,
    /// What it has changed in the lab it is played in.
    pub(super) changes: Changes,
}

/// A socket of the card.
#[derive(Debug)]
pub(crate) struct NamedSocket {
    /// The card's name for it.
    pub(crate) name: String,
    /// The message that asked for it, where a step did.
    request: Option<u64>,
    /// Which it is at the workbench.
    key: Option<u64>,
}

/// What the running step waits for.
#[derive(Debug)]
pub(super) enum StepWait {
    /// The call that this message asked for.
    Call(u64),
    /// What the lab's network was asked for.
    Ask,
    /// What an earlier card has changed, until it is as it was.
    Restored,
    /// A server that is to run from now on, or not to run: its reply comes before the trace tells of it.
    Server(Transport, bool),
    /// Another lab than this.
    Lab(String),
    /// A datagram that is held.
    Held,
    /// What it looks out for.
    Sight,
}

impl CardRun {
    /// Starts a card; `before` is the newest socket on the workbench.
    pub(super) fn begin(at: usize, card: &Card, before: u64) -> Self {
        Self {
            card: at,
            done: vec![false; card.steps.len()],
            refused: vec![None; card.steps.len()],
            check: Check::of(card),
            before,
            ..Self::default()
        }
    }

    /// Another lab: what was done and seen is of no use there.
    pub(super) fn reset(&mut self) {
        self.done.fill(false);
        self.refused.fill(None);
        self.under_way.clear();
        self.changes = Changes::default();
        self.check.reset();
        self.sockets.clear();
    }

    /// The step that comes next.
    pub(crate) fn next(&self) -> Option<usize> {
        self.done.iter().position(|done| !done)
    }

    /// Whether its explanation may be read.
    pub(crate) fn explains(&self) -> bool {
        self.told || self.check.holds()
    }

    /// Begins a step.
    pub(super) fn begin_step(&mut self, at: usize, actions: &[StepAction]) {
        let waits = actions.iter().filter(|action| !action.wait.is_empty());
        let filters = waits.filter_map(|action| Filter::parse(&action.wait).ok());
        self.check.watch(filters);
        self.queue = actions.iter().cloned().collect();
        if let Some(refused) = self.refused.get_mut(at) {
            *refused = None;
        }
        (self.running, self.waits, self.missing_socket) = (Some(at), None, None);
    }

    /// The running step is done.
    pub(super) fn complete_step(&mut self) {
        if let Some(done) = self.running.take().and_then(|at| self.done.get_mut(at)) {
            *done = true;
        }
        self.waits = None;
    }

    /// The running step was refused: nothing of it that is left is done.
    pub(super) fn refuse(&mut self, failed: Failed) {
        if let Some(at) = self.running {
            self.refuse_at(at, failed);
        }
    }

    /// A step was refused, though it may have seemed to be done.
    pub(super) fn refuse_at(&mut self, at: usize, failed: Failed) {
        let step = self.done.get_mut(at).zip(self.refused.get_mut(at));
        if let Some((done, refused)) = step {
            (*done, *refused) = (false, Some(failed));
        }
        if self.running == Some(at) {
            self.queue.clear();
            (self.running, self.waits) = (None, None);
        }
    }

    /// Whether all steps are done and all was seen.
    pub(crate) fn is_over(&self) -> bool {
        self.running.is_none() && self.next().is_none() && self.check.holds()
    }

    /// The running step cannot go on without this socket.
    pub(super) fn stop_for_missing_socket(&mut self, name: &str) {
        self.missing_socket = Some(name.to_owned());
        self.queue.clear();
        (self.running, self.waits) = (None, None);
    }

    /// The socket of this name will be the one that this message asks for.
    pub(super) fn name_socket(&mut self, name: &str, request: Option<u64>) {
        self.sockets.retain(|known| known.name != name);
        self.sockets.push(NamedSocket {
            name: name.to_owned(),
            request,
            key: None,
        });
    }

    /// The socket of this name at the workbench. One that no step has made is the first that was made by hand.
    pub(super) fn key(&mut self, name: &str, bench: &Workbench) -> Option<u64> {
        let made = |request: Option<u64>| {
            let asked = bench.calls.iter().find(|made| made.request == request);
            asked.filter(|_| request.is_some())?.card
        };
        for known in &mut self.sockets {
            known.key = known.key.or_else(|| made(known.request));
        }
        if let Some(known) = self.sockets.iter().find(|known| known.name == name) {
            return known.key;
        }
        let is_free = |key: u64| self.sockets.iter().all(|known| known.key != Some(key));
        let mut cards = bench.cards.iter().filter(|card| !card.closed);
        let by_hand = cards.find(|card| card.key > self.before && is_free(card.key))?;
        self.sockets.push(NamedSocket {
            name: name.to_owned(),
            request: None,
            key: Some(by_hand.key),
        });
        Some(by_hand.key)
    }

    /// Its sockets, where the workbench has them.
    pub(crate) fn keys(&self) -> impl Iterator<Item = (&str, u64)> {
        let keys = self.sockets.iter();
        keys.filter_map(|known| Some((known.name.as_str(), known.key?)))
    }
}
