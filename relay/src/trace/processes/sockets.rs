//! The sockets that have had one client address, one after the other, and which of them a packet belongs to. Pure.
//!
//! The address alone is not enough: a port is used again, by the same process or by another one, while packets of the
//! socket before are still being read from the capture. A connection is identified by its client's initial sequence
//! number (RFC 9293 3.4.1), a UDP socket by the time during which it had the address.

use std::collections::VecDeque;

use shared::trace::{CallId, CallName, ProcessId};

use crate::sys::bursts::MAX_SEGMENTS;

/// Maximum number of calls remembered per socket, to find those that sent a packet: two bursts of each end.
const MAX_CALLS: usize = 4 * MAX_SEGMENTS;
/// Maximum number of sockets remembered per address, beside the newest one.
const MAX_EARLIER: usize = 4;
/// Maximum difference of two readings of the clocks, in nanoseconds.
const CLOCK_ERROR_NS: u64 = 200_000;
/// Half of all sequence numbers: a number that is further ahead comes before (RFC 9293 3.4).
const HALF_SEQUENCE_SPACE: u32 = 1 << 31;

/// A recent call on a client's socket, or of a server about a client's address.
#[derive(Clone, Copy, Debug)]
pub struct RecentCall {
    /// Its number.
    pub call: CallId,
    /// Its name.
    pub name: CallName,
    /// Whether the server made it.
    pub by_server: bool,
    /// When it started, in nanoseconds since the lab started.
    pub started_ns: u64,
}

/// What a packet shows about the socket that it belongs to.
#[derive(Clone, Copy, Debug)]
pub struct PacketEvidence {
    /// When the kernel captured it, in nanoseconds since the lab started.
    pub at_ns: u64,
    /// Whether the client sent it.
    pub from_client: bool,
    /// What its TCP header shows; none for UDP.
    pub tcp: Option<TcpEvidence>,
}

/// What a TCP segment, or an ICMP error about one, shows about its connection.
#[derive(Clone, Copy, Debug)]
pub struct TcpEvidence {
    /// Whether it is the client's SYN, which opens the connection.
    pub opens: bool,
    /// A sequence number of the client: the segment's own, or the one that the server acknowledges.
    pub client_seq: Option<u32>,
}

/// A client's socket, for as long as packets of it may be captured.
#[derive(Debug)]
pub(super) struct SocketRecord {
    pub(super) process: ProcessId,
    /// Whether its program is external: known only by what reaches the server.
    pub(super) is_external: bool,
    pub(super) closed_ns: Option<u64>,
    /// TCP: the client's initial sequence number, once its SYN was captured.
    isn: Option<u32>,
    /// TCP: whether the server has accepted its connection.
    is_accepted: bool,
    calls: VecDeque<RecentCall>,
    /// When it got the address; 0 for an external program, which is noticed later.
    since_ns: u64,
}

impl SocketRecord {
    pub(super) const fn new(process: ProcessId, is_external: bool, now_ns: u64) -> Self {
        Self {
            process,
            is_external,
            closed_ns: None,
            isn: None,
            is_accepted: false,
            calls: VecDeque::new(),
            since_ns: if is_external { 0 } else { now_ns },
        }
    }

    pub(super) const fn is_open(&self) -> bool {
        self.closed_ns.is_none()
    }

    /// Whether it could still send at that time.
    fn could_send(&self, at_ns: u64) -> bool {
        let closed = self.closed_ns;
        closed.is_none_or(|closed| at_ns <= closed.saturating_add(CLOCK_ERROR_NS))
    }

    /// Remembers the newest of these calls.
    pub(super) fn add_calls(&mut self, calls: &[RecentCall]) {
        let newest = &calls[calls.len().saturating_sub(MAX_CALLS)..];
        let too_many = (self.calls.len() + newest.len()).saturating_sub(MAX_CALLS);
        self.calls.drain(..too_many);
        self.calls.extend(newest);
    }

    /// The last call on it that had started by `by_ns` and for which `matches` is true.
    pub(super) fn last_call(
        &self,
        by_ns: u64,
        matches: impl Fn(&RecentCall) -> bool,
    ) -> Option<RecentCall> {
        let mut calls = self.calls.iter().rev();
        calls
            .find(|call| call.started_ns <= by_ns && matches(call))
            .copied()
    }

    /// The last call on it that had started by `by_ns` and for which `matches` is true, and the next ones of that kind;
    /// `count` at most.
    pub(super) fn calls(
        &self,
        by_ns: u64,
        count: usize,
        matches: impl Fn(&RecentCall) -> bool,
    ) -> Vec<CallId> {
        let is_first = |call: &RecentCall| call.started_ns <= by_ns && matches(call);
        let first = self.calls.iter().rposition(is_first);
        let following = first
            .into_iter()
            .flat_map(|first| self.calls.range(first..));
        let matching = following.filter(|call| matches(call));
        matching.map(|call| call.call).take(count).collect()
    }
}

