//! The compact form of the events of one batch: what all of them share is stored once, and an event of the protocol is
//! made only when a viewer looks at it. Pure.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use bytes::Bytes;
use shared::{
    call::{Fd, Transport},
    outcome::{Outcome, Returned},
    trace::{
        Arguments, CallId, CallName, CallReturned, CallStarted, Derived, DerivedKind, Fact,
        ProcessId, What,
    },
};

use super::FACT_BYTES;
use crate::{sys::Ancillary, trace::processes::Processes};

/// Stands for an address that is not known.
const UNKNOWN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// The caller of a batch of calls, and the two ends between which their bytes go.
#[derive(Clone, Copy, Debug)]
pub struct Flow {
    /// The process that makes the calls.
    pub process: ProcessId,
    /// The socket.
    pub fd: Option<Fd>,
    /// The socket's transport.
    pub transport: Transport,
    /// The socket's own address.
    pub local: Option<SocketAddr>,
    /// The other end's address.
    pub peer: Option<SocketAddr>,
    /// The client's address of the two, as others see it.
    pub client: Option<SocketAddr>,
}

impl Flow {
    /// The flow of a call on a socket whose addresses are not known.
    pub(in super::super) const fn without_addresses(
        process: ProcessId,
        fd: Option<Fd>,
        transport: Transport,
        client: Option<SocketAddr>,
    ) -> Self {
        Self {
            process,
            fd,
            transport,
            local: None,
            peer: None,
            client,
        }
    }

    /// The caller's address in packets. A client's socket may be bound to 0.0.0.0, from which no packet comes.
    pub(in super::super) fn own_address(&self) -> Option<SocketAddr> {
        let client = self.client.filter(|_| !Processes::is_server(self.process));
        client.or(self.local)
    }
}

/// A TCP segment that was not captured but must have been sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct DerivedSegment {
    /// FIN or RST.
    pub(in super::super) kind: DerivedKind,
    /// Its source.
    pub(in super::super) from: SocketAddr,
    /// Its destination.
    pub(in super::super) to: SocketAddr,
    /// The call it follows from.
    pub(in super::super) because: CallId,
}

/// What the events of one batch share. The events themselves are in an [`EventRing`](super::ring::EventRing).
#[derive(Debug)]
pub(in super::super) struct EncodedBatch {
    pub(in super::super) flow: Flow,
    /// The client the events concern.
    pub(in super::super) concerns: Option<ProcessId>,
    /// Whether the lab is a class lab.
    pub(in super::super) of_class: bool,
    /// When the lab started, since 1970.
    pub(in super::super) started_wall: Duration,
    /// The kernel's ancillary data of each datagram.
    pub(in super::super) ancillary: Ancillary,
    /// All bytes that the events contain.
    pub(in super::super) buffers: Vec<Bytes>,
    /// The FINs and RSTs that follow from the calls, in order.
    segments: Vec<DerivedSegment>,
    /// Number of events.
    pub(super) count: u32,
    /// The position of the first event among all that were ever in the ring.
    pub(super) position: u64,
}

/// When an event happened, in nanoseconds since the lab started, and the event.
pub(in super::super) type TimedEvent = (u64, CompactEvent);

/// One event without what all events of its batch share.
#[derive(Clone, Copy, Debug)]
pub(in super::super) enum CompactEvent {
    Started {
        call: CallId,
        name: CallName,
        on_socket: bool,
        args: CallArgs<ByteRange>,
    },
    Returned {
        call: CallId,
        on_socket: bool,
        took_ns: u64,
        result: CallReturn<ByteRange>,
        offset: Option<u64>,
    },
    /// A packet that follows from a call.
    Derived {
        kind: DerivedKind,
        outward: bool,
        length: u64,
        because: CallId,
    },
    /// One of the batch's segments.
    Segment { index: usize },
}

