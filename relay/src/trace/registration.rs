//! Registers the processes of a lab and the addresses of its clients, and records both in the log.

use std::{net::SocketAddr, time::Duration};

use shared::{
    call::Transport,
    trace::{CallId, Process, ProcessId, Role, What},
};

use super::{Endpoint, PacketEvidence, RecentCall, Trace, record::Side};

impl Trace {
    /// Registers a client, and returns its process.
    pub fn register_process(&self, role: Role) -> ProcessId {
        let process = self.processes.borrow_mut().next_client();
        self.record(What::Process(Process { process, role }), Some(process));
        process
    }

    /// Registers a server, whose process is its transport's.
    pub fn register_server(&self, process: ProcessId) {
        let role = Role::Server;
        self.record(What::Process(Process { process, role }), None);
    }

    /// Records the end of a process.
    pub fn end_process(&self, process: ProcessId) {
        self.tcp_connections.borrow_mut().end_process(process);
        self.record(What::ProcessEnded { process }, Some(process));
    }

    /// The client that has this address, or had it a moment ago. An unknown one is registered as external.
    pub fn client_at(&self, endpoint: Endpoint) -> ProcessId {
        self.sender_at(endpoint, || None)
    }

    /// The client that sent a datagram from this address. `sent_ns` returns when it was sent, in nanoseconds since the
    /// lab started. An unknown client is registered as external.
    pub fn sender_at(
        &self,
        endpoint: Endpoint,
        sent_ns: impl FnOnce() -> Option<u64>,
    ) -> ProcessId {
        let known = self.processes.borrow().client(endpoint, sent_ns);
        known.unwrap_or_else(|| self.register_external(endpoint))
    }

    /// Registers the sender of a datagram that the kernel received at `kernel_ns`, in nanoseconds since 1970: if the
    /// address had been released before, it belongs to another client now.
    pub fn register_sender(&self, endpoint: Endpoint, kernel_ns: Option<u64>) {
        let sent_ns = || {
            let at = Duration::from_nanos(kernel_ns?);
            Some(self.to_lab_time(at.as_secs(), at.subsec_nanos()))
        };
        if !self.is_off() {
            self.sender_at(endpoint, sent_ns);
        }
    }

    /// The client whose connection the server has accepted. An unknown one is registered as external.
    pub(super) fn accept_connection(&self, endpoint: Endpoint) -> ProcessId {
        let known = self.processes.borrow_mut().accept(endpoint);
        known.unwrap_or_else(|| {
            let process = self.register_external(endpoint);
            let accepted = self.processes.borrow_mut().accept(endpoint);
            debug_assert_eq!(accepted, Some(process), "it was just registered");
            process
        })
    }

    /// The client that a packet of `count` datagrams belongs to, and the calls that sent them, as far as known: the last
    /// call on its socket that had started by then and for which `matches` is true, and the next ones. An unknown client
    /// is registered as external.
    pub fn packet_owner(
        &self,
        endpoint: Endpoint,
        evidence: PacketEvidence,
        count: usize,
        matches: impl Fn(&RecentCall) -> bool,
    ) -> (ProcessId, Vec<CallId>) {
        let known = self
            .processes
            .borrow_mut()
            .packet_owner(endpoint, evidence, count, matches);
        known.unwrap_or_else(|| {
            let process = self.register_process(Role::Terminal);
            self.processes
                .borrow_mut()
                .register_packet_sender(process, endpoint, evidence);
            (process, Vec::new())
        })
    }

    /// The client that has this address, or had it last, if it is known.
    #[must_use]
    pub fn last_owner(&self, endpoint: Endpoint) -> Option<ProcessId> {
        self.processes.borrow().last_owner(endpoint)
    }

    /// Whether an internal client, a page or bridge of the relay, has this address, or had it a moment ago.
    #[must_use]
    pub fn is_internal(&self, endpoint: Endpoint) -> bool {
        self.processes.borrow().is_internal(endpoint)
    }

    fn register_external(&self, endpoint: Endpoint) -> ProcessId {
        let process = self.register_process(Role::Terminal);
        self.processes
            .borrow_mut()
            .register_external(process, endpoint);
        process
    }

    /// Whether a process is an external client, whose calls are not traced.
    #[must_use]
    pub fn is_external(&self, process: ProcessId) -> bool {
        self.processes.borrow().is_external(process)
    }

    /// Registers the address of a client's socket.
    pub fn register_address(&self, process: ProcessId, transport: Transport, address: SocketAddr) {
        self.processes
            .borrow_mut()
            .register(process, (transport, address), || self.now());
    }

    /// Releases the address of a client's socket, which is closed.
    pub fn release_address(&self, process: ProcessId, endpoint: Endpoint) {
        let now = self.now();
        self.processes.borrow_mut().close(process, endpoint, now);
        self.close_end(Side::Client, endpoint);
    }

    /// Records that the server's connection with this client has ended. An external client ends with it, because it is
    /// known by nothing else.
    pub fn end_connection(&self, endpoint: Endpoint) {
        self.close_end(Side::Server, endpoint);
        let now = self.now();
        let ended = self.processes.borrow_mut().close_external(endpoint, now);
        if let Some(process) = ended {
            self.close_end(Side::Client, endpoint);
            self.end_process(process);
        }
    }

    fn close_end(&self, side: Side, (transport, client): Endpoint) {
        if transport == Transport::Tcp {
            self.tcp_connections.borrow_mut().close_end(side, client);
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
        self.processes.borrow().last_call(endpoint, by_ns, matches)
    }
}
