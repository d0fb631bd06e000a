//! UDP (RFC 768).

use super::bytes::u16_at;
use super::outline::Ip;
use super::walk::Walk;
use super::{Fault, Key, Protocol, checksum, layout};
use std::ops::Range;

/// The header: two ports, a length and a checksum.
pub(super) const HEADER: usize = 8;

/// A datagram that is the payload of `ip`.
pub(super) fn walk(walk: &mut Walk<'_, '_>, ip: &Ip) {
    let at = ip.header_end;
    let mut header = walk.header(Protocol::Udp, at);
    if header.verifies() {
        header.checksum = Some(checksum::transport(header.frame, ip));
    }
    header.fixed(layout::UDP);
    let payload = payload(header.frame, ip);
    if let Some(fault) = fault(header.frame, ip) {
        header.fault.get_or_insert(fault);
    }
    if !payload.is_empty() {
        header.bytes(Key::UdpPayload, payload.clone());
    }
    header.leave(at + HEADER);
    walk.data(payload);
}

/// What the datagram carries, as far as the packet holds it.
pub(super) fn payload(frame: &[u8], ip: &Ip) -> Range<usize> {
    let start = (ip.header_end + HEADER).min(ip.end);
    let length = u16_at(frame, ip.header_end + 4).map_or(0, usize::from);
    // A length of zero belongs to a jumbogram, which reaches to the packet's end (RFC 2675 4).
    let end = if length == 0 {
        ip.end
    } else {
        (ip.header_end + length).min(ip.end)
    };
    start..end.max(start)
}

/// A length that cannot be, or that promises more than a whole packet holds.
fn fault(frame: &[u8], ip: &Ip) -> Option<Fault> {
    let length = usize::from(u16_at(frame, ip.header_end + 4)?);
    let room = ip.end - ip.header_end;
    match length {
        1..HEADER => Some(Fault::Length),
        // The other fragments have the rest.
        _ if length <= room || ip.whole && ip.is_piece() => None,
        _ if ip.whole => Some(Fault::Length),
        _ => Some(Fault::Truncated),
    }
}
