//! Calls that follow each other closely on one socket, written down together: the very events that
//! [`Trace::call_started`] and [`Trace::call_returned`] write one by one, but none of them is made until somebody
//! looks, so that tracing costs a sentence next to nothing.

mod events;

pub(super) use events::Events;

use std::{net::SocketAddr, rc::Rc};

use bytes::Bytes;
use shared::{
    call::{Fd, Transport},
    outcome::{Outcome, Returned},
    trace::{Arguments, CallName, DerivedKind, ProcessId},
};

use self::events::Brief;
use super::{Lately, OpenCall, Trace, derive, endings::Act};
use crate::sys::Told;

/// What a datagram comes to at most: received, worked on, sent, and what follows of it.
const EVENTS_OF_ONE: usize = 8;
const CALLS_OF_ONE: usize = 3;

/// Whose calls they are, and between whom the bytes go.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// Who makes the calls.
    pub process: ProcessId,
    /// On which socket.
    pub fd: Fd,
    /// Its transport.
    pub transport: Transport,
    /// Its own address.
    pub local: Option<SocketAddr>,
    /// The other end's.
    pub peer: SocketAddr,
    /// The client's of the two, as others see it.
    pub client: SocketAddr,
}

/// What a call is made with.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// Bytes it sends, or works on.
    pub data: Option<Bytes>,
    /// Bytes it has room for.
    pub size: Option<usize>,
    /// Whether it names the other end.
    pub names_peer: bool,
    /// The letter a server counts.
    pub letter: Option<char>,
}

/// How it came back.
#[derive(Clone, Debug)]
pub enum Came {
    /// So many bytes were taken.
    Sent(u64),
    /// Bytes of a stream, or a work's result.
    Chunk(Bytes),
    /// A datagram: as much of it as there was room for, how long it was, and what the kernel told.
    Datagram(Bytes, usize, Told),
}

/// Calls being made. What they were is written down when it is dropped; nothing else may be in between.
#[derive(Debug)]
pub struct Stretch<'a> {
    trace: &'a Trace,
    now_ns: u64,
    stranger: bool,
    events: Events,
    /// The calls whose packets may be met.
    lately: Vec<Lately>,
}

impl Trace {
    /// Whether nothing is written down.
    #[must_use]
    pub const fn is_off(&self) -> bool {
        self.off
    }

    /// Begins to write down calls on one socket.
    pub fn stretch(&self, line: Line) -> Stretch<'_> {
        let concerns = (!self.off)
            .then(|| self.concerns(line.process, line.transport, Some(line.client)))
            .flatten();
        let stranger =
            concerns.is_some_and(|client| client != line.process && self.is_terminal(client));
        Stretch {
            trace: self,
            now_ns: self.now(),
            stranger,
            events: Events {
                line,
                concerns,
                crowded: self.crowded,
                began_wall: self.began_wall,
                events: Vec::new(),
            },
            lately: Vec::new(),
        }
    }
}

impl Stretch<'_> {
    /// So many datagrams or pieces are to be written down.
    pub fn expects(&mut self, count: usize) {
        if !self.trace.off {
            self.events.events.reserve(count * EVENTS_OF_ONE);
            self.lately.reserve(count * CALLS_OF_ONE);
        }
    }

    /// What follows happens now.
    pub fn tick(&mut self) {
        self.now_ns = self.trace.now();
    }

    /// A call starts; `on_socket` unless it is the program's own work.
    pub fn starts(&mut self, name: CallName, on_socket: bool, given: Given) -> OpenCall {
        let Line {
            process,
            fd,
            transport,
            client,
            ..
        } = self.events.line;
        let fd = Some(fd).filter(|_| on_socket);
        let trace = self.trace;
        let mut open = trace.opens(process, fd, transport, name, self.now_ns);
        let call = open.call;
        if !self.events.is_for_anybody(name) {
            self.locates(&mut open);
            trace.begins(&mut open, &Arguments::default(), Some(client));
        }
        self.push(Brief::Started {
            call,
            name,
            on_socket,
            given,
        });
        open
    }

    /// It returns; of a stream `offset` bytes had gone the same way before.
    pub fn returns(&mut self, mut open: OpenCall, came: Came, offset: Option<u64>) {
        let trace = self.trace;
        trace.turns_out(&open, self.events.concerns);
        self.locates(&mut open);
        let ended = self.ended(&open, &came);
        let follows = trace.derives().then(|| self.follows(&open, &came));
        self.push(Brief::Returned {
            call: open.call,
            on_socket: open.fd.is_some(),
            took_ns: self.now_ns.saturating_sub(open.started_ns),
            came,
            offset,
        });
        for brief in follows.flatten().into_iter().chain(ended) {
            self.push(brief);
        }
    }

    /// How its connection ends with this call, where that is sure.
    fn ended(&self, open: &OpenCall, came: &Came) -> Option<Brief> {
        let Line {
            client,
            local,
            peer,
            ..
        } = self.events.line;
        let sent = match (open.act?, came) {
            (Act::Receive, Came::Chunk(data)) => {
                let mut endings = self.trace.endings.borrow_mut();
                endings.takes(open.caller(), client, data.len() as u64)?
            }
            (_, Came::Sent(sent)) => {
                let outcome = Outcome::Returned(Returned::Sent { sent: *sent });
                let ends = (local, Some(peer));
                self.trace.ending(open, &outcome, Some(client), ends)?
            }
            _ => return None,
        };
        Some(Brief::Ended(sent))
    }

    fn follows(&self, open: &OpenCall, came: &Came) -> Option<Brief> {
        let udp = self.events.line.transport == Transport::Udp;
        let (kind, outward, length) = match (open.name, came) {
            (CallName::Send | CallName::SendTo, Came::Sent(sent)) => {
                let kind = derive::sent(udp);
                (kind, true, *sent)
            }
            (_, Came::Datagram(_, length, _)) if self.stranger => {
                (DerivedKind::Datagram, false, *length as u64)
            }
            (CallName::Recv, Came::Chunk(data)) if self.stranger => {
                (DerivedKind::Data, false, data.len() as u64)
            }
            _ => return None,
        };
        Some(Brief::Derived {
            kind,
            outward,
            length,
            because: open.call,
        })
    }

    fn locates(&mut self, open: &mut OpenCall) {
        if !open.located {
            self.lately.push(open.is_located());
        }
    }

    fn push(&mut self, brief: Brief) {
        if !self.trace.off {
            self.events.events.push((self.now_ns, brief));
        }
    }
}

impl Drop for Stretch<'_> {
    fn drop(&mut self) {
        let Events {
            line,
            concerns,
            crowded,
            began_wall,
            ..
        } = self.events;
        let events = std::mem::take(&mut self.events.events);
        if !self.lately.is_empty() {
            let door = (line.transport, line.client);
            let mut processes = self.trace.processes.borrow_mut();
            processes.called_often(door, &self.lately);
        }
        self.trace.write_down(Events {
            line,
            concerns,
            crowded,
            began_wall,
            events,
        });
    }
}

impl Trace {
    fn write_down(&self, events: Events) {
        let count = events.events.len();
        if count == 0 {
            return;
        }
        self.log.borrow_mut().append_many(&Rc::new(events), count);
        self.metrics.count_events(count as u64);
        self.changed.notify_one();
    }
}

impl Came {
    /// The bytes that came.
    #[must_use]
    pub fn data(&self) -> Option<Bytes> {
        match self {
            Self::Sent(_) => None,
            Self::Chunk(data) | Self::Datagram(data, ..) => Some(data.clone()),
        }
    }
}

#[cfg(test)]
mod tests;
