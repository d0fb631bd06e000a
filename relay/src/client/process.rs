//! A client process: it makes calls on its sockets and records each in the trace.

mod batch_socket;

pub use batch_socket::BatchSocket;

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

use super::{ClientHost, ClientSocket, siblings::Siblings, socket::SocketContext};
use crate::{
    failure::{self, CallResult},
    netem::Netem,
    trace::{CallStart, OpenCall, SocketSnapshot, Trace},
};

/// A process that makes socket calls through the relay: a page, or a raw bridge.
#[derive(Debug)]
pub struct Process {
    id: ProcessId,
    host: Rc<ClientHost>,
    trace: Rc<Trace>,
    netem: Rc<Netem>,
    siblings: Rc<Siblings>,
}

/// One of its sockets, with every call on it traced.
#[derive(Debug)]
pub struct TracedSocket {
    fd: Fd,
    socket: ClientSocket,
    process: Rc<Process>,
    /// The address that is registered for this socket, where no other socket can share it.
    registered: Cell<Option<SocketAddr>>,
}

/// A call that returned, and what a reply says about it.
#[derive(Debug)]
pub struct FinishedCall {
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
            siblings: Rc::default(),
        }
    }

    /// The trace that records its calls.
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
    ) -> (Result<TracedSocket, Failed>, u64) {
        let arguments = Arguments {
            word: family.map(|family| family.as_str().to_owned()),
            ..Arguments::default()
        };
        let starting = self.starting(None, transport, CallName::Socket, arguments, request);
        let open = self.trace.start_call(starting);
        let receiver = self.netem.client_receiver(self.host.source(), server);
        let context = SocketContext {
            server,
            host: Rc::clone(&self.host),
            level: self.trace.level(),
            receiver,
            siblings: Rc::clone(&self.siblings),
        };
        let socket = ClientSocket::open(transport, family, context);
        let result = socket
            .as_ref()
            .map(|_| Returned::Socket { fd })
            .map_err(Clone::clone);
        let took_ns =
            self.trace
                .finish_call(open, failure::outcome(result), SocketSnapshot::default());
        (
            socket.map(|socket| TracedSocket {
                fd,
                socket,
                process: Rc::clone(self),
                registered: Cell::default(),
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
    ) -> CallStart {
        CallStart {
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

impl TracedSocket {
    /// Makes a call on this socket, other than `close`; resolves when it returns.
    pub async fn make(&self, call: &Call, request: Option<u64>) -> FinishedCall {
        self.make_until(call, request, std::future::pending()).await
    }

    /// The same, given up as soon as `cancelled` resolves, with the failure it resolves to.
    pub async fn make_until(
        &self,
        call: &Call,
        request: Option<u64>,
        cancelled: impl Future<Output = Failed>,
    ) -> FinishedCall {
        let trace = &self.process.trace;
        let (name, arguments) = describe(call, self.socket.call_address(call));
        let mut open = trace.start_call(self.starting(name, arguments, request));
        let offset = self.socket.offset(call);
        let result = tokio::select! {
            biased;
            result = self.perform(call, &mut open) => result,
            failed = cancelled => Err(failed),
        };
        let (local, peer, client) = (
            self.socket.local(),
            self.peer(call, &result),
            self.register_address(),
        );
        let facts = self.socket.facts(call, &result);
        if let (Call::Connect { .. }, Err(_)) = (call, &result) {
            self.refresh_address();
        }
        let outcome = failure::outcome(result);
        let took_ns = trace.finish_call(
            open,
            outcome.clone(),
            SocketSnapshot {
                local,
                peer,
                client,
                offset,
                facts,
            },
        );
        FinishedCall {
            outcome,
            took_ns,
            local,
            peer,
        }
    }

    /// Registers the address of a call that blocks: the server may see it before the call returns.
    async fn perform(&self, call: &Call, open: &mut OpenCall) -> CallResult {
        let mut performing = pin!(self.socket.perform(call));
        match poll_once(performing.as_mut()).await {
            Poll::Ready(result) => result,
            Poll::Pending => {
                self.process.trace.locate(open, self.register_address());
                performing.await
            }
        }
    }

    /// Makes the call `close`.
    #[must_use]
    pub fn close(self: Rc<Self>, request: Option<u64>) -> FinishedCall {
        let trace = Rc::clone(&self.process.trace);
        let (local, peer, client) = (
            self.socket.local(),
            self.socket.peer(),
            self.register_address(),
        );
        let open = trace.start_call(self.starting(CallName::Close, Arguments::default(), request));
        let facts = self.socket.last_facts();
        drop(self);
        let outcome = Outcome::Returned(Returned::Nothing);
        let took_ns = trace.finish_call(
            open,
            outcome.clone(),
            SocketSnapshot {
                local,
                peer,
                client,
                facts,
                offset: None,
            },
        );
        FinishedCall {
            outcome,
            took_ns,
            local,
            peer,
        }
    }

    fn starting(&self, name: CallName, arguments: Arguments, request: Option<u64>) -> CallStart {
        let starting = self.process.starting(
            Some(self.fd),
            self.socket.transport(),
            name,
            arguments,
            request,
        );
        CallStart {
            client: self.register_address(),
            ..starting
        }
    }

    /// Its address as the server sees it.
    fn address(&self) -> Option<SocketAddr> {
        self.socket.seen_as(self.process.host.source())
    }

    /// Registers its address with the trace, its siblings and the impaired network, and returns it.
    fn register_address(&self) -> Option<SocketAddr> {
        let Process { id, trace, .. } = &*self.process;
        let address = self.address()?;
        let alone = !self.socket.may_share_port();
        if self.registered.replace(Some(address).filter(|_| alone)) == Some(address) && alone {
            return Some(address);
        }
        self.update_siblings(address);
        if self.socket.transport() == Transport::Udp {
            self.socket.receiver().register_address(address);
        }
        for address in [Some(address), self.socket.seen_at_localhost6()]
            .into_iter()
            .flatten()
        {
            trace.register_address(*id, self.socket.transport(), address);
        }
        Some(address)
    }

    /// Lets its siblings send to this address, unless another program can share the port.
    fn update_siblings(&self, address: SocketAddr) {
        let siblings = &self.process.siblings;
        if self.socket.may_share_port() {
            siblings.remove(self.fd);
        } else {
            siblings.insert(self.fd, self.socket.transport(), address);
        }
    }

    /// Reads its address again after a `connect` that failed: the kernel may have taken the port back.
    fn refresh_address(&self) {
        let Process { id, trace, .. } = &*self.process;
        let before = self.address();
        self.registered.take();
        self.socket.forget_local();
        if let Some(before) = before.filter(|_| self.address() != before) {
            trace.release_address(*id, (self.socket.transport(), before));
        }
    }

    fn peer(&self, call: &Call, result: &CallResult) -> Option<SocketAddr> {
        match (call, result) {
            (_, Ok(Returned::Datagram { from, .. })) => Some(*from),
            (Call::SendTo { .. } | Call::Connect { .. }, _) => self.socket.call_address(call),
            _ => self.socket.peer(),
        }
    }
}

impl Drop for TracedSocket {
    fn drop(&mut self) {
        self.process.siblings.remove(self.fd);
        let addresses = [self.address(), self.socket.seen_at_localhost6()];
        for address in addresses.into_iter().flatten() {
            self.process
                .trace
                .release_address(self.process.id, (self.socket.transport(), address));
        }
    }
}

/// Polls a future once, and returns the result.
async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
}
