//! The cheap view of a packet: what a list, a ladder and a conversation need of every packet that arrives.
//! Reading one allocates nothing.

use super::bytes::{clip, prefix, u8_at, u16_at, u32_at};
use super::outline::{Ip, Transport};
use super::{Link, Protocol, icmp, tcp, udp};
use std::net::SocketAddr;
use std::ops::Range;

/// A packet in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The highest protocol that could be read. A fragment is IP's: only all pieces together are a datagram.
    pub protocol: Protocol,
    /// Who sent it; port 0 where the protocol has no ports or a later fragment does not repeat them.
    pub source: Option<SocketAddr>,
    /// To whom.
    pub destination: Option<SocketAddr>,
    /// What TCP says.
    pub tcp: Option<Segment>,
    /// Type and code of an ICMP or ICMPv6 message.
    pub icmp: Option<(u8, u8)>,
    /// What an ICMP error is about.
    pub quoted: Option<Quoted>,
    /// It is a piece of a larger packet.
    pub fragment: bool,
    /// The bytes behind the last header that could be read.
    pub payload: Range<usize>,
    /// How many there were on the wire, by the headers' own lengths: more than `payload` if the frame was cut.
    pub payload_length: usize,
    /// How many bytes of the frame there are.
    pub length: usize,
}

/// The header of a TCP segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its flags.
    pub flags: TcpFlags,
    /// Its sequence number, as on the wire.
    pub seq: u32,
    /// Its acknowledgment number, as on the wire; meaningless without [`TcpFlags::ACK`].
    pub ack: u32,
    /// Its window, as on the wire.
    pub window: u16,
    /// The shift that a SYN offers for later windows (RFC 7323 2.2).
    pub scale: Option<u8>,
}

/// The packet that an ICMP error quotes: the error is about this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quoted {
    /// Its highest protocol.
    pub protocol: Protocol,
    /// Who had sent it.
    pub source: SocketAddr,
    /// To whom it was.
    pub destination: SocketAddr,
}

/// The flags of a TCP header (RFC 9293 3.1, RFC 9768), as their twelve bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TcpFlags(pub u16);

impl TcpFlags {
    /// No more data from the sender.
    pub const FIN: Self = Self(0x001);
    /// Synchronise sequence numbers.
    pub const SYN: Self = Self(0x002);
    /// Reset the connection.
    pub const RST: Self = Self(0x004);
    /// Push.
    pub const PSH: Self = Self(0x008);
    /// The acknowledgment number counts.
    pub const ACK: Self = Self(0x010);
    /// The urgent pointer counts.
    pub const URG: Self = Self(0x020);
    /// Congestion was met (RFC 3168).
    pub const ECE: Self = Self(0x040);
    /// The congestion window was reduced (RFC 3168).
    pub const CWR: Self = Self(0x080);
    /// Accurate ECN (RFC 9768).
    pub const AE: Self = Self(0x100);

    const NAMES: [(Self, &str); 9] = [
        (Self::FIN, "FIN"),
        (Self::SYN, "SYN"),
        (Self::RST, "RST"),
        (Self::PSH, "PSH"),
        (Self::ACK, "ACK"),
        (Self::URG, "URG"),
        (Self::ECE, "ECE"),
        (Self::CWR, "CWR"),
        (Self::AE, "AE"),
    ];

    /// Whether any of these flags is set.
    #[must_use]
    pub const fn has(self, any: Self) -> bool {
        self.0 & any.0 != 0
    }

    /// Both sets together.
    #[must_use]
    pub const fn with(self, more: Self) -> Self {
        Self(self.0 | more.0)
    }

    /// The names of the flags that are set, in the order in which analysers print them.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES
            .into_iter()
            .filter(move |(flag, _)| self.has(*flag))
            .map(|(_, name)| name)
    }
}

impl Summary {
    /// Reads a frame in short.
    #[must_use]
    pub fn of(link: Link, frame: &[u8]) -> Self {
        let Some(ip) = Ip::of_frame(link, frame) else {
            return Self::unread(link, frame);
        };
        let (protocol, source, destination) = ends(frame, &ip);
        let payload = payload(frame, &ip);
        Self {
            source: Some(source),
            destination: Some(destination),
            tcp: segment(frame, &ip).filter(|_| protocol == Protocol::Tcp),
            icmp: icmp_kind(frame, &ip),
            quoted: quoted(frame, &ip),
            fragment: ip.is_piece(),
            payload_length: payload_length(frame, &ip, &payload),
            payload,
            length: frame.len(),
            protocol,
        }
    }

