//! The outline of a frame: where its headers and payload are. All that reads packets starts from it.
//! Reading an outline allocates nothing and looks at headers only.

use super::bytes::{array, u8_at, u16_at};
use super::extension::{Extension, Extensions, Fragment, IPV6_HEADER};
use super::{Link, Protocol};
use std::net::IpAddr;

/// The IANA protocol numbers of the protocols known here.
pub(super) const ICMP: u8 = 1;
pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;
pub(super) const ICMPV6: u8 = 58;

/// The Ethernet header: two addresses and a type (IEEE 802.3).
pub(super) const ETHERNET_HEADER: usize = 14;
const IPV4_HEADER: usize = 20;

/// The header of one IP packet, and where its payload lies.
#[derive(Clone, Debug)]
pub(super) struct Ip {
    /// Where the header starts.
    pub(super) at: usize,
    /// Where the fixed header with IPv4's options ends, or IPv6's extension headers end.
    pub(super) header_end: usize,
    /// Where the packet ends, as far as the frame holds it.
    pub(super) end: usize,
    /// Where it ended on the wire, by its length field.
    pub(super) wire_end: usize,
    /// The frame holds all that the length field promises.
    pub(super) whole: bool,
    /// The payload's protocol number.
    pub(super) protocol: u8,
    /// The sender's address.
    pub(super) source: IpAddr,
    /// To whom.
    pub(super) destination: IpAddr,
    /// It is one piece of a larger packet.
    pub(super) fragment: Option<Fragment>,
    /// A routing header still has segments left: the checksum is over another destination (RFC 8200 8.1).
    pub(super) routed: bool,
}

impl Ip {
    /// Reads the header at `at`; `None` where the bytes hold no complete IP header.
    pub(super) fn read(frame: &[u8], at: usize) -> Option<Self> {
        match u8_at(frame, at)? >> 4 {
            4 => Self::read_v4(frame, at),
            6 => Self::read_v6(frame, at),
            _ => None,
        }
    }

    /// The IP header directly behind the link's own header.
    pub(super) fn of_frame(link: Link, frame: &[u8]) -> Option<Self> {
        Self::read(frame, network_at(link, frame)?)
    }

    /// RFC 791 3.1.
    fn read_v4(frame: &[u8], at: usize) -> Option<Self> {
        let header_length = usize::from(u8_at(frame, at)? & 0x0f) * 4;
        let fragment_word = u16_at(frame, at + 6)?;
        let extent = Extent::new(frame, at, header_length, u16_at(frame, at + 2)?.into());
        let offset = u32::from(fragment_word & 0x1fff) * 8;
        let more = fragment_word & 0x2000 != 0;
        (header_length >= IPV4_HEADER && extent.header_end <= frame.len()).then_some(Self {
            at,
            header_end: extent.header_end,
            end: extent.end,
            wire_end: extent.wire_end,
            whole: extent.whole,
            protocol: u8_at(frame, at + 9)?,
            source: IpAddr::from(array::<4>(frame, at + 12)?),
            destination: IpAddr::from(array::<4>(frame, at + 16)?),
            fragment: (more || offset > 0).then_some(Fragment {
                identification: u16_at(frame, at + 4)?.into(),
                offset,
                more,
            }),
            routed: false,
        })
    }

    /// RFC 8200 3.
    fn read_v6(frame: &[u8], at: usize) -> Option<Self> {
        let payload_length = usize::from(u16_at(frame, at + 4)?);
        let next_header = u8_at(frame, at + 6)?;
        // A length of zero in front of hop-by-hop options is a jumbo payload (RFC 2675 3).
        let jumbo = payload_length == 0 && next_header == Extension::HOP_BY_HOP;
        let total = if jumbo {
            0
        } else {
            IPV6_HEADER + payload_length
        };
        let extent = Extent::new(frame, at, IPV6_HEADER, total);
        let mut ip = Self {
            at,
            header_end: extent.header_end,
            end: extent.end,
            wire_end: extent.wire_end,
            whole: extent.whole,
            protocol: next_header,
            source: IpAddr::from(array::<16>(frame, at + 8)?),
            destination: IpAddr::from(array::<16>(frame, at + 24)?),
            fragment: None,
            routed: false,
        };
        for extension in Extensions::new(frame, at, extent.end) {
            ip.pass(frame, extension);
        }
        Some(ip)
    }

