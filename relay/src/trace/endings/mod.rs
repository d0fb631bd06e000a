//! Which FIN and which RST must have gone out, of every TCP connection that stands: each once. Pure.

mod connection;

use std::{
    collections::{HashMap, HashSet, VecDeque},
    net::SocketAddr,
};

use shared::{
    call::{Fd, Transport},
    outcome::{FailureSource, Outcome},
    trace::{Arguments, CallId, CallName, Derived, DerivedKind, ProcessId},
};

use self::connection::{Connection, Half};

/// So many connections that ended before anybody accepted them are remembered: more than Linux lets wait for one
/// server (listen(2), net.core.somaxconn: 4096).
const MOST_UNACCEPTED: usize = 8_192;

/// An end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
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

/// What a call has to do with how its connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Connect,
    Accept,
    Send,
    Receive,
    Shut { read: bool, write: bool },
    Linger { abrupt: bool },
    Close,
}

impl Act {
    /// That of a call on a TCP socket.
    pub(super) fn of(name: CallName, arguments: &Arguments) -> Option<Self> {
        let word = arguments.word.as_deref().unwrap_or_default();
        Some(match name {
            CallName::Connect => Self::Connect,
            CallName::Accept => Self::Accept,
            CallName::Send | CallName::SendTo => Self::Send,
            CallName::Recv | CallName::RecvFrom => Self::Receive,
            CallName::Shutdown => Self::Shut {
                read: word != "SHUT_WR",
                write: word != "SHUT_RD",
            },
            CallName::SetSockOpt if word == "SO_LINGER" => Self::Linger {
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

/// What must have gone out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ending {
    /// A FIN or a RST.
    kind: DerivedKind,
    /// Who sent it.
    by: Side,
    /// The call it follows from.
    because: CallId,
}

/// The same with its addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    /// A FIN or a RST.
    pub(super) kind: DerivedKind,
    /// Who sent it.
    pub(super) from: SocketAddr,
    /// Who it was for.
    pub(super) to: SocketAddr,
    /// The call it follows from.
    pub(super) because: CallId,
}

impl Sent {
    /// As the trace has it.
    pub(super) const fn derived(self, transport: Transport, process: Option<ProcessId>) -> Derived {
        Derived {
            kind: self.kind,
            transport,
            from: self.from,
            to: self.to,
            length: 0,
            because: self.because,
            process,
        }
    }
}

impl Ending {
    const fn between(self, client: SocketAddr, server: SocketAddr) -> Sent {
        let (from, to) = match self.by {
            Side::Client => (client, server),
            Side::Server => (server, client),
        };
        Sent {
            kind: self.kind,
            from,
            to,
            because: self.because,
        }
    }
}

/// A call on one end of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caller {
    /// Which call.
    pub(super) call: CallId,
    /// Whose end it is.
    pub(super) side: Side,
    /// The process and its socket.
    pub(super) socket: Option<(ProcessId, Fd)>,
}

/// The connections of a lab, by the client's address.
#[derive(Debug, Default)]
pub(super) struct Endings {
    connections: HashMap<SocketAddr, Connection>,
    /// The clients' sockets that reset when they are closed.
    abrupt: HashSet<(ProcessId, Fd)>,
    unaccepted: VecDeque<SocketAddr>,
}

impl Endings {
    /// A client's `connect` has an address: what its port was before is over.
    pub(super) fn begins(&mut self, client: SocketAddr, caller: Caller) {
        let before = self.connections.get(&client);
        // Still the same connection, or another socket's at the same port, which the kernel will not have twice.
        if before.is_some_and(|before| before.client.known && !before.client.gone) {
            return;
        }
        let abrupt = caller
            .socket
            .is_some_and(|socket| self.abrupt.contains(&socket));
        let connection = Connection {
            // The server's next calls may be about either.
            over: before.is_some_and(|before| before.served.known && !before.served.gone),
            client: Half::seen(abrupt),
            ..Connection::default()
        };
        self.connections.insert(client, connection);
    }

    /// A call starts.
    pub(super) fn starts(
        &mut self,
        caller: Caller,
        act: Act,
        client: Option<SocketAddr>,
    ) -> Option<Sent> {
        if act == Act::Close
            && let Some(socket) = caller.socket
        {
            self.abrupt.remove(&socket);
        }
        let client = client?;
        let connection = self.connections.get_mut(&client)?;
        let ending = connection.starts(caller.side, act, caller.call)?;
        Some(ending.between(client, connection.server?))
    }

    /// It returns; `server` is the server's address where it is known.
    pub(super) fn returns(
        &mut self,
        caller: Caller,
        act: Act,
        outcome: &Outcome,
        client: Option<SocketAddr>,
        server: Option<SocketAddr>,
    ) -> Option<Sent> {
        let returned = matches!(outcome, Outcome::Returned(_));
        if let (Act::Linger { abrupt }, true, Some(socket)) = (act, returned, caller.socket) {
            if abrupt {
                self.abrupt.insert(socket);
            } else {
                self.abrupt.remove(&socket);
            }
        }
        let client = client?;
        if act == Act::Connect && !returned && !goes_on(outcome) {
            self.fails(client);
        }
        let connection = self.connections.get_mut(&client)?;
        if returned && matches!(act, Act::Connect | Act::Accept) {
            connection.stands = true;
            connection.server = connection.server.or(server);
        }
        let ending = connection.returns(caller.side, act, caller.call, outcome)?;
        Some(ending.between(client, connection.server?))
    }

    /// A `recv` returns so many bytes.
    pub(super) fn takes(&mut self, caller: Caller, client: SocketAddr, bytes: u64) -> Option<Sent> {
        let connection = self.connections.get_mut(&client)?;
        let ending = connection.takes(caller.side, bytes)?;
        Some(ending.between(client, connection.server?))
    }

    /// The server has accepted a connection; of a stranger nothing is known but what comes from it.
    pub(super) fn accepted(&mut self, client: SocketAddr, stranger: bool) {
        if stranger {
            self.connections.insert(client, Connection::default());
        }
        let Some(connection) = self.connections.get_mut(&client) else {
            return;
        };
        // One that was accepted before has the same address: they cannot be told apart.
        connection.over |= connection.served.known;
        connection.served = Half::seen(false);
    }

    fn fails(&mut self, client: SocketAddr) {
        if self
            .connections
            .get(&client)
            .is_some_and(|connection| !connection.stands)
        {
            self.connections.remove(&client);
        }
    }

    /// The socket of one end is closed.
    pub(super) fn left(&mut self, side: Side, client: SocketAddr) {
        let Some(connection) = self.connections.get_mut(&client) else {
            return;
        };
        connection.left(side);
        let Connection {
            client: own,
            served,
            ..
        } = &*connection;
        let (is_gone, was_accepted) = (own.gone || !own.known, served.known);
        if is_gone && served.gone {
            self.connections.remove(&client);
        } else if own.gone && !was_accepted {
            self.waits_to_be_accepted(client);
        }
    }

    fn waits_to_be_accepted(&mut self, client: SocketAddr) {
        self.unaccepted.push_back(client);
        if self.unaccepted.len() > MOST_UNACCEPTED
            && let Some(oldest) = self.unaccepted.pop_front()
            && self
                .connections
                .get(&oldest)
                .is_some_and(|connection| connection.client.gone && !connection.served.known)
        {
            self.connections.remove(&oldest);
        }
    }

    /// A process has ended, and its sockets with it.
    pub(super) fn process_ended(&mut self, process: ProcessId) {
        self.abrupt.retain(|(owner, _)| *owner != process);
    }
}

/// Whether a `connect` that failed goes on by itself.
fn goes_on(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Failed(failed) => {
            failed.source == FailureSource::Relay
                || ["EINPROGRESS", "EALREADY", "EINTR"].contains(&failed.errno.as_str())
        }
        Outcome::Returned(_) => false,
    }
}

#[cfg(test)]
mod tests;
