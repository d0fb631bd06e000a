//! How the trace's events find their run, whatever the order in which they are heard of.

use shared::{
    call::Transport,
    data::Data,
    outcome::{Outcome, Returned},
    trace::{CallName, CallReturned, CallStarted, Event, ProcessId, What},
};

use super::{
    Call, ClientId, Log, MAX_LOG_CALLS, MAX_RUNS, MAX_VISITOR_CALLS, RECENT_RUNS, Run, RunId,
    RunKind, Side, Transmission, began_us,
    clients::{AddressKnown, KnownSocket},
    endpoint::{Endpoint, same_address},
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
                let clients = &mut self.owners.clients;
                clients.close(event.mono_ns, |whose, _| whose == process);
                self.end_process(process);
            }
            What::CallStarted(started) => self.handle_start(
                Call::started(&started, event.mono_ns, event.seq, now),
                &started,
            ),
            What::CallReturned(returned) => {
                self.handle_return(*returned, event.mono_ns, event.seq, now)
            }
            What::Packet(packet) => {
                self.add_packet(&packet, [event.seq, event.mono_ns, event.wall_us])
            }
            What::Derived(derived) => self.add_crossing(
                Transmission::derived(&derived, event.seq, event.mono_ns),
                Some(derived.because),
            ),
            What::Facts(facts) => self.add_facts(facts),
            What::Server(server) => {
                self.begin(RunKind::Server(server));
            }
            What::Sockets(_) => {}
            What::Conditions(conditions) => {
                self.begin(RunKind::Conditions(conditions));
            }
            What::Edge(edge) => self.add_impairment(*edge, event.seq, event.mono_ns),
            What::CaptureLost { packets, .. } => {
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
            transmissions: Vec::new(),
            impairments: Vec::new(),
            version: self.version,
        };
        self.runs.push_back(run);
        while self.runs.len() > MAX_RUNS
            || self.runs.iter().map(|run| run.calls.len()).sum::<usize>() > MAX_LOG_CALLS
        {
            self.runs.pop_front();
        }
        self.last_run
    }

    fn handle_start(&mut self, call: Call, started: &CallStarted) {
        let requested = started.request.filter(|_| self.me == Some(started.process));
        let run_id = match requested.and_then(|request| self.owners.requests.get(&request)) {
            Some(run) => {
                self.owners.continue_in(started.process, started.fd, run);
                Some(run)
            }
            None if call.side == Side::Server => self.run_for_server_call(started),
            None => self.run_for_foreign_call(started),
        };
        self.insert(call, run_id);
        if let Some(run) = run_id.filter(|_| requested.is_some()) {
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
    fn run_for_server_call(&mut self, started: &CallStarted) -> Option<RunId> {
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
            return self.owners.busy(process);
        }
        match started.arguments.address {
            Some(address) => self.owners.clients.run_at((transport, address)),
            None => self.owners.of(process, started.fd?),
        }
    }

    fn run_for_foreign_call(&mut self, started: &CallStarted) -> Option<RunId> {
        let process = started.process;
        if matches!(started.name, CallName::Socket | CallName::GetAddrInfo) {
            let transport = started.transport;
            return Some(self.begin(if self.me == Some(process) {
                RunKind::Own(transport, String::new())
            } else {
                RunKind::Page(transport, process)
            }));
        }
        self.owners.of(process, started.fd?)
    }

    fn handle_return(&mut self, returned: CallReturned, mono_ns: u64, seq: u64, now: Millis) {
        let (mut call, old_home) = self.remove(&returned, mono_ns, seq, now);
        let run_id = match call.side {
            Side::Client => self.learn_client(&mut call, &returned, old_home, mono_ns),
            Side::Server => self
                .learn_server(&mut call, &returned, mono_ns)
                .or(old_home),
        };
        let moved = run_id != old_home;
        let call = call.returned(returned, mono_ns, moved.then_some(seq));
        self.insert(call, run_id);
    }

    /// Takes a call out of its place; one whose start was not seen is known by its end.
    fn remove(
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
        for run in self.runs.iter_mut().rev().take(RECENT_RUNS) {
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
        run_id: Option<RunId>,
        mono_ns: u64,
    ) -> Option<RunId> {
        if let Outcome::Returned(Returned::Socket { fd }) = returned.outcome {
            if let Some(run) = run_id {
                self.owners.opened(call.process, fd, run);
            }
            return run_id;
        }
        let run_id = call
            .fd
            .and_then(|fd| self.owners.of(call.process, fd))
            .or(run_id);
        let (Some(run), Some(local)) = (run_id, returned.local) else {
            return run_id;
        };
        let endpoint = (call.transport, local);
        let AddressKnown {
            client,
            is_new_address,
            previous_run,
        } = self.owners.clients.learn_address(KnownSocket {
            endpoint,
            run,
            process: call.process,
            since_ns: call.started_ns,
        });
        call.client = Some(client);
        if let Some(visitor) = previous_run {
            self.merge_visitor(run, visitor);
        }
        if is_new_address {
            // A packet of no call can be told before the call that tells whose address it has.
            self.assign_packets(run, None, client);
        }
        if call.name == CallName::Close {
            let clients = &mut self.owners.clients;
            clients.close(mono_ns, |whose, (transport, address)| {
                whose == call.process && transport == endpoint.0 && same_address(address, local)
            });
        }
        run_id
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
        let endpoint = (call.transport, address);
        let brings = matches!(
            returned.outcome,
            Outcome::Returned(Returned::Datagram { .. })
        );
        let known = self.client_of(call, returned, endpoint);
        let before = known.and_then(|client| self.owners.clients.run(client));
        let (run, client) = match (before.filter(|run| self.accepts_more(*run, brings)), known) {
            (Some(run), Some(client)) => (run, client),
            (_, known) => {
                let run = self.begin(RunKind::Stranger(call.transport, address));
                let clients = &mut self.owners.clients;
                let client = known.unwrap_or_else(|| clients.add_visitor(endpoint, run, mono_ns));
                clients.set_run(client, run);
                self.assign_packets(run, before, client);
                (run, client)
            }
        };
        if let Outcome::Returned(Returned::Accepted { fd, .. }) = returned.outcome {
            self.owners.clients.mark_accepted(client);
            self.owners.accepted(call.process, fd, client);
        }
        call.client = Some(client);
        self.owners.set_busy(call.process, run);
        Some(run)
    }

    /// The socket of the client that a server's call was for, if that was met before.
    fn client_of(
        &self,
        call: &Call,
        returned: &CallReturned,
        endpoint: Endpoint,
    ) -> Option<ClientId> {
        let clients = &self.owners.clients;
        if matches!(
            returned.outcome,
            Outcome::Returned(Returned::Accepted { .. })
        ) {
            return clients.accept(endpoint);
        }
        let by_socket = call
            .fd
            .and_then(|fd| self.owners.client_of(call.process, fd));
        by_socket.or_else(|| {
            let (client, run, is_closed) = clients.newest(endpoint)?;
            // Everything it sent was received before: this datagram is from the address's next owner.
            let received = || {
                run.and_then(|run| self.run(run))
                    .is_some_and(has_received_all)
            };
            (!(is_closed && call.transport == Transport::Udp && received())).then_some(client)
        })
    }

    /// Whether a run takes in more: a stranger's next datagram begins another, and none grows without end.
    fn accepts_more(&self, run: RunId, datagram: bool) -> bool {
        self.run(run).is_some_and(|run| match run.kind {
            RunKind::Own(..) => true,
            RunKind::Stranger(..) => !datagram && run.calls.len() < MAX_VISITOR_CALLS,
            RunKind::Page(..) | RunKind::ServerStart(_) => run.calls.len() < MAX_VISITOR_CALLS,
            RunKind::Server(_)
            | RunKind::Conditions(_)
            | RunKind::Gap(_)
            | RunKind::CaptureLost(_) => false,
        })
    }

    /// A visitor turns out to be this client, whose own call said later which address it has.
    fn merge_visitor(&mut self, run: RunId, visitor: RunId) {
        let is_it =
            |other: &Run| other.id == visitor && matches!(other.kind, RunKind::Stranger(..));
        let Some(at) = self.runs.iter().position(is_it) else {
            return;
        };
        let Some(visitor) = self.runs.remove(at) else {
            return;
        };
        self.owners.reassign(visitor.id, run);
        for call in visitor.calls {
            self.insert(call, Some(run));
        }
        if let Some(run) = self.runs.iter_mut().find(|known| known.id == run) {
            run.transmissions.extend(visitor.transmissions);
            run.impairments.extend(visitor.impairments);
        }
    }

    /// Puts a call where it belongs, by the order in which calls came there.
    fn insert(&mut self, call: Call, run_id: Option<RunId>) {
        self.version += 1;
        let version = self.version;
        let Some(run_id) = run_id else {
            if call.is_open() {
                self.waiting.push(call);
            }
            return;
        };
        if let Some(run) = self.runs.iter_mut().rev().find(|run| run.id == run_id) {
            let at = run.calls.partition_point(|other| other.order < call.order);
            run.calls.insert(at, call);
            run.version = version;
        }
    }

    /// A process is gone, and what it had under way with it.
    pub(super) fn end_process(&mut self, process: ProcessId) {
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
