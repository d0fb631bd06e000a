//! A client process: makes calls on its sockets and has each of them traced.

mod direct;

pub use direct::Direct;

use std::{
    cell::Cell,
    future::poll_fn,
    net::SocketAddr,
    pin::{Pin, pin},
    rc::Rc,
    task::Poll,
};

use shared::{
    call::{Call, Family, Fd, Transport},
    outcome::{Failed, Outcome, Returned},
    trace::{Arguments, CallName, ProcessId, describe},
};

use super::{ClientHost, ClientSocket, neighbours::Neighbours, socket::Surroundings};
use crate::{
    failure::{self, CallResult},
    netem::Netem,
    trace::{Ends, OpenCall, Starting, Trace},
};

/// Somebody who makes socket calls through the relay: a page, or a raw bridge.
#[derive(Debug)]
pub struct Process {
    id: ProcessId,
    host: Rc<ClientHost>,
    trace: Rc<Trace>,
    netem: Rc<Netem>,
    neighbours: Rc<Neighbours>,
}

/// One of its sockets. In the book's picture a process is a house and a socket its door.
#[derive(Debug)]
pub struct Door {
    fd: Fd,
    socket: ClientSocket,
    process: Rc<Process>,
    /// The address that everybody was told of, as long as it is this socket's alone.
    told: Cell<Option<SocketAddr>>,
}

/// A call that was made, and all there is to tell of it.
#[derive(Debug)]
pub struct Made {
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took, in nanoseconds.
    pub took_ns: u64,
    /// The socket's own address after it.
    pub local: Option<SocketAddr>,
    /// The other end.
    pub peer: Option<SocketAddr>,
}

impl Process {
    /// The process with this number, on this host of the lab.
    #[must_use]
    pub fn new(id: ProcessId, host: ClientHost, trace: Rc<Trace>, netem: Rc<Netem>) -> Self {
        Self {
            id,
            host: Rc::new(host),
            trace,
            netem,
            neighbours: Rc::default(),
        }
    }

    /// Where its calls are told.
    pub(super) const fn trace(&self) -> &Rc<Trace> {
        &self.trace
    }

    /// The host it is on.
    #[must_use]
    pub fn host(&self) -> &ClientHost {
        &self.host
    }

    /// Its number.
    #[must_use]
    pub const fn id(&self) -> ProcessId {
        self.id
    }

    /// Makes the call `socket`.
    ///
    /// # Errors
    /// As the kernel failed it; traced all the same.
    pub fn open(
        self: &Rc<Self>,
        fd: Fd,
        transport: Transport,
        family: Option<Family>,
        server: SocketAddr,
        request: Option<u64>,
    ) -> (Result<Door, Failed>, u64) {
        let arguments = Arguments {
            word: family.map(|family| family.as_str().to_owned()),
            ..Arguments::default()
        };
        let starting = self.starting(None, transport, CallName::Socket, arguments, request);
        let open = self.trace.call_started(starting);
        let receiver = self.netem.client_receiver(self.host.source(), server);
        let surroundings = Surroundings {
            server,
            host: Rc::clone(&self.host),
            level: self.trace.level(),
            receiver,
            neighbours: Rc::clone(&self.neighbours),
        };
        let socket = ClientSocket::open(transport, family, surroundings);
        let result = socket
            .as_ref()
            .map(|_| Returned::Socket { fd })
            .map_err(Clone::clone);
        let took_ns = self
            .trace
            .call_returned(open, failure::outcome(result), Ends::default());
        (
            socket.map(|socket| Door {
                fd,
                socket,
                process: Rc::clone(self),
                told: Cell::default(),
            }),
            took_ns,
        )
    }

    pub(super) const fn starting(
        &self,
        fd: Option<Fd>,
        transport: Transport,
        name: CallName,
        arguments: Arguments,
        request: Option<u64>,
    ) -> Starting {
        Starting {
            process: self.id,
            fd,
            transport,
            name,
            arguments,
            request,
            client: None,
        }
    }
}

impl Door {
    /// Makes a call on this socket, other than `close`; resolves when it returns.
    pub async fn make(&self, call: &Call, request: Option<u64>) -> Made {
        self.make_until(call, request, std::future::pending()).await
    }

