//! Calls as they start and return, of clients and servers alike.

use std::{net::SocketAddr, time::Instant};

use shared::{
    call::{Fd, Transport},
    outcome::{Outcome, Returned},
    trace::{
        Arguments, CallId, CallName, CallReturned, CallStarted, Derived, Fact, ProcessId, What,
    },
};

use super::{
    Lately, Processes, Trace, derive,
    endings::{Act, Caller, Sent, Side},
};

/// A call that has started and not yet returned.
#[derive(Debug)]
#[must_use = "a call that started returns, or its process ends"]
pub struct OpenCall {
    pub(super) call: CallId,
    process: ProcessId,
    transport: Transport,
    pub(super) name: CallName,
    pub(super) started_ns: u64,
    pub(super) located: bool,
    pub(super) fd: Option<Fd>,
    /// The number of the event with which it began, of one that concerned nobody yet.
    waits_since: Option<u64>,
    pub(super) act: Option<Act>,
    /// What a `close` sends, known when it starts.
    closing: Option<Sent>,
}

impl OpenCall {
    /// It is known by now whose it is; nobody need find out again.
    pub(super) const fn is_located(&mut self) -> Lately {
        self.located = true;
        Lately {
            call: self.call,
            name: self.name,
            by_server: Processes::is_server(self.process),
            started_ns: self.started_ns,
        }
    }

    /// Whether it is a `send`, and not its opposite.
    #[must_use]
    pub const fn sends(&self) -> bool {
        matches!(self.name, CallName::Send | CallName::SendTo)
    }

    pub(super) fn caller(&self) -> Caller {
        Caller {
            call: self.call,
            side: if Processes::is_server(self.process) {
                Side::Server
            } else {
                Side::Client
            },
            socket: self.fd.map(|fd| (self.process, fd)),
        }
    }
}

/// The call to be recorded, as the one who makes it knows it.
#[derive(Debug)]
pub struct Starting {
    /// Who makes it.
    pub process: ProcessId,
    /// On which socket.
    pub fd: Option<Fd>,
    /// The socket's transport.
    pub transport: Transport,
    /// Which call.
    pub name: CallName,
    /// With what.
    pub arguments: Arguments,
    /// The page's message that asked for it.
    pub request: Option<u64>,
    /// The client's address: the caller's own, or of a server's call the one it is about. None if not known yet.
    pub client: Option<SocketAddr>,
}

/// Both ends of a socket as they are after a call, and what the kernel said along with it.
#[derive(Debug, Default)]
pub struct Ends {
    /// The socket's own address.
    pub local: Option<SocketAddr>,
    /// The other end's.
    pub peer: Option<SocketAddr>,
    /// The client's among them, as others see it.
    pub client: Option<SocketAddr>,
    /// TCP: bytes that had gone the same way before.
    pub offset: Option<u64>,
    /// The kernel's facts.
    pub facts: Vec<Fact>,
}

impl Trace {
    /// A call starts now.
    pub fn call_started(&self, starting: Starting) -> OpenCall {
        let Starting {
            process,
            fd,
            transport,
            name,
            arguments,
            request,
            client,
        } = starting;
        let concerns = self.concerns(process, transport, client);
        let started_ns = self.mono(Instant::now());
        let mut open = self.opens(process, fd, transport, name, started_ns);
        open.waits_since = concerns.is_none().then(|| self.range().1);
        self.begins(&mut open, &arguments, client);
        let what = CallStarted {
            call: open.call,
            process,
            fd,
            transport,
            name,
            arguments,
            request,
        };
        self.record_seen(started_ns, What::CallStarted(Box::new(what)), concerns);
        open
    }

    /// Gives a call its number.
    pub(super) fn opens(
        &self,
        process: ProcessId,
        fd: Option<Fd>,
        transport: Transport,
        name: CallName,
        started_ns: u64,
    ) -> OpenCall {
        self.metrics.count_call();
        OpenCall {
            call: self.next_call.replace(self.next_call.get() + 1),
            process,
            transport,
            name,
            started_ns,
            // Where nothing is written down nobody asks whose call it was.
            located: self.off,
            fd,
            waits_since: None,
            act: None,
            closing: None,
        }
    }

    /// What it means to its connection that it starts.
    pub(super) fn begins(
        &self,
        open: &mut OpenCall,
        arguments: &Arguments,
        client: Option<SocketAddr>,
    ) {
        if self.derives() && open.transport == Transport::Tcp {
            open.act = Act::of(open.name, arguments);
        }
        self.locate(open, client);
        if let Some(act) = open.act {
            let mut endings = self.endings.borrow_mut();
            open.closing = endings.starts(open.caller(), act, client);
        }
    }

