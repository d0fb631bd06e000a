//! Whose events a viewer sees, and the log by those whom its events concern: what is nobody's is looked up by a
//! viewer, not waded through. Pure.

use std::collections::{HashMap, VecDeque};

use shared::trace::ProcessId;

/// Stands for whoever rules a lab among those whom an event concerns; no process has this number.
pub const RULER: ProcessId = 0;

/// Whose events a viewer sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Everybody's.
    All,
    /// Those of these processes, and those that concern nobody in particular.
    Of([Option<ProcessId>; 3]),
}

impl Sight {
    /// One process's, and what concerns nobody.
    #[must_use]
    pub const fn own(process: ProcessId) -> Self {
        Self::Of([Some(process), None, None])
    }
}

/// The numbers of the kept events by whom they concern, each line in order.
#[derive(Debug, Default)]
pub(super) struct Lines(HashMap<Option<ProcessId>, VecDeque<u64>>);

impl Lines {
    pub(super) fn add(&mut self, concerns: Option<ProcessId>, seq: u64) {
        self.0.entry(concerns).or_default().push_back(seq);
    }

    /// The oldest event of all is gone, so it is the oldest of its line.
    pub(super) fn forget(&mut self, concerns: Option<ProcessId>) {
        if let Some(line) = self.0.get_mut(&concerns) {
            line.pop_front();
            if line.is_empty() {
                self.0.remove(&concerns);
            }
        }
    }

    /// At most so many events from `from` on that concern these or nobody, in order.
    pub(super) fn read(
        &self,
        from: u64,
        processes: [Option<ProcessId>; 3],
        most: usize,
    ) -> Vec<u64> {
        let [a, b, c] = processes;
        let mut wanted = vec![None];
        for process in [a, b, c].into_iter().filter(Option::is_some) {
            if !wanted.contains(&process) {
                wanted.push(process);
            }
        }
        let mut lines: Vec<_> = wanted
            .iter()
            .filter_map(|whom| self.0.get(whom))
            .map(|line| {
                let start = line.partition_point(|seq| *seq < from);
                line.range(start..)
            })
            .collect();
        let mut events = Vec::new();
        while events.len() < most {
            let next = lines.iter_mut().min_by_key(|line| {
                let next = (**line).clone().next();
                next.copied().unwrap_or(u64::MAX)
            });
            match next.and_then(Iterator::next) {
                Some(seq) => events.push(*seq),
                None => break,
            }
        }
        events
    }
}