    fn pass(&mut self, frame: &[u8], extension: Extension) {
        self.header_end = extension.end;
        self.protocol = extension.next;
        self.routed |=
            extension.kind == Extension::ROUTING && u8_at(frame, extension.at + 3) != Some(0);
        if let Some(fragment) = extension.fragment(frame) {
            self.fragment = Some(fragment);
        }
    }

    /// Whether the payload begins with the transport's header: every piece but a later fragment.
    pub(super) fn begins_transport(&self) -> bool {
        self.fragment.is_none_or(|fragment| fragment.offset == 0)
    }

    /// Which of the protocols known here the payload is.
    pub(super) fn transport(&self) -> Option<Transport> {
        match (self.protocol, self.source) {
            _ if !self.begins_transport() => None,
            (TCP, _) => Some(Transport::Tcp),
            (UDP, _) => Some(Transport::Udp),
            (ICMP, IpAddr::V4(_)) => Some(Transport::Icmp),
            (ICMPV6, IpAddr::V6(_)) => Some(Transport::Icmpv6),
            _ => None,
        }
    }

    /// Whether this is only a piece: a checksum over the whole packet cannot be computed from it.
    pub(super) fn is_piece(&self) -> bool {
        self.fragment
            .is_some_and(|fragment| fragment.offset > 0 || fragment.more)
    }

    /// Where a quoted packet starts, if this packet is an ICMP error (RFC 792; RFC 4443 2.1: types below 128).
    pub(super) fn quoted_at(&self, frame: &[u8]) -> Option<usize> {
        let kind = u8_at(frame, self.header_end)?;
        let error = match self.transport()? {
            Transport::Icmp => matches!(kind, 3 | 4 | 5 | 11 | 12),
            Transport::Icmpv6 => matches!(kind, 1..=4),
            Transport::Udp | Transport::Tcp => false,
        };
        (error && self.header_end + 8 < self.end).then_some(self.header_end + 8)
    }
}

/// The protocols above IP that are known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Udp,
    Tcp,
    Icmp,
    Icmpv6,
}

impl Transport {
    pub(super) const fn protocol(self) -> Protocol {
        match self {
            Self::Udp => Protocol::Udp,
            Self::Tcp => Protocol::Tcp,
            Self::Icmp => Protocol::Icmp,
            Self::Icmpv6 => Protocol::Icmpv6,
        }
    }
}

/// Where the network layer's header starts, by the Ethernet type or straight away.
pub(super) fn network_at(link: Link, frame: &[u8]) -> Option<usize> {
    match link {
        Link::Raw => Some(0),
        Link::Ethernet => matches!(u16_at(frame, 12)?, 0x0800 | 0x86dd).then_some(ETHERNET_HEADER),
    }
}

/// How far a packet reaches.
struct Extent {
    header_end: usize,
    end: usize,
    wire_end: usize,
    whole: bool,
}

impl Extent {
    /// A total of zero, which offloading leaves in very large packets, reaches to the frame's end.
    fn new(frame: &[u8], at: usize, header: usize, total: usize) -> Self {
        let header_end = at + header;
        let claimed = if total == 0 { frame.len() } else { at + total };
        Self {
            header_end,
            end: claimed.min(frame.len()).max(header_end.min(frame.len())),
            wire_end: claimed.max(header_end),
            whole: total == 0 || (total >= header && claimed <= frame.len()),
        }
    }
}
