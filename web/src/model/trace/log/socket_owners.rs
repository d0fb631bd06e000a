//! The run to which each socket and each request of the page belongs.

use shared::{call::Fd, trace::ProcessId};

use super::{
    RunId,
    clients::{ClientId, Clients},
};
use crate::model::core::recent_map::RecentMap;

/// Where the calls on a socket belong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SocketOwner {
    /// To this run.
    Run(RunId),
    /// To the client whose connection it is.
    Client(ClientId),
}

/// What is known of lately.
#[derive(Debug, Default)]
pub(super) struct SocketOwners {
    /// The page's messages.
    pub(super) requests: RecentMap<u64, RunId>,
    /// The sockets of clients by their addresses.
    pub(super) clients: Clients,
    sockets: RecentMap<(ProcessId, Fd), SocketOwner>,
    /// The run each server works for right now; servers are processes 1 and 2.
    busy: [Option<RunId>; 3],
}

impl SocketOwners {
    /// The run of a socket.
    pub(super) fn of(&self, process: ProcessId, fd: Fd) -> Option<RunId> {
        match self.sockets.get(&(process, fd))? {
            SocketOwner::Run(run) => Some(run),
            SocketOwner::Client(client) => self.clients.run(client),
        }
    }

    /// The client whose connection a server's socket is.
    pub(super) fn client_of(&self, process: ProcessId, fd: Fd) -> Option<ClientId> {
        match self.sockets.get(&(process, fd))? {
            SocketOwner::Run(_) => None,
            SocketOwner::Client(client) => Some(client),
        }
    }

    /// The run a server works for right now.
    pub(super) fn busy(&self, server: ProcessId) -> Option<RunId> {
        self.busy.get(server as usize).copied().flatten()
    }

    /// It works for this run now.
    pub(super) fn set_busy(&mut self, server: ProcessId, run: RunId) {
        if let Some(busy) = self.busy.get_mut(server as usize) {
            *busy = Some(run);
        }
    }

    /// A client has a new socket.
    pub(super) fn opened(&mut self, process: ProcessId, fd: Fd, run: RunId) {
        self.sockets.set((process, fd), SocketOwner::Run(run));
    }

    /// A server has a new connection.
    pub(super) fn accepted(&mut self, process: ProcessId, fd: Fd, client: ClientId) {
        self.sockets.set((process, fd), SocketOwner::Client(client));
    }

    /// A socket of a run before is used on in this one, and its address with it.
    pub(super) fn continue_in(&mut self, process: ProcessId, fd: Option<Fd>, run: RunId) {
        let Some(fd) = fd else { return };
        if let Some(SocketOwner::Run(before)) = self
            .sockets
            .get(&(process, fd))
            .filter(|place| *place != SocketOwner::Run(run))
        {
            self.reassign(before, run);
        }
        self.opened(process, fd, run);
    }

    /// What belonged to one run belongs to another now.
    pub(super) fn reassign(&mut self, from: RunId, to: RunId) {
        self.clients.reassign(from, to);
        for run in self.busy.iter_mut().flatten().filter(|run| **run == from) {
            *run = to;
        }
    }
}
