//! Which events a viewer sees, and an index of the log by process. Pure.

use std::collections::{HashMap, VecDeque};

use shared::trace::ProcessId;

/// Stands for the owner of a lab among the processes that an event concerns; no process has this number.
pub const LAB_OWNER: ProcessId = 0;

/// Which events a viewer sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// All events.
    All,
    /// The events that concern one of these processes, and those that concern none in particular.
    Of([Option<ProcessId>; 3]),
}

impl Visibility {
    /// The events that concern one process or none.
    #[must_use]
    pub const fn own(process: ProcessId) -> Self {
        Self::Of([Some(process), None, None])
    }
}

/// The numbers of the kept events, in order, by the process they concern.
#[derive(Debug, Default)]
pub(super) struct ProcessIndex(HashMap<Option<ProcessId>, VecDeque<u64>>);

impl ProcessIndex {
    pub(super) fn add(&mut self, concerns: Option<ProcessId>, seq: u64) {
        self.0.entry(concerns).or_default().push_back(seq);
    }

    /// Removes the oldest event of the log, which is the oldest of its process, too.
    pub(super) fn remove_oldest(&mut self, concerns: Option<ProcessId>) {
        if let Some(numbers) = self.0.get_mut(&concerns) {
            numbers.pop_front();
            if numbers.is_empty() {
                self.0.remove(&concerns);
            }
        }
    }

    /// The numbers of at most `max_events` events from `from` on that concern one of `processes` or none, in order.
    pub(super) fn read(
        &self,
        from: u64,
        processes: [Option<ProcessId>; 3],
        max_events: usize,
    ) -> Vec<u64> {
        let mut wanted = vec![None];
        for process in processes.into_iter().filter(Option::is_some) {
            if !wanted.contains(&process) {
                wanted.push(process);
            }
        }
        let mut sequences: Vec<_> = wanted
            .iter()
            .filter_map(|process| self.0.get(process))
            .map(|numbers| {
                let start = numbers.partition_point(|seq| *seq < from);
                numbers.range(start..)
            })
            .collect();
        let mut merged = Vec::new();
        while merged.len() < max_events {
            let next = sequences.iter_mut().min_by_key(|sequence| {
                let next = (**sequence).clone().next();
                next.copied().unwrap_or(u64::MAX)
            });
            match next.and_then(Iterator::next) {
                Some(seq) => merged.push(*seq),
                None => break,
            }
        }
        merged
    }
}
