//! The FINs and RSTs that must have been sent on the TCP connections of a lab, each derived once. Pure.

mod connection;

use std::{
    collections::{HashMap, HashSet, VecDeque},
    net::SocketAddr,
};

use shared::{
    call::Fd,
    outcome::FailureSource,
    trace::{Arguments, CallId, CallName, ProcessId},
};

use self::connection::{CloseSegment, EndState, TcpConnection};
use super::derive::CallEnd;
use crate::trace::log::DerivedSegment;

/// Maximum number of closed connections that are kept until the server accepts them: more than Linux queues for one
/// server (listen(2), net.core.somaxconn: 4096).
const MAX_UNACCEPTED: usize = 8_192;

/// An end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Side {
    Client,
    Server,
}

impl Side {
    const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// What a call does to its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum TcpOp {
    Connect,
    Accept,
    Send,
    Receive,
    Shutdown { read: bool, write: bool },
    SetLinger { abrupt: bool },
    Close,
}

impl TcpOp {
    /// The operation of a call on a TCP socket, if it matters to the connection.
    pub(super) fn of(name: CallName, arguments: &Arguments) -> Option<Self> {
        let word = arguments.word.as_deref().unwrap_or_default();
        Some(match name {
            CallName::Connect => Self::Connect,
            CallName::Accept => Self::Accept,
            CallName::Send | CallName::SendTo => Self::Send,
            CallName::Recv | CallName::RecvFrom => Self::Receive,
            CallName::Shutdown => Self::Shutdown {
                read: word != "SHUT_WR",
                write: word != "SHUT_RD",
            },
            CallName::SetSockOpt if word == "SO_LINGER" => Self::SetLinger {
                abrupt: arguments.number == Some(0),
            },
            CallName::Close => Self::Close,
            CallName::Socket
            | CallName::Bind
            | CallName::Listen
            | CallName::SetTimeout
            | CallName::SetSockOpt
            | CallName::GetSockName
            | CallName::GetPeerName
            | CallName::Upper
            | CallName::Count
            | CallName::Reverse
            | CallName::Sleep
            | CallName::GetAddrInfo => return None,
        })
    }
}

impl CloseSegment {
    /// The segment with its addresses.
    const fn between(self, client: SocketAddr, server: SocketAddr) -> DerivedSegment {
        let (from, to) = match self.by {
            Side::Client => (client, server),
            Side::Server => (server, client),
        };
        DerivedSegment {
            kind: self.kind,
            from,
            to,
            because: self.because,
        }
    }
}

/// The caller of an operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caller {
    pub(super) call: CallId,
    pub(super) side: Side,
    pub(super) socket: Option<(ProcessId, Fd)>,
}

/// The connections of a lab, by the client's address.
#[derive(Debug, Default)]
pub(in super::super) struct TcpConnections {
    connections: HashMap<SocketAddr, TcpConnection>,
    /// The clients' sockets with `SO_LINGER` 0, which reset on close.
    abrupt: HashSet<(ProcessId, Fd)>,
    /// The connections that the client has closed before the server accepted them, oldest first.
    unaccepted: VecDeque<SocketAddr>,
}

impl TcpConnections {
    /// A client's `connect` has got its address; an earlier connection of the same port is over.
    pub(super) fn connect(&mut self, client: SocketAddr, caller: Caller) {
        let before = self.connections.get(&client);
        // The same connection, or another socket with the same port, which the kernel does not allow twice.
        if before.is_some_and(|before| before.client.is_traced && !before.client.closed) {
            return;
        }
        let abrupt = caller
            .socket
            .is_some_and(|socket| self.abrupt.contains(&socket));
        let connection = TcpConnection {
            // If the server's end of the earlier one is open, its next calls may be about either.
            finished: before.is_some_and(|before| before.server.is_traced && !before.server.closed),
            client: EndState::traced(abrupt),
            ..TcpConnection::default()
        };
        self.connections.insert(client, connection);
    }

