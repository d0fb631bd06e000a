//! The processes of a lab, the addresses of its clients, and the recent calls at each address. Pure.
//!
//! [`sockets`] tells apart the sockets that have had one address. Processes are registered by
//! [`super::registration`], which records them in the log, too.

mod sockets;

pub use sockets::{PacketEvidence, RecentCall, TcpEvidence};

use std::{
    collections::{HashMap, HashSet, VecDeque, hash_map},
    net::SocketAddr,
};

use shared::{
    call::Transport,
    trace::{CallId, ProcessId},
};

use self::sockets::{SocketHistory, SocketRecord};

/// The UDP server's process.
const UDP_SERVER: ProcessId = 1;
/// The TCP server's process.
const TCP_SERVER: ProcessId = 2;

/// Maximum number of external UDP programs that are remembered; nothing reports the end of one.
const MAX_EXTERNALS: usize = 16_384;
/// How long a closed socket is remembered, in nanoseconds: its last packets are read from the capture later.
const LINGER_NS: u64 = 3_000_000_000;

/// A transport and an address, which together name one end of a flow.
pub type Endpoint = (Transport, SocketAddr);

/// The processes of a lab and the addresses of the clients among them. A client is internal if it is one of the relay's
/// pages or bridges, and external if it is any other program.
#[derive(Debug, Default)]
pub struct Processes {
    clients: ProcessId,
    sockets: HashMap<Endpoint, SocketHistory>,
    externals: HashSet<ProcessId>,
    /// When each closed socket was closed, oldest first.
    closed: VecDeque<(u64, Endpoint)>,
}

impl Processes {
    /// The process of a transport's server.
    #[must_use]
    pub const fn server(transport: Transport) -> ProcessId {
        match transport {
            Transport::Udp => UDP_SERVER,
            Transport::Tcp => TCP_SERVER,
        }
    }

    /// Whether a process is a server.
    #[must_use]
    pub const fn is_server(process: ProcessId) -> bool {
        process <= TCP_SERVER
    }

    /// A number for a new client; none is given twice.
    pub const fn next_client(&mut self) -> ProcessId {
        self.clients += 1;
        TCP_SERVER + self.clients
    }

    /// Registers the address of an internal client's socket.
    pub fn register(&mut self, process: ProcessId, endpoint: Endpoint, now: impl FnOnce() -> u64) {
        let known = self.sockets.get(&endpoint).map(|sockets| &sockets.newest);
        let is_known = known.is_some_and(|socket| socket.process == process && socket.is_open());
        if is_known {
            return;
        }
        let now_ns = now();
        // An address has one UDP socket at a time.
        if let (Transport::Udp, Some(sockets)) = (endpoint.0, self.sockets.get_mut(&endpoint)) {
            sockets.newest.closed_ns.get_or_insert(now_ns);
        }
        self.insert(SocketRecord::new(process, false, now_ns), endpoint);
    }

    /// Registers the address of an external client. When there are too many, all external clients are forgotten.
    pub fn register_external(&mut self, process: ProcessId, endpoint: Endpoint) {
        if self.externals.len() >= MAX_EXTERNALS {
            self.sockets
                .retain(|_, sockets| !self.externals.contains(&sockets.newest.process));
            self.externals.clear();
        }
        self.externals.insert(process);
        self.insert(SocketRecord::new(process, true, 0), endpoint);
    }

    /// The same for an external client that a packet was captured of.
    pub fn register_packet_sender(
        &mut self,
        process: ProcessId,
        endpoint: Endpoint,
        evidence: PacketEvidence,
    ) {
        self.register_external(process, endpoint);
        if let (Some(sockets), Some(tcp)) = (self.sockets.get_mut(&endpoint), evidence.tcp) {
            sockets.set_isn(tcp.client_seq.filter(|_| tcp.opens));
        }
    }

    fn insert(&mut self, socket: SocketRecord, endpoint: Endpoint) {
        match self.sockets.entry(endpoint) {
            hash_map::Entry::Vacant(vacant) => {
                vacant.insert(SocketHistory::new(socket));
            }
            hash_map::Entry::Occupied(mut known) => {
                if let Some(forgotten) = known.get_mut().push(socket) {
                    self.externals.remove(&forgotten.process);
                }
            }
        }
    }

