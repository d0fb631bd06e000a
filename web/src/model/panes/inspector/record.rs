//! A stored packet: its bytes, and its analysis in the order of all packets. What a row shows is dissected from the
//! bytes again, for the few rows on the screen.

use std::net::SocketAddr;

use shared::{
    call::Transport,
    dissect::{Analysis, Link, Protocol, Summary},
    trace::{BurstPlace, CallId, CallName, Derived, DerivedKind, Packet, ProcessId},
};

use super::conversation_key::ConversationKey;
use crate::model::trace::log::Side;

/// One packet, captured or inferred.
#[derive(Debug)]
pub(crate) struct Record {
    /// The number of its event in the trace.
    pub(crate) seq: u64,
    /// Its time on the lab's clock, in nanoseconds.
    pub(crate) at_ns: u64,
    /// The client process it belongs to.
    pub(crate) process: Option<ProcessId>,
    /// The call that sent it, or that it was inferred from.
    pub(crate) call: Option<CallId>,
    /// That call's name.
    pub(crate) name: Option<CallName>,
    /// The sending side, if known.
    pub(crate) side: Option<Side>,
    /// Its conversation, as [`ConversationKey::hash`].
    pub(crate) conversation_hash: u32,
    /// The captured or inferred packet.
    pub(crate) data: PacketData,
}

/// A captured or inferred packet.
#[derive(Debug)]
pub(crate) enum PacketData {
    /// The packet was captured.
    Captured(Captured),
    /// The packet follows from a call.
    Inferred(Inferred),
}

/// A captured packet.
#[derive(Debug)]
pub(crate) struct Captured {
    /// Its link layer.
    pub(crate) link: Link,
    /// Its captured bytes.
    pub(crate) bytes: Box<[u8]>,
    /// Its length on the wire, in bytes.
    pub(crate) length: u64,
    /// Whether the kernel left the checksum to the network card (checksum offload).
    pub(crate) unfinished: bool,
    /// Its place among the datagrams of a burst.
    pub(crate) burst: Option<BurstPlace>,
    /// Its analysis within its TCP conversation.
    pub(crate) analysis: Option<Analysis>,
}

/// A packet that was not captured.
#[derive(Debug)]
pub(crate) struct Inferred {
    /// Its kind.
    pub(crate) kind: DerivedKind,
    /// UDP or TCP.
    pub(crate) transport: Transport,
    /// Its source.
    pub(crate) from: SocketAddr,
    /// Its destination.
    pub(crate) to: SocketAddr,
    /// The length of the payload, in bytes.
    pub(crate) length: u64,
    /// The payload, as far as the call has it.
    pub(crate) payload: Box<[u8]>,
}

/// The memory of a record besides its bytes: the record and the allocator's overhead.
const OVERHEAD: usize = size_of::<Record>() + 16;

impl Record {
    /// The memory it takes, in bytes.
    pub(crate) const fn weight(&self) -> usize {
        OVERHEAD
            + match &self.data {
                PacketData::Captured(captured) => captured.bytes.len(),
                PacketData::Inferred(inferred) => inferred.payload.len(),
            }
    }

    /// The captured packet.
    pub(crate) const fn captured(&self) -> Option<&Captured> {
        match &self.data {
            PacketData::Captured(captured) => Some(captured),
            PacketData::Inferred(_) => None,
        }
    }

    /// The inferred packet.
    pub(crate) const fn inferred(&self) -> Option<&Inferred> {
        match &self.data {
            PacketData::Captured(_) => None,
            PacketData::Inferred(inferred) => Some(inferred),
        }
    }

    /// Source and destination; a port is 0 if the protocol has none.
    pub(crate) fn ends(&self) -> Option<(SocketAddr, SocketAddr)> {
        match &self.data {
            PacketData::Captured(captured) => {
                let summary = captured.summary();
                summary.source.zip(summary.destination)
            }
            PacketData::Inferred(inferred) => Some((inferred.from, inferred.to)),
        }
    }

    /// Its conversation, if it has one.
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
            burst: packet.burst,
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
