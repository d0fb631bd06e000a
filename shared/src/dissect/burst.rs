//! Splits the packet that a kernel shows of several UDP datagrams sent in one call (`UDP_SEGMENT`, udp(7)): each datagram
//! gets the headers that the kernel's own segmentation gives it.

use std::num::NonZeroUsize;

use super::Link;
use super::bytes::u16_at;
use super::checksum::{ipv4_checksum, pseudo_header};
use super::extension::IPV6_HEADER;
use super::outline::{Ip, Transport};

/// The UDP header (RFC 768).
const UDP_HEADER: usize = 8;

/// The number of datagrams in a packet whose datagrams have payloads of this many bytes; the last may be shorter. A packet
/// that is no UDP datagram is one.
#[must_use]
pub fn datagram_count(link: Link, packet: &[u8], payload_bytes: NonZeroUsize) -> usize {
    let payload = payload(link, packet).map_or(0, |(_, payload)| payload.len());
    payload.div_ceil(payload_bytes.get()).max(1)
}

/// The datagram at this index of such a packet, from the link header on. Its UDP checksum is as unfinished as the
/// packet's. A packet that is no UDP datagram stays as it is.
#[must_use]
pub fn split_datagram(
    link: Link,
    packet: &[u8],
    payload_bytes: NonZeroUsize,
    index: usize,
) -> Vec<u8> {
    let Some((ip, payload)) = payload(link, packet) else {
        return packet.to_vec();
    };
    let mut parts = payload.chunks(payload_bytes.get());
    let part = parts.nth(index).unwrap_or_default();
    let udp_at = ip.header_end;
    let mut datagram = [&packet[..udp_at + UDP_HEADER], part].concat();
    let udp_length = UDP_HEADER + part.len();
    write(&mut datagram, udp_at + 4, length_field(udp_length));
    write(&mut datagram, udp_at + 6, pseudo_header(&ip, udp_length));
    let length = datagram.len() - ip.at;
    if ip.source.is_ipv6() {
        write(&mut datagram, ip.at + 4, length_field(length - IPV6_HEADER));
        return datagram;
    }
    let identification = u16_at(packet, ip.at + 4).unwrap_or_default();
    let identification = identification.wrapping_add(length_field(index));
    write(&mut datagram, ip.at + 2, length_field(length));
    write(&mut datagram, ip.at + 4, identification);
    let checksum = ipv4_checksum(&datagram, &ip);
    write(&mut datagram, ip.at + 10, checksum);
    datagram
}

/// The IP header of a UDP datagram, and the datagram's payload.
fn payload(link: Link, packet: &[u8]) -> Option<(Ip, &[u8])> {
    let ip = Ip::of_frame(link, packet)?;
    let payload = packet.get(ip.header_end + UDP_HEADER..ip.end)?;
    (ip.transport() == Some(Transport::Udp) && !ip.is_piece()).then_some((ip, payload))
}

/// A length that fits its field: no packet is longer than the one it is split from.
fn length_field(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}

fn write(bytes: &mut [u8], at: usize, field: u16) {
    if let Some(bytes) = bytes.get_mut(at..at + 2) {
        bytes.copy_from_slice(&field.to_be_bytes());
    }
}

#[cfg(test)]
mod tests;
