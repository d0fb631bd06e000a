//! Where the events of a log's stretches are, in order. The oldest go first, so their room is used again without being
//! asked for.

use std::collections::VecDeque;

use super::{Events, events::Brief};

/// When an event happened, in nanoseconds since the lab began, and what it was.
pub(in super::super) type Timed = (u64, Brief);

/// The events of one log.
#[derive(Debug)]
pub(in super::super) struct Ring {
    kept: VecDeque<Timed>,
    /// So many are gone.
    gone: u64,
}

impl Ring {
    /// None yet.
    pub(in super::super) const fn new() -> Self {
        Self {
            kept: VecDeque::new(),
            gone: 0,
        }
    }

    /// Adds these.
    pub(in super::super) fn add(&mut self, events: &mut Events, briefs: &[Timed]) {
        events.from = self.gone + self.kept.len() as u64;
        events.count = u32::try_from(briefs.len()).unwrap_or(u32::MAX);
        self.kept.extend(briefs);
    }

    /// These are the oldest, and go.
    pub(in super::super) fn forget(&mut self, events: &Events) {
        let count = self.kept.len().min(events.count());
        self.kept.drain(..count);
        self.gone += count as u64;
    }

    /// One of these, which must not have gone.
    pub(super) fn get(&self, events: &Events, at: usize) -> Timed {
        let from = usize::try_from(events.from - self.gone).unwrap_or(usize::MAX);
        self.kept[from + at]
    }
}
