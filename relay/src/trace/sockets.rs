//! The sockets that had one client address, one after the other, and which of them a packet belongs to. Pure.
//!
//! An address alone does not tell: a port is used again, by the same process or by another, while packets of the
//! socket before are still read from the capture. A connection is known by its client's initial sequence number
//! (RFC 9293 3.4.1), a UDP socket by the time for which it had the address.

use std::collections::VecDeque;

use shared::trace::ProcessId;

use super::Lately;

/// Maximum number of calls remembered of a socket, to find the one that a packet comes from.
const MAX_CALLS: usize = 16;
/// Maximum number of sockets remembered before the one that has the address now.
const MAX_EARLIER: usize = 4;
/// Two readings of the clocks differ by less, in nanoseconds.
const CLOCK_ERROR_NS: u64 = 200_000;
/// Half of all sequence numbers: what is further behind comes before (RFC 9293 3.4).
const HALF: u32 = 1 << 31;

/// What a packet tells of the socket that it belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Trail {
    /// When the kernel saw it, in nanoseconds since the lab began.
    pub at_ns: u64,
    /// Whether the client sent it.
    pub from_client: bool,
    /// What TCP tells; none for UDP.
    pub tcp: Option<TcpTrail>,
}

/// What a TCP segment, or an error about one, tells of its connection.
#[derive(Clone, Copy, Debug)]
pub struct TcpTrail {
    /// Whether it is the client's SYN, which opens the connection.
    pub opens: bool,
    /// A sequence number of the client: its own, or the one that the server acknowledges.
    pub client_seq: Option<u32>,
}

/// A client's socket, for as long as packets of it may be met.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) process: ProcessId,
    /// Whether it is a program outside, known by what reaches the server only.
    pub(super) is_outside: bool,
    pub(super) closed_ns: Option<u64>,
    /// TCP: the client's initial sequence number, once its SYN was captured.
    isn: Option<u32>,
    /// TCP: whether the server has accepted its connection.
    is_accepted: bool,
    calls: VecDeque<Lately>,
    /// When it was known to have the address; a program outside is known later than it had it.
    since_ns: u64,
}

impl Socket {
    pub(super) const fn new(process: ProcessId, is_outside: bool, now_ns: u64) -> Self {
        Self {
            process,
            is_outside,
            closed_ns: None,
            isn: None,
            is_accepted: false,
            calls: VecDeque::new(),
            since_ns: if is_outside { 0 } else { now_ns },
        }
    }

    pub(super) const fn is_open(&self) -> bool {
        self.closed_ns.is_none()
    }

    /// Whether it could still send then.
    fn could_send(&self, at_ns: u64) -> bool {
        let closed = self.closed_ns;
        closed.is_none_or(|closed| at_ns <= closed.saturating_add(CLOCK_ERROR_NS))
    }

    /// Remembers calls; the newest count.
    pub(super) fn add_calls(&mut self, lately: &[Lately]) {
        let newest = &lately[lately.len().saturating_sub(MAX_CALLS)..];
        let too_many = (self.calls.len() + newest.len()).saturating_sub(MAX_CALLS);
        self.calls.drain(..too_many);
        self.calls.extend(newest);
    }

    /// The last call on it that started by then and fits.
    pub(super) fn last_call(&self, by_ns: u64, fits: impl Fn(&Lately) -> bool) -> Option<Lately> {
        let mut calls = self.calls.iter().rev();
        calls
            .find(|lately| lately.started_ns <= by_ns && fits(lately))
            .copied()
    }
}

/// All sockets of one address.
#[derive(Debug)]
pub(super) struct Sockets {
    /// The one that has the address, or had it last.
    pub(super) newest: Socket,
    /// Those before, oldest first.
    earlier: Vec<Socket>,
}

impl Sockets {
    pub(super) const fn new(first: Socket) -> Self {
        let earlier = Vec::new();
        Self {
            newest: first,
            earlier,
        }
    }

    /// Another socket has the address from now on; returns the one that is forgotten for it.
    pub(super) fn replace(&mut self, newest: Socket) -> Option<Socket> {
        self.earlier
            .push(std::mem::replace(&mut self.newest, newest));
        (self.earlier.len() > MAX_EARLIER).then(|| self.earlier.remove(0))
    }

