//! Checksums (RFC 1071): what they say, and finishing those that were left half done.
//!
//! On loopback and wherever a network card is to do the work, the kernel leaves only the sum of the pseudo-header in
//! the field. Such a checksum is *unfinished*, not wrong, and [`complete_checksums`] finishes it.

use super::Link;
use super::bytes::u16_at;
use super::outline::{Ip, Transport};
use std::net::IpAddr;
use std::ops::Range;

/// What a checksum says about the bytes that it covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// It fits.
    Correct,
    /// It does not fit.
    Wrong {
        /// What would.
        expected: u16,
    },
    /// It is the bare sum of the pseudo-header, or zero: nobody has computed it yet.
    Unfinished {
        /// What would fit.
        expected: u16,
    },
    /// The sender computed none, which only UDP over IPv4 may do (RFC 768).
    Absent,
    /// The frame does not hold all bytes that it covers.
    NotVerifiable,
}

impl Checksum {
    /// The number that `….checksum.status` has in protocol analysers: 0 bad, 1 good, 2 unverified, 3 not present.
    pub(super) const fn status(self) -> u64 {
        match self {
            Self::Wrong { .. } => 0,
            Self::Correct => 1,
            Self::Unfinished { .. } | Self::NotVerifiable => 2,
            Self::Absent => 3,
        }
    }
}

/// Finishes all unfinished checksums of a frame: IP, UDP, TCP and ICMP, also those of the packet that an ICMP error
/// quotes and then the error's own. Says whether anything changed.
///
/// What is correct, absent, cut short or simply wrong stays as it is: a wrong checksum is a fact about the packet.
pub fn complete_checksums(link: Link, frame: &mut [u8]) -> bool {
    let Some(ip) = Ip::of_frame(link, frame) else {
        return false;
    };
    let before = transport(frame, &ip);
    let mut changed = complete_quoted(frame, &ip);
    let spoilt = changed && before == Checksum::Correct;
    changed |= complete(frame, covered(frame, &ip), spoilt);
    changed | complete(frame, header_covered(frame, &ip), false)
}

fn complete_quoted(frame: &mut [u8], outer: &Ip) -> bool {
    let Some(at) = outer.quoted_at(frame) else {
        return false;
    };
    let Some(message) = frame.get_mut(..outer.end) else {
        return false;
    };
    let Some(quoted) = Ip::read(message, at) else {
        return false;
    };
    complete(message, covered(message, &quoted), false)
        | complete(message, header_covered(message, &quoted), false)
}

/// Writes the checksum if it is unfinished, or `anyway` if it can be computed at all.
fn complete(frame: &mut [u8], covered: Option<Covered>, anyway: bool) -> bool {
    let Some(covered) = covered else {
        return false;
    };
    let expected = match covered.verify(frame) {
        Checksum::Unfinished { expected } => expected,
        Checksum::Wrong { expected } if anyway => expected,
        Checksum::Wrong { .. } | Checksum::Correct | Checksum::Absent | Checksum::NotVerifiable => {
            return false;
        }
    };
    match frame.get_mut(covered.field..covered.field + 2) {
        Some(field) => field.copy_from_slice(&expected.to_be_bytes()),
        None => return false,
    }
    true
}

/// The checksum that an IPv4 header must have (RFC 791 3.1).
pub(super) fn ipv4_checksum(frame: &[u8], ip: &Ip) -> u16 {
    !fold(sum(frame, ip.at..ip.at + 10) + sum(frame, ip.at + 12..ip.header_end))
}

/// Verifies an IPv4 header (RFC 791 3.1).
pub(super) fn ipv4_header(frame: &[u8], ip: &Ip) -> Checksum {
    header_covered(frame, ip).map_or(Checksum::NotVerifiable, |covered| covered.verify(frame))
}

/// Verifies the UDP, TCP or ICMP checksum of the packet.
pub(super) fn transport(frame: &[u8], ip: &Ip) -> Checksum {
    covered(frame, ip).map_or(Checksum::NotVerifiable, |covered| covered.verify(frame))
}

