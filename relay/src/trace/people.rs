//! Processes that come and go, and the addresses of the clients among them.

use std::net::SocketAddr;

use shared::{
    call::Transport,
    trace::{Process, ProcessId, Role, What},
};

use super::{Door, Lately, Trace, endings::Side};

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
        let known = self.processes.borrow().client(door);
        known.unwrap_or_else(|| self.meets(door))
    }

    /// Whose packet it is.
    pub fn owner_of(&self, door: Door) -> ProcessId {
        let known = self.processes.borrow().owner(door);
        known.unwrap_or_else(|| self.meets(door))
    }

    /// The client that has this address, or had it a moment ago, if it is known.
    #[must_use]
    pub fn known_owner(&self, door: Door) -> Option<ProcessId> {
        self.processes.borrow().owner(door)
    }

    /// Whether a client of the relay's own has this address, or had it a moment ago.
    #[must_use]
    pub fn is_ours(&self, door: Door) -> bool {
        let processes = self.processes.borrow();
        let owner = processes.owner(door);
        owner.is_some_and(|process| !processes.is_stranger(process))
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
            .has(process, (transport, address));
    }

    /// A client's socket is closed.
    pub fn address_gone(&self, door: Door) {
        let now = self.mono(std::time::Instant::now());
        self.processes.borrow_mut().lost(door, now);
        self.left(Side::Client, door);
    }

    /// The server's connection to this address has ended; a terminal process, known by nothing else, with it.
    pub fn connection_ended(&self, door: Door) {
        self.left(Side::Server, door);
        let stranger = self.processes.borrow().stranger(door);
        if let Some(process) = stranger {
            self.address_gone(door);
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
