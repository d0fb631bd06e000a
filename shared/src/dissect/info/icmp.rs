//! The lines of ICMP and ICMPv6 messages: what their types and codes are called.

use super::Written;
use crate::dissect::bytes::{u8_at, u16_at};
use crate::dissect::outline::Ip;
use std::fmt::Write;

/// A message type: its number, its name, and the names of its codes from 0 on.
type Type = (u8, &'static str, &'static [&'static str]);

/// RFC 792, RFC 1256 and the IANA registry of ICMP parameters.
const TYPES: [Type; 11] = [
    (0, "Echo (ping) reply", &[]),
    (3, "Destination unreachable", &UNREACHABLE),
    (4, "Source quench", &["flow control"]),
    (5, "Redirect", &REDIRECT),
    (8, "Echo (ping) request", &[]),
    (9, "Router advertisement", &[]),
    (10, "Router solicitation", &[]),
    (11, "Time-to-live exceeded", &EXCEEDED),
    (12, "Parameter problem", &PROBLEM),
    (13, "Timestamp request", &[]),
    (14, "Timestamp reply", &[]),
];

const UNREACHABLE: [&str; 16] = [
    "Network unreachable",
    "Host unreachable",
    "Protocol unreachable",
    "Port unreachable",
    "Fragmentation needed",
    "Source route failed",
    "Destination network unknown",
    "Destination host unknown",
    "Source host isolated",
    "Network administratively prohibited",
    "Host administratively prohibited",
    "Network unreachable for TOS",
    "Host unreachable for TOS",
    "Communication administratively filtered",
    "Host precedence violation",
    "Precedence cutoff in effect",
];

const REDIRECT: [&str; 4] = [
    "Redirect for network",
    "Redirect for host",
    "Redirect for TOS and network",
    "Redirect for TOS and host",
];

const EXCEEDED: [&str; 2] = [
    "Time to live exceeded in transit",
    "Fragment reassembly time exceeded",
];

const PROBLEM: [&str; 3] = [
    "Pointer indicates the error",
    "Required option missing",
    "Bad length",
];

/// RFC 4443; multicast listeners by RFC 2710 and RFC 9777, neighbour discovery by RFC 4861.
const TYPES_V6: [Type; 15] = [
    (1, "Destination Unreachable", &UNREACHABLE_V6),
    (2, "Packet Too Big", &[]),
    (3, "Time Exceeded", &EXCEEDED_V6),
    (4, "Parameter Problem", &PROBLEM_V6),
    (128, "Echo (ping) request", &[]),
    (129, "Echo (ping) reply", &[]),
    (130, "Multicast Listener Query", &[]),
    (131, "Multicast Listener Report", &[]),
    (132, "Multicast Listener Done", &[]),
    (133, "Router Solicitation", &[]),
    (134, "Router Advertisement", &[]),
    (135, "Neighbor Solicitation", &[]),
    (136, "Neighbor Advertisement", &[]),
    (137, "Redirect", &[]),
    (143, "Multicast Listener Report Message v2", &[]),
];

const UNREACHABLE_V6: [&str; 8] = [
    "no route to destination",
    "Administratively prohibited",
    "Beyond scope of source address",
    "Address unreachable",
    "Port unreachable",
    "Source address failed ingress/egress policy",
    "Reject route to destination",
    "Error in Source Routing Header",
];

const EXCEEDED_V6: [&str; 2] = [
    "hop limit exceeded in transit",
    "fragment reassembly time exceeded",
];

const PROBLEM_V6: [&str; 4] = [
    "erroneous header field encountered",
    "unrecognized Next Header type encountered",
    "unrecognized IPv6 option encountered",
    "IPv6 First Fragment has incomplete IPv6 Header Chain",
];

pub(super) fn v4(line: &mut String, frame: &[u8], ip: &Ip) -> Written {
    let echo = [0, 8].contains(&named(line, frame, ip, &TYPES, "ICMP")?);
    let Some((id, seq)) = identified(frame, ip).filter(|_| echo) else {
        return Ok(());
    };
    let ttl = u8_at(frame, ip.at + 8).unwrap_or(0);
    write!(
        line,
        " id=0x{id:04x}, seq={seq}/{}, ttl={ttl}",
        seq.swap_bytes()
    )
}

pub(super) fn v6(line: &mut String, frame: &[u8], ip: &Ip) -> Written {
    let echo = [128, 129].contains(&named(line, frame, ip, &TYPES_V6, "ICMPv6")?);
    let Some((id, seq)) = identified(frame, ip).filter(|_| echo) else {
        return Ok(());
    };
    let hop_limit = u8_at(frame, ip.at + 7).unwrap_or(0);
    write!(line, " id=0x{id:04x}, seq={seq}, hop limit={hop_limit}")
}

/// Identifier and sequence number of an echo.
fn identified(frame: &[u8], ip: &Ip) -> Option<(u16, u16)> {
    u16_at(frame, ip.header_end + 4).zip(u16_at(frame, ip.header_end + 6))
}

/// Writes the type's name, and its code's in brackets where the type has codes; gives the type.
fn named(
    line: &mut String,
    frame: &[u8],
    ip: &Ip,
    types: &[Type],
    protocol: &str,
) -> Result<u8, std::fmt::Error> {
    let [kind, code] = u16_at(frame, ip.header_end).unwrap_or(0).to_be_bytes();
    let Some((_, name, codes)) = types.iter().find(|(known, ..)| *known == kind) else {
        write!(line, "{protocol} type {kind}, code {code}")?;
        return Ok(kind);
    };
    line.write_str(name)?;
    match codes.get(usize::from(code)) {
        Some(code) => write!(line, " ({code})")?,
        None if codes.is_empty() => {}
        None => write!(line, " (Unknown code: {code})")?,
    }
    Ok(kind)
}
