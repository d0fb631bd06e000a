//! The few header fields the ladder shows of a captured packet. Bytes that are no such packet show nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use shared::{
    call::Transport,
    trace::{Link, Packet},
};

use super::log::{Crossing, CrossingKind};

/// The flags of TCP from the lowest bit up (RFC 9293 §3.1).
const FLAGS: [&str; 5] = ["FIN", "SYN", "RST", "PSH", "ACK"];

/// Reads the headers.
pub(crate) fn read(packet: &Packet, at_ns: u64) -> Option<Crossing> {
    let bytes = match packet.link {
        Link::Ethernet => packet.bytes.get(14..)?,
        Link::Raw => &packet.bytes,
    };
    let (source, destination, protocol, rest, length) = read_ip(bytes)?;
    let ports = (number(rest, 0)?, number(rest, 2)?);
    let (transport, header, flags) = match protocol {
        17 => (Transport::Udp, 8, String::new()),
        6 => (
            Transport::Tcp,
            usize::from(rest.get(12)? >> 4) * 4,
            flag_names(*rest.get(13)?),
        ),
        _ => return None,
    };
    Some(Crossing {
        kind: CrossingKind::Captured(flags),
        transport,
        from: Some(SocketAddr::new(source, ports.0)),
        to: Some(SocketAddr::new(destination, ports.1)),
        length: length.saturating_sub(header) as u64,
        at_ns,
        call: packet.call,
    })
}

/// Addresses, protocol, what follows the IP header, and how long that really was.
fn read_ip(bytes: &[u8]) -> Option<(IpAddr, IpAddr, u8, &[u8], usize)> {
    match bytes.first()? >> 4 {
        4 => {
            let header = usize::from(bytes[0] & 15) * 4;
            let source: [u8; 4] = bytes.get(12..16)?.try_into().ok()?;
            let destination: [u8; 4] = bytes.get(16..20)?.try_into().ok()?;
            let length = usize::from(number(bytes, 2)?).checked_sub(header)?;
            Some((
                Ipv4Addr::from(source).into(),
                Ipv4Addr::from(destination).into(),
                bytes[9],
                bytes.get(header..)?,
                length,
            ))
        }
        6 => {
            let source: [u8; 16] = bytes.get(8..24)?.try_into().ok()?;
            let destination: [u8; 16] = bytes.get(24..40)?.try_into().ok()?;
            let length = usize::from(number(bytes, 4)?);
            Some((
                Ipv6Addr::from(source).into(),
                Ipv6Addr::from(destination).into(),
                bytes[6],
                bytes.get(40..)?,
                length,
            ))
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
            process: None,
            call: None,
        }
    }

    const SYN: [u8; 40] = [
        0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1, 0xc0, 0, 0x2e,
        0xe0, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0xff, 0xff, 0, 0, 0, 0,
    ];

    #[test]
    fn a_syn_is_read() {
        let crossing = read(&packet(SYN.to_vec()), 7).expect("a packet");
        assert_eq!(crossing.kind, CrossingKind::Captured("SYN".to_owned()));
        assert_eq!(
            crossing.from.map(|from| from.to_string()),
            Some("127.0.0.1:49152".to_owned())
        );
        assert_eq!(crossing.to.map(|to| to.port()), Some(12_000));
        assert_eq!((crossing.length, crossing.at_ns), (0, 7));
    }

    #[test]
    fn no_beginning_of_a_packet_is_more_than_nothing() {
        for end in 0..34 {
            assert_eq!(read(&packet(SYN[..end].to_vec()), 0), None, "{end}");
        }
    }
}
