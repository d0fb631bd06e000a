//! The calls of the client's program, and how their replies set its variables.

use std::net::SocketAddr;

use shared::{
    call::{Call, Target},
    data::Data,
    message::Reply,
    outcome::{Failed, FailureSource, Outcome, Reason, Returned},
    trace::CallName,
};

use super::{Client, Phase};
use crate::model::{
    core::{outbox::Outbox, time::Millis},
    panes::listing::{
        python,
        statement::{Statement, assigned_names, between},
    },
};

impl Client {
    /// Makes the call of a line and enters that state.
    pub(super) fn call(&mut self, name: CallName, line: &str, outbox: &mut Outbox, now: Millis) {
        let fd = self.socket.as_ref().map_or(0, |(fd, _)| *fd);
        let size = between(line, "(", ')').and_then(|size| size.parse().ok());
        let size = size.unwrap_or_default();
        let to = Target::Server;
        let call = if name == CallName::Socket {
            Call::Socket {
                transport: self.transport,
                family: None,
            }
        } else if name == CallName::Connect {
            Call::Connect { fd, to }
        } else if name == CallName::Send {
            let data = self.encode(line);
            Call::Send { fd, data }
        } else if name == CallName::SendTo {
            let data = self.encode(line);
            Call::SendTo { fd, to, data }
        } else if name == CallName::Recv {
            Call::Recv { fd, size }
        } else if name == CallName::RecvFrom {
            Call::RecvFrom { fd, size }
        } else {
            Call::Close { fd }
        };
        let request = outbox.call(call, self.run);
        self.request = Some(request);
        self.phase = Phase::InCall(request, now);
    }

    /// The result of `message.encode()`, which is shown as a variable.
    fn encode(&mut self, line: &str) -> Data {
        let name = between(line, "(", '.').unwrap_or_default();
        let name = [name, ".encode()"].concat();
        self.set(&name, python::bytes(self.sentence.as_bytes()), "bytes");
        self.sentence.as_str().into()
    }

    /// Handles the reply to its call: the line is done.
    pub(in crate::model) fn reply(&mut self, reply: &Reply, outbox: &mut Outbox, now: Millis) {
        let Phase::InCall(request, _) = self.phase else {
            return;
        };
        if reply.id != Some(request) {
            return;
        }
        match &reply.outcome {
            Outcome::Failed(failed) => self.handle_failed(failed, outbox),
            Outcome::Returned(returned) => {
                self.handle_returned(returned, reply.local, reply.peer);
                self.next();
                self.due = now + self.pace;
            }
        }
    }

    fn handle_returned(
        &mut self,
        returned: &Returned,
        local: Option<SocketAddr>,
        peer: Option<SocketAddr>,
    ) {
        let line = self.line();
        let mut left = assigned_names(&line);
        let first = left.next().unwrap_or_default();
        match returned {
            Returned::Socket { fd } => self.socket = Some((*fd, first.to_owned())),
            Returned::Datagram { data, from, .. } => {
                self.store_received(first, &data.0);
                if let Some(second) = left.next() {
                    self.set(second, python::address(*from), "tuple");
                }
            }
            Returned::Chunk { data } => self.store_received(first, &data.0),
            Returned::EndOfStream => self.store_received(first, b""),
            Returned::Nothing
            | Returned::Accepted { .. }
            | Returned::Sent { .. }
            | Returned::Address { .. }
            | Returned::Resolved { .. }
            | Returned::Saved { .. } => {}
        }
        let closes = Statement::parse(&line) == Statement::Call(CallName::Close);
        if let Some((fd, name)) = self.socket.clone() {
            self.set(&name, python::socket(fd, local, peer, closes), "socket");
        }
        if closes {
            self.socket = None;
        }
    }

    fn store_received(&mut self, name: &str, bytes: &[u8]) {
        self.received = bytes.to_vec();
        self.set(name, python::bytes(bytes), "bytes");
    }

    fn handle_failed(&mut self, failed: &Failed, outbox: &mut Outbox) {
        if failed.reason == Some(Reason::Cancelled) {
            self.raise("KeyboardInterrupt");
        } else if failed.source == FailureSource::Relay {
            self.end(Phase::Refused(failed.clone()));
        } else {
            self.raise(&python::failure(failed, self.on_linux));
        }
        self.close_socket(outbox);
    }

    /// Closes the program's socket when it ends.
    pub(super) fn close_socket(&mut self, outbox: &mut Outbox) {
        if let Some((fd, _)) = self.socket.take() {
            outbox.call(Call::Close { fd }, self.run);
        }
    }
}
