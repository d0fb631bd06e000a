//! Calls that follow each other closely on one socket, written down together: the very events that
//! [`Trace::call_started`] and [`Trace::call_returned`] write one by one, but none of them is made until somebody
//! looks, so that tracing costs a sentence next to nothing.

mod events;
mod ring;

pub(super) use events::Events;
pub(super) use ring::{Ring, Timed};

use std::{cell::RefCell, net::SocketAddr};

use bytes::Bytes;
use shared::{
    call::{Fd, Transport},
    outcome::{Outcome, Returned},
    trace::{Arguments, CallName, DerivedKind, ProcessId},
};

use self::events::{Brief, Piece, Return};
use super::{
    Lately, OpenCall, Trace, derive,
    endings::{Act, Sent},
};
use crate::sys::Ancillary;

thread_local! {
    /// Where stretches are written before it is known how long they are.
    static ROOM: RefCell<Room> = const { RefCell::new(Room { events: Vec::new(), lately: Vec::new() }) };
}

/// Room for a stretch.
#[derive(Debug, Default)]
struct Room {
    events: Vec<Timed>,
    /// The calls whose packets may be met.
    lately: Vec<Lately>,
}

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
#[derive(Clone, Copy, Debug, Default)]
pub struct Given<'a> {
    /// Bytes it sends, or works on.
    pub data: Option<&'a [u8]>,
    /// Bytes it has room for.
    pub size: Option<usize>,
    /// Whether it names the other end.
    pub names_peer: bool,
    /// The letter a server counts.
    pub letter: Option<char>,
}

/// How it came back.
#[derive(Clone, Copy, Debug)]
pub enum Came<'a> {
    /// So many bytes were taken.
    Sent(u64),
    /// Bytes of a stream, or a work's result.
    Chunk(&'a [u8]),
    /// A datagram: as much of it as there was room for, and how long it was.
    Datagram(&'a [u8], usize),
}

/// Calls being made. What they were is written down when it is dropped; nothing else may be in between.
#[derive(Debug)]
pub struct Stretch<'a> {
    trace: &'a Trace,
    now_ns: u64,
    stranger: bool,
    events: Events,
    room: Room,
}

impl Trace {
    /// Whether nothing is written down.
    #[must_use]
    pub const fn is_off(&self) -> bool {
        self.off
    }

    /// Whether so many watch that each is told only what is its own business.
    #[must_use]
    pub const fn is_crowded(&self) -> bool {
        self.crowded
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
                concerns,
                crowded: self.crowded,
                began_wall: self.began_wall,
                ..Events::of(line)
            },
            room: ROOM.take(),
        }
    }
}

impl Stretch<'_> {
    /// These bytes are kept: what calls are given of them, and return of them, need not be copied.
    pub fn holds(&mut self, whole: &Bytes) {
        if !self.trace.off && !whole.is_empty() {
            // One or two: they are kept for long, room for more would be, too.
            self.events.wholes.reserve_exact(1);
            self.events.wholes.push(whole.clone());
        }
    }

    /// What the kernel told of the datagrams to come, of each the same.
    pub const fn is_told(&mut self, told: Ancillary) {
        self.events.told = told;
    }

    /// What follows happens now.
    pub fn tick(&mut self) {
        self.now_ns = self.trace.now();
    }

    /// A call starts; `on_socket` unless it is the program's own work.
    pub fn starts(&mut self, name: CallName, on_socket: bool, given: Given<'_>) -> OpenCall {
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
        if trace.off {
            return open;
        }
        let Given {
            data,
            size,
            names_peer,
            letter,
        } = given;
        let data = data.map(|data| self.piece(data));
        self.push(Brief::Started {
            call,
            name,
            on_socket,
            data,
            size,
            names_peer,
            letter,
        });
        open
    }

    /// It returns; of a stream `offset` bytes had gone the same way before.
    pub fn returns(&mut self, mut open: OpenCall, came: Came<'_>, offset: Option<u64>) {
        let trace = self.trace;
        trace.turns_out(&open, self.events.concerns);
        self.locates(&mut open);
        let ended = self.ended(&open, came);
        if trace.off {
            return;
        }
        let result = match came {
            Came::Sent(sent) => Return::Sent(sent),
            Came::Chunk(data) => Return::Chunk(self.piece(data)),
            Came::Datagram(data, length) => Return::Datagram(self.piece(data), length),
        };
        self.push(Brief::Returned {
            call: open.call,
            on_socket: open.fd.is_some(),
            took_ns: self.now_ns.saturating_sub(open.started_ns),
            result,
            offset,
        });
        if trace.derives()
            && let Some(follows) = self.follows(&open, came)
        {
            self.push(follows);
        }
        if let Some(sent) = ended {
            let nth = self.events.endings.len();
            self.events.endings.push(sent);
            self.push(Brief::Ended { nth });
        }
    }

    /// How its connection ends with this call, where that is sure.
    fn ended(&self, open: &OpenCall, came: Came<'_>) -> Option<Sent> {
        let Line {
            client,
            local,
            peer,
            ..
        } = self.events.line;
        match (open.act?, came) {
            (Act::Receive, Came::Chunk(data)) => {
                let mut endings = self.trace.endings.borrow_mut();
                endings.takes(open.caller(), client, data.len() as u64)
            }
            (_, Came::Sent(sent)) => {
                let outcome = Outcome::Returned(Returned::Sent { sent });
                let ends = (local, Some(peer));
                self.trace.ending(open, &outcome, Some(client), ends)
            }
            _ => None,
        }
    }

    fn follows(&self, open: &OpenCall, came: Came<'_>) -> Option<Brief> {
        let udp = self.events.line.transport == Transport::Udp;
        let (kind, outward, length) = match (open.name, came) {
            (CallName::Send | CallName::SendTo, Came::Sent(sent)) => {
                let kind = derive::sent(udp);
                (kind, true, sent)
            }
            (_, Came::Datagram(_, length)) if self.stranger => {
                (DerivedKind::Datagram, false, length as u64)
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
            self.room.lately.push(open.is_located());
        }
    }

    /// Where these bytes are among those that are kept; where they are not yet, they are from now on.
    fn piece(&mut self, data: &[u8]) -> Piece {
        let known = self.events.piece(data);
        known.unwrap_or_else(|| {
            self.events.wholes.push(Bytes::copy_from_slice(data));
            Piece::last(&self.events.wholes)
        })
    }

    fn push(&mut self, brief: Brief) {
        self.room.events.push((self.now_ns, brief));
    }
}

impl Drop for Stretch<'_> {
    fn drop(&mut self) {
        let (trace, line) = (self.trace, self.events.line);
        let Room { events, lately } = &mut self.room;
        if !lately.is_empty() {
            let door = (line.transport, line.client);
            trace.processes.borrow_mut().called_often(door, lately);
            lately.clear();
        }
        let count = events.len();
        if count > 0 {
            let written = std::mem::replace(&mut self.events, Events::of(line));
            trace.log.borrow_mut().append_many(written, events);
            events.clear();
            trace.metrics.count_events(count as u64);
            trace.changed.notify_one();
        }
        ROOM.replace(std::mem::take(&mut self.room));
    }
}

#[cfg(test)]
mod tests;
