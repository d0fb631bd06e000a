//! IPv4 (RFC 791) and IPv6 (RFC 8200), and the way on to what they carry.

use super::bytes::u8_at;
use super::extension::{Extension, Extensions};
use super::outline::{Ip, Transport};
use super::walk::{Header, Walk};
use super::{Fault, Key, Protocol, checksum, icmp, layout, tcp, udp};

/// An IP packet at `at`, of the version that its first four bits say.
pub(super) fn walk(walk: &mut Walk<'_, '_>, at: usize) {
    let ip = Ip::read(walk.frame, at);
    match u8_at(walk.frame, at).map(|byte| byte >> 4) {
        Some(4) => v4(walk, at, ip.as_ref()),
        Some(6) => v6(walk, at, ip.as_ref()),
        Some(_) | None => walk.data(at..walk.frame.len()),
    }
    if let Some(ip) = ip {
        payload(&mut walk.until(ip.end), &ip);
    }
}

fn v4(walk: &mut Walk<'_, '_>, at: usize, ip: Option<&Ip>) {
    let mut header = walk.header(Protocol::Ipv4, at);
    if header.verifies() {
        header.checksum = ip.map(|ip| checksum::ipv4_header(header.frame, ip));
    }
    header.fixed(layout::IPV4);
    note_length(&mut header, ip);
    let fixed_end = at + 20;
    if let Some(ip) = ip.filter(|ip| ip.header_end > fixed_end) {
        header.bytes(Key::IpOptions, fixed_end..ip.header_end);
    }
    header.leave(ip.map_or(fixed_end, |ip| ip.header_end));
}

fn v6(walk: &mut Walk<'_, '_>, at: usize, ip: Option<&Ip>) {
    let mut header = walk.header(Protocol::Ipv6, at);
    header.fixed(layout::IPV6);
    note_length(&mut header, ip);
    let mut end = at + 40;
    if let Some(ip) = ip {
        for extension in Extensions::new(header.frame, at, ip.end) {
            extension_header(&mut header, extension);
            end = extension.end;
        }
    }
    header.leave(end);
}

fn extension_header(header: &mut Header<'_, '_>, extension: Extension) {
    let range = extension.at..extension.end;
    match extension.kind {
        Extension::HOP_BY_HOP => header.bytes(Key::Ipv6Hopopts, range),
        Extension::ROUTING => header.bytes(Key::Ipv6Routing, range),
        Extension::DESTINATION_OPTIONS => header.bytes(Key::Ipv6Dstopts, range),
        _ => {
            header.open(Key::Ipv6Fraghdr, range);
            header.part(extension.at, layout::IPV6_FRAGMENT);
            header.close();
        }
    }
}

/// A packet that is not whole is cut short by the frame, unless its own length cannot be.
fn note_length(header: &mut Header<'_, '_>, ip: Option<&Ip>) {
    let fault = match ip {
        Some(ip) if ip.whole => return,
        Some(ip) if ip.end < header.frame.len() => Fault::Length,
        Some(_) => Fault::Truncated,
        None => Fault::Length,
    };
    header.fault.get_or_insert(fault);
}

fn payload(walk: &mut Walk<'_, '_>, ip: &Ip) {
    match ip.transport() {
        Some(Transport::Udp) => udp::walk(walk, ip),
        Some(Transport::Tcp) => tcp::walk(walk, ip),
        Some(Transport::Icmp) => icmp::walk_v4(walk, ip),
        Some(Transport::Icmpv6) => icmp::walk_v6(walk, ip),
        None => walk.data(ip.header_end..ip.end),
    }
}
