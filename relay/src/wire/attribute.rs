//! Whose packet it is: tied to a client by its addresses, to a call by direction and time.

use std::rc::{Rc, Weak};

use shared::{
    call::Transport,
    conditions::Direction,
    dissect::{Piece, Protocol, Segment, Summary, TcpFlags},
    trace::{CallId, CallName, Packet, ProcessId, What},
};

use super::{Routes, Seen, Stamp, fragments::Fragments};
use crate::trace::{Door, Lately, TcpTrail, Trace, Trail};

/// The transports by their IANA numbers.
const TCP: u8 = 6;
const UDP: u8 = 17;

/// A packet's two ends, told apart: the server is the one whose address is a server's.
#[derive(Debug)]
struct Ends {
    trace: Rc<Trace>,
    client: Door,
    from_server: bool,
}

/// Whose packet it is. A lab that is given up is not kept for its fragments.
#[derive(Clone, Debug)]
struct Owner {
    trace: Weak<Trace>,
    process: ProcessId,
    call: Option<CallId>,
    direction: Direction,
}

/// Puts packets into the traces of their labs.
#[derive(Debug, Default)]
pub(super) struct Attribution {
    fragments: Fragments<Owner, Seen>,
}

impl Attribution {
    /// Writes a packet into the trace of its lab, unless it is none of any lab's servers'. A later fragment is written
    /// with the first one of its datagram, which alone tells whose it is.
    pub(super) fn record(&mut self, routes: &Routes, seen: Seen) {
        let summary = Summary::of(seen.link, &seen.bytes);
        if !summary.fragment {
            write_first(routes, seen, &summary, None);
            return;
        }
        let Some(piece) = Piece::of(seen.link, &seen.bytes) else {
            return;
        };
        if piece.offset > 0 {
            match self.fragments.owner(piece) {
                Some(owner) => owner.write_later(seen),
                None => {
                    let length = seen.bytes.len();
                    self.fragments.wait(piece, seen, length);
                }
            }
            return;
        }
        let Some(owner) = write_first(routes, seen, &summary, Some(piece)) else {
            return;
        };
        for later in self.fragments.first(piece, owner.clone()) {
            owner.write_later(later);
        }
    }
}

/// Writes a whole packet, or the first piece of one; of that it tells whose it is.
fn write_first(
    routes: &Routes,
    seen: Seen,
    summary: &Summary,
    piece: Option<Piece>,
) -> Option<Owner> {
    let Ends {
        trace,
        client,
        from_server,
    } = ends(summary, piece, routes)?;
    let at_ns = trace.mono_of(seen.stamp.seconds, seen.stamp.nanoseconds);
    let trail = Trail {
        at_ns,
        from_client: !from_server,
        tcp: tcp_trail(summary, client.0, from_server),
    };
    let (process, call) = trace.owner_of(client, trail, |lately| {
        comes_from(lately, summary, from_server)
    });
    let owner = Owner {
        trace: Rc::downgrade(&trace),
        process,
        call: call.map(|lately| lately.call),
        direction: if from_server {
            Direction::Reply
        } else {
            Direction::Request
        },
    };
    owner.write(&trace, seen, at_ns);
    piece.map(|_| owner)
}

impl Owner {
    fn write_later(&self, seen: Seen) {
        let Stamp {
            seconds,
            nanoseconds,
        } = seen.stamp;
        let Some(trace) = self.trace.upgrade() else {
            return;
        };
        let at_ns = trace.mono_of(seconds, nanoseconds);
        self.write(&trace, seen, at_ns);
    }

    fn write(&self, trace: &Trace, seen: Seen, at_ns: u64) {
        let Self {
            process,
            call,
            direction,
            ..
        } = *self;
        let Seen {
            interface,
            link,
            bytes,
            length,
            stamp,
            checksum_unfinished,
        } = seen;
        let packet = Packet {
            interface: interface.as_ref().to_owned(),
            link,
            bytes,
            length,
            kernel_s: stamp.seconds,
            kernel_ns: stamp.nanoseconds,
            checksum_unfinished,
            process: Some(process),
            call,
            direction: Some(direction),
        };
        trace.record_seen(at_ns, What::Packet(Box::new(packet)), Some(process));
    }
}

/// What a packet tells of its connection: the client's own sequence number, or the one that the server acknowledges.
/// An error about a packet tells none.
fn tcp_trail(summary: &Summary, transport: Transport, from_server: bool) -> Option<TcpTrail> {
    let segment = summary.tcp.filter(|_| summary.quoted.is_none());
    let acks = |segment: &Segment| segment.flags.has(TcpFlags::ACK);
    let client_seq = match segment {
        // A SYN-ACK and a refusal acknowledge the SYN, which counts as one byte.
        Some(segment) if from_server => acks(&segment).then(|| segment.ack.wrapping_sub(1)),
        Some(segment) => Some(segment.seq),
        None => None,
    };
    let opens = segment
        .is_some_and(|segment| segment.flags.has(TcpFlags::SYN) && !acks(&segment) && !from_server);
    (transport == Transport::Tcp).then_some(TcpTrail { opens, client_seq })
}

/// The ends of a packet of these servers, or of the one an ICMP error is about.
fn ends(summary: &Summary, piece: Option<Piece>, routes: &Routes) -> Option<Ends> {
    let (protocol, source, destination, answers) = match &summary.quoted {
        Some(quoted) => (quoted.protocol, quoted.source, quoted.destination, true),
        None => (
            summary.protocol,
            summary.source?,
            summary.destination?,
            false,
        ),
    };
    let transport = match protocol {
        // The first piece of a datagram, or of a segment.
        Protocol::Ipv4 | Protocol::Ipv6 => transport_of(piece?)?,
        Protocol::Udp => Transport::Udp,
        Protocol::Tcp => Transport::Tcp,
        Protocol::Data if summary.tcp.is_some() => Transport::Tcp,
        Protocol::Data | Protocol::Ethernet | Protocol::Icmp | Protocol::Icmpv6 => {
            return None;
        }
    };
    let (source, destination) = ((transport, source), (transport, destination));
    let ends = |server, client, from_server| {
        routes.find(server, client).map(|trace| Ends {
            trace,
            client,
            from_server,
        })
    };
    // An error about a packet goes the other way than the packet it quotes.
    ends(destination, source, answers).or_else(|| ends(source, destination, !answers))
}

const fn transport_of(piece: Piece) -> Option<Transport> {
    match piece.protocol {
        TCP => Some(Transport::Tcp),
        UDP => Some(Transport::Udp),
        _ => None,
    }
}

/// Whether a packet is the doing of this call. What the kernel does on its own, such as most acknowledgments,
/// comes from no call.
fn comes_from(lately: &Lately, summary: &Summary, from_server: bool) -> bool {
    use CallName::{Close, Connect, Send, SendTo, Shutdown};

    let by_sender = lately.by_server == from_server;
    if summary.quoted.is_some() {
        return !lately.by_server && matches!(lately.name, Send | SendTo | Connect);
    }
    let Some(Segment { flags, .. }) = summary.tcp else {
        return by_sender && matches!(lately.name, Send | SendTo);
    };
    if flags.has(TcpFlags::SYN) {
        return !lately.by_server && lately.name == Connect;
    }
    if flags.has(TcpFlags::RST) {
        return by_sender && lately.name == Close || !lately.by_server && lately.name == Connect;
    }
    if summary.payload_length > 0 {
        return by_sender && lately.name == Send;
    }
    if flags.has(TcpFlags::FIN) {
        return by_sender && matches!(lately.name, Close | Shutdown);
    }
    false
}
