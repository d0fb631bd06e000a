//! The page's own copy of the trace, told as runs: which calls and packets belong to one sentence.
//!
//! A client's calls belong to the run that made them. A server's belong to the client they were for, which shows when
//! they return: until then they are `waiting`. Nothing here is invented; what came is only put in its place.

mod call;
mod places;

use std::collections::VecDeque;

use shared::{
    call::Transport,
    lab::Server,
    message::Gap,
    outcome::{Outcome, Returned},
    trace::{CallId, CallName, CallReturned, CallStarted, Event, ProcessId, Role, What},
};

pub(crate) use self::call::{Call, Crossing, CrossingKind, Side};
use self::places::Places;
use super::{Millis, packet};

/// A run's number on this page.
pub(crate) type RunId = u64;

/// How many runs are kept.
const RUNS: usize = 500;
/// How many of their calls.
const CALLS: usize = 6_000;
/// After so many calls a visitor's run goes on as a new one.
const LONG_RUN: usize = 200;

/// Both clocks of an event are one reading, cut to different units.
const CLOCK_ROUNDING: u64 = 1_000;

/// One sentence of this page, one visit of a stranger, or a note between them.
#[derive(Debug)]
pub(crate) struct Run {
    /// Its number.
    pub(crate) id: RunId,
    /// What it is.
    pub(crate) kind: Kind,
    /// Its calls, in the order in which they came into it.
    pub(crate) calls: Vec<Call>,
    /// What crossed the wire.
    pub(crate) crossings: Vec<Crossing>,
    /// Grows with every change.
    pub(crate) version: u64,
}

/// What a run is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A sentence of this page.
    Own(Transport, String),
    /// Somebody else talks to the server.
    Visitor(Transport, Visitor),
    /// A server comes up.
    ServerStart(Transport),
    /// A server's state has changed.
    Server(Server),
    /// Events are missing.
    Gap(Gap),
    /// The capture lost so many packets.
    CaptureLost(u64),
}

/// Who a visitor is, as far as it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Visitor {
    /// Another page, or a bridge: its own calls are seen.
    Process(ProcessId, Option<Role>),
    /// A program outside, known by its address only.
    Address(std::net::SocketAddr),
}

impl Run {
    /// The transport it is about.
    pub(crate) const fn transport(&self) -> Option<Transport> {
        match &self.kind {
            Kind::Own(transport, _)
            | Kind::Visitor(transport, _)
            | Kind::ServerStart(transport) => Some(*transport),
            Kind::Server(server) => Some(server.transport),
            Kind::Gap(_) | Kind::CaptureLost(_) => None,
        }
    }

    /// Whether it has calls to show, now or soon.
    pub(crate) const fn is_talk(&self) -> bool {
        matches!(self.kind, Kind::Own(..) | Kind::Visitor(..))
    }

    /// When it began, in the lab's own time: with the client's first call where that was seen.
    pub(crate) fn began_ns(&self) -> Option<u64> {
        let client = self
            .calls
            .iter()
            .filter(|call| call.side == Side::Client)
            .map(|call| call.started_ns)
            .min();
        client.or_else(|| self.calls.iter().map(Call::joined_ns).min())
    }
}

/// All runs that are kept, and the servers' calls that wait for a client.
#[derive(Debug, Default)]
pub(crate) struct Log {
    runs: VecDeque<Run>,
    waiting: Vec<Call>,
    places: Places,
    me: Option<ProcessId>,
    last_run: RunId,
    version: u64,
    last_seq: Option<u64>,
    /// When the lab began, by the wall clock: the same for all its events.
    began_us: Option<u64>,
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

    /// Grows with every change.
    pub(crate) const fn version(&self) -> u64 {
        self.version
    }

    /// The last event seen.
    pub(crate) const fn last_seq(&self) -> Option<u64> {
        self.last_seq
    }

    /// The run a call is in.
    pub(crate) fn run_of(&self, call: CallId) -> Option<&Run> {
        self.runs
            .iter()
            .rev()
            .find(|run| run.calls.iter().any(|known| known.id == call))
    }

    /// The page is this process from now on.
    pub(crate) fn i_am(&mut self, process: ProcessId) {
        self.me = Some(process);
    }

    /// A sentence of this page goes off.
    pub(crate) fn begin_own(&mut self, transport: Transport, sentence: &str) -> RunId {
        self.begin(Kind::Own(transport, sentence.to_owned()))
    }

    /// The reply to this message will be one of this run's calls.
    pub(crate) fn expect(&mut self, request: u64, run: RunId) {
        self.places.requests.set(request, run);
    }

    /// All is wiped; what is under way stays known.
    pub(crate) fn clear(&mut self) {
        self.runs.clear();
        self.version += 1;
    }

    /// Another relay, another trace.
    pub(crate) fn start_anew(&mut self) {
        let (me, last_run, version) = (self.me, self.last_run, self.version + 1);
        *self = Self {
            me,
            last_run,
            version,
            ..Self::default()
        };
    }