    /// Marks a socket of this process as closed.
    pub fn close(&mut self, process: ProcessId, endpoint: Endpoint, now_ns: u64) {
        self.remove_expired(now_ns);
        let Some(sockets) = self.sockets.get_mut(&endpoint) else {
            return;
        };
        let mut open = sockets
            .oldest_first()
            .filter(|socket| socket.process == process && socket.is_open());
        if let Some(socket) = open.next() {
            socket.closed_ns = Some(now_ns);
            self.closed.push_back((now_ns, endpoint));
        }
    }

    /// Marks the oldest open socket of an external client as closed, and returns its process.
    pub fn close_external(&mut self, endpoint: Endpoint, now_ns: u64) -> Option<ProcessId> {
        self.remove_expired(now_ns);
        let sockets = self.sockets.get_mut(&endpoint)?;
        let mut external = sockets.oldest_first().filter(|socket| socket.is_external);
        let socket = external.find(|socket| socket.is_open())?;
        socket.closed_ns = Some(now_ns);
        self.closed.push_back((now_ns, endpoint));
        Some(socket.process)
    }

    fn remove_expired(&mut self, now_ns: u64) {
        while let Some((closed_ns, endpoint)) = self.closed.front().copied() {
            if now_ns.saturating_sub(closed_ns) < LINGER_NS {
                break;
            }
            self.closed.pop_front();
            // Another socket may have the address by now.
            if self
                .sockets
                .get(&endpoint)
                .is_some_and(|sockets| sockets.newest.closed_ns == Some(closed_ns))
                && let Some(mut sockets) = self.sockets.remove(&endpoint)
            {
                for socket in sockets.oldest_first() {
                    self.externals.remove(&socket.process);
                }
            }
        }
    }

    /// Whether a process is an external client, whose calls are not traced.
    #[must_use]
    pub fn is_external(&self, process: ProcessId) -> bool {
        self.externals.contains(&process)
    }

    /// The client that has this address, or had it a moment ago. An external client that has ended does not send again,
    /// and a datagram that was sent after its socket had been closed comes from another client: `sent_ns` returns when
    /// it was sent, if known.
    #[must_use]
    pub fn client(
        &self,
        endpoint: Endpoint,
        sent_ns: impl FnOnce() -> Option<u64>,
    ) -> Option<ProcessId> {
        let sockets = self.sockets.get(&endpoint)?;
        let socket = &sockets.newest;
        let may_be = || !socket.is_external && !sent_ns().is_some_and(|at| sockets.was_closed(at));
        (socket.is_open() || may_be()).then_some(socket.process)
    }

    /// Marks a connection from this address as accepted, and returns its client if that is registered already.
    pub fn accept(&mut self, endpoint: Endpoint) -> Option<ProcessId> {
        let sockets = self.sockets.get_mut(&endpoint)?;
        let is_its = (!sockets.newest.is_external || sockets.newest.is_open()) && sockets.accept();
        is_its.then_some(sockets.newest.process)
    }

    /// Whether an internal client has this address, or had it a moment ago.
    #[must_use]
    pub fn is_internal(&self, endpoint: Endpoint) -> bool {
        let sockets = self.sockets.get(&endpoint);
        sockets.is_some_and(|sockets| !sockets.newest.is_external)
    }

    /// The client that has this address, or had it last.
    #[must_use]
    pub fn last_owner(&self, endpoint: Endpoint) -> Option<ProcessId> {
        Some(self.sockets.get(&endpoint)?.newest.process)
    }

    /// The client that a packet of `count` datagrams belongs to, and the calls on its socket that sent them: the last one
    /// that had started by then and for which `matches` is true, and the next ones.
    #[must_use]
    pub fn packet_owner(
        &mut self,
        endpoint: Endpoint,
        evidence: PacketEvidence,
        count: usize,
        matches: impl Fn(&RecentCall) -> bool,
    ) -> Option<(ProcessId, Vec<CallId>)> {
        let socket = self.sockets.get_mut(&endpoint)?.owner(evidence)?;
        Some((socket.process, socket.calls(evidence.at_ns, count, matches)))
    }

