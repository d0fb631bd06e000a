//! How the trace's events find their run, whatever the order in which they are heard of.

use shared::{
    call::Transport,
    data::Data,
    outcome::{Outcome, Returned},
    trace::{CallName, CallReturned, CallStarted, Event, ProcessId, What},
};

use super::{
    CALLS, Call, ClientId, Crossing, LONG_RUN, Log, RECENT, RUNS, Run, RunId, RunKind, Side,
    began_us,
    clients::{AddressKnown, KnownSocket},
    socket_owners::{Endpoint, same},
};
use crate::model::core::time::Millis;

impl Log {
    /// Takes in an event; one that was seen before changes nothing.
    pub(crate) fn add(&mut self, event: Event, now: Millis) {
        if self.last_seq.is_some_and(|last| event.seq <= last) {
            return;
        }
        self.last_seq = Some(event.seq);
        self.began_us = Some(began_us(&event));
        let now = self.page_time(event.mono_ns, now);
        match event.what {
            What::Process(_) => {}
            What::ProcessEnded { process } => {
                let clients = &mut self.places.clients;
                clients.close(event.mono_ns, |whose, _| whose == process);
                self.ends(process);
            }
            What::CallStarted(started) => self.started(
                Call::started(&started, event.mono_ns, event.seq, now),
                &started,
            ),
            What::CallReturned(returned) => self.returned(*returned, event.mono_ns, event.seq, now),
            What::Packet(packet) => {
                self.captured(&packet, [event.seq, event.mono_ns, event.wall_us])
            }
            What::Derived(derived) => self.cross(
                Crossing::derived(&derived, event.seq, event.mono_ns),
                Some(derived.because),
            ),
            What::Facts(facts) => self.facts(facts),
            What::Server(server) => {
                self.begin(RunKind::Server(server));
            }
            What::Sockets(_) => {}
            What::Conditions(conditions) => {
                self.begin(RunKind::Conditions(conditions));
            }
            What::Edge(edge) => self.touched(*edge, event.seq, event.mono_ns),
            What::CaptureLost { packets } => {
                self.begin(RunKind::CaptureLost(packets));
            }
        }
    }

    /// When something happened, by the page's clock.
    pub(crate) fn page_time(&mut self, mono_ns: u64, now: Millis) -> Millis {
        let after = i64::try_from(mono_ns / 1_000_000).unwrap_or(i64::MAX);
        let at_the_latest = i64::try_from(now).unwrap_or(i64::MAX).saturating_sub(after);
        let began = self
            .began
            .map_or(at_the_latest, |began| began.min(at_the_latest));
        self.began = Some(began);
        Millis::try_from(began.saturating_add(after)).unwrap_or(0)
    }