    /// The same, given up as soon as `cancelled` resolves, with the failure it resolves to.
    pub async fn make_until(
        &self,
        call: &Call,
        request: Option<u64>,
        cancelled: impl Future<Output = Failed>,
    ) -> Made {
        let trace = &self.process.trace;
        let (name, arguments) = describe(call, self.socket.names(call));
        let mut open = trace.call_started(self.starting(name, arguments, request));
        let offset = self.socket.offset(call);
        let result = tokio::select! {
            biased;
            result = self.perform(call, &mut open) => result,
            failed = cancelled => Err(failed),
        };
        let (local, peer, client) = (
            self.socket.local(),
            self.peer(call, &result),
            self.address(),
        );
        let facts = self.socket.facts(call, &result);
        if let (Call::Connect { .. }, Err(_)) = (call, &result) {
            self.asks_address_anew();
        }
        let outcome = failure::outcome(result);
        let took_ns = trace.call_returned(
            open,
            outcome.clone(),
            Ends {
                local,
                peer,
                client,
                offset,
                facts,
            },
        );
        Made {
            outcome,
            took_ns,
            local,
            peer,
        }
    }

    /// Where the call blocks, its socket has its address already: the server may meet it before the call is over.
    async fn perform(&self, call: &Call, open: &mut OpenCall) -> CallResult {
        let mut performing = pin!(self.socket.perform(call));
        match poll_once(performing.as_mut()).await {
            Poll::Ready(result) => result,
            Poll::Pending => {
                self.process.trace.locate(open, self.address());
                performing.await
            }
        }
    }

    /// Makes the call `close`.
    #[must_use]
    pub fn close(self: Rc<Self>, request: Option<u64>) -> Made {
        let trace = Rc::clone(&self.process.trace);
        let (local, peer, client) = (self.socket.local(), self.socket.peer(), self.address());
        let open =
            trace.call_started(self.starting(CallName::Close, Arguments::default(), request));
        let facts = self.socket.last_facts();
        drop(self);
        let outcome = Outcome::Returned(Returned::Nothing);
        let took_ns = trace.call_returned(
            open,
            outcome.clone(),
            Ends {
                local,
                peer,
                client,
                facts,
                offset: None,
            },
        );
        Made {
            outcome,
            took_ns,
            local,
            peer,
        }
    }

    fn starting(&self, name: CallName, arguments: Arguments, request: Option<u64>) -> Starting {
        let starting = self.process.starting(
            Some(self.fd),
            self.socket.transport(),
            name,
            arguments,
            request,
        );
        Starting {
            client: self.address(),
            ..starting
        }
    }

    /// Its address as the server sees it, made known to the trace, to its neighbours and to who rings there.
    fn address(&self) -> Option<SocketAddr> {
        let Process {
            id, host, trace, ..
        } = &*self.process;
        let address = self.socket.seen_as(host.source())?;
        let alone = !self.socket.may_share_its_port();
        if self.told.replace(Some(address).filter(|_| alone)) == Some(address) && alone {
            return Some(address);
        }
        self.is_a_neighbour(address);
        if self.socket.transport() == Transport::Udp {
            self.socket.receiver().register_address(address);
        }
        for address in [Some(address), self.socket.seen_at_localhost6()]
            .into_iter()
            .flatten()
        {
            trace.has_address(*id, self.socket.transport(), address);
        }
        Some(address)
    }

    /// Its neighbours may send to it there, as long as nobody else can have that port.
    fn is_a_neighbour(&self, address: SocketAddr) {
        let neighbours = &self.process.neighbours;
        if self.socket.may_share_its_port() {
            neighbours.is_gone(self.fd);
        } else {
            neighbours.is_at(self.fd, self.socket.transport(), address);
        }
    }

    /// After a `connect` that failed: the port it had for it may be its own no longer.
    fn asks_address_anew(&self) {
        let Process {
            id, host, trace, ..
        } = &*self.process;
        let before = self.socket.seen_as(host.source());
        self.told.take();
        self.socket.forgets_local();
        if let Some(before) = before.filter(|_| self.socket.seen_as(host.source()) != before) {
            trace.address_gone(*id, (self.socket.transport(), before));
        }
    }

    fn peer(&self, call: &Call, result: &CallResult) -> Option<SocketAddr> {
        match (call, result) {
            (_, Ok(Returned::Datagram { from, .. })) => Some(*from),
            (Call::SendTo { .. } | Call::Connect { .. }, _) => self.socket.names(call),
            _ => self.socket.peer(),
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.process.neighbours.is_gone(self.fd);
        let addresses = [
            self.socket.seen_as(self.process.host.source()),
            self.socket.seen_at_localhost6(),
        ];
        for address in addresses.into_iter().flatten() {
            self.process
                .trace
                .address_gone(self.process.id, (self.socket.transport(), address));
        }
    }
}

/// Polls once, whatever comes of it.
async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
}