/// What a checksum covers, and where it stands.
struct Covered {
    bytes: Range<usize>,
    field: usize,
    /// The pseudo-header's sum (RFC 768, RFC 9293 3.1, RFC 8200 8.1); `None` where the checksum has none.
    pseudo: Option<u16>,
    /// Zero means that there is none, and a computed zero is sent as all ones (RFC 768).
    optional: bool,
    udp: bool,
}

impl Covered {
    fn verify(&self, frame: &[u8]) -> Checksum {
        let Some(stored) = u16_at(frame, self.field) else {
            return Checksum::NotVerifiable;
        };
        if stored == 0 && self.optional {
            return Checksum::Absent;
        }
        let rest =
            sum(frame, self.bytes.start..self.field) + sum(frame, self.field + 2..self.bytes.end);
        let rest = fold(rest + u64::from(self.pseudo.unwrap_or(0)));
        let expected = if self.udp && rest == 0xffff {
            0xffff
        } else {
            !rest
        };
        match stored {
            _ if fold(u64::from(rest) + u64::from(stored)) == 0xffff
                && !(self.udp && stored == 0) =>
            {
                Checksum::Correct
            }
            0 => Checksum::Unfinished { expected },
            _ if Some(stored) == self.pseudo => Checksum::Unfinished { expected },
            _ => Checksum::Wrong { expected },
        }
    }
}

fn header_covered(frame: &[u8], ip: &Ip) -> Option<Covered> {
    let bytes = ip.at..ip.header_end;
    (ip.source.is_ipv4() && ip.header_end <= frame.len()).then_some(Covered {
        bytes,
        field: ip.at + 10,
        pseudo: None,
        optional: false,
        udp: false,
    })
}

fn covered(frame: &[u8], ip: &Ip) -> Option<Covered> {
    let at = ip.header_end;
    let room = ip.end.checked_sub(at)?;
    let (field, least, length) = match ip.transport()? {
        Transport::Udp => (at + 6, 8, udp_length(frame, at, room)?),
        Transport::Tcp => (at + 16, 20, room),
        Transport::Icmp | Transport::Icmpv6 => (at + 2, 4, room),
    };
    let udp = ip.transport() == Some(Transport::Udp);
    let pseudo = (ip.transport() != Some(Transport::Icmp)).then(|| pseudo_header(ip, length));
    let known = ip.whole && !ip.routed && !ip.is_piece() && (least..=room).contains(&length);
    let bytes = at..at + length;
    known.then_some(Covered {
        bytes,
        field,
        pseudo,
        optional: udp && ip.source.is_ipv4(),
        udp,
    })
}

/// The datagram's own length, which a jumbogram leaves at zero (RFC 2675 4).
fn udp_length(frame: &[u8], at: usize, room: usize) -> Option<usize> {
    let length = usize::from(u16_at(frame, at + 4)?);
    Some(if length == 0 && room > 0xffff {
        room
    } else {
        length
    })
}

/// The sum of addresses, length and protocol number.
pub(super) fn pseudo_header(ip: &Ip, length: usize) -> u16 {
    let addresses = match (ip.source, ip.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            sum(&source.octets(), 0..4) + sum(&destination.octets(), 0..4)
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            sum(&source.octets(), 0..16) + sum(&destination.octets(), 0..16)
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => 0,
    };
    let length = length as u64;
    fold(addresses + (length >> 16) + (length & 0xffff) + u64::from(ip.protocol))
}

/// The sum of 16-bit words; an odd last byte counts as if a zero followed (RFC 1071 1).
fn sum(bytes: &[u8], range: Range<usize>) -> u64 {
    let (words, odd) = bytes.get(range).unwrap_or(&[]).as_chunks::<2>();
    let last = odd.first().map_or(0, |byte| u64::from(*byte) << 8);
    words
        .iter()
        .map(|word| u64::from(u16::from_be_bytes(*word)))
        .sum::<u64>()
        + last
}

/// Adds the carries back in until none is left (RFC 1071 1).
const fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}
