//! A packet as the page keeps it: its bytes, and what only the order of all packets could tell. What a list shows of
//! it is read from the bytes again, for the few rows on the screen.

use std::net::SocketAddr;

use shared::{
    call::Transport,
    dissect::{Analysis, Link, Protocol, Summary},
    trace::{CallId, CallName, Derived, DerivedKind, Packet, ProcessId},
};

use super::conversation_key::ConversationKey;
use crate::model::trace::log::Side;

/// One packet, seen or inferred.
#[derive(Debug)]
pub(crate) struct Record {
    /// The number of its event in the trace.
    pub(crate) seq: u64,
    /// When, in the lab's own time.
    pub(crate) at_ns: u64,
    /// The client process it belongs to.
    pub(crate) process: Option<ProcessId>,
    /// The call it came from, or follows from.
    pub(crate) call: Option<CallId>,
    /// That call's name.
    pub(crate) name: Option<CallName>,
    /// Who sent it, if that is known.
    pub(crate) side: Option<Side>,
    /// Its conversation, as [`ConversationKey::print`].
    pub(crate) conversation_hash: u32,
    /// What it is.
    pub(crate) data: PacketData,
}

/// What a record is of.
#[derive(Debug)]
pub(crate) enum PacketData {
    /// It was captured.
    Captured(Captured),
    /// It must have been.
    Inferred(Inferred),
}

/// A captured packet.
#[derive(Debug)]
pub(crate) struct Captured {
    /// What its bytes begin with.
    pub(crate) link: Link,
    /// Them.
    pub(crate) bytes: Box<[u8]>,
    /// How long it was on the wire.
    pub(crate) length: u64,
    /// The kernel left its checksum to hardware that loopback has not.
    pub(crate) unfinished: bool,
    /// Its place in its TCP conversation.
    pub(crate) analysis: Option<Analysis>,
}

/// A packet nobody captured.
#[derive(Debug)]
pub(crate) struct Inferred {
    /// What kind.
    pub(crate) kind: DerivedKind,
    /// UDP or TCP.
    pub(crate) transport: Transport,
    /// Who sent it.
    pub(crate) from: SocketAddr,
    /// Who it was for.
    pub(crate) to: SocketAddr,
    /// Bytes of payload.
    pub(crate) length: u64,
    /// The payload, as far as the call told it.
    pub(crate) payload: Box<[u8]>,
}

/// What of a record takes memory beside its bytes: itself, and what the allocator adds.
const OVERHEAD: usize = size_of::<Record>() + 16;

impl Record {
    /// How much memory it takes, in bytes.
    pub(crate) const fn weight(&self) -> usize {
        OVERHEAD
            + match &self.data {
                PacketData::Captured(captured) => captured.bytes.len(),
                PacketData::Inferred(inferred) => inferred.payload.len(),
            }
    }

    /// It as a captured packet.
    pub(crate) const fn captured(&self) -> Option<&Captured> {
        match &self.data {
            PacketData::Captured(captured) => Some(captured),
            PacketData::Inferred(_) => None,
        }
    }

    /// It as an inferred one.
    pub(crate) const fn inferred(&self) -> Option<&Inferred> {
        match &self.data {
            PacketData::Captured(_) => None,
            PacketData::Inferred(inferred) => Some(inferred),
        }
    }

    /// Both ends, who sent it first; a port is 0 where there is none.
    pub(crate) fn ends(&self) -> Option<(SocketAddr, SocketAddr)> {
        match &self.data {
            PacketData::Captured(captured) => {
                let summary = captured.summary();
                summary.source.zip(summary.destination)
            }
            PacketData::Inferred(inferred) => Some((inferred.from, inferred.to)),
        }
    }

    /// Its conversation, if it is of one.
    pub(crate) fn conversation(&self) -> Option<ConversationKey> {
        match &self.data {
            PacketData::Captured(captured) => {
                let stream = captured.analysis.map(|analysis| analysis.stream);
                let conversation = ConversationKey::of(&captured.summary(), stream)?;
                Some(self.of_one_socket(conversation))
            }
            PacketData::Inferred(Inferred {
                transport,
                from,
                to,
                ..
            }) => Some(self.of_one_socket(ConversationKey::between(*transport, *from, *to))),
        }
    }

    /// Of UDP, a conversation of the client that had the port then.
    fn of_one_socket(&self, conversation: ConversationKey) -> ConversationKey {
        match conversation.transport {
            Transport::Udp => ConversationKey {
                stream: self.process,
                ..conversation
            },
            Transport::Tcp => conversation,
        }
    }
}

impl Captured {
    pub(crate) fn new(packet: &Packet, analysis: Option<Analysis>) -> Self {
        Self {
            link: packet.link,
            bytes: packet.bytes.as_slice().into(),
            length: packet.length,
            unfinished: packet.checksum_unfinished,
            analysis,
        }
    }

    /// Its headers in short.
    pub(crate) fn summary(&self) -> Summary {
        Summary::of(self.link, &self.bytes)
    }
}

impl Inferred {
    pub(crate) fn new(derived: &Derived, payload: &[u8]) -> Self {
        Self {
            kind: derived.kind,
            transport: derived.transport,
            from: derived.from,
            to: derived.to,
            length: derived.length,
            payload: payload.into(),
        }
    }

    /// The protocol a list shows it under.
    pub(crate) const fn protocol(&self) -> Protocol {
        match (self.kind, self.transport) {
            (DerivedKind::Unreachable, _) if self.from.is_ipv6() => Protocol::Icmpv6,
            (DerivedKind::Unreachable, _) => Protocol::Icmp,
            (_, Transport::Udp) => Protocol::Udp,
            (_, Transport::Tcp) => Protocol::Tcp,
        }
    }
}