    fn unread(link: Link, frame: &[u8]) -> Self {
        let (protocol, header) = match link {
            Link::Ethernet => (Protocol::Ethernet, super::outline::ETHERNET_HEADER),
            Link::Raw => (Protocol::Data, 0),
        };
        let payload = clip(frame, header..frame.len());
        Self {
            protocol,
            source: None,
            destination: None,
            tcp: None,
            icmp: None,
            quoted: None,
            fragment: false,
            payload_length: payload.len(),
            payload,
            length: frame.len(),
        }
    }
}

/// The highest protocol, and both ends with ports where the packet has them.
fn ends(frame: &[u8], ip: &Ip) -> (Protocol, SocketAddr, SocketAddr) {
    let packet = prefix(frame, ip.end);
    let network = if ip.source.is_ipv4() {
        Protocol::Ipv4
    } else {
        Protocol::Ipv6
    };
    let ports = u16_at(packet, ip.header_end).zip(u16_at(packet, ip.header_end + 2));
    let (protocol, ports) = match ip.transport() {
        Some(transport @ (Transport::Udp | Transport::Tcp)) => {
            ports.map_or((network, (0, 0)), |ports| (transport.protocol(), ports))
        }
        Some(transport @ (Transport::Icmp | Transport::Icmpv6)) => (transport.protocol(), (0, 0)),
        None => (network, (0, 0)),
    };
    let protocol = if ip.is_piece() { network } else { protocol };
    (
        protocol,
        SocketAddr::new(ip.source, ports.0),
        SocketAddr::new(ip.destination, ports.1),
    )
}

fn segment(frame: &[u8], ip: &Ip) -> Option<Segment> {
    let packet = prefix(frame, ip.end);
    let at = ip.header_end;
    let flags = TcpFlags(u16_at(packet, at + 12)? & 0x0fff);
    let scale = || {
        tcp::Options::of(packet, ip)
            .find(|option| option.kind == tcp::WINDOW_SCALE && option.range.len() == 3)
    };
    Some(Segment {
        flags,
        seq: u32_at(packet, at + 4)?,
        ack: u32_at(packet, at + 8)?,
        window: u16_at(packet, at + 14)?,
        scale: if flags.has(TcpFlags::SYN) {
            scale().and_then(|option| u8_at(packet, option.range.start + 2))
        } else {
            None
        },
    })
}

fn icmp_kind(frame: &[u8], ip: &Ip) -> Option<(u8, u8)> {
    match ip.transport()? {
        Transport::Icmp | Transport::Icmpv6 => {
            let packet = prefix(frame, ip.end);
            Some((
                u8_at(packet, ip.header_end)?,
                u8_at(packet, ip.header_end + 1)?,
            ))
        }
        Transport::Udp | Transport::Tcp => None,
    }
}

fn quoted(frame: &[u8], ip: &Ip) -> Option<Quoted> {
    let message = prefix(frame, ip.end);
    let about = Ip::read(message, ip.quoted_at(frame)?)?;
    let (protocol, source, destination) = ends(message, &about);
    Some(Quoted {
        protocol,
        source,
        destination,
    })
}

fn payload(frame: &[u8], ip: &Ip) -> Range<usize> {
    match ip.transport() {
        Some(Transport::Udp) => udp::payload(frame, ip),
        Some(Transport::Tcp) => {
            let end = tcp::header_end(frame, ip).unwrap_or(ip.header_end + tcp::HEADER);
            end.min(ip.end)..ip.end
        }
        Some(Transport::Icmp | Transport::Icmpv6) => {
            (ip.header_end + icmp::HEADER).min(ip.end)..ip.end
        }
        None => ip.header_end.min(ip.end)..ip.end,
    }
}

fn payload_length(frame: &[u8], ip: &Ip, payload: &Range<usize>) -> usize {
    let udp = ip.transport() == Some(Transport::Udp) && !ip.is_piece();
    match u16_at(frame, ip.header_end + 4).map(usize::from) {
        Some(length) if udp && length >= udp::HEADER => length - udp::HEADER,
        Some(_) | None if udp => payload.len(),
        Some(_) | None => ip.wire_end.saturating_sub(payload.start),
    }
}
