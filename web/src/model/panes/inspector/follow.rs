//! One conversation as it was payload: the bytes of both sides in their order, each once, while they come.

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

/// So many bytes are kept of what was payload; older ones make room.
const MAX_BYTES: usize = 256 << 10;
/// A longer chunk of a stream is shown as two.
const MAX_CHUNK_BYTES: usize = 4 << 10;

/// A conversation that is followed.
#[derive(Debug)]
pub(crate) struct Follow {
    /// Which.
    pub(crate) key: ConversationKey,
    /// What was payload, in order.
    pub(crate) chunks: VecDeque<Chunk>,
    /// How many chunks have made room.
    pub(crate) dropped: u64,
    /// How many bytes went with them.
    pub(crate) dropped_bytes: u64,
    /// How it ended.
    pub(crate) end: Option<StreamEnd>,
    /// Grows with every change.
    pub(crate) version: u64,
    size: usize,
    next: u64,
    directions: [Reassembler; 2],
}

/// Something that was payload: all of a datagram, or what came in one go of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// The event of its first packet.
    pub(crate) seq: u64,
    /// Who payload it.
    pub(crate) side: Side,
    /// What.
    pub(crate) payload: Payload,
}

/// What was payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Payload {
    /// These bytes.
    Bytes(Vec<u8>),
    /// So many bytes that the page does not have.
    Missing(u64),
    /// An ICMP error: nobody has that port.
    Unreachable,
}

/// How a conversation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamEnd {
    /// Both sides have ended it.
    Finished,
    /// One has thrown it away.
    Reset,
}

impl Follow {
    /// Follows a conversation from the first packet of it that is kept.
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

    /// Reads on to the last packet.
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
            // Nothing but this tells a connection from an earlier one between the same ends.
            DerivedKind::Handshake => (self.end, self.directions) = Default::default(),
        }
    }

    /// Puts another chunk at the end; bytes of a stream go on where the same side spoke last.
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
                // A character goes whole into the new chunk.
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

/// The bytes behind the headers, and how many more there were on the wire.
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

/// Where the last character that may not be whole yet begins.
fn whole_characters(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        Ok(_) | Err(_) => bytes.len(),
    }
}

#[cfg(test)]
mod tests;