/// The arguments of a call, with its bytes as `D`: a slice, or their place in a batch.
#[derive(Clone, Copy, Debug, Default)]
pub struct CallArgs<D> {
    /// The bytes it sends, or transforms.
    pub data: Option<D>,
    /// The number of bytes it may receive.
    pub size: Option<usize>,
    /// Whether the other end's address is an argument.
    pub names_peer: bool,
    /// The letter that a server counts.
    pub letter: Option<char>,
}

/// What a call returned, with its bytes as `D`: a slice, or their place in a batch.
#[derive(Clone, Copy, Debug)]
pub enum CallReturn<D> {
    /// The number of bytes sent.
    Sent(u64),
    /// Bytes of a stream, or the result of a server's task.
    Chunk(D),
    /// The bytes received of a datagram, and the datagram's length.
    Datagram(D, usize),
}

/// Bytes in one of a batch's buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct ByteRange {
    buffer: u32,
    start: u32,
    length: u32,
}

impl ByteRange {
    fn new(buffer: usize, start: usize, length: usize) -> Self {
        let small = |number| u32::try_from(number).unwrap_or(u32::MAX);
        Self {
            buffer: small(buffer),
            start: small(start),
            length: small(length),
        }
    }
}

impl EncodedBatch {
    /// A batch without events.
    pub(in super::super) const fn new(flow: Flow) -> Self {
        Self {
            flow,
            concerns: None,
            of_class: false,
            started_wall: Duration::ZERO,
            ancillary: Ancillary::NOTHING,
            buffers: Vec::new(),
            segments: Vec::new(),
            count: 0,
            position: 0,
        }
    }

    /// Number of events.
    pub(super) const fn count(&self) -> usize {
        self.count as usize
    }

    /// The place of bytes in the buffers. Bytes that are in none are copied into a new one.
    pub(in super::super) fn byte_range(&mut self, data: &[u8]) -> ByteRange {
        let address = data.as_ptr() as usize;
        let mut buffers = self.buffers.iter().enumerate();
        let known = buffers.find_map(|(index, buffer)| {
            let start = address.checked_sub(buffer.as_ptr() as usize)?;
            let is_within = start + data.len() <= buffer.len();
            is_within.then(|| ByteRange::new(index, start, data.len()))
        });
        known.unwrap_or_else(|| {
            self.buffers.push(Bytes::copy_from_slice(data));
            ByteRange::new(self.buffers.len() - 1, 0, data.len())
        })
    }

    /// Adds a segment, and returns its event.
    pub(in super::super) fn add_segment(&mut self, segment: DerivedSegment) -> CompactEvent {
        self.segments.push(segment);
        CompactEvent::Segment {
            index: self.segments.len() - 1,
        }
    }

    fn bytes(&self, range: ByteRange) -> &[u8] {
        let buffer = self.buffers.get(range.buffer as usize);
        let start = range.start as usize;
        let bytes = buffer.and_then(|buffer| buffer.get(start..start + range.length as usize));
        bytes.unwrap_or_default()
    }

    /// The client that an event concerns, if it concerns one.
    pub(super) fn concerns(&self, event: CompactEvent) -> Option<ProcessId> {
        match event {
            CompactEvent::Started { name, .. } => {
                self.concerns.filter(|_| !self.waits_for_any_client(name))
            }
            CompactEvent::Returned { .. }
            | CompactEvent::Derived { .. }
            | CompactEvent::Segment { .. } => self.concerns,
        }
    }

    /// Class labs only: the client that a call turned out to concern after it had started for any client.
    pub(super) fn assigned_to(&self, event: CompactEvent) -> Option<ProcessId> {
        self.concerns
            .filter(|_| self.of_class && self.concerns(event).is_none())
    }

    /// Whether a call starts before it is known which client it concerns: a server receives from any client.
    pub(in super::super) fn waits_for_any_client(&self, name: CallName) -> bool {
        name == CallName::RecvFrom && Processes::is_server(self.flow.process)
    }

