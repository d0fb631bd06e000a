//! A call and a transmission as the page keeps them.

use std::net::SocketAddr;

use shared::{
    call::{Fd, Transport},
    conditions::Direction,
    outcome::{Outcome, Returned},
    trace::{
        Arguments, CallId, CallName, CallReturned, CallStarted, Derived, DerivedKind, Fact,
        ProcessId,
    },
};

use super::{ClientId, same_address};
use crate::model::core::time::Millis;

/// The processes below are servers: 1 for UDP, 2 for TCP.
const FIRST_CLIENT: ProcessId = 3;

/// On which side of the wire somebody stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The client.
    Client,
    /// The server.
    Server,
}

impl Side {
    pub(crate) const fn of(process: ProcessId) -> Self {
        if process < FIRST_CLIENT {
            Self::Server
        } else {
            Self::Client
        }
    }
}

/// A call, from its start on.
#[derive(Debug)]
pub(crate) struct Call {
    /// Its number in the lab.
    pub(crate) id: CallId,
    /// The process that made the call.
    pub(crate) process: ProcessId,
    /// On which side that is.
    pub(crate) side: Side,
    /// Which call.
    pub(crate) name: CallName,
    /// The transport of its socket.
    pub(crate) transport: Transport,
    /// Its socket.
    pub(crate) fd: Option<Fd>,
    /// What it was made with; none where its start was not seen.
    pub(crate) arguments: Option<Arguments>,
    /// When it was made, in the lab's own time.
    pub(crate) started_ns: u64,
    /// When it was made, by the page's clock.
    pub(crate) since: Millis,
    /// How it ended.
    pub(crate) end: Option<Return>,
    /// It will never be seen to end.
    pub(crate) gone: bool,
    /// What the kernel told along with it.
    pub(crate) facts: Vec<Fact>,
    /// Its place among the calls of its run.
    pub(super) order: u64,
    /// It had begun before its run did.
    pub(crate) from_before: bool,
    /// The client's socket that it was about, once that is known: an address may be another's later.
    pub(crate) client: Option<ClientId>,
}

/// How a call ended.
#[derive(Debug)]
pub(crate) struct Return {
    /// What came of it.
    pub(crate) outcome: Outcome,
    /// When, in the lab's own time.
    pub(crate) at_ns: u64,
    /// From start to return.
    pub(crate) took_ns: u64,
    /// The socket's own address.
    pub(crate) local: Option<SocketAddr>,
    /// The other end.
    pub(crate) peer: Option<SocketAddr>,
    /// TCP: bytes that had gone this way before.
    pub(crate) offset: Option<u64>,
}

impl Call {
    /// Its place in the trace.
    pub(crate) const fn seq(&self) -> u64 {
        self.order
    }

    pub(super) fn started(started: &CallStarted, mono_ns: u64, seq: u64, since: Millis) -> Self {
        Self {
            id: started.call,
            process: started.process,
            side: Side::of(started.process),
            name: started.name,
            transport: started.transport,
            fd: started.fd,
            arguments: Some(started.arguments.clone()),
            started_ns: mono_ns,
            since,
            end: None,
            gone: false,
            facts: Vec::new(),
            order: seq,
            from_before: false,
            client: None,
        }
    }

    /// A call that was under way before the page came: what it returned tells which it was.
    pub(super) fn unseen(returned: &CallReturned, mono_ns: u64, seq: u64, since: Millis) -> Self {
        let (name, transport) = match &returned.outcome {
            Outcome::Returned(Returned::Accepted { .. }) => (CallName::Accept, Transport::Tcp),
            Outcome::Returned(Returned::Datagram { .. }) => (CallName::RecvFrom, Transport::Udp),
            Outcome::Returned(Returned::Sent { .. }) => (CallName::Send, Transport::Tcp),
            Outcome::Returned(_) | Outcome::Failed(_) => (CallName::Recv, Transport::Tcp),
        };
        Self {
            id: returned.call,
            process: returned.process,
            side: Side::of(returned.process),
            name,
            transport,
            fd: None,
            arguments: None,
            started_ns: mono_ns.saturating_sub(returned.took_ns),
            since,
            end: None,
            gone: false,
            facts: Vec::new(),
            order: seq,
            from_before: true,
            client: None,
        }
    }