    /// Whether an event is of another lab than those before it, though its number would fit.
    pub(crate) fn is_strange(&self, event: &Event) -> bool {
        self.began_us
            .is_some_and(|began| began.abs_diff(began_us(event)) > CLOCK_ROUNDING)
    }

    /// The connection is gone: what my process had under way will never be seen to return.
    pub(crate) fn lose(&mut self) {
        if let Some(me) = self.me {
            self.ends(me);
        }
        self.waiting.clear();
    }

    pub(crate) fn gap(&mut self, gap: Gap) {
        self.last_seq = self.last_seq.max(Some(gap.to));
        self.begin(Kind::Gap(gap));
    }

    /// Takes in an event; one that was seen before changes nothing.
    pub(crate) fn add(&mut self, event: Event, now: Millis) {
        if self.last_seq.is_some_and(|last| event.seq <= last) {
            return;
        }
        self.last_seq = Some(event.seq);
        self.began_us = Some(began_us(&event));
        match event.what {
            What::Process(process) => self.places.roles.set(process.process, process.role),
            What::ProcessEnded { process } => self.ends(process),
            What::CallStarted(started) => self.started(
                Call::started(&started, event.mono_ns, event.seq, now),
                &started,
            ),
            What::CallReturned(returned) => self.returned(*returned, event.mono_ns, event.seq, now),
            What::Packet(packet) => {
                let wall_ns = event.wall_us.saturating_mul(1_000);
                let seen_ns = packet
                    .kernel_s
                    .saturating_mul(1_000_000_000)
                    .saturating_add(packet.kernel_ns.into());
                let at_ns = (event.mono_ns + seen_ns).saturating_sub(wall_ns);
                if let Some(crossing) = packet::read(&packet, at_ns) {
                    self.cross(crossing, packet.call);
                }
            }
            What::Derived(derived) => self.cross(
                Crossing::derived(&derived, event.mono_ns),
                Some(derived.because),
            ),
            What::Facts(facts) => self.facts(facts),
            What::Server(server) => {
                self.begin(Kind::Server(server));
            }
            What::CaptureLost { packets } => {
                self.begin(Kind::CaptureLost(packets));
            }
        }
    }

    fn begin(&mut self, kind: Kind) -> RunId {
        self.last_run += 1;
        self.version += 1;
        let run = Run {
            id: self.last_run,
            kind,
            calls: Vec::new(),
            crossings: Vec::new(),
            version: self.version,
        };
        self.runs.push_back(run);
        while self.runs.len() > RUNS
            || self.runs.iter().map(|run| run.calls.len()).sum::<usize>() > CALLS
        {
            self.runs.pop_front();
        }
        self.last_run
    }

    fn started(&mut self, call: Call, started: &CallStarted) {
        let requested = started.request.filter(|_| self.me == Some(started.process));
        let home = match requested.and_then(|request| self.places.requests.get(&request)) {
            Some(run) => {
                self.places.goes_on(started.process, started.fd, run);
                Some(run)
            }
            None if call.side == Side::Server => self.home_of_server_call(started),
            None => self.home_of_foreign_call(started),
        };
        self.put(call, home);
    }

    /// Where a server's call belongs, if that can be told when it starts.
    fn home_of_server_call(&mut self, started: &CallStarted) -> Option<RunId> {
        match started.name {
            CallName::Socket => Some(self.begin(Kind::ServerStart(started.transport))),
            CallName::Bind | CallName::Listen => self.latest(&Kind::ServerStart(started.transport)),
            CallName::Accept => None,
            CallName::Upper | CallName::Count => self.places.busy.get(&started.process),
            _ => match started.arguments.address {
                Some(address) => self.places.at(started.transport, address),
                None => self
                    .places
                    .of(started.transport, started.process, started.fd?),
            },
        }
    }

    fn home_of_foreign_call(&mut self, started: &CallStarted) -> Option<RunId> {
        let process = started.process;
        if started.name == CallName::Socket {
            let role = self.places.roles.get(&process);
            return Some(self.begin(Kind::Visitor(
                started.transport,
                Visitor::Process(process, role),
            )));
        }
        self.places.of(started.transport, process, started.fd?)
    }

    fn returned(&mut self, returned: CallReturned, mono_ns: u64, seq: u64, now: Millis) {
        let (call, old_home) = self.take(&returned, mono_ns, seq, now);
        let home = match call.side {
            Side::Client => self.learn_client(&call, &returned, old_home),
            Side::Server => self.learn_server(&call, &returned).or(old_home),
        };
        let moved = home != old_home;
        let call = call.returned(returned, mono_ns, moved.then_some(seq));
        self.put(call, home);
    }

    /// Takes a call out of its place; one whose start was not seen is known by its end.
    fn take(
        &mut self,
        returned: &CallReturned,
        mono_ns: u64,
        seq: u64,
        now: Millis,
    ) -> (Call, Option<RunId>) {
        if let Some(at) = self
            .waiting
            .iter()
            .position(|call| call.id == returned.call)
        {
            return (self.waiting.remove(at), None);
        }
        for run in self.runs.iter_mut().rev().take(64) {
            if let Some(at) = run.calls.iter().position(|call| call.id == returned.call) {
                return (run.calls.remove(at), Some(run.id));
            }
        }
        (Call::unseen(returned, mono_ns, seq, now), None)
    }

