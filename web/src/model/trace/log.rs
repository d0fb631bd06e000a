//! The page's own copy of the trace, told as runs: which calls and packets belong to one sentence.
//!
//! A client's calls belong to the run that made them. A server's belong to the client they were for, which shows when
//! they return: until then they are `waiting`. Nothing here is invented; what came is only put in its place.

mod apply_event;
mod call;
mod clients;
mod endpoint;
mod impairments;
mod packets;
mod run;
mod socket_owners;

use std::collections::VecDeque;

use shared::{
    call::Transport,
    message::Gap,
    trace::{CallId, Event, ProcessId},
};

pub(crate) use self::call::{
    Call, Numbers, Return, Seen, Side, Transmission, TransmissionKind, sender,
};
pub(crate) use self::clients::ClientId;
pub(crate) use self::endpoint::same_address;
pub(crate) use self::impairments::{DatagramFate, Impaired};
pub(crate) use self::run::{Run, RunKind};
use self::socket_owners::SocketOwners;
pub(crate) use crate::model::core::outbox::RunId;

/// How many runs are kept.
const MAX_RUNS: usize = 500;
/// How many of their calls.
const MAX_LOG_CALLS: usize = 6_000;
/// Maximum number of calls in a visitor's run; the next call begins a new run.
const MAX_VISITOR_CALLS: usize = 200;

/// Maximum number of packets kept until their run is known.
const MAX_UNASSIGNED: usize = 256;

/// Number of newest runs in which calls may still be open.
const RECENT_RUNS: usize = 64;
/// Both clocks of an event are one reading, cut to different units.
const CLOCK_ROUNDING: u64 = 1_000;

/// All runs that are kept, and the servers' calls that wait for a client.
#[derive(Debug, Default)]
pub(crate) struct Log {
    runs: VecDeque<Run>,
    waiting: Vec<Call>,
    /// What crossed before it was known whose it is, the newest last.
    unassigned: VecDeque<Transmission>,
    owners: SocketOwners,
    me: Option<ProcessId>,
    last_run: RunId,
    version: u64,
    last_seq: Option<u64>,
    /// When the lab began, by the wall clock: the same for all its events.
    began_us: Option<u64>,
    /// When the lab began, by the page's clock; the event that came fastest tells best.
    began: Option<i64>,
}

impl Log {
    pub(crate) const fn runs(&self) -> &VecDeque<Run> {
        &self.runs
    }

    pub(crate) fn run(&self, id: RunId) -> Option<&Run> {
        self.runs.iter().rev().find(|run| run.id == id)
    }

    /// Calls of servers that have no client yet.
    pub(crate) fn waiting(&self) -> &[Call] {
        &self.waiting
    }

    /// The call a server is in right now, as far as it was seen to start.
    pub(crate) fn open_server_call(&self, transport: Transport) -> Option<&Call> {
        let mut calls = self.open_calls();
        calls.find(|call| call.side == Side::Server && call.transport == transport)
    }

    /// The calls that have not returned, as far as they were seen to start.
    pub(crate) fn open_calls(&self) -> impl Iterator<Item = &Call> {
        let recent = self.runs.iter().rev().take(RECENT_RUNS);
        let calls = self.waiting.iter().chain(recent.flat_map(|run| &run.calls));
        calls.filter(|call| call.is_open())
    }

    /// Grows with every change.
    pub(crate) const fn version(&self) -> u64 {
        self.version
    }

    /// The last event seen.
    pub(crate) const fn last_seq(&self) -> Option<u64> {
        self.last_seq
    }

    /// All calls that are in a run.
    pub(crate) fn calls(&self) -> impl Iterator<Item = &Call> {
        self.runs.iter().flat_map(|run| &run.calls)
    }

    /// One of them.
    pub(crate) fn call(&self, id: CallId) -> Option<&Call> {
        let run = self.run_of(id)?;
        run.calls.iter().find(|call| call.id == id)
    }

    /// The run a call is in.
    pub(crate) fn run_of(&self, call: CallId) -> Option<&Run> {
        self.runs
            .iter()
            .rev()
            .find(|run| run.calls.iter().any(|known| known.id == call))
    }

    /// An empty one for what is past: its runs and its changes are numbered so that they are never mistaken for others.
    pub(crate) fn of_past(runs: u64, versions: u64) -> Self {
        Self {
            last_run: runs << 32,
            version: versions << 32,
            ..Self::default()
        }
    }

    /// The call of this place in the trace, as its run knows it.
    pub(crate) fn call_at(&self, seq: u64) -> Option<CallId> {
        let call = self.calls().find(|call| call.order == seq)?;
        Some(call.id)
    }

    /// The page is this process from now on.
    pub(crate) fn set_own_process(&mut self, process: ProcessId) {
        self.me = Some(process);
    }

    /// A sentence of this page goes off.
    pub(crate) fn begin_own(&mut self, transport: Transport, sentence: &str) -> RunId {
        self.begin(RunKind::Own(transport, sentence.to_owned()))
    }

    /// The reply to this message will be one of this run's calls.
    pub(crate) fn expect(&mut self, request: u64, run: RunId) {
        self.owners.requests.set(request, run);
    }

    /// Marks the log as changed, so that the views draw it again.
    pub(crate) const fn touch(&mut self) {
        self.version += 1;
    }

    /// All is wiped; what is under way stays known.
    pub(crate) fn clear(&mut self) {
        self.runs.clear();
        self.unassigned.clear();
        self.version += 1;
    }

    /// Another relay, another trace.
    pub(crate) fn reset(&mut self) {
        let (me, last_run, version) = (self.me, self.last_run, self.version + 1);
        *self = Self {
            me,
            last_run,
            version,
            ..Self::default()
        };
    }

    /// Whether an event is of another lab than those before it, though its number would fit.
    pub(crate) fn is_from_other_lab(&self, event: &Event) -> bool {
        self.began_us
            .is_some_and(|began| began.abs_diff(began_us(event)) > CLOCK_ROUNDING)
    }

    /// The connection is gone: what my process had under way will never be seen to return.
    pub(crate) fn handle_disconnect(&mut self) {
        if let Some(me) = self.me {
            self.end_process(me);
        }
        self.waiting.clear();
    }

    pub(crate) fn add_gap(&mut self, gap: Gap) {
        self.last_seq = self.last_seq.max(Some(gap.to));
        self.begin(RunKind::Gap(gap));
    }
}

fn began_us(event: &Event) -> u64 {
    event.wall_us.saturating_sub(event.mono_ns / 1_000)
}