/// The sockets that have had one address.
#[derive(Debug)]
pub(super) struct SocketHistory {
    /// The socket that has the address, or had it last.
    pub(super) newest: SocketRecord,
    /// The sockets before, oldest first.
    earlier: Vec<SocketRecord>,
}

impl SocketHistory {
    pub(super) const fn new(first: SocketRecord) -> Self {
        let earlier = Vec::new();
        Self {
            newest: first,
            earlier,
        }
    }

    /// Adds the socket that has the address from now on. Returns the one that is forgotten in exchange.
    pub(super) fn push(&mut self, newest: SocketRecord) -> Option<SocketRecord> {
        self.earlier
            .push(std::mem::replace(&mut self.newest, newest));
        (self.earlier.len() > MAX_EARLIER).then(|| self.earlier.remove(0))
    }

    /// All sockets, newest first: each with its index, and when the one before it was closed.
    fn newest_first(&self) -> impl Iterator<Item = (usize, &SocketRecord, Option<u64>)> {
        (0..=self.earlier.len()).rev().map(|at| {
            let before = at
                .checked_sub(1)
                .and_then(|before| self.at(before).closed_ns);
            (at, self.at(at), before)
        })
    }

    fn at(&self, at: usize) -> &SocketRecord {
        self.earlier.get(at).unwrap_or(&self.newest)
    }

    fn at_mut(&mut self, at: usize) -> &mut SocketRecord {
        self.earlier.get_mut(at).unwrap_or(&mut self.newest)
    }

    /// All sockets, oldest first.
    pub(super) fn oldest_first(&mut self) -> impl Iterator<Item = &mut SocketRecord> {
        self.earlier.iter_mut().chain([&mut self.newest])
    }

    /// The socket that a packet belongs to; none if it is not registered yet.
    pub(super) fn owner(&mut self, evidence: PacketEvidence) -> Option<&mut SocketRecord> {
        let at = match evidence.tcp {
            Some(TcpEvidence {
                opens: true,
                client_seq: Some(isn),
            }) => {
                let at = self.opened_by(evidence.at_ns, isn)?;
                self.at_mut(at).isn = Some(isn);
                at
            }
            Some(tcp) => tcp
                .client_seq
                .and_then(|seq| self.nearest(seq))
                .unwrap_or_else(|| self.at_that_time(evidence.at_ns)),
            None if evidence.from_client => self.sender(evidence.at_ns)?,
            None => self.receiver(evidence.at_ns),
        };
        Some(self.at_mut(at))
    }

    /// Sets the initial sequence number of the newest socket.
    pub(super) const fn set_isn(&mut self, isn: Option<u32>) {
        self.newest.isn = isn;
    }

    /// The socket whose connection a SYN opens. An external program's socket opens one connection; a page's socket may
    /// try again after a failure.
    fn opened_by(&self, at_ns: u64, isn: u32) -> Option<usize> {
        let again = self
            .newest_first()
            .find(|(_, socket, _)| socket.isn == Some(isn));
        let found = again.or_else(|| {
            self.newest_first().find(|(_, socket, before)| {
                let is_new = socket.isn.is_none() || !socket.is_external;
                is_new && socket.could_send(at_ns) && before.is_none_or(|closed| closed < at_ns)
            })
        });
        found.map(|(at, ..)| at)
    }

    /// The connection whose initial sequence number is the closest one before this number.
    fn nearest(&self, seq: u32) -> Option<usize> {
        let known = self.newest_first().filter_map(|(at, socket, _)| {
            let distance = seq.wrapping_sub(socket.isn?);
            (distance < HALF_SEQUENCE_SPACE).then_some((distance, at))
        });
        known
            .min_by_key(|(distance, _)| *distance)
            .map(|(_, at)| at)
    }

    /// The newest socket whose predecessor had been closed by then.
    fn at_that_time(&self, at_ns: u64) -> usize {
        let mut all = self.newest_first();
        let found = all.find(|(_, _, before)| before.is_none_or(|closed| closed < at_ns));
        found.map_or(0, |(at, ..)| at)
    }

    /// UDP: the socket that could send from the address at that time.
    fn sender(&self, at_ns: u64) -> Option<usize> {
        let at = self.at_that_time(at_ns);
        self.at(at).could_send(at_ns).then_some(at)
    }

    /// UDP: the socket that had the address at that time, or had it last.
    fn receiver(&self, at_ns: u64) -> usize {
        let since = |socket: &SocketRecord| socket.since_ns <= at_ns.saturating_add(CLOCK_ERROR_NS);
        let mut all = self.newest_first();
        let found = all.find(|(_, socket, before)| {
            since(socket) && before.is_none_or(|closed| closed < at_ns)
        });
        found.map_or(0, |(at, ..)| at)
    }

    /// Marks the newest socket's connection as accepted. False if the accepted connection belongs to another socket.
    pub(super) const fn accept(&mut self) -> bool {
        let is_another =
            self.newest.is_accepted && (self.newest.is_external || self.newest.closed_ns.is_some());
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
