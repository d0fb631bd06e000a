//! Processes that come and go, and the addresses of the clients among them.

use std::net::SocketAddr;

use shared::{
    call::Transport,
    trace::{Process, ProcessId, Role, What},
};

use super::{Door, Lately, Trace, Trail, endings::Side};

impl Trace {
    /// A process comes.
    pub fn process_came(&self, role: Role) -> ProcessId {
        let process = self.processes.borrow_mut().come();
        self.record(What::Process(Process { process, role }), Some(process));
        process
    }

    /// A server's process, whose number is its transport's.
    pub fn server_came(&self, process: ProcessId) {
        self.record(
            What::Process(Process {
                process,
                role: Role::Server,
            }),
            None,
        );
    }

    /// A process goes.
    pub fn process_went(&self, process: ProcessId) {
        self.endings.borrow_mut().process_ended(process);
        self.record(What::ProcessEnded { process }, Some(process));
    }

    /// The client that has this address or, its last bytes still under way, had it a moment ago. A stranger to
    /// the relay becomes a terminal process.
    pub fn client_at(&self, door: Door) -> ProcessId {
        self.sender_at(door, || None)
    }

    /// The same of a datagram that came from there: `sent_ns` is when, in nanoseconds since the lab began.
    pub fn sender_at(&self, door: Door, sent_ns: impl FnOnce() -> Option<u64>) -> ProcessId {
        let known = self.processes.borrow().client(door, sent_ns);
        known.unwrap_or_else(|| self.meets(door))
    }

    /// A datagram came from there, and the kernel says when it received it, in nanoseconds since 1970: where the
    /// address had been given up before, somebody else has it now.
    pub fn heard_from(&self, door: Door, kernel_ns: Option<u64>) {
        let sent_ns = || {
            let at = std::time::Duration::from_nanos(kernel_ns?);
            Some(self.mono_of(at.as_secs(), at.subsec_nanos()))
        };
        if !self.is_off() {
            self.sender_at(door, sent_ns);
        }
    }

    /// The client whose connection the server has accepted.
    pub(super) fn accepted_from(&self, door: Door) -> ProcessId {
        let known = self.processes.borrow_mut().accept(door);
        known.unwrap_or_else(|| {
            let process = self.meets(door);
            let accepted = self.processes.borrow_mut().accept(door);
            debug_assert_eq!(accepted, Some(process), "it was just met");
            process
        })
    }

    /// Whose packet it is, and the last call on that socket that started by then and fits.
    pub fn owner_of(
        &self,
        door: Door,
        trail: Trail,
        fits: impl Fn(&Lately) -> bool,
    ) -> (ProcessId, Option<Lately>) {
        let known = self.processes.borrow_mut().owner(door, trail, fits);
        known.unwrap_or_else(|| {
            let process = self.process_came(Role::Terminal);
            self.processes.borrow_mut().met_with(process, door, trail);
            (process, None)
        })
    }

    /// The client that has this address, or had it a moment ago, if it is known.
    #[must_use]
    pub fn known_owner(&self, door: Door) -> Option<ProcessId> {
        self.processes.borrow().last_owner(door)
    }

    /// Whether a client of the relay's own has this address, or had it a moment ago.
    #[must_use]
    pub fn is_ours(&self, door: Door) -> bool {
        self.processes.borrow().is_ours(door)
    }

    fn meets(&self, door: Door) -> ProcessId {
        let process = self.process_came(Role::Terminal);
        self.processes.borrow_mut().met(process, door);
        process
    }

    /// Whether it is a program outside, whose own calls are not seen.
    #[must_use]
    pub fn is_terminal(&self, process: ProcessId) -> bool {
        self.processes.borrow().is_stranger(process)
    }

    /// A client's socket turns out to have this address.
    pub fn has_address(&self, process: ProcessId, transport: Transport, address: SocketAddr) {
        self.processes
            .borrow_mut()
            .has(process, (transport, address), || self.now());
    }

    /// A client's socket is closed.
    pub fn address_gone(&self, process: ProcessId, door: Door) {
        let now = self.now();
        self.processes.borrow_mut().lost(process, door, now);
        self.left(Side::Client, door);
    }

    /// The server's connection to this address has ended; a terminal process, known by nothing else, with it.
    pub fn connection_ended(&self, door: Door) {
        self.left(Side::Server, door);
        let now = self.now();
        let ended = self.processes.borrow_mut().lost_outside(door, now);
        if let Some(process) = ended {
            self.left(Side::Client, door);
            self.process_went(process);
        }
    }

    fn left(&self, side: Side, (transport, client): Door) {
        if transport == Transport::Tcp {
            self.endings.borrow_mut().left(side, client);
        }
    }

    /// The last call at a client's address that started by then and fits.
    #[must_use]
    pub fn last_call(
        &self,
        door: Door,
        by_ns: u64,
        fits: impl Fn(&Lately) -> bool,
    ) -> Option<Lately> {
        self.processes.borrow().last_call(door, by_ns, fits)
    }
}
