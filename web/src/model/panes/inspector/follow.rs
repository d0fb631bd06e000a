//! Follows one conversation: the payload of both sides in order, each byte once, while packets arrive.

mod reassembler;

use std::collections::VecDeque;

use shared::{
    call::Transport,
    dissect::{Summary, TcpFlags},
    trace::DerivedKind,
};

use self::reassembler::Reassembler;
use super::{
    conversation_key::ConversationKey,
    record::{Captured, Inferred, PacketData, Record},
    store::Store,
};
use crate::model::trace::log::Side;

/// Maximum bytes of payload that are kept; the oldest are dropped.
const MAX_BYTES: usize = 256 << 10;
/// Maximum bytes of a chunk; a longer one is split.
const MAX_CHUNK_BYTES: usize = 4 << 10;

/// A conversation that is followed.
#[derive(Debug)]
pub(crate) struct Follow {
    /// The conversation.
    pub(crate) key: ConversationKey,
    /// The payload, in order.
    pub(crate) chunks: VecDeque<Chunk>,
    /// The number of dropped chunks.
    pub(crate) dropped: u64,
    /// The number of bytes in them.
    pub(crate) dropped_bytes: u64,
    /// How it ended, if it has.
    pub(crate) end: Option<StreamEnd>,
    /// Grows with every change.
    pub(crate) version: u64,
    size: usize,
    next: u64,
    directions: [Reassembler; 2],
}

/// A part of the payload: a datagram, or consecutive bytes of a stream from one side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// The event of its first packet.
    pub(crate) seq: u64,
    /// The sending side.
    pub(crate) side: Side,
    /// The bytes, or why there are none.
    pub(crate) payload: Payload,
}

/// The content of a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Payload {
    /// Bytes.
    Bytes(Vec<u8>),
    /// This number of bytes were not captured.
    Missing(u64),
    /// An ICMP error: no socket has the port.
    Unreachable,
}

/// How a conversation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamEnd {
    /// Both sides have sent FIN.
    Finished,
    /// One side has sent RST.
    Reset,
}

impl Follow {
    /// Follows a conversation from its first packet in the store.
    pub(crate) fn new(key: ConversationKey) -> Self {
        Self {
            key,
            chunks: VecDeque::new(),
            dropped: 0,
            dropped_bytes: 0,
            end: None,
            version: 0,
            size: 0,
            next: 0,
            directions: Default::default(),
        }
    }

    /// Adds the conversation's new packets.
    pub(crate) fn read(&mut self, store: &Store) {
        let hash = self.key.hash();
        for (_, record) in store
            .from(self.next)
            .filter(|(_, record)| record.conversation_hash == hash)
        {
            if record
                .conversation()
                .is_some_and(|key| key.matches(&self.key))
            {
                self.add_packet(record);
            }
        }
        self.next = store.next();
    }

    fn add_packet(&mut self, record: &Record) {
        self.version += 1;
        let side = record.side.unwrap_or(Side::Client);
        match &record.data {
            PacketData::Captured(captured) => {
                let summary = captured.summary();
                if summary.quoted.is_some() {
                    self.add(record.seq, side, Payload::Unreachable);
                } else if self.key.transport == Transport::Udp {
                    self.datagram(record.seq, side, captured, &summary);
                } else {
                    self.segment(record.seq, side, captured, &summary);
                }
            }
            PacketData::Inferred(inferred) => self.inferred(record.seq, side, inferred),
        }
    }

    fn datagram(&mut self, seq: u64, side: Side, captured: &Captured, summary: &Summary) {
        let (bytes, missing) = payload_of(captured, summary);
        self.add(seq, side, Payload::Bytes(bytes.to_vec()));
        if missing > 0 {
            self.add(seq, side, Payload::Missing(missing));
        }
    }