    /// Remembers calls on, or about, a client's address.
    pub fn add_calls(&mut self, endpoint: Endpoint, calls: &[RecentCall]) {
        if let Some(sockets) = self.sockets.get_mut(&endpoint) {
            sockets.newest.add_calls(calls);
        }
    }

    /// The last call at a client's address that had started by `by_ns` and for which `matches` is true.
    #[must_use]
    pub fn last_call(
        &self,
        endpoint: Endpoint,
        by_ns: u64,
        matches: impl Fn(&RecentCall) -> bool,
    ) -> Option<RecentCall> {
        self.sockets
            .get(&endpoint)?
            .newest
            .last_call(by_ns, matches)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::trace::CallName;

    fn endpoint(transport: Transport) -> Endpoint {
        (transport, SocketAddr::from(([127, 0, 0, 1], 5000)))
    }

    fn client(processes: &Processes, transport: Transport) -> Option<ProcessId> {
        processes.client(endpoint(transport), || None)
    }

    #[test]
    fn an_address_has_its_process_for_a_moment_after_the_close() {
        let mut processes = Processes::default();
        let page = processes.next_client();
        processes.register(page, endpoint(Transport::Udp), || 0);
        assert_eq!(client(&processes, Transport::Udp), Some(page));
        assert_eq!(client(&processes, Transport::Tcp), None);
        processes.close(page, endpoint(Transport::Udp), 1);
        assert_eq!(client(&processes, Transport::Udp), Some(page));
        processes.close(UDP_SERVER, endpoint(Transport::Tcp), 2 * LINGER_NS);
        assert_eq!(client(&processes, Transport::Udp), None);
    }

    #[test]
    fn an_external_client_that_has_ended_does_not_return() {
        let mut processes = Processes::default();
        let external = processes.next_client();
        processes.register_external(external, endpoint(Transport::Tcp));
        let close =
            |processes: &mut Processes| processes.close_external(endpoint(Transport::Tcp), 1);
        assert_eq!(close(&mut processes), Some(external));
        assert_eq!(close(&mut processes), None);
        assert_eq!(client(&processes, Transport::Tcp), None);
        let evidence = PacketEvidence {
            at_ns: 2,
            from_client: true,
            tcp: Some(TcpEvidence {
                opens: false,
                client_seq: Some(7),
            }),
        };
        let owner = processes.packet_owner(endpoint(Transport::Tcp), evidence, 1, |_| true);
        assert_eq!(
            owner.map(|(process, _)| process),
            Some(external),
            "its last packets still belong to it"
        );
    }

    #[test]
    fn expired_sockets_are_removed_but_not_their_successors() {
        let mut processes = Processes::default();
        let (first, second) = (processes.next_client(), processes.next_client());
        processes.register(first, endpoint(Transport::Udp), || 0);
        processes.close(first, endpoint(Transport::Udp), 1);
        processes.register(second, endpoint(Transport::Udp), || 2);
        processes.close(UDP_SERVER, endpoint(Transport::Tcp), 2 * LINGER_NS);
        assert_eq!(client(&processes, Transport::Udp), Some(second));
    }

    #[test]
    fn a_packet_belongs_to_the_last_call_before_it() {
        let mut processes = Processes::default();
        let page = processes.next_client();
        processes.register(page, endpoint(Transport::Udp), || 0);
        let calls = [(1, 100), (2, 200), (3, 300)].map(|(call, started_ns)| RecentCall {
            call,
            name: CallName::SendTo,
            by_server: call == 2,
            started_ns,
        });
        processes.add_calls(endpoint(Transport::Udp), &calls);
        let last = |by_ns| {
            processes
                .last_call(endpoint(Transport::Udp), by_ns, |call| !call.by_server)
                .map(|call| call.call)
        };
        assert_eq!((last(99), last(250), last(300)), (None, Some(1), Some(3)));
    }
}
