//! What a stretch of calls was, kept small, and made into events when somebody looks.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use shared::{
    outcome::{Outcome, Returned},
    trace::{
        Arguments, CallId, CallName, CallReturned, CallStarted, Derived, DerivedKind, ProcessId,
        What,
    },
};

use super::{
    super::{Processes, endings::Sent},
    Line, Ring, Timed,
};
use crate::sys::Ancillary;

/// What was written down together; each of it is in a [`Ring`].
#[derive(Debug)]
pub(in super::super) struct Events {
    pub(super) line: Line,
    pub(super) concerns: Option<ProcessId>,
    /// Whether each viewer is told only what is its own business.
    pub(super) crowded: bool,
    pub(super) began_wall: Duration,
    /// What the kernel told of each datagram.
    pub(super) told: Ancillary,
    /// All bytes they are about.
    pub(super) wholes: Vec<Bytes>,
    /// How connections ended, in order.
    pub(super) endings: Vec<Sent>,
    /// So many.
    pub(super) count: u32,
    /// The place of the first.
    pub(super) from: u64,
}

/// One event, but for what all of them have in common.
#[derive(Clone, Copy, Debug)]
pub(in super::super) enum Brief {
    Started {
        call: CallId,
        name: CallName,
        on_socket: bool,
        data: Option<Piece>,
        size: Option<usize>,
        names_peer: bool,
        letter: Option<char>,
    },
    Returned {
        call: CallId,
        on_socket: bool,
        took_ns: u64,
        result: Return,
        offset: Option<u64>,
    },
    Derived {
        kind: DerivedKind,
        outward: bool,
        length: u64,
        because: CallId,
    },
    /// One of the endings.
    Ended { nth: usize },
}

/// How a call came back.
#[derive(Clone, Copy, Debug)]
pub(in super::super) enum Return {
    Sent(u64),
    Chunk(Piece),
    /// As much as there was room for, and how long it was.
    Datagram(Piece, usize),
}

/// Bytes of one of the wholes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Piece {
    whole: u32,
    from: u32,
    length: u32,
}

impl Piece {
    /// All of the last one.
    pub(super) fn last(wholes: &[Bytes]) -> Self {
        let length = wholes.last().map_or(0, Bytes::len);
        Self::new(wholes.len().saturating_sub(1), 0, length)
    }

    fn new(whole: usize, from: usize, length: usize) -> Self {
        let small = |number| u32::try_from(number).unwrap_or(u32::MAX);
        Self {
            whole: small(whole),
            from: small(from),
            length: small(length),
        }
    }
}

impl Events {
    /// None yet, on this line.
    pub(super) const fn of(line: Line) -> Self {
        Self {
            line,
            concerns: None,
            crowded: false,
            began_wall: Duration::ZERO,
            told: Ancillary::NOTHING,
            wholes: Vec::new(),
            endings: Vec::new(),
            count: 0,
            from: 0,
        }
    }

    /// How many there are.
    pub(in super::super) const fn count(&self) -> usize {
        self.count as usize
    }

    /// Where these bytes are, if they are part of a whole.
    pub(super) fn piece(&self, data: &[u8]) -> Option<Piece> {
        let start = data.as_ptr() as usize;
        let mut wholes = self.wholes.iter().enumerate();
        wholes.find_map(|(number, whole)| {
            let from = start.checked_sub(whole.as_ptr() as usize)?;
            let within = from + data.len() <= whole.len();
            within.then(|| Piece::new(number, from, data.len()))
        })
    }

    fn bytes_of(&self, piece: Piece) -> &[u8] {
        let whole = self.wholes.get(piece.whole as usize);
        let from = piece.from as usize;
        let bytes = whole.and_then(|whole| whole.get(from..from + piece.length as usize));
        bytes.unwrap_or_default()
    }

    /// The client one of them is about, if it is about one.
    pub(in super::super) fn concerns(&self, ring: &Ring, at: usize) -> Option<ProcessId> {
        match ring.get(self, at).1 {
            Brief::Started { name, .. } => self.concerns.filter(|_| !self.is_for_anybody(name)),
            Brief::Returned { .. } | Brief::Derived { .. } | Brief::Ended { .. } => self.concerns,
        }
    }

