//! The few header fields the ladder shows of a captured packet. Bytes that are no such packet show nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use shared::{
    call::Transport,
    trace::{Link, Packet},
};

use crate::model::trace::log::{Numbers, Seen, Transmission, TransmissionKind};

/// The flags of TCP from the lowest bit up (RFC 9293 §3.1).
const FLAGS: [&str; 5] = ["FIN", "SYN", "RST", "PSH", "ACK"];

const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

/// An ICMP error quotes the packet it is about after its own 8 bytes (RFC 792, RFC 4443 §3.1).
const ICMP_HEADER: usize = 8;

/// The extension header of an IPv6 fragment, of 8 bytes (RFC 8200 §4.5).
const FRAGMENT: u8 = 44;
const FRAGMENT_HEADER: usize = 8;

/// Reads the headers. A datagram in fragments is drawn once, with the first one, which has its ports and its length.
pub(crate) fn read(packet: &Packet, at_ns: u64) -> Option<Transmission> {
    let bytes = match packet.link {
        Link::Ethernet => packet.bytes.get(14..)?,
        Link::Raw => &packet.bytes,
    };
    let ip = read_ip(bytes)?;
    if let (1, Some(3), Some(3)) | (58, Some(1), Some(4)) = (
        ip.protocol,
        ip.rest.first().copied(),
        ip.rest.get(1).copied(),
    ) {
        let about = read_transport(&read_ip(ip.rest.get(ICMP_HEADER..)?)?, packet, at_ns)?;
        let (from, to) = (about.to, about.from);
        let kind = TransmissionKind::Captured(Seen::Unreachable);
        return Some(Transmission {
            kind,
            from,
            to,
            length: 0,
            numbers: None,
            ..about
        });
    }
    read_transport(&ip, packet, at_ns)
}

fn read_transport(ip: &IpHeader<'_>, packet: &Packet, at_ns: u64) -> Option<Transmission> {
    let (transport, header, seen) = match ip.protocol {
        _ if ip.is_later_fragment => return None,
        17 => (Transport::Udp, 8, Seen::Datagram),
        6 => {
            // What is quoted in an ICMP error may end before the flags.
            let header = usize::from(ip.rest.get(12).copied().unwrap_or(0x50) >> 4) * 4;
            (
                Transport::Tcp,
                header,
                Seen::Segment(flag_names(ip.rest.get(13).copied().unwrap_or(0))),
            )
        }
        _ => return None,
    };
    Some(Transmission {
        // The event it came in is known to who reads it.
        seq: 0,
        kind: TransmissionKind::Captured(seen),
        transport,
        from: Some(SocketAddr::new(ip.source, number(ip.rest, 0)?)),
        to: Some(SocketAddr::new(ip.destination, number(ip.rest, 2)?)),
        length: datagram_length(ip)
            .unwrap_or(ip.length)
            .saturating_sub(header) as u64,
        at_ns,
        call: packet.call,
        process: packet.process,
        direction: packet.direction,
        numbers: numbers(ip, transport),
    })
}

/// The numbers of a segment (RFC 9293 3.1).
fn numbers(ip: &IpHeader<'_>, transport: Transport) -> Option<Numbers> {
    let field = |at: usize| {
        let bytes = ip.rest.get(at..at + 4)?;
        Some(u32::from_be_bytes(bytes.try_into().ok()?))
    };
    let flags = *ip.rest.get(13).filter(|_| transport == Transport::Tcp)?;
    let ack = field(8)?;
    Some(Numbers {
        seq: field(4)?,
        ack: (flags & ACK != 0).then_some(ack),
        syn: flags & SYN != 0,
    })
}

/// The length of all of a datagram that begins here, header included: a fragment's own is shorter (RFC 768).
fn datagram_length(ip: &IpHeader<'_>) -> Option<usize> {
    let length = number(ip.rest, 4).filter(|_| ip.protocol == 17 && ip.is_first_fragment)?;
    Some(length.into())
}

/// What an IP header says.
struct IpHeader<'a> {
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    /// What follows it, as far as it was kept.
    rest: &'a [u8],
    /// How long that really was.
    length: usize,
    is_first_fragment: bool,
    is_later_fragment: bool,
}

