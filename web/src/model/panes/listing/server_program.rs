//! A server's current line and variables, as far as the trace has them.

use std::net::SocketAddr;

use shared::{
    call::{Fd, Transport},
    data::Data,
    lab::{Server, ServerState},
    outcome::{Outcome, Returned},
    trace::{CallId, CallName, Event, What},
};

use super::{
    client::Variable,
    python,
    statement::{Statement, assigned_names},
};

/// What the trace has of one server.
#[derive(Debug, Default)]
pub(crate) struct ServerSnapshot {
    /// The call it made last.
    pub(crate) call: Option<(CallName, CallId)>,
    /// Whether it has not returned.
    pub(crate) is_in_it: bool,
    /// The last bytes it received.
    received: Option<Data>,
    /// The client of the datagram or connection.
    from: Option<SocketAddr>,
    /// The connection's socket, and whether it is closed.
    connection: Option<(Fd, bool)>,
    /// The result of its task.
    computed: Option<Data>,
}

/// What the trace has of both servers.
#[derive(Debug, Default)]
pub(crate) struct ServerSnapshots([ServerSnapshot; 2]);

/// The place of a transport's server; its process has the number after it.
const fn index(transport: Transport) -> usize {
    match transport {
        Transport::Udp => 0,
        Transport::Tcp => 1,
    }
}

impl ServerSnapshots {
    /// The server of a transport.
    pub(crate) const fn of(&self, transport: Transport) -> &ServerSnapshot {
        &self.0[index(transport)]
    }

    fn process(&mut self, process: u32) -> Option<&mut ServerSnapshot> {
        self.0.get_mut((process as usize).checked_sub(1)?)
    }

    /// Handles an event.
    pub(crate) fn handle_event(&mut self, event: &Event) {
        if let What::Server(server) = &event.what {
            // Its first calls are reported before its state `running`.
            let restarts = !matches!(
                server.state,
                ServerState::Dead { .. } | ServerState::Running
            );
            if restarts {
                self.0[index(server.transport)] = ServerSnapshot::default();
            }
        }
        let Some(snapshot) = event
            .what
            .process()
            .and_then(|process| self.process(process))
        else {
            return;
        };
        if let Some(started) = event.what.call_started() {
            let data = started.arguments.data.as_ref();
            snapshot.handle_started((started.name, started.call), started.fd, data);
        } else if let Some(returned) = event.what.call_returned() {
            snapshot.handle_returned(returned.call, &returned.outcome);
        }
    }
}

impl ServerSnapshot {
    fn handle_started(&mut self, call: (CallName, CallId), fd: Option<Fd>, data: Option<&Data>) {
        let (name, _) = call;
        if name == CallName::Socket {
            *self = Self::default();
        }
        if name == CallName::Close {
            // A close because the server was stopped is none of its lines.
            let Some((_, closed)) = self.connection.as_mut().filter(|(its, _)| Some(*its) == fd)
            else {
                return;
            };
            *closed = true;
        }
        if matches!(name, CallName::Send | CallName::SendTo) {
            self.computed = data.cloned();
        }
        (self.call, self.is_in_it) = (Some(call), true);
    }

    fn handle_returned(&mut self, id: CallId, outcome: &Outcome) {
        let Outcome::Returned(returned) = outcome else {
            // It died or was interrupted in the current line.
            return;
        };
        // A call that started before the page joined is known by its result.
        let name = self
            .call
            .filter(|(_, its)| *its == id)
            .map(|(name, _)| name);
        self.is_in_it &= name.is_none();
        match returned {
            Returned::Datagram { data, from, .. } => {
                (self.received, self.from) = (Some(data.clone()), Some(*from));
                self.call = self.call.or(Some((CallName::RecvFrom, id)));
            }
            Returned::Accepted { fd, from } => {
                (self.connection, self.from) = (Some((*fd, false)), Some(*from));
                self.call = self.call.or(Some((CallName::Accept, id)));
            }
            Returned::Chunk { data } if name == Some(CallName::Recv) => {
                self.received = Some(data.clone());
            }
            Returned::EndOfStream => self.received = Some(Data::default()),
            Returned::Chunk { data } if name.is_some() => self.computed = Some(data.clone()),
            Returned::Nothing
            | Returned::Socket { .. }
            | Returned::Sent { .. }
            | Returned::Chunk { .. }
            | Returned::Address { .. }
            | Returned::Resolved { .. }
            | Returned::Saved { .. } => {}
        }
    }

    /// The variables of the program with these lines, as far as they are known.
    pub(crate) fn variables(&self, lines: &[String]) -> Vec<Variable> {
        let mut found = Vec::new();
        for line in lines {
            let mut left = assigned_names(line);
            let mut add = |name: Option<&str>, value: Option<String>, kind| {
                if let Some((name, value)) = name.zip(value) {
                    let name = name.to_owned();
                    found.push(Variable { name, value, kind });
                }
            };
            let from = || self.from.map(python::address);
            match Statement::parse(line) {
                Statement::Call(CallName::RecvFrom) => {
                    let bytes = self.received.as_ref();
                    add(
                        left.next(),
                        bytes.map(|data| python::bytes(&data.0)),
                        "bytes",
                    );
                    add(left.next(), from(), "tuple");
                }
                Statement::Call(CallName::Accept) => {
                    let its = self.connection;
                    let peer = self.from;
                    let shown = its.map(|(fd, closed)| python::socket(fd, None, peer, closed));
                    add(left.next(), shown, "socket");
                    add(left.next(), from(), "tuple");
                }
                Statement::Call(CallName::Recv) => {
                    add(left.next(), as_text(self.received.as_ref()), "str")
                }
                Statement::Compute => add(left.next(), as_text(self.computed.as_ref()), "str"),
                Statement::Empty
                | Statement::Import
                | Statement::Assign
                | Statement::Input
                | Statement::Print
                | Statement::Loop
                | Statement::Call(_) => {}
            }
        }
        found
    }

    /// The line a server died in and the exception that ended it, as far as known.
    pub(crate) fn death(
        &self,
        lines: &[String],
        server: &Server,
        on_linux: bool,
    ) -> Option<(usize, String)> {
        let ServerState::Dead { why } = &server.state else {
            return None;
        };
        let (what, message) = why.split_once(": ")?;
        if what == "decode" {
            let at = lines.iter().position(|line| line.contains(".decode()"))?;
            let exception = self
                .received
                .as_ref()
                .and_then(|data| python::undecodable(&data.0));
            return Some((at, exception.unwrap_or_else(|| message.to_owned())));
        }
        let at = lines.iter().position(
            |line| matches!(Statement::parse(line), Statement::Call(call) if call.as_str() == what),
        )?;
        let (message, errno) = message.rsplit_once(" (")?;
        let errno = errno.trim_end_matches(')');
        Some((at, python::error(errno, message, on_linux)))
    }
}

fn as_text(data: Option<&Data>) -> Option<String> {
    Some(python::text(data?.as_text()?))
}