    fn segment(&mut self, seq: u64, side: Side, captured: &Captured, summary: &Summary) {
        let Some((segment, analysis)) = summary.tcp.zip(captured.analysis) else {
            return;
        };
        let [client, server] = &mut self.directions;
        let (own, other) = match side {
            Side::Client => (client, server),
            Side::Server => (server, client),
        };
        let mut payload = Vec::new();
        if segment.flags.has(TcpFlags::ACK) {
            other.acknowledged(analysis.ack, seq, &mut |seq, what| {
                payload.push((seq, opposite(side), what))
            });
        }
        let position = reassembler::SegmentPosition {
            seq,
            at: analysis
                .seq
                .wrapping_add(u32::from(segment.flags.has(TcpFlags::SYN))),
            ends: segment.flags.has(TcpFlags::FIN),
        };
        let (bytes, missing) = payload_of(captured, summary);
        own.segment(position, bytes, missing, &mut |seq, what| {
            payload.push((seq, side, what))
        });
        if segment.flags.has(TcpFlags::RST) {
            self.end = Some(StreamEnd::Reset);
        } else if own.ended && other.ended {
            self.end.get_or_insert(StreamEnd::Finished);
        }
        for (seq, side, what) in payload {
            self.add(seq, side, what);
        }
    }

    fn inferred(&mut self, seq: u64, side: Side, inferred: &Inferred) {
        match inferred.kind {
            DerivedKind::Datagram | DerivedKind::Data => {
                self.add(seq, side, Payload::Bytes(inferred.payload.to_vec()));
                let missing = inferred
                    .length
                    .saturating_sub(inferred.payload.len() as u64);
                if missing > 0 {
                    self.add(seq, side, Payload::Missing(missing));
                }
            }
            DerivedKind::Unreachable => self.add(seq, side, Payload::Unreachable),
            DerivedKind::Rst => self.end = Some(StreamEnd::Reset),
            DerivedKind::Fin => {
                let [client, server] = &mut self.directions;
                match side {
                    Side::Client => client.ended = true,
                    Side::Server => server.ended = true,
                }
                if client.ended && server.ended {
                    self.end.get_or_insert(StreamEnd::Finished);
                }
            }
            // Without captured segments only the handshake separates two connections between the same ends.
            DerivedKind::Handshake => (self.end, self.directions) = Default::default(),
        }
    }

    /// Adds a chunk; bytes of a stream are appended to the last chunk if it is from the same side.
    fn add(&mut self, seq: u64, side: Side, payload: Payload) {
        let stream = self.key.transport == Transport::Tcp;
        let Payload::Bytes(bytes) = payload else {
            self.chunks.push_back(Chunk { seq, side, payload });
            return;
        };
        self.size += bytes.len();
        let last = self
            .chunks
            .back_mut()
            .filter(|last| stream && last.side == side);
        match last {
            Some(Chunk {
                payload: Payload::Bytes(before),
                ..
            }) if before.len() + bytes.len() <= MAX_CHUNK_BYTES => {
                before.extend_from_slice(&bytes);
            }
            Some(Chunk {
                payload: Payload::Bytes(before),
                ..
            }) => {
                // An incomplete character moves to the new chunk.
                let mut rest = before.split_off(whole_characters(before));
                rest.extend_from_slice(&bytes);
                self.chunks.push_back(Chunk {
                    seq,
                    side,
                    payload: Payload::Bytes(rest),
                });
            }
            Some(_) | None => self.chunks.push_back(Chunk {
                seq,
                side,
                payload: Payload::Bytes(bytes),
            }),
        }
        self.drop_oldest();
    }

    fn drop_oldest(&mut self) {
        while self.size > MAX_BYTES && self.chunks.len() > 1 {
            let Some(oldest) = self.chunks.pop_front() else {
                return;
            };
            self.dropped += 1;
            if let Payload::Bytes(bytes) = oldest.payload {
                self.size -= bytes.len();
                self.dropped_bytes += bytes.len() as u64;
            }
        }
    }
}

const fn opposite(side: Side) -> Side {
    match side {
        Side::Client => Side::Server,
        Side::Server => Side::Client,
    }
}

/// The captured payload, and how many bytes of it were not captured.
fn payload_of<'a>(captured: &'a Captured, summary: &Summary) -> (&'a [u8], u64) {
    let bytes = captured
        .bytes
        .get(summary.payload.clone())
        .unwrap_or_default();
    (
        bytes,
        summary.payload_length.saturating_sub(bytes.len()) as u64,
    )
}

/// The length without an incomplete character at the end.
fn whole_characters(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        Ok(_) | Err(_) => bytes.len(),
    }
}

#[cfg(test)]
mod tests;