fn read_ip(bytes: &[u8]) -> Option<IpHeader<'_>> {
    match bytes.first()? >> 4 {
        4 => {
            let header = usize::from(bytes[0] & 15) * 4;
            let address = |at: usize| {
                Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes.get(at..at + 4)?).ok()?).into())
            };
            Some(IpHeader {
                source: address(12)?,
                destination: address(16)?,
                protocol: bytes[9],
                rest: bytes.get(header..)?,
                length: usize::from(number(bytes, 2)?).checked_sub(header)?,
                is_first_fragment: number(bytes, 6)? & 0x3fff == 0x2000,
                is_later_fragment: number(bytes, 6)? & 0x1fff > 0,
            })
        }
        6 => {
            let address = |at: usize| {
                Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes.get(at..at + 16)?).ok()?).into())
            };
            let (source, destination) = (address(8)?, address(24)?);
            let (protocol, rest, length) = (bytes[6], bytes.get(40..)?, number(bytes, 4)?);
            let fragment = (protocol == FRAGMENT).then(|| number(rest, 2)).flatten();
            let is_fragment = fragment.is_some();
            Some(IpHeader {
                source,
                destination,
                protocol: if is_fragment { rest[0] } else { protocol },
                rest: rest.get(if is_fragment { FRAGMENT_HEADER } else { 0 }..)?,
                length: length.into(),
                is_first_fragment: fragment.is_some_and(|word| word & 0xfff9 == 1),
                is_later_fragment: fragment.is_some_and(|word| word & 0xfff8 > 0),
            })
        }
        _ => None,
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn flag_names(flags: u8) -> String {
    let set: Vec<&str> = FLAGS
        .iter()
        .enumerate()
        .filter(|(bit, _)| flags >> bit & 1 == 1)
        .map(|(_, name)| *name)
        .collect();
    set.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(bytes: Vec<u8>) -> Packet {
        let length = bytes.len() as u64;
        let (kernel_s, kernel_ns) = (0, 0);
        Packet {
            interface: "lo".to_owned(),
            link: Link::Raw,
            bytes,
            length,
            kernel_s,
            kernel_ns,
            checksum_unfinished: false,
            burst: None,
            process: None,
            call: None,
            direction: None,
        }
    }

    const OPENING: [u8; 40] = [
        0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1, 0xc0, 0, 0x2e,
        0xe0, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0xff, 0xff, 0, 0, 0, 0,
    ];

    #[test]
    fn a_syn_is_read() {
        let transmission = read(&packet(OPENING.to_vec()), 7).expect("a packet");
        assert_eq!(
            transmission.kind,
            TransmissionKind::Captured(Seen::Segment("SYN".to_owned()))
        );
        assert_eq!(
            transmission.from.map(|from| from.to_string()),
            Some("127.0.0.1:49152".to_owned())
        );
        assert_eq!(transmission.to.map(|to| to.port()), Some(12_000));
        assert_eq!((transmission.length, transmission.at_ns), (0, 7));
    }

    #[test]
    fn a_datagram_in_fragments_is_drawn_once_and_as_long_as_it_is() {
        let fragment = |word: u16| {
            let mut bytes = vec![0x45, 0, 0, 36, 0, 7];
            bytes.extend(word.to_be_bytes());
            bytes.extend([64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1]);
            bytes.extend([0xc0, 0, 0x2e, 0xe0, 0x0f, 0xa8, 0, 0]);
            bytes.extend([b'x'; 8]);
            packet(bytes)
        };
        let first = read(&fragment(0x2000), 0).expect("the first");
        assert_eq!(first.kind, TransmissionKind::Captured(Seen::Datagram));
        assert_eq!(first.length, 4000);
        assert_eq!(read(&fragment(0x20b9), 0), None);
        assert_eq!(read(&fragment(0x0172), 0), None);
        assert_eq!(read(&fragment(0), 0).map(|whole| whole.length), Some(8));
        let fragment6 = |word: u16| {
            let mut bytes = vec![0x60, 0, 0, 0, 0, 24, 44, 64];
            bytes.extend([0; 32]);
            bytes.extend([17, 0]);
            bytes.extend(word.to_be_bytes());
            bytes.extend([0, 0, 0, 7]);
            bytes.extend([0xc0, 0, 0x2e, 0xe0, 0x0f, 0xa8, 0, 0]);
            bytes.extend([b'x'; 8]);
            packet(bytes)
        };
        let first = read(&fragment6(1), 0).expect("the first");
        assert_eq!((first.length, first.transport), (4000, Transport::Udp));
        assert_eq!(first.to.map(|to| to.port()), Some(12_000));
        assert_eq!(read(&fragment6(1448), 0), None);
    }

    #[test]
    fn no_beginning_of_a_packet_is_more_than_nothing() {
        for end in 0..24 {
            assert_eq!(read(&packet(OPENING[..end].to_vec()), 0), None, "{end}");
        }
    }

    #[test]
    fn an_unreachable_port_is_told_from_where_the_datagram_went() {
        let mut bytes = vec![
            0x45, 0, 0, 56, 0, 0, 0, 0, 64, 1, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1, 3, 3, 0, 0, 0, 0,
            0, 0,
        ];
        bytes.extend([
            0x45, 0, 0, 33, 0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1,
        ]);
        bytes.extend([0xc0, 0, 0x2e, 0xe0, 0, 13, 0, 0]);
        let transmission = read(&packet(bytes), 0).expect("a packet");
        assert_eq!(
            transmission.kind,
            TransmissionKind::Captured(Seen::Unreachable)
        );
        assert_eq!(transmission.from.map(|from| from.port()), Some(12_000));
        assert_eq!(transmission.to.map(|to| to.port()), Some(49_152));
    }
}