    pub(super) fn begin(&mut self, kind: RunKind) -> RunId {
        self.last_run += 1;
        self.version += 1;
        let run = Run {
            id: self.last_run,
            kind,
            calls: Vec::new(),
            crossings: Vec::new(),
            touches: Vec::new(),
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
        if let Some(run) = home.filter(|_| requested.is_some()) {
            self.learn_sentence(run, started);
        }
    }

    /// A run that no program of this page has begun is known by what was said in it first.
    fn learn_sentence(&mut self, run: RunId, started: &CallStarted) {
        let text = started.arguments.data.as_ref().and_then(Data::as_text);
        let run = self.runs.iter_mut().rev().find(|known| known.id == run);
        if let (Some(RunKind::Own(_, sentence)), Some(text)) = (run.map(|run| &mut run.kind), text)
            && sentence.is_empty()
        {
            text.clone_into(sentence);
        }
    }

    /// Where a server's call belongs, if that can be told when it starts.
    fn home_of_server_call(&mut self, started: &CallStarted) -> Option<RunId> {
        let (name, transport, process) = (started.name, started.transport, started.process);
        if name == CallName::Socket {
            return Some(self.begin(RunKind::ServerStart(transport)));
        }
        if matches!(name, CallName::Bind | CallName::Listen) {
            return self.latest(&RunKind::ServerStart(transport));
        }
        if matches!(
            name,
            CallName::Upper | CallName::Count | CallName::Reverse | CallName::Sleep
        ) {
            return self.places.busy(process);
        }
        match started.arguments.address {
            Some(address) => self.places.clients.run_at((transport, address)),
            None => self.places.of(process, started.fd?),
        }
    }

    fn home_of_foreign_call(&mut self, started: &CallStarted) -> Option<RunId> {
        let process = started.process;
        if matches!(started.name, CallName::Socket | CallName::GetAddrInfo) {
            let transport = started.transport;
            return Some(self.begin(if self.me == Some(process) {
                RunKind::Own(transport, String::new())
            } else {
                RunKind::Page(transport, process)
            }));
        }
        self.places.of(process, started.fd?)
    }

    fn returned(&mut self, returned: CallReturned, mono_ns: u64, seq: u64, now: Millis) {
        let (mut call, old_home) = self.take(&returned, mono_ns, seq, now);
        let home = match call.side {
            Side::Client => self.learn_client(&mut call, &returned, old_home, mono_ns),
            Side::Server => self
                .learn_server(&mut call, &returned, mono_ns)
                .or(old_home),
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
        for run in self.runs.iter_mut().rev().take(RECENT) {
            if let Some(at) = run.calls.iter().position(|call| call.id == returned.call) {
                return (run.calls.remove(at), Some(run.id));
            }
        }
        (Call::unseen(returned, mono_ns, seq, now), None)
    }

    fn learn_client(
        &mut self,
        call: &mut Call,
        returned: &CallReturned,
        home: Option<RunId>,
        mono_ns: u64,
    ) -> Option<RunId> {
        if let Outcome::Returned(Returned::Socket { fd }) = returned.outcome {
            if let Some(run) = home {
                self.places.opened(call.process, fd, run);
            }
            return home;
        }
        let home = call
            .fd
            .and_then(|fd| self.places.of(call.process, fd))
            .or(home);
        let (Some(run), Some(local)) = (home, returned.local) else {
            return home;
        };
        let door = (call.transport, local);
        let AddressKnown {
            client,
            is_news,
            was_in,
        } = self.places.clients.told(KnownSocket {
            door,
            run,
            process: call.process,
            since_ns: call.started_ns,
        });
        call.client = Some(client);
        if let Some(visitor) = was_in {
            self.adopt(run, visitor);
        }
        if is_news {
            // A packet of no call can be told before the call that tells whose address it has.
            self.comes_home(run, None, client);
        }
        if call.name == CallName::Close {
            let clients = &mut self.places.clients;
            clients.close(mono_ns, |whose, (transport, address)| {
                whose == call.process && transport == door.0 && same(address, local)
            });
        }
        home
    }

    /// The client a server's call turns out to be for.
    fn learn_server(
        &mut self,
        call: &mut Call,
        returned: &CallReturned,
        mono_ns: u64,
    ) -> Option<RunId> {
        let address = returned.peer.or(match &returned.outcome {
            Outcome::Returned(
                Returned::Accepted { from, .. } | Returned::Datagram { from, .. },
            ) => Some(*from),
            Outcome::Returned(_) | Outcome::Failed(_) => None,
        })?;
        let door = (call.transport, address);
        let brings = matches!(
            returned.outcome,
            Outcome::Returned(Returned::Datagram { .. })
        );
        let known = self.client_of(call, returned, door);
        let before = known.and_then(|client| self.places.clients.run(client));
        let (run, client) = match (before.filter(|run| self.goes_on(*run, brings)), known) {
            (Some(run), Some(client)) => (run, client),
            (_, known) => {
                let run = self.begin(RunKind::Stranger(call.transport, address));
                let clients = &mut self.places.clients;
                let client = known.unwrap_or_else(|| clients.met(door, run, mono_ns));
                clients.tells_in(client, run);
                self.comes_home(run, before, client);
                (run, client)
            }
        };
        if let Outcome::Returned(Returned::Accepted { fd, .. }) = returned.outcome {
            self.places.clients.mark_accepted(client);
            self.places.accepted(call.process, fd, client);
        }
        call.client = Some(client);
        self.places.works_for(call.process, run);
        Some(run)
    }

    /// The socket of the client that a server's call was for, if that was met before.
    fn client_of(&self, call: &Call, returned: &CallReturned, door: Endpoint) -> Option<ClientId> {
        let clients = &self.places.clients;
        if matches!(
            returned.outcome,
            Outcome::Returned(Returned::Accepted { .. })
        ) {
            return clients.accept(door);
        }
        let by_socket = call
            .fd
            .and_then(|fd| self.places.client_of(call.process, fd));
        by_socket.or_else(|| {
            let (client, run, is_closed) = clients.newest(door)?;
            // What it has sent was received long since: this is from whoever has its address now.
            let received = || {
                run.and_then(|run| self.run(run))
                    .is_some_and(has_received_all)
            };
            (!(is_closed && call.transport == Transport::Udp && received())).then_some(client)
        })
    }

    /// Whether a run takes in more: a stranger's next datagram begins another, and none grows without end.
    fn goes_on(&self, run: RunId, datagram: bool) -> bool {
        self.run(run).is_some_and(|run| match run.kind {
            RunKind::Own(..) => true,
            RunKind::Stranger(..) => !datagram && run.calls.len() < LONG_RUN,
            RunKind::Page(..) | RunKind::ServerStart(_) => run.calls.len() < LONG_RUN,
            RunKind::Server(_)
            | RunKind::Conditions(_)
            | RunKind::Gap(_)
            | RunKind::CaptureLost(_) => false,
        })
    }

    /// A visitor turns out to be this client, whose own call said later which address it has.
    fn adopt(&mut self, run: RunId, visitor: RunId) {
        let is_it =
            |other: &Run| other.id == visitor && matches!(other.kind, RunKind::Stranger(..));
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
            run.touches.extend(visitor.touches);
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

    /// A process is gone, and what it had under way with it.
    pub(super) fn ends(&mut self, process: ProcessId) {
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

    fn latest(&self, kind: &RunKind) -> Option<RunId> {
        self.runs
            .iter()
            .rev()
            .find(|run| run.kind == *kind)
            .map(|run| run.id)
    }
}

/// Whether the server has received as many datagrams in a run as its client has sent.
fn has_received_all(run: &Run) -> bool {
    let outcomes = |side| {
        let calls = run.calls.iter().filter(move |call| call.side == side);
        calls.filter_map(|call| call.end.as_ref().map(|end| &end.outcome))
    };
    let sent = outcomes(Side::Client)
        .filter(|outcome| matches!(outcome, Outcome::Returned(Returned::Sent { .. })));
    let received = outcomes(Side::Server)
        .filter(|outcome| matches!(outcome, Outcome::Returned(Returned::Datagram { .. })));
    received.count() >= sent.count()
}
