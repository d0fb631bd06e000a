//! The compact events of all batches of a log, in order. The oldest are dropped first, so their memory is reused without
//! new allocations. Pure.

use std::collections::VecDeque;

use super::batch::{EncodedBatch, TimedEvent};

/// The compact events of one log.
#[derive(Debug)]
pub(super) struct EventRing {
    kept: VecDeque<TimedEvent>,
    /// Number of events dropped so far.
    dropped: u64,
}

impl EventRing {
    /// An empty ring.
    pub(super) const fn new() -> Self {
        Self {
            kept: VecDeque::new(),
            dropped: 0,
        }
    }

    /// Appends the events of a batch.
    pub(super) fn append(&mut self, batch: &mut EncodedBatch, events: &[TimedEvent]) {
        batch.position = self.dropped + self.kept.len() as u64;
        batch.count = u32::try_from(events.len()).unwrap_or(u32::MAX);
        self.kept.extend(events);
    }

    /// Drops the events of the oldest batch.
    pub(super) fn drop_oldest(&mut self, batch: &EncodedBatch) {
        let count = self.kept.len().min(batch.count());
        self.kept.drain(..count);
        self.dropped += count as u64;
    }

    /// The event at an index of a batch that is still kept.
    pub(super) fn get(&self, batch: &EncodedBatch, index: usize) -> TimedEvent {
        let position = usize::try_from(batch.position - self.dropped).unwrap_or(usize::MAX);
        self.kept[position + index]
    }
}
