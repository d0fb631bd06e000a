//! ICMP (RFC 792) and ICMPv6 (RFC 4443), with the packets that their errors quote.

use super::bytes::{u8_at, u16_at};
use super::outline::Ip;
use super::walk::{Header, Walk};
use super::{Protocol, checksum, layout, network};

/// Type, code, checksum and four bytes that depend on the type.
pub(super) const HEADER: usize = 8;

/// An ICMP message that is the payload of `ip`.
pub(super) fn walk_v4(walk: &mut Walk<'_, '_>, ip: &Ip) {
    let at = ip.header_end;
    let mut header = walk.header(Protocol::Icmp, at);
    verify(&mut header, ip);
    header.fixed(layout::ICMP);
    match u16_at(header.frame, at).map(u16::to_be_bytes) {
        Some([0 | 8, _]) => header.fixed(layout::ICMP_ECHO),
        Some([3, 4]) => header.fixed(layout::ICMP_MTU),
        Some([5, _]) => header.fixed(layout::ICMP_REDIRECT),
        Some(_) | None => {}
    }
    header.leave(at + HEADER);
    behind(walk, ip);
}

/// An ICMPv6 message that is the payload of `ip`.
pub(super) fn walk_v6(walk: &mut Walk<'_, '_>, ip: &Ip) {
    let at = ip.header_end;
    let mut header = walk.header(Protocol::Icmpv6, at);
    verify(&mut header, ip);
    header.fixed(layout::ICMPV6);
    match u8_at(header.frame, at) {
        Some(128 | 129) => header.fixed(layout::ICMPV6_ECHO),
        Some(2) => header.fixed(layout::ICMPV6_MTU),
        Some(_) | None => {}
    }
    header.leave(at + HEADER);
    behind(walk, ip);
}

fn verify(header: &mut Header<'_, '_>, ip: &Ip) {
    if header.verifies() {
        header.checksum = Some(checksum::transport(header.frame, ip));
    }
}

/// The quoted packet, or what else the message carries. No error is ever sent about an error (RFC 1122 3.2.2), so a
/// quoted message is not searched for another quote.
fn behind(walk: &mut Walk<'_, '_>, ip: &Ip) {
    match ip.quoted_at(walk.frame) {
        Some(at) if !walk.quoted => network::walk(&mut walk.quoting(), at),
        Some(_) | None => walk.data(ip.header_end + HEADER..ip.end),
    }
}
