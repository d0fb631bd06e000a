//! Whose events a viewer sees, and the log by those whom its events concern: what is nobody's is looked up by a
//! viewer, not waded through. Pure.

use std::{
    collections::{HashMap, VecDeque},
    rc::Rc,
};

use shared::trace::ProcessId;

use super::log::Recorded;

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

/// The kept events by whom they concern, each line in order.
#[derive(Debug, Default)]
pub(super) struct Lines(HashMap<Option<ProcessId>, VecDeque<Rc<Recorded>>>);

impl Lines {
    pub(super) fn add(&mut self, recorded: &Rc<Recorded>) {
        let line = self.0.entry(recorded.concerns).or_default();
        line.push_back(Rc::clone(recorded));
    }

    /// The oldest event of all is gone, so it is the oldest of its line.
    pub(super) fn forget(&mut self, oldest: &Recorded) {
        if let Some(line) = self.0.get_mut(&oldest.concerns) {
            line.pop_front();
            if line.is_empty() {
                self.0.remove(&oldest.concerns);
            }
        }
    }

    /// At most so many events from `from` on that concern these or nobody, in order.
    pub(super) fn read(
        &self,
        from: u64,
        processes: [Option<ProcessId>; 3],
        most: usize,
    ) -> Vec<Rc<Recorded>> {
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
                let start = line.partition_point(|recorded| recorded.event.seq < from);
                line.range(start..)
            })
            .collect();
        let mut events = Vec::new();
        while events.len() < most {
            let next = lines.iter_mut().min_by_key(|line| {
                let next = (**line).clone().next();
                next.map_or(u64::MAX, |recorded| recorded.event.seq)
            });
            match next.and_then(Iterator::next) {
                Some(recorded) => events.push(Rc::clone(recorded)),
                None => break,
            }
        }
        events
    }
}
