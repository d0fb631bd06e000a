//! A part of the trace: which of its events belong to the runs in sight.

use std::collections::BTreeSet;

use shared::trace::{CallId, Event, ProcessId, What};

use crate::{
    json,
    model::{Model, trace::log::Run},
};

/// How much of the trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All of it.
    All,
    /// The run in the ladder.
    Run,
    /// The packets that the filter lets through, with the calls around them.
    Filtered,
}

/// How much there is to be had.
pub(crate) fn can_be(extent: Extent, model: &Model) -> bool {
    match extent {
        Extent::All => true,
        Extent::Run => model.shown().shown_ladder().is_some(),
        Extent::Filtered => {
            let inspector = &model.shown().inspector;
            let shown = inspector.display_filter.len(&inspector.store);
            inspector.open && shown > 0 && !inspector.query.text.trim().is_empty()
        }
    }
}

/// The first and last number of every range of events in the extent; none if it is the whole trace.
pub(super) fn ranges(extent: Extent, model: &Model) -> Option<Vec<(u64, u64)>> {
    let wanted = match extent {
        Extent::All => return None,
        Extent::Run => Selection::run(model),
        Extent::Filtered => Selection::filtered(model),
    };
    let events = model.source().raw_events.texts().filter_map(json::read);
    Some(wanted.ranges(events))
}

/// What is to be in it.
#[derive(Default)]
struct Selection {
    calls: BTreeSet<CallId>,
    processes: BTreeSet<ProcessId>,
    /// The events of packets, and of what the edge did to them.
    packets: BTreeSet<u64>,
}

/// How an event belongs to it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Membership {
    /// It is of a run.
    Itself,
    /// It says how the lab was.
    Always,
    /// It says how the lab was while the runs ran.
    Between,
    /// It does not.
    Not,
}

impl Selection {
    fn run(model: &Model) -> Self {
        let mut wanted = Self::default();
        if let Some(run) = model.shown().shown_run() {
            let transmissions = run.transmissions.iter().map(|crossing| crossing.seq);
            wanted.packets.extend(transmissions);
            wanted.add(run);
        }
        wanted
    }

    fn filtered(model: &Model) -> Self {
        let shown = model.shown();
        let (filter, store) = (&shown.inspector.display_filter, &shown.inspector.store);
        let rows = (0..filter.len(store)).filter_map(|row| store.get(filter.at(row, store)?));
        let mut wanted = Self {
            packets: rows.map(|record| record.seq).collect(),
            ..Self::default()
        };
        for run in shown.log.runs() {
            let mut transmissions = run.transmissions.iter();
            if transmissions.any(|crossing| wanted.packets.contains(&crossing.seq)) {
                wanted.add(run);
            }
        }
        wanted
    }

    fn add(&mut self, run: &Run) {
        self.calls.extend(run.calls.iter().map(|call| call.id));
        self.processes
            .extend(run.calls.iter().map(|call| call.process));
        self.packets
            .extend(run.impairments.iter().map(|touch| touch.seq));
    }

    fn belongs(&self, event: &Event) -> Membership {
        let is_in = match &event.what {
            What::CallStarted(call) => self.calls.contains(&call.call),
            What::CallReturned(call) => self.calls.contains(&call.call),
            What::Facts(facts) => facts.call.is_some_and(|call| self.calls.contains(&call)),
            What::Packet(_) | What::Derived(_) | What::Edge(_) => self.packets.contains(&event.seq),
            What::Process(process) => self.processes.contains(&process.process),
            What::ProcessEnded { process } => self.processes.contains(process),
            What::Server(_) | What::Conditions(_) => return Membership::Always,
            What::Sockets(_) | What::CaptureLost { .. } => return Membership::Between,
        };
        if is_in {
            Membership::Itself
        } else {
            Membership::Not
        }
    }

    /// Of events in their order. Numbers between two that follow each other here are of events this page was not told:
    /// nobody gives it them, so they part no range.
    fn ranges(&self, events: impl Iterator<Item = Event>) -> Vec<(u64, u64)> {
        let events: Vec<(u64, Membership)> = events
            .map(|event| (event.seq, self.belongs(&event)))
            .collect();
        let mut own = events
            .iter()
            .filter(|(_, belongs)| *belongs == Membership::Itself)
            .map(|(seq, _)| *seq);
        let Some(first) = own.next() else {
            return Vec::new();
        };
        let last = own.next_back().unwrap_or(first);
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        let mut goes_on = false;
        for (seq, belongs) in events {
            let is_in = match belongs {
                Membership::Itself | Membership::Always => true,
                Membership::Between => (first..=last).contains(&seq),
                Membership::Not => false,
            };
            match ranges.last_mut().filter(|_| goes_on) {
                Some(range) if is_in => range.1 = seq,
                Some(_) | None if is_in => ranges.push((seq, seq)),
                Some(_) | None => {}
            }
            goes_on = is_in;
        }
        ranges
    }
}