    /// About how many bytes the events keep, not counting the fixed size of each.
    pub(super) fn data_bytes(&self, events: &[TimedEvent]) -> usize {
        let each = events.iter().map(|(_, event)| match event {
            CompactEvent::Started { args, .. } => args.data.map_or(0, |data| data.length as usize),
            CompactEvent::Returned { result, .. } => match result {
                CallReturn::Sent(_) => 0,
                CallReturn::Chunk(data) => data.length as usize,
                CallReturn::Datagram(data, _) => {
                    data.length as usize + self.ancillary.count() * FACT_BYTES
                }
            },
            CompactEvent::Derived { .. } | CompactEvent::Segment { .. } => 0,
        });
        each.sum()
    }

    /// The event as the protocol has it.
    pub(in super::super) fn to_what(&self, event: CompactEvent) -> What {
        match event {
            CompactEvent::Started {
                call,
                name,
                on_socket,
                args,
            } => What::CallStarted(Box::new(CallStarted {
                call,
                process: self.flow.process,
                fd: self.flow.fd.filter(|_| on_socket),
                transport: self.flow.transport,
                name,
                arguments: Arguments {
                    address: self.flow.peer.filter(|_| args.names_peer),
                    data: args.data.map(|data| self.bytes(data).into()),
                    number: args.size.and_then(|size| i64::try_from(size).ok()),
                    word: args.letter.map(|letter| letter.to_string()),
                },
                request: None,
            })),
            CompactEvent::Returned {
                call,
                on_socket,
                took_ns,
                result,
                offset,
            } => {
                let (returned, facts) = self.to_returned(result);
                What::CallReturned(Box::new(CallReturned {
                    call,
                    process: self.flow.process,
                    outcome: Outcome::Returned(returned),
                    took_ns,
                    local: self.flow.local.filter(|_| on_socket),
                    peer: self.flow.peer,
                    offset,
                    facts,
                }))
            }
            CompactEvent::Derived {
                kind,
                outward,
                length,
                because,
            } => {
                let own = self.flow.own_address().unwrap_or(UNKNOWN);
                let peer = self.flow.peer.unwrap_or(UNKNOWN);
                let (from, to) = if outward { (own, peer) } else { (peer, own) };
                self.to_derived(
                    DerivedSegment {
                        kind,
                        from,
                        to,
                        because,
                    },
                    length,
                )
            }
            CompactEvent::Segment { index } => self.to_derived(self.segments[index], 0),
        }
    }

    const fn to_derived(&self, segment: DerivedSegment, length: u64) -> What {
        let DerivedSegment {
            kind,
            from,
            to,
            because,
        } = segment;
        What::Derived(Derived {
            kind,
            transport: self.flow.transport,
            from,
            to,
            length,
            because,
            process: self.concerns,
        })
    }

    fn to_returned(&self, result: CallReturn<ByteRange>) -> (Returned, Vec<Fact>) {
        match result {
            CallReturn::Sent(sent) => (Returned::Sent { sent }, Vec::new()),
            CallReturn::Chunk(data) => {
                let data = self.bytes(data).into();
                (Returned::Chunk { data }, Vec::new())
            }
            CallReturn::Datagram(data, length) => {
                let data = self.bytes(data);
                let returned = Returned::Datagram {
                    data: data.into(),
                    from: self.flow.peer.unwrap_or(UNKNOWN),
                    truncated: data.len() < length,
                    length: length as u64,
                };
                (returned, self.ancillary.facts())
            }
        }
    }
}

/// The wall-clock time in microseconds since 1970 of an event in a lab that started at `started_wall`.
pub(in super::super) fn wall_us(started_wall: Duration, mono_ns: u64) -> u64 {
    let wall = started_wall + Duration::from_nanos(mono_ns);
    u64::try_from(wall.as_micros()).unwrap_or(u64::MAX)
}
