//! One conversation as it was said: the bytes of both sides in their order, each once, while they come.

mod half;

use std::collections::VecDeque;

use shared::{
    call::Transport,
    dissect::{Summary, TcpFlags},
    trace::DerivedKind,
};

use self::half::Half;
use super::{
    record::{Captured, Inferred, Matter, Record},
    store::Store,
    talk::Talk,
};
use crate::model::trace::log::Side;

/// So many bytes are kept of what was said; older ones make room.
const KEPT: usize = 256 << 10;
/// A longer piece of a stream is shown as two.
const LONGEST: usize = 4 << 10;

/// A conversation that is followed.
#[derive(Debug)]
pub(crate) struct Follow {
    /// Which.
    pub(crate) talk: Talk,
    /// What was said, in order.
    pub(crate) pieces: VecDeque<Piece>,
    /// How many pieces have made room.
    pub(crate) gone: u64,
    /// How many bytes went with them.
    pub(crate) gone_bytes: u64,
    /// How it ended.
    pub(crate) ending: Option<Ending>,
    /// Grows with every change.
    pub(crate) version: u64,
    size: usize,
    next: u64,
    halves: [Half; 2],
}

/// Something that was said: all of a datagram, or what came in one go of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// The event of its first packet.
    pub(crate) seq: u64,
    /// Who said it.
    pub(crate) side: Side,
    /// What.
    pub(crate) said: Said,
}

/// What was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// These bytes.
    Bytes(Vec<u8>),
    /// So many bytes that the page does not have.
    Missing(u64),
    /// An ICMP error: nobody has that port.
    Refusal,
}

/// How a conversation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Both sides have ended it.
    Finished,
    /// One has thrown it away.
    Reset,
}

impl Follow {
    /// Follows a conversation from the first packet of it that is kept.
    pub(crate) fn new(talk: Talk) -> Self {
        Self {
            talk,
            pieces: VecDeque::new(),
            gone: 0,
            gone_bytes: 0,
            ending: None,
            version: 0,
            size: 0,
            next: 0,
            halves: Default::default(),
        }
    }

    /// Reads on to the last packet.
    pub(crate) fn read(&mut self, store: &Store) {
        let print = self.talk.print();
        for (_, record) in store
            .from(self.next)
            .filter(|(_, record)| record.talk == print)
        {
            if record
                .conversation()
                .is_some_and(|talk| talk.is(&self.talk))
            {
                self.hear(record);
            }
        }
        self.next = store.next();
    }

    fn hear(&mut self, record: &Record) {
        self.version += 1;
        let side = record.side.unwrap_or(Side::Client);
        match &record.matter {
            Matter::Captured(captured) => {
                let summary = captured.summary();
                if summary.quoted.is_some() {
                    self.add(record.seq, side, Said::Refusal);
                } else if self.talk.transport == Transport::Udp {
                    self.datagram(record.seq, side, captured, &summary);
                } else {
                    self.segment(record.seq, side, captured, &summary);
                }
            }
            Matter::Inferred(inferred) => self.inferred(record.seq, side, inferred),
        }
    }

    fn datagram(&mut self, seq: u64, side: Side, captured: &Captured, summary: &Summary) {
        let (bytes, missing) = payload(captured, summary);
        self.add(seq, side, Said::Bytes(bytes.to_vec()));
        if missing > 0 {
            self.add(seq, side, Said::Missing(missing));
        }
    }

    fn segment(&mut self, seq: u64, side: Side, captured: &Captured, summary: &Summary) {
        let Some((segment, analysis)) = summary.tcp.zip(captured.analysis) else {
            return;
        };
        let [client, server] = &mut self.halves;
        let (own, other) = match side {
            Side::Client => (client, server),
            Side::Server => (server, client),
        };
        let mut said = Vec::new();
        if segment.flags.has(TcpFlags::ACK) {
            other.acknowledged(analysis.ack, seq, &mut |seq, what| {
                said.push((seq, opposite(side), what))
            });
        }
        let place = half::Place {
            seq,
            at: analysis
                .seq
                .wrapping_add(u32::from(segment.flags.has(TcpFlags::SYN))),
            ends: segment.flags.has(TcpFlags::FIN),
        };
        let (bytes, missing) = payload(captured, summary);
        own.segment(place, bytes, missing, &mut |seq, what| {
            said.push((seq, side, what))
        });
        if segment.flags.has(TcpFlags::RST) {
            self.ending = Some(Ending::Reset);
        } else if own.ended && other.ended {
            self.ending.get_or_insert(Ending::Finished);
        }
        for (seq, side, what) in said {
            self.add(seq, side, what);
        }
    }

    fn inferred(&mut self, seq: u64, side: Side, inferred: &Inferred) {
        match inferred.kind {
            DerivedKind::Datagram | DerivedKind::Data => {
                self.add(seq, side, Said::Bytes(inferred.payload.to_vec()));
                let missing = inferred
                    .length
                    .saturating_sub(inferred.payload.len() as u64);
                if missing > 0 {
                    self.add(seq, side, Said::Missing(missing));
                }
            }
            DerivedKind::Unreachable => self.add(seq, side, Said::Refusal),
            DerivedKind::Rst => self.ending = Some(Ending::Reset),
            DerivedKind::Fin => {
                let [client, server] = &mut self.halves;
                match side {
                    Side::Client => client.ended = true,
                    Side::Server => server.ended = true,
                }
                if client.ended && server.ended {
                    self.ending.get_or_insert(Ending::Finished);
                }
            }
            // Nothing but this tells a connection from an earlier one between the same ends.
            DerivedKind::Handshake => (self.ending, self.halves) = Default::default(),
        }
    }

    /// Puts another piece at the end; bytes of a stream go on where the same side spoke last.
    fn add(&mut self, seq: u64, side: Side, said: Said) {
        let stream = self.talk.transport == Transport::Tcp;
        let Said::Bytes(bytes) = said else {
            self.pieces.push_back(Piece { seq, side, said });
            return;
        };
        self.size += bytes.len();
        let last = self
            .pieces
            .back_mut()
            .filter(|last| stream && last.side == side);
        match last {
            Some(Piece {
                said: Said::Bytes(before),
                ..
            }) if before.len() + bytes.len() <= LONGEST => {
                before.extend_from_slice(&bytes);
            }
            Some(Piece {
                said: Said::Bytes(before),
                ..
            }) => {
                // A character goes whole into the new piece.
                let mut rest = before.split_off(whole_characters(before));
                rest.extend_from_slice(&bytes);
                self.pieces.push_back(Piece {
                    seq,
                    side,
                    said: Said::Bytes(rest),
                });
            }
            Some(_) | None => self.pieces.push_back(Piece {
                seq,
                side,
                said: Said::Bytes(bytes),
            }),
        }
        self.make_room();
    }

    fn make_room(&mut self) {
        while self.size > KEPT && self.pieces.len() > 1 {
            let Some(oldest) = self.pieces.pop_front() else {
                return;
            };
            self.gone += 1;
            if let Said::Bytes(bytes) = oldest.said {
                self.size -= bytes.len();
                self.gone_bytes += bytes.len() as u64;
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
fn payload<'a>(captured: &'a Captured, summary: &Summary) -> (&'a [u8], u64) {
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
