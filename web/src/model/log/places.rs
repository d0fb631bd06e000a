//! Who is where: which socket, address and message belong to which run.

use std::net::SocketAddr;

use shared::{
    call::{Fd, Transport},
    trace::ProcessId,
};

use super::RunId;
use crate::model::lately::Lately;

/// Where the calls on a socket belong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// To this run.
    Run(RunId),
    /// To whoever has this address.
    Client(SocketAddr),
}

/// What is known of lately.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// The page's messages.
    pub(super) requests: Lately<u64, RunId>,
    sockets: Lately<(ProcessId, Fd), Place>,
    addresses: Lately<(Transport, SocketAddr), RunId>,
    /// Whom the servers, whose numbers are 1 and 2, work for right now.
    busy: [Option<RunId>; 3],
}

impl Places {
    /// The run of the client at this address.
    pub(super) fn at(&self, transport: Transport, address: SocketAddr) -> Option<RunId> {
        self.addresses
            .find(|(by, known)| *by == transport && same(*known, address))
    }

    /// The run of a socket.
    pub(super) fn of(&self, transport: Transport, process: ProcessId, fd: Fd) -> Option<RunId> {
        match self.sockets.get(&(process, fd))? {
            Place::Run(run) => Some(run),
            Place::Client(address) => self.at(transport, address),
        }
    }

    /// Whom a server works for right now.
    pub(super) fn busy(&self, server: ProcessId) -> Option<RunId> {
        self.busy.get(server as usize).copied().flatten()
    }

    /// It works for this run now.
    pub(super) fn works_for(&mut self, server: ProcessId, run: RunId) {
        if let Some(busy) = self.busy.get_mut(server as usize) {
            *busy = Some(run);
        }
    }

    /// A client has a new socket.
    pub(super) fn opened(&mut self, process: ProcessId, fd: Fd, run: RunId) {
        self.sockets.set((process, fd), Place::Run(run));
    }

    /// A server has a new connection.
    pub(super) fn accepted(&mut self, process: ProcessId, fd: Fd, client: SocketAddr) {
        self.sockets.set((process, fd), Place::Client(client));
    }

    /// A client's socket turns out to have this address.
    pub(super) fn has_address(&mut self, transport: Transport, address: SocketAddr, run: RunId) {
        self.addresses.set((transport, address), run);
    }

    /// A socket of a run before is used on in this one, and its address with it.
    pub(super) fn goes_on(&mut self, process: ProcessId, fd: Option<Fd>, run: RunId) {
        let Some(fd) = fd else { return };
        if let Some(Place::Run(before)) = self
            .sockets
            .get(&(process, fd))
            .filter(|place| *place != Place::Run(run))
        {
            self.moved(before, run);
        }
        self.opened(process, fd, run);
    }

    /// What belonged to one run belongs to another now.
    pub(super) fn moved(&mut self, from: RunId, to: RunId) {
        for run in self
            .addresses
            .values()
            .chain(self.busy.iter_mut().flatten())
            .filter(|run| **run == from)
        {
            *run = to;
        }
    }
}

/// Whether both name one socket: one that is bound to no address in particular has all of them.
pub(crate) fn same(one: SocketAddr, other: SocketAddr) -> bool {
    let any = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() == other.port() && (any || one.ip() == other.ip())
}
