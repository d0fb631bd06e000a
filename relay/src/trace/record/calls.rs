//! Single calls with any arguments and any outcome, each a batch of one.

use std::net::SocketAddr;

use shared::{
    call::{Fd, Transport},
    outcome::{Outcome, Returned},
    trace::{Arguments, CallName, CallReturned, CallStarted, Fact, ProcessId, What},
};

use super::{batch::EventBatch, derive::CallEnd, open_call::OpenCall};
use crate::trace::{Trace, log::Flow};

/// What the caller knows when a call starts.
#[derive(Debug)]
pub struct CallStart {
    /// The process that makes the call.
    pub process: ProcessId,
    /// The socket.
    pub fd: Option<Fd>,
    /// The socket's transport.
    pub transport: Transport,
    /// The call's name.
    pub name: CallName,
    /// The call's arguments.
    pub arguments: Arguments,
    /// The page's message that requested the call.
    pub request: Option<u64>,
    /// The client's address: the caller's own, or that of the client for which a server calls. None if not known yet.
    pub client: Option<SocketAddr>,
}

/// A socket after a call: its addresses, and what the kernel reported.
#[derive(Clone, Debug, Default)]
pub struct SocketSnapshot {
    /// The socket's own address.
    pub local: Option<SocketAddr>,
    /// The other end's address.
    pub peer: Option<SocketAddr>,
    /// The client's address of the two, as others see it.
    pub client: Option<SocketAddr>,
    /// TCP: the number of bytes that had gone the same way before.
    pub offset: Option<u64>,
    /// The kernel's facts.
    pub facts: Vec<Fact>,
}

impl SocketSnapshot {
    /// A socket with these addresses.
    #[must_use]
    pub fn between(local: Option<SocketAddr>, peer: Option<SocketAddr>) -> Self {
        Self {
            local,
            peer,
            ..Self::default()
        }
    }
}

impl Trace {
    /// Records that a call starts now.
    pub fn start_call(&self, start: CallStart) -> OpenCall {
        let CallStart {
            process,
            fd,
            transport,
            name,
            arguments,
            request,
            client,
        } = start;
        let concerns = self.concerns(process, transport, client);
        let flow = Flow::without_addresses(process, fd, transport, client);
        let mut batch = EventBatch::single(self, flow, self.now(), concerns);
        let mut open = batch.open(name, true, &arguments);
        let is_unassigned = self.of_class && concerns.is_none();
        open.unassigned_seq = is_unassigned.then(|| self.range().1);
        batch.record(What::CallStarted(Box::new(CallStarted {
            call: open.call,
            process,
            fd,
            transport,
            name,
            arguments,
            request,
        })));
        open
    }

    /// Remembers a call at its client's address, which became known while the call is open: its packets may be captured
    /// before it returns.
    pub fn locate(&self, open: &mut OpenCall, client: Option<SocketAddr>) {
        let flow = Flow::without_addresses(open.process, open.fd, open.transport, client);
        EventBatch::single(self, flow, open.started_ns, None).locate(open);
    }

    /// Records that a call returns now. Returns how long it took, in nanoseconds.
    pub fn finish_call(&self, mut open: OpenCall, outcome: Outcome, socket: SocketSnapshot) -> u64 {
        let now_ns = self.now();
        let took_ns = now_ns.saturating_sub(open.started_ns);
        let SocketSnapshot {
            local,
            peer,
            client,
            offset,
            facts,
        } = socket;
        let OpenCall {
            call,
            process,
            transport,
            fd,
            ..
        } = open;
        let end = CallEnd::from(&outcome);
        let accepted =
            client.filter(|_| open.name == CallName::Accept && end.is_success() && !self.off);
        let concerns = match accepted {
            Some(address) => Some(self.accept_connection((transport, address))),
            None => self.concerns(process, transport, client),
        };
        let flow = Flow {
            local,
            peer,
            ..Flow::without_addresses(process, fd, transport, client)
        };
        let mut batch = EventBatch::single(self, flow, now_ns, concerns);
        let consequences = batch.close(&mut open, end);
        batch.record(What::CallReturned(Box::new(CallReturned {
            call,
            process,
            outcome,
            took_ns,
            local,
            peer,
            offset,
            facts,
        })));
        batch.push_consequences(consequences);
        took_ns
    }

    /// Records a call that starts and returns now.
    pub fn record_call(&self, start: CallStart, returned: Returned, socket: SocketSnapshot) {
        let open = self.start_call(start);
        self.finish_call(open, Outcome::Returned(returned), socket);
    }
}