    /// It has returned; `moved` is its new place where it came into another run by that.
    pub(super) fn returned(
        mut self,
        returned: CallReturned,
        at_ns: u64,
        moved: Option<u64>,
    ) -> Self {
        let CallReturned {
            outcome,
            took_ns,
            local,
            peer,
            offset,
            facts,
            ..
        } = returned;
        self.end = Some(Return {
            outcome,
            at_ns,
            took_ns,
            local,
            peer,
            offset,
        });
        self.facts.extend(facts);
        if let Some(order) = moved {
            self.order = order;
            self.from_before = true;
        }
        self
    }

    /// Whether it still may return.
    pub(crate) const fn is_open(&self) -> bool {
        self.end.is_none() && !self.gone
    }

    /// When it came into its run, in the lab's own time.
    pub(crate) fn joined_ns(&self) -> u64 {
        match &self.end {
            Some(end) if self.from_before => end.at_ns,
            _ => self.started_ns,
        }
    }

    /// The bytes it was given or brought.
    pub(crate) fn payload(&self) -> Option<u64> {
        match &self.end.as_ref()?.outcome {
            Outcome::Returned(Returned::Sent { sent }) => Some(*sent),
            Outcome::Returned(Returned::Chunk { data }) => Some(data.len() as u64),
            Outcome::Returned(Returned::Datagram { length, .. }) => Some(*length),
            Outcome::Returned(_) | Outcome::Failed(_) => None,
        }
    }
}

/// Something that crossed the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Transmission {
    /// The number of its event.
    pub(crate) seq: u64,
    /// Seen, or inferred, and what.
    pub(crate) kind: TransmissionKind,
    /// UDP or TCP.
    pub(crate) transport: Transport,
    /// The sender's address.
    pub(crate) from: Option<SocketAddr>,
    /// The receiver's address.
    pub(crate) to: Option<SocketAddr>,
    /// Bytes of payload.
    pub(crate) length: u64,
    /// When, in the lab's own time.
    pub(crate) at_ns: u64,
    /// The call it came from or follows from.
    pub(crate) call: Option<CallId>,
    /// The client process it belongs to, if that was told.
    pub(crate) process: Option<ProcessId>,
    /// Which way it went, if that was told.
    pub(crate) direction: Option<Direction>,
    /// A captured segment's numbers.
    pub(crate) numbers: Option<Numbers>,
}

/// What a segment tells of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Numbers {
    /// Its sequence number.
    pub(crate) seq: u32,
    /// What it acknowledges, if it does.
    pub(crate) ack: Option<u32>,
    /// Whether its SYN flag is set.
    pub(crate) syn: bool,
}

impl Numbers {
    /// The initial sequence number of the connection that it opens, if it does (RFC 9293 3.5).
    pub(super) const fn opens(self) -> Option<u32> {
        if self.syn && self.ack.is_none() {
            Some(self.seq)
        } else {
            None
        }
    }
}

/// What crossed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TransmissionKind {
    /// Captured.
    Captured(Seen),
    /// Inferred by the relay.
    Derived(DerivedKind),
}

/// What a captured packet was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// A UDP datagram.
    Datagram,
    /// A TCP segment, with its flags as people write them.
    Segment(String),
    /// ICMP: nobody has that port.
    Unreachable,
}

impl Transmission {
    pub(super) const fn derived(derived: &Derived, seq: u64, at_ns: u64) -> Self {
        Self {
            seq,
            kind: TransmissionKind::Derived(derived.kind),
            transport: derived.transport,
            from: Some(derived.from),
            to: Some(derived.to),
            length: derived.length,
            at_ns,
            call: Some(derived.because),
            process: derived.process,
            direction: None,
            numbers: None,
        }
    }
}

/// On which side of the wire that stands from which something went to `to`, as far as a call at one of these ends tells.
pub(crate) fn sender(call: &Call, from: SocketAddr, to: SocketAddr) -> Option<Side> {
    let end = call.end.as_ref();
    let own = end.and_then(|end| end.local);
    let named = call.arguments.as_ref().and_then(|given| given.address);
    // What a `bind` names is its own.
    let named = named.filter(|_| call.name != CallName::Bind);
    let other = end.and_then(|end| end.peer).or(named);
    let is = |address: Option<SocketAddr>, end| {
        address.is_some_and(|address| same_address(address, end))
    };
    let (out, back) = (
        is(own, from) || is(other, to),
        is(own, to) || is(other, from),
    );
    match (call.side, out, back) {
        (Side::Client, true, false) | (Side::Server, false, true) => Some(Side::Client),
        (Side::Client, false, true) | (Side::Server, true, false) => Some(Side::Server),
        (_, true, true) | (_, false, false) => None,
    }
}