    /// All of them, the newest first, each with when the one before it was closed.
    fn newest_first(&self) -> impl Iterator<Item = (usize, &Socket, Option<u64>)> {
        (0..=self.earlier.len()).rev().map(|at| {
            let before = at
                .checked_sub(1)
                .and_then(|before| self.at(before).closed_ns);
            (at, self.at(at), before)
        })
    }

    fn at(&self, at: usize) -> &Socket {
        self.earlier.get(at).unwrap_or(&self.newest)
    }

    fn at_mut(&mut self, at: usize) -> &mut Socket {
        self.earlier.get_mut(at).unwrap_or(&mut self.newest)
    }

    /// All of them, oldest first.
    pub(super) fn oldest_first(&mut self) -> impl Iterator<Item = &mut Socket> {
        self.earlier.iter_mut().chain([&mut self.newest])
    }

    /// The socket that a packet belongs to; none where it is one that was not met yet.
    pub(super) fn owner(&mut self, trail: Trail) -> Option<&mut Socket> {
        let at = match trail.tcp {
            Some(TcpTrail {
                opens: true,
                client_seq: Some(isn),
            }) => {
                let at = self.opened_by(trail.at_ns, isn)?;
                self.at_mut(at).isn = Some(isn);
                at
            }
            Some(tcp) => tcp
                .client_seq
                .and_then(|seq| self.nearest(seq))
                .unwrap_or_else(|| self.at_that_time(trail.at_ns)),
            None if trail.from_client => self.sender(trail.at_ns)?,
            None => self.receiver(trail.at_ns),
        };
        Some(self.at_mut(at))
    }

    /// The client's SYN of a socket that was met before the SYN was read.
    pub(super) const fn set_isn(&mut self, isn: Option<u32>) {
        self.newest.isn = isn;
    }

    /// The socket whose connection a SYN opens. A program outside opens one; of a page's socket it may be another
    /// attempt.
    fn opened_by(&self, at_ns: u64, isn: u32) -> Option<usize> {
        let again = self
            .newest_first()
            .find(|(_, socket, _)| socket.isn == Some(isn));
        let found = again.or_else(|| {
            self.newest_first().find(|(_, socket, before)| {
                let is_new = socket.isn.is_none() || !socket.is_outside;
                is_new && socket.could_send(at_ns) && before.is_none_or(|closed| closed < at_ns)
            })
        });
        found.map(|(at, ..)| at)
    }

    /// The connection whose initial sequence number is the last before this one.
    fn nearest(&self, seq: u32) -> Option<usize> {
        let known = self.newest_first().filter_map(|(at, socket, _)| {
            let distance = seq.wrapping_sub(socket.isn?);
            (distance < HALF).then_some((distance, at))
        });
        known
            .min_by_key(|(distance, _)| *distance)
            .map(|(_, at)| at)
    }

    /// The newest that came after the one before was closed by then.
    fn at_that_time(&self, at_ns: u64) -> usize {
        let mut all = self.newest_first();
        let found = all.find(|(_, _, before)| before.is_none_or(|closed| closed < at_ns));
        found.map_or(0, |(at, ..)| at)
    }

    /// UDP: the socket that could send from the address then.
    fn sender(&self, at_ns: u64) -> Option<usize> {
        let at = self.at_that_time(at_ns);
        self.at(at).could_send(at_ns).then_some(at)
    }

    /// UDP: the socket that the address led to then, or had led to last.
    fn receiver(&self, at_ns: u64) -> usize {
        let since = |socket: &Socket| socket.since_ns <= at_ns.saturating_add(CLOCK_ERROR_NS);
        let mut all = self.newest_first();
        let found = all.find(|(_, socket, before)| {
            since(socket) && before.is_none_or(|closed| closed < at_ns)
        });
        found.map_or(0, |(at, ..)| at)
    }

    /// The server accepts a connection: whether it is one of the newest socket, which it is marked by.
    pub(super) const fn accept(&mut self) -> bool {
        let is_another =
            self.newest.is_accepted && (self.newest.is_outside || self.newest.closed_ns.is_some());
        self.newest.is_accepted = true;
        !is_another
    }

    /// UDP: whether the newest socket had been closed before this datagram was sent.
    pub(super) fn was_closed(&self, at_ns: u64) -> bool {
        !self.newest.could_send(at_ns)
    }
}

#[cfg(test)]
mod tests;