    /// Whom one of them turned out to be about, that began before it was known.
    pub(in super::super) fn turns_out(&self, ring: &Ring, at: usize) -> Option<ProcessId> {
        self.concerns
            .filter(|_| self.crowded && self.concerns(ring, at).is_none())
    }

    /// Whether a call starts before it is known whom it is about: a server receives from whoever comes.
    pub(super) fn is_for_anybody(&self, name: CallName) -> bool {
        name == CallName::RecvFrom && Processes::is_server(self.line.process)
    }

    /// When one of them happened, in nanoseconds since the lab began and in microseconds since 1970, and what it was.
    pub(in super::super) fn event(&self, ring: &Ring, at: usize) -> (u64, u64, What) {
        let (mono_ns, brief) = ring.get(self, at);
        let wall = self.began_wall + Duration::from_nanos(mono_ns);
        let wall_us = u64::try_from(wall.as_micros()).unwrap_or(u64::MAX);
        (mono_ns, wall_us, self.what(brief))
    }

    /// About how many bytes all of them keep, beside what each event costs.
    pub(in super::super) fn bytes(&self, briefs: &[Timed]) -> usize {
        let each = briefs.iter().map(|(_, brief)| match brief {
            Brief::Started { data, .. } => data.map_or(0, |data| data.length as usize),
            Brief::Returned { result, .. } => match result {
                Return::Sent(_) => 0,
                Return::Chunk(data) => data.length as usize,
                Return::Datagram(data, _) => data.length as usize + self.told.count() * 96,
            },
            Brief::Derived { .. } | Brief::Ended { .. } => 0,
        });
        each.sum()
    }

    fn what(&self, brief: Brief) -> What {
        match brief {
            Brief::Started {
                call,
                name,
                on_socket,
                data,
                size,
                names_peer,
                letter,
            } => What::CallStarted(Box::new(CallStarted {
                call,
                process: self.line.process,
                fd: Some(self.line.fd).filter(|_| on_socket),
                transport: self.line.transport,
                name,
                arguments: Arguments {
                    address: names_peer.then_some(self.line.peer),
                    data: data.map(|data| self.bytes_of(data).into()),
                    number: size.and_then(|size| i64::try_from(size).ok()),
                    word: letter.map(|letter| letter.to_string()),
                },
                request: None,
            })),
            Brief::Returned {
                call,
                on_socket,
                took_ns,
                result,
                offset,
            } => {
                let local = self.line.local.filter(|_| on_socket);
                let returned = self.returned(call, took_ns, result, offset);
                What::CallReturned(Box::new(CallReturned { local, ..returned }))
            }
            Brief::Derived {
                kind,
                outward,
                length,
                because,
            } => {
                let (from, to) = self.ways(outward);
                What::Derived(Derived {
                    kind,
                    transport: self.line.transport,
                    from,
                    to,
                    length,
                    because,
                    process: self.concerns,
                })
            }
            Brief::Ended { nth } => {
                let sent = self.endings[nth];
                What::Derived(sent.derived(self.line.transport, self.concerns))
            }
        }
    }

    fn returned(
        &self,
        call: CallId,
        took_ns: u64,
        result: Return,
        offset: Option<u64>,
    ) -> CallReturned {
        let Line { process, peer, .. } = self.line;
        let (returned, facts) = match result {
            Return::Sent(sent) => (Returned::Sent { sent }, Vec::new()),
            Return::Chunk(data) => {
                let data = self.bytes_of(data).into();
                (Returned::Chunk { data }, Vec::new())
            }
            Return::Datagram(data, length) => {
                let data = self.bytes_of(data);
                let returned = Returned::Datagram {
                    data: data.into(),
                    from: peer,
                    truncated: data.len() < length,
                    length: length as u64,
                };
                (returned, self.told.facts())
            }
        };
        CallReturned {
            call,
            process,
            outcome: Outcome::Returned(returned),
            took_ns,
            local: None,
            peer: Some(peer),
            offset,
            facts,
        }
    }

    /// From whom to whom: no packet comes from 0.0.0.0, to which a client's socket may be bound.
    fn ways(&self, outward: bool) -> (SocketAddr, SocketAddr) {
        let Line {
            local,
            peer,
            client,
            ..
        } = self.line;
        let own = if peer == client {
            local.unwrap_or(client)
        } else {
            client
        };
        if outward { (own, peer) } else { (peer, own) }
    }
}
