//! The wall: what each member did last, made of the lab's events as they are read. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use shared::{
    class::{LastCall, LastError, MemberId, Tile, Totals},
    outcome::{Failed, Outcome, Reason, Returned},
    trace::{CallId, CallName, CallReturned, CallStarted, Event, ProcessId, What},
};

use super::state::ClassState;

/// Rates are of so many milliseconds.
const SECOND_MS: u64 = 1000;

/// What is known of every member's doing in the lab that lives now.
#[derive(Debug, Default)]
pub(super) struct Wall {
    members: HashMap<ProcessId, MemberId>,
    marks: BTreeMap<MemberId, MemberActivity>,
    changed: BTreeSet<MemberId>,
    removed: BTreeSet<MemberId>,
    calls: Rate,
    packets: Rate,
    errors: u64,
}

/// A member's doing.
#[derive(Debug, Default)]
struct MemberActivity {
    call: Option<LastCall>,
    last_id: CallId,
    error: Option<LastError>,
    errors: u64,
    sentences: u64,
    open: HashMap<CallId, CallName>,
}

impl Wall {
    /// A member has this process from now on.
    pub(super) fn set_process(&mut self, member: MemberId, process: ProcessId) {
        self.members.insert(process, member);
        self.changed.insert(member);
    }

    /// Something of a member is not as it was.
    pub(super) fn mark_changed(&mut self, member: MemberId) {
        self.changed.insert(member);
    }

    /// It is no member any more.
    pub(super) fn forget_member(&mut self, member: MemberId) {
        self.members.retain(|_, other| *other != member);
        self.marks.remove(&member);
        self.changed.remove(&member);
        self.removed.insert(member);
    }

    /// Takes in what happened by now.
    pub(super) fn record_event(&mut self, event: &Event, now_ms: u64) {
        match &event.what {
            What::CallStarted(started) => self.started(started, event.mono_ns, now_ms),
            What::CallReturned(returned) => self.returned(returned, event.mono_ns),
            What::ProcessEnded { process } => self.ended(*process),
            What::Packet(_) | What::Derived(_) => self.packets.add(1, now_ms),
            What::Process(_)
            | What::Facts(_)
            | What::Server(_)
            | What::Sockets(_)
            | What::Conditions(_)
            | What::Edge(_)
            | What::CaptureLost { .. } => {}
        }
    }

    fn started(&mut self, started: &CallStarted, mono_ns: u64, now_ms: u64) {
        let Some(member) = self.members.get(&started.process).copied() else {
            return;
        };
        self.calls.add(1, now_ms);
        let marks = self.marks.entry(member).or_default();
        marks.open.insert(started.call, started.name);
        marks.last_id = started.call;
        marks.call = Some(LastCall {
            name: started.name,
            mono_ns,
            blocked: true,
        });
        self.changed.insert(member);
    }

    fn returned(&mut self, returned: &CallReturned, mono_ns: u64) {
        let Some(member) = self.members.get(&returned.process).copied() else {
            return;
        };
        let marks = self.marks.entry(member).or_default();
        let Some(name) = marks.open.remove(&returned.call) else {
            return;
        };
        if marks.last_id == returned.call
            && let Some(call) = &mut marks.call
        {
            call.blocked = false;
        }
        match &returned.outcome {
            Outcome::Returned(Returned::Chunk { .. } | Returned::Datagram { .. }) => {
                marks.sentences += 1;
            }
            Outcome::Failed(failed) if is_unintended(failed) => {
                marks.errors += 1;
                self.errors += 1;
                marks.error = Some(LastError {
                    name,
                    errno: failed.errno.clone(),
                    mono_ns,
                });
            }
            Outcome::Returned(_) | Outcome::Failed(_) => {}
        }
        self.changed.insert(member);
    }

    fn ended(&mut self, process: ProcessId) {
        if let Some(member) = self.members.remove(&process) {
            if let Some(marks) = self.marks.get_mut(&member) {
                marks.open.clear();
                if let Some(call) = &mut marks.call {
                    call.blocked = false;
                }
            }
            self.changed.insert(member);
        }
    }

    /// The members that are not as they were, and those that are no more, since this was last asked.
    pub(super) fn take_changes(&mut self) -> (BTreeSet<MemberId>, BTreeSet<MemberId>) {
        (
            std::mem::take(&mut self.changed),
            std::mem::take(&mut self.removed),
        )
    }

    /// A member's tile.
    pub(super) fn tile(&self, state: &ClassState, number: MemberId) -> Option<Tile> {
        let member = state.members.get(&number)?;
        let marks = self.marks.get(&number);
        Some(Tile {
            member: number,
            name: member.name.clone(),
            connected: member.connected,
            muted: member.muted,
            process: member.process,
            call: marks.and_then(|marks| marks.call),
            error: marks.and_then(|marks| marks.error.clone()),
            errors: marks.map_or(0, |marks| marks.errors),
            sentences: marks.map_or(0, |marks| marks.sentences),
            elsewhere: member.elsewhere,
            card: member.card.clone(),
        })
    }

    /// All members together, now.
    pub(super) fn totals(&mut self, state: &ClassState, now_ms: u64) -> Totals {
        let connected = state.members.values().filter(|member| member.connected);
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Totals {
            members: number(state.members.len()),
            connected: number(connected.count()),
            calls_per_second: self.calls.now(now_ms),
            packets_per_second: self.packets.now(now_ms),
            errors: self.errors,
            predictions: state.predictions(),
        }
    }
}

/// What nobody did on purpose: a call that was cancelled or ran out of time is no trouble.
fn is_unintended(failed: &Failed) -> bool {
    !matches!(failed.reason, Some(Reason::Cancelled | Reason::TimedOut))
}

/// How many of something there were in the last second.
#[derive(Debug, Default)]
struct Rate {
    counted: VecDeque<(u64, u64)>,
    sum: u64,
}

impl Rate {
    fn add(&mut self, count: u64, now_ms: u64) {
        self.sum += count;
        match self.counted.back_mut() {
            Some((at, counted)) if *at == now_ms => *counted += count,
            _ => self.counted.push_back((now_ms, count)),
        }
    }

    fn now(&mut self, now_ms: u64) -> u64 {
        while let Some((at, count)) = self.counted.front().copied()
            && at + SECOND_MS <= now_ms
        {
            self.sum -= count;
            self.counted.pop_front();
        }
        self.sum
    }
}

#[cfg(test)]
mod tests;