    /// Handles the start of a call. Returns the segment that a `close` sends.
    pub(super) fn start_call(
        &mut self,
        caller: Caller,
        op: TcpOp,
        client: Option<SocketAddr>,
    ) -> Option<DerivedSegment> {
        if op == TcpOp::Close
            && let Some(socket) = caller.socket
        {
            self.abrupt.remove(&socket);
        }
        let client = client?;
        let connection = self.connections.get_mut(&client)?;
        let segment = connection.start_call(caller.side, op, caller.call)?;
        Some(segment.between(client, connection.server_address?))
    }

    /// Handles the return of a call. Returns the segment that must have been sent for it to return so.
    pub(super) fn finish_call(
        &mut self,
        caller: Caller,
        op: TcpOp,
        end: CallEnd<'_>,
        client: Option<SocketAddr>,
        server: Option<SocketAddr>,
    ) -> Option<DerivedSegment> {
        let is_success = end.is_success();
        if let (TcpOp::SetLinger { abrupt }, true, Some(socket)) = (op, is_success, caller.socket) {
            if abrupt {
                self.abrupt.insert(socket);
            } else {
                self.abrupt.remove(&socket);
            }
        }
        let client = client?;
        if op == TcpOp::Connect && !is_success && !is_in_progress(end) {
            self.remove_failed(client);
        }
        let connection = self.connections.get_mut(&client)?;
        if is_success && matches!(op, TcpOp::Connect | TcpOp::Accept) {
            connection.established = true;
            connection.server_address = connection.server_address.or(server);
        }
        let segment = connection.finish_call(caller.side, op, caller.call, end)?;
        Some(segment.between(client, connection.server_address?))
    }

    /// The server has accepted a connection. Of an external client nothing is known but what it sends.
    pub(super) fn accept(&mut self, client: SocketAddr, is_external: bool) {
        if is_external {
            self.connections.insert(client, TcpConnection::default());
        }
        let Some(connection) = self.connections.get_mut(&client) else {
            return;
        };
        // A connection that was accepted before has the same address: the two cannot be told apart.
        connection.finished |= connection.server.is_traced;
        connection.server = EndState::traced(false);
    }

    fn remove_failed(&mut self, client: SocketAddr) {
        if self
            .connections
            .get(&client)
            .is_some_and(|connection| !connection.established)
        {
            self.connections.remove(&client);
        }
    }

    /// The socket of one end is closed.
    pub(in super::super) fn close_end(&mut self, side: Side, client: SocketAddr) {
        let Some(connection) = self.connections.get_mut(&client) else {
            return;
        };
        connection.close_end(side);
        let TcpConnection {
            client: own,
            server,
            ..
        } = &*connection;
        let (is_closed, was_accepted) = (own.closed || !own.is_traced, server.is_traced);
        if is_closed && server.closed {
            self.connections.remove(&client);
        } else if own.closed && !was_accepted {
            self.push_unaccepted(client);
        }
    }

    fn push_unaccepted(&mut self, client: SocketAddr) {
        self.unaccepted.push_back(client);
        if self.unaccepted.len() > MAX_UNACCEPTED
            && let Some(oldest) = self.unaccepted.pop_front()
            && self
                .connections
                .get(&oldest)
                .is_some_and(|connection| connection.client.closed && !connection.server.is_traced)
        {
            self.connections.remove(&oldest);
        }
    }

    /// A process has ended, and its sockets with it.
    pub(in super::super) fn end_process(&mut self, process: ProcessId) {
        self.abrupt.retain(|(owner, _)| *owner != process);
    }
}

/// Whether a `connect` that failed continues in the kernel.
fn is_in_progress(end: CallEnd<'_>) -> bool {
    matches!(end, CallEnd::Failed(failed)
        if failed.source == FailureSource::Relay
            || ["EINPROGRESS", "EALREADY", "EINTR"].contains(&failed.errno.as_str()))
}

#[cfg(test)]
mod tests;
