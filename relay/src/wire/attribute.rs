//! Finds the client of a packet by its addresses, and the call that sent it by direction and time.

use std::rc::{Rc, Weak};

use shared::{
    call::Transport,
    conditions::Direction,
    dissect::{Piece, Protocol, Segment, Summary, TcpFlags},
    trace::{CallId, CallName, ProcessId},
};

use super::{Routes, fragments::Fragments};
use crate::trace::{CapturedPacket, Endpoint, PacketEvidence, RecentCall, TcpEvidence, Trace};

/// The transports by their IANA numbers.
const TCP: u8 = 6;
const UDP: u8 = 17;

/// The lab and the endpoints of a packet.
#[derive(Debug)]
struct PacketEndpoints {
    trace: Rc<Trace>,
    client: Endpoint,
    from_server: bool,
}

/// The lab, client and calls that a datagram belongs to. It does not keep the lab alive for later fragments.
#[derive(Clone, Debug)]
struct PacketOwner {
    trace: Weak<Trace>,
    process: ProcessId,
    calls: Vec<CallId>,
    direction: Direction,
}

/// Records packets in the traces of their labs.
#[derive(Debug, Default)]
pub(super) struct Attribution {
    fragments: Fragments<PacketOwner, CapturedPacket>,
}

impl Attribution {
    /// Records a packet in the trace of its lab; packets of no lab's server are ignored. A later fragment is recorded with
    /// the first one of its datagram, because only that one has the ports.
    pub(super) fn record(&mut self, routes: &Routes, packet: CapturedPacket) {
        let summary = Summary::of(packet.link, &packet.bytes);
        if !summary.fragment {
            record_first(routes, packet, &summary, None);
            return;
        }
        let Some(piece) = Piece::of(packet.link, &packet.bytes) else {
            return;
        };
        if piece.offset > 0 {
            match self.fragments.owner(piece) {
                Some(owner) => owner.record_later(packet),
                None => {
                    let length = packet.bytes.len();
                    self.fragments.hold(piece, packet, length);
                }
            }
            return;
        }
        let Some(owner) = record_first(routes, packet, &summary, Some(piece)) else {
            return;
        };
        for later in self.fragments.handle_first(piece, owner.clone()) {
            owner.clone().record_later(later);
        }
    }
}

/// Records a whole packet, or the first fragment of a datagram. Returns the owner of a fragment.
fn record_first(
    routes: &Routes,
    packet: CapturedPacket,
    summary: &Summary,
    piece: Option<Piece>,
) -> Option<PacketOwner> {
    let PacketEndpoints {
        trace,
        client,
        from_server,
    } = endpoints(summary, piece, routes)?;
    let at_ns = trace.to_lab_time(packet.kernel_s, packet.kernel_ns);
    let evidence = PacketEvidence {
        at_ns,
        from_client: !from_server,
        tcp: tcp_evidence(summary, client.0, from_server),
    };
    let (process, calls) = trace.packet_owner(client, evidence, packet.count(), |call| {
        is_sent_by(call, summary, from_server)
    });
    let direction = if from_server {
        Direction::Reply
    } else {
        Direction::Request
    };
    let owner = piece.map(|_| PacketOwner {
        trace: Rc::downgrade(&trace),
        process,
        calls: calls.clone(),
        direction,
    });
    trace.record_packet(at_ns, packet, (process, direction), calls);
    owner
}

impl PacketOwner {
    fn record_later(self, packet: CapturedPacket) {
        let Some(trace) = self.trace.upgrade() else {
            return;
        };
        let at_ns = trace.to_lab_time(packet.kernel_s, packet.kernel_ns);
        trace.record_packet(at_ns, packet, (self.process, self.direction), self.calls);
    }
}

/// What a packet shows about its connection: the client's own sequence number, or the one that the server
/// acknowledges. An ICMP error shows none.
fn tcp_evidence(summary: &Summary, transport: Transport, from_server: bool) -> Option<TcpEvidence> {
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
    (transport == Transport::Tcp).then_some(TcpEvidence { opens, client_seq })
}

/// The endpoints of a packet of a lab's server, or of the packet that an ICMP error quotes.
fn endpoints(summary: &Summary, piece: Option<Piece>, routes: &Routes) -> Option<PacketEndpoints> {
    let (protocol, source, destination, is_error) = match &summary.quoted {
        Some(quoted) => (quoted.protocol, quoted.source, quoted.destination, true),
        None => (
            summary.protocol,
            summary.source?,
            summary.destination?,
            false,
        ),
    };
    let transport = match protocol {
        // The first fragment of a datagram, or of a segment.
        Protocol::Ipv4 | Protocol::Ipv6 => transport_of(piece?)?,
        Protocol::Udp => Transport::Udp,
        Protocol::Tcp => Transport::Tcp,
        Protocol::Data if summary.tcp.is_some() => Transport::Tcp,
        Protocol::Data | Protocol::Ethernet | Protocol::Icmp | Protocol::Icmpv6 => {
            return None;
        }
    };
    let (source, destination) = ((transport, source), (transport, destination));
    let endpoints = |server, client, from_server| {
        routes.find(server, client).map(|trace| PacketEndpoints {
            trace,
            client,
            from_server,
        })
    };
    // An ICMP error goes in the opposite direction of the packet it quotes.
    endpoints(destination, source, is_error).or_else(|| endpoints(source, destination, !is_error))
}

const fn transport_of(piece: Piece) -> Option<Transport> {
    match piece.protocol {
        TCP => Some(Transport::Tcp),
        UDP => Some(Transport::Udp),
        _ => None,
    }
}

/// Whether a call has sent this packet. The kernel sends some packets, such as most acknowledgments, without a call.
fn is_sent_by(call: &RecentCall, summary: &Summary, from_server: bool) -> bool {
    use CallName::{Close, Connect, Send, SendTo, Shutdown};

    let by_sender = call.by_server == from_server;
    if summary.quoted.is_some() {
        return !call.by_server && matches!(call.name, Send | SendTo | Connect);
    }
    let Some(Segment { flags, .. }) = summary.tcp else {
        return by_sender && matches!(call.name, Send | SendTo);
    };
    if flags.has(TcpFlags::SYN) {
        return !call.by_server && call.name == Connect;
    }
    if flags.has(TcpFlags::RST) {
        return by_sender && call.name == Close || !call.by_server && call.name == Connect;
    }
    if summary.payload_length > 0 {
        return by_sender && call.name == Send;
    }
    if flags.has(TcpFlags::FIN) {
        return by_sender && matches!(call.name, Close | Shutdown);
    }
    false
}
