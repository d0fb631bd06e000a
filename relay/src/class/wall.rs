//! The wall: a tile for each member with its last call, its errors and its progress, derived from the lab's events.
//! Pure; `class/mod.rs` reads the events and sends the tiles.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use shared::{
    class::{LastCall, LastError, MemberId, Tile, Totals},
    outcome::{Failed, Outcome, Reason, Returned},
    trace::{CallId, CallName, CallReturned, CallStarted, Event, ProcessId, What},
};

use super::state::ClassState;

/// Window over which rates are counted.
const RATE_WINDOW_MS: u64 = 1000;

/// The activity of all members in the running lab.
#[derive(Debug, Default)]
pub(super) struct Wall {
    members: HashMap<ProcessId, MemberId>,
    activity: BTreeMap<MemberId, MemberActivity>,
    changed: BTreeSet<MemberId>,
    removed: BTreeSet<MemberId>,
    calls: Rate,
    packets: Rate,
    errors: u64,
}

/// The activity of one member.
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
    /// Sets the process of a member.
    pub(super) fn set_process(&mut self, member: MemberId, process: ProcessId) {
        self.members.insert(process, member);
        self.changed.insert(member);
    }

    /// Marks a member's tile as changed.
    pub(super) fn mark_changed(&mut self, member: MemberId) {
        self.changed.insert(member);
    }

    /// Removes a member and its activity.
    pub(super) fn remove_member(&mut self, member: MemberId) {
        self.members.retain(|_, other| *other != member);
        self.activity.remove(&member);
        self.changed.remove(&member);
        self.removed.insert(member);
    }

    /// Updates the activity with an event that has happened by `now_ms`.
    pub(super) fn record_event(&mut self, event: &Event, now_ms: u64) {
        match &event.what {
            What::CallStarted(started) => self.record_start(started, event.mono_ns, now_ms),
            What::CallReturned(returned) => self.record_return(returned, event.mono_ns),
            What::ProcessEnded { process } => self.record_end(*process),
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

    fn record_start(&mut self, started: &CallStarted, mono_ns: u64, now_ms: u64) {
        let Some(member) = self.members.get(&started.process).copied() else {
            return;
        };
        self.calls.add(1, now_ms);
        let activity = self.activity.entry(member).or_default();
        activity.open.insert(started.call, started.name);
        activity.last_id = started.call;
        activity.call = Some(LastCall {
            name: started.name,
            mono_ns,
            blocked: true,
        });
        self.changed.insert(member);
    }

    fn record_return(&mut self, returned: &CallReturned, mono_ns: u64) {
        let Some(member) = self.members.get(&returned.process).copied() else {
            return;
        };
        let activity = self.activity.entry(member).or_default();
        let Some(name) = activity.open.remove(&returned.call) else {
            return;
        };
        if activity.last_id == returned.call
            && let Some(call) = &mut activity.call
        {
            call.blocked = false;
        }
        match &returned.outcome {
            Outcome::Returned(Returned::Chunk { .. } | Returned::Datagram { .. }) => {
                activity.sentences += 1;
            }
            Outcome::Failed(failed) if is_counted_error(failed) => {
                activity.errors += 1;
                self.errors += 1;
                activity.error = Some(LastError {
                    name,
                    errno: failed.errno.clone(),
                    mono_ns,
                });
            }
            Outcome::Returned(_) | Outcome::Failed(_) => {}
        }
        self.changed.insert(member);
    }

    fn record_end(&mut self, process: ProcessId) {
        if let Some(member) = self.members.remove(&process) {
            if let Some(activity) = self.activity.get_mut(&member) {
                activity.open.clear();
                if let Some(call) = &mut activity.call {
                    call.blocked = false;
                }
            }
            self.changed.insert(member);
        }
    }

    /// Returns the members that changed and those that were removed since the last call.
    pub(super) fn take_changes(&mut self) -> (BTreeSet<MemberId>, BTreeSet<MemberId>) {
        (
            std::mem::take(&mut self.changed),
            std::mem::take(&mut self.removed),
        )
    }

    /// The tile of a member.
    pub(super) fn tile(&self, state: &ClassState, number: MemberId) -> Option<Tile> {
        let member = state.members.get(&number)?;
        let activity = self.activity.get(&number);
        Some(Tile {
            member: number,
            name: member.name.clone(),
            connected: member.connected,
            muted: member.muted,
            process: member.process,
            call: activity.and_then(|activity| activity.call),
            error: activity.and_then(|activity| activity.error.clone()),
            errors: activity.map_or(0, |activity| activity.errors),
            sentences: activity.map_or(0, |activity| activity.sentences),
            elsewhere: member.elsewhere,
            card: member.card.clone(),
        })
    }

    /// Totals of all members at `now_ms`.
    pub(super) fn totals(&mut self, state: &ClassState, now_ms: u64) -> Totals {
        let connected = state.members.values().filter(|member| member.connected);
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Totals {
            members: number(state.members.len()),
            connected: number(connected.count()),
            calls_per_second: self.calls.per_second(now_ms),
            packets_per_second: self.packets.per_second(now_ms),
            errors: self.errors,
            predictions: state.predictions(),
        }
    }
}

/// Whether a failure counts as an error of the member. A cancelled call or an expired timeout does not.
fn is_counted_error(failed: &Failed) -> bool {
    !matches!(failed.reason, Some(Reason::Cancelled | Reason::TimedOut))
}

/// Counts occurrences in the last second.
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

    fn per_second(&mut self, now_ms: u64) -> u64 {
        while let Some((at, count)) = self.counted.front().copied()
            && at + RATE_WINDOW_MS <= now_ms
        {
            self.sum -= count;
            self.counted.pop_front();
        }
        self.sum
    }
}

#[cfg(test)]
mod tests;
