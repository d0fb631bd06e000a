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
    Came, Given, Line,
};

/// What was written down together.
#[derive(Debug)]
pub(in super::super) struct Events {
    pub(super) line: Line,
    pub(super) concerns: Option<ProcessId>,
    /// Whether each viewer is told only what is its own business.
    pub(super) crowded: bool,
    pub(super) began_wall: Duration,
    pub(super) events: Vec<(u64, Brief)>,
}

/// One event, but for what all of them have in common.
#[derive(Debug)]
pub(super) enum Brief {
    Started {
        call: CallId,
        name: CallName,
        on_socket: bool,
        given: Given,
    },
    Returned {
        call: CallId,
        on_socket: bool,
        took_ns: u64,
        came: Came,
        offset: Option<u64>,
    },
    Derived {
        kind: DerivedKind,
        outward: bool,
        length: u64,
        because: CallId,
    },
    Ended(Sent),
}

impl Events {
    /// The client one of them is about, if it is about one.
    pub(in super::super) fn concerns(&self, at: usize) -> Option<ProcessId> {
        match &self.events[at].1 {
            Brief::Started { name, .. } => self.concerns.filter(|_| !self.is_for_anybody(*name)),
            Brief::Returned { .. } | Brief::Derived { .. } | Brief::Ended(_) => self.concerns,
        }
    }

    /// Whom one of them turned out to be about, that began before it was known.
    pub(in super::super) fn turns_out(&self, at: usize) -> Option<ProcessId> {
        self.concerns
            .filter(|_| self.crowded && self.concerns(at).is_none())
    }

    /// Whether a call starts before it is known whom it is about: a server receives from whoever comes.
    pub(super) fn is_for_anybody(&self, name: CallName) -> bool {
        name == CallName::RecvFrom && Processes::is_server(self.line.process)
    }

    /// When one of them happened, in nanoseconds since the lab began and in microseconds since 1970, and what it was.
    pub(in super::super) fn event(&self, at: usize) -> (u64, u64, What) {
        let (mono_ns, brief) = &self.events[at];
        let wall = self.began_wall + Duration::from_nanos(*mono_ns);
        let wall_us = u64::try_from(wall.as_micros()).unwrap_or(u64::MAX);
        (*mono_ns, wall_us, self.what(brief))
    }

    /// About how many bytes one of them keeps.
    pub(in super::super) fn bytes(&self, at: usize) -> usize {
        match &self.events[at].1 {
            Brief::Started { given, .. } => given.data.as_ref().map_or(0, Bytes::len),
            Brief::Returned { came, .. } => match came {
                Came::Sent(_) => 0,
                Came::Chunk(data) => data.len(),
                Came::Datagram(data, _, told) => data.len() + told.count() * 96,
            },
            Brief::Derived { .. } | Brief::Ended(_) => 0,
        }
    }

    fn what(&self, brief: &Brief) -> What {
        match brief {
            Brief::Started {
                call,
                name,
                on_socket,
                given,
            } => What::CallStarted(Box::new(CallStarted {
                call: *call,
                process: self.line.process,
                fd: Some(self.line.fd).filter(|_| *on_socket),
                transport: self.line.transport,
                name: *name,
                arguments: self.arguments(given),
                request: None,
            })),
            Brief::Returned {
                call,
                on_socket,
                took_ns,
                came,
                offset,
            } => {
                let local = self.line.local.filter(|_| *on_socket);
                let returned = self.returned(*call, *took_ns, came, *offset);
                What::CallReturned(Box::new(CallReturned { local, ..returned }))
            }
            Brief::Derived {
                kind,
                outward,
                length,
                because,
            } => {
                let (from, to) = self.ways(*outward);
                What::Derived(Derived {
                    kind: *kind,
                    transport: self.line.transport,
                    from,
                    to,
                    length: *length,
                    because: *because,
                    process: self.concerns,
                })
            }
            Brief::Ended(sent) => What::Derived(sent.derived(self.line.transport, self.concerns)),
        }
    }

    fn arguments(&self, given: &Given) -> Arguments {
        let Given {
            data,
            size,
            names_peer,
            letter,
        } = given;
        Arguments {
            address: names_peer.then_some(self.line.peer),
            data: data.as_deref().map(Into::into),
            number: size.and_then(|size| i64::try_from(size).ok()),
            word: letter.map(|letter| letter.to_string()),
        }
    }

    fn returned(
        &self,
        call: CallId,
        took_ns: u64,
        came: &Came,
        offset: Option<u64>,
    ) -> CallReturned {
        let Line { process, peer, .. } = self.line;
        let (returned, facts) = match came {
            Came::Sent(sent) => (Returned::Sent { sent: *sent }, Vec::new()),
            Came::Chunk(data) => {
                let data = data.as_ref().into();
                (Returned::Chunk { data }, Vec::new())
            }
            Came::Datagram(data, length, told) => {
                let returned = Returned::Datagram {
                    data: data.as_ref().into(),
                    from: peer,
                    truncated: data.len() < *length,
                    length: *length as u64,
                };
                (returned, told.facts())
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