    /// The client's address turns out while the call is still open: packets of it may be met already.
    pub fn locate(&self, open: &mut OpenCall, client: Option<SocketAddr>) {
        let Some(address) = client.filter(|_| !open.located) else {
            return;
        };
        if open.act == Some(Act::Connect) {
            self.endings.borrow_mut().begins(address, open.caller());
        }
        let lately = open.is_located();
        self.processes
            .borrow_mut()
            .called((open.transport, address), lately);
    }

    /// A call that began for nobody in particular turns out to be about a client.
    pub(super) fn turns_out(&self, open: &OpenCall, concerns: Option<ProcessId>) {
        if let (Some(seq), Some(process), true) = (open.waits_since, concerns, self.crowded) {
            self.log.borrow_mut().turned_out(seq, process);
        }
    }

    /// It returns now; says how long it took, in nanoseconds.
    pub fn call_returned(&self, mut open: OpenCall, outcome: Outcome, ends: Ends) -> u64 {
        let now_ns = self.mono(Instant::now());
        let took_ns = now_ns.saturating_sub(open.started_ns);
        let Ends {
            local,
            peer,
            client,
            offset,
            facts,
        } = ends;
        let OpenCall {
            call,
            process,
            transport,
            ..
        } = open;
        let accepted = client.filter(|_| {
            open.name == CallName::Accept && matches!(outcome, Outcome::Returned(_)) && !self.off
        });
        let concerns = match accepted {
            Some(address) => Some(self.accepted_from((transport, address))),
            None => self.concerns(process, transport, client),
        };
        self.turns_out(&open, concerns);
        self.locate(&mut open, client);
        // No packet comes from 0.0.0.0, to which a client's socket may be bound.
        let sender = client.filter(|_| !Processes::is_server(process)).or(local);
        let ending = open
            .closing
            .or(self.ending(&open, &outcome, client, (local, peer)));
        let derived = self
            .derive(&open, &outcome, sender, peer, concerns)
            .filter(|derived| self.derives() && self.has_a_server(derived));
        let what = CallReturned {
            call,
            process,
            outcome,
            took_ns,
            local,
            peer,
            offset,
            facts,
        };
        self.record_seen(now_ns, What::CallReturned(Box::new(what)), concerns);
        // What follows from a call comes after it: by then everybody knows which bytes it was about.
        let ending = ending.map(|sent| sent.derived(transport, concerns));
        for derived in derived.into_iter().chain(ending) {
            self.record_seen(now_ns, What::Derived(derived), concerns);
        }
        took_ns
    }

    /// Something that is done at once, started and returned in one breath.
    pub fn call(&self, starting: Starting, returned: Returned, ends: Ends) {
        let open = self.call_started(starting);
        self.call_returned(open, Outcome::Returned(returned), ends);
    }

    /// What goes from one socket of a client to another never crosses between client and server.
    fn has_a_server(&self, derived: &Derived) -> bool {
        let is_ours = |end| self.is_ours((derived.transport, end));
        !(is_ours(derived.from) && is_ours(derived.to))
    }

    /// Whom a call concerns: the client that makes it, or the one a server makes it for.
    pub(super) fn concerns(
        &self,
        process: ProcessId,
        transport: Transport,
        client: Option<SocketAddr>,
    ) -> Option<ProcessId> {
        if Processes::is_server(process) {
            return client.map(|address| self.client_at((transport, address)));
        }
        Some(process)
    }

    /// How the connection ends with this call, where that is sure.
    pub(super) fn ending(
        &self,
        open: &OpenCall,
        outcome: &Outcome,
        client: Option<SocketAddr>,
        (local, peer): (Option<SocketAddr>, Option<SocketAddr>),
    ) -> Option<Sent> {
        let act = open.act?;
        let caller = open.caller();
        let server = match caller.side {
            Side::Client => peer,
            Side::Server => local,
        };
        if let (Act::Accept, Outcome::Returned(_), Some(client)) = (act, outcome, client) {
            let stranger = self.is_terminal(self.client_at((open.transport, client)));
            self.endings.borrow_mut().accepted(client, stranger);
        }
        let mut endings = self.endings.borrow_mut();
        endings.returns(caller, act, outcome, client, server)
    }

    /// What follows from the call: told in place of packets where nothing is captured.
    fn derive(
        &self,
        open: &OpenCall,
        outcome: &Outcome,
        local: Option<SocketAddr>,
        peer: Option<SocketAddr>,
        concerns: Option<ProcessId>,
    ) -> Option<Derived> {
        let (local, peer) = (local?, peer?);
        let (transport, because) = (open.transport, open.call);
        let stranger =
            concerns.is_some_and(|client| client != open.process && self.is_terminal(client));
        let follows = derive::follows(open.name, transport == Transport::Udp, outcome, stranger);
        let derive::Follows {
            kind,
            outward,
            length,
        } = follows?;
        let (from, to) = if outward {
            (local, peer)
        } else {
            (peer, local)
        };
        Some(Derived {
            kind,
            transport,
            from,
            to,
            length,
            because,
            process: concerns,
        })
    }
}