    fn learn_client(
        &mut self,
        call: &Call,
        returned: &CallReturned,
        home: Option<RunId>,
    ) -> Option<RunId> {
        if let Outcome::Returned(Returned::Socket { fd }) = returned.outcome {
            if let Some(run) = home {
                self.places.opened(call.process, fd, run);
            }
            return home;
        }
        let home = call
            .fd
            .and_then(|fd| self.places.of(call.transport, call.process, fd))
            .or(home);
        if let (Some(run), Some(local)) = (home, returned.local) {
            self.places.has_address(call.transport, local, run);
            self.adopt(run, call.transport, local);
        }
        home
    }

    /// The client a server's call turns out to be for.
    fn learn_server(&mut self, call: &Call, returned: &CallReturned) -> Option<RunId> {
        let client = returned.peer.or(match &returned.outcome {
            Outcome::Returned(
                Returned::Accepted { from, .. } | Returned::Datagram { from, .. },
            ) => Some(*from),
            Outcome::Returned(_) | Outcome::Failed(_) => None,
        })?;
        let known = self
            .places
            .at(call.transport, client)
            .filter(|run| self.has_room(*run));
        let run = known.unwrap_or_else(|| {
            let run = self.begin(Kind::Visitor(call.transport, Visitor::Address(client)));
            self.places.has_address(call.transport, client, run);
            run
        });
        if let Outcome::Returned(Returned::Accepted { fd, .. }) = returned.outcome {
            self.places.accepted(call.process, fd, client);
        }
        self.places.busy.set(call.process, run);
        Some(run)
    }

    fn has_room(&self, run: RunId) -> bool {
        self.run(run)
            .is_some_and(|run| matches!(run.kind, Kind::Own(..)) || run.calls.len() < LONG_RUN)
    }

    /// A visitor turns out to be this client, whose own call said later which address it has.
    fn adopt(&mut self, run: RunId, transport: Transport, local: std::net::SocketAddr) {
        let is_it = |other: &Run| {
            other.id > run
                && matches!(other.kind, Kind::Visitor(by, Visitor::Address(from)) if by == transport && places::same(from, local))
        };
        let Some(at) = self.runs.iter().position(is_it) else {
            return;
        };
        let Some(visitor) = self.runs.remove(at) else {
            return;
        };
        self.places.moved(visitor.id, run);
        for call in visitor.calls {
            self.put(call, Some(run));
        }
        if let Some(run) = self.runs.iter_mut().find(|known| known.id == run) {
            run.crossings.extend(visitor.crossings);
        }
    }

    /// Puts a call where it belongs, by the order in which calls came there.
    fn put(&mut self, call: Call, home: Option<RunId>) {
        self.version += 1;
        let version = self.version;
        let Some(home) = home else {
            if call.is_open() {
                self.waiting.push(call);
            }
            return;
        };
        if let Some(run) = self.runs.iter_mut().rev().find(|run| run.id == home) {
            let at = run.calls.partition_point(|other| other.order < call.order);
            run.calls.insert(at, call);
            run.version = version;
        }
    }

    fn cross(&mut self, crossing: Crossing, call: Option<CallId>) {
        let by_call = call.and_then(|call| self.run_of(call)).map(|run| run.id);
        let ends = [crossing.from, crossing.to].into_iter().flatten();
        let home = by_call.or_else(|| {
            ends.clone()
                .find_map(|end| self.places.at(crossing.transport, end))
        });
        self.version += 1;
        let version = self.version;
        if let Some(run) = home.and_then(|home| self.runs.iter_mut().find(|run| run.id == home)) {
            run.crossings.push(crossing);
            run.version = version;
        }
    }

    fn facts(&mut self, facts: shared::trace::Facts) {
        self.version += 1;
        let Some(id) = facts.call else { return };
        for run in self.runs.iter_mut().rev().take(64) {
            if let Some(call) = run.calls.iter_mut().find(|call| call.id == id) {
                call.facts.extend(facts.facts);
                run.version = self.version;
                return;
            }
        }
    }

    /// A process is gone, and what it had under way with it.
    fn ends(&mut self, process: ProcessId) {
        self.version += 1;
        self.waiting.retain(|call| call.process != process);
        for run in &mut self.runs {
            for call in run
                .calls
                .iter_mut()
                .filter(|call| call.process == process && call.is_open())
            {
                call.gone = true;
                run.version = self.version;
            }
        }
    }

    fn latest(&self, kind: &Kind) -> Option<RunId> {
        self.runs
            .iter()
            .rev()
            .find(|run| run.kind == *kind)
            .map(|run| run.id)
    }
}

fn began_us(event: &Event) -> u64 {
    event.wall_us.saturating_sub(event.mono_ns / 1_000)
}
