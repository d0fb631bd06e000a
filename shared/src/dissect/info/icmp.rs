//! The lines of ICMP and ICMPv6 messages: what their types and codes are called.

use super::Written;
use crate::dissect::bytes::{u8_at, u16_at};
use crate::dissect::outline::Ip;
use std::fmt::Write;

/// RFC 792 and the IANA registry of ICMP parameters.
pub(super) fn v4(line: &mut String, frame: &[u8], ip: &Ip) -> Written {
    let at = ip.header_end;
    let [kind, code] = u16_at(frame, at).unwrap_or(0).to_be_bytes();
    let (name, codes): (&str, &[&str]) = match kind {
        0 => ("Echo (ping) reply", &[]),
        3 => ("Destination unreachable", &UNREACHABLE),
        4 => ("Source quench", &["flow control"]),
        5 => (
            "Redirect",
            &[
                "Redirect for network",
                "Redirect for host",
                "Redirect for TOS and network",
                "Redirect for TOS and host",
            ],
        ),
        8 => ("Echo (ping) request", &[]),
        9 => ("Router advertisement", &[]),
        10 => ("Router solicitation", &[]),
        11 => (
            "Time-to-live exceeded",
            &[
                "Time to live exceeded in transit",
                "Fragment reassembly time exceeded",
            ],
        ),
        12 => (
            "Parameter problem",
            &[
                "Pointer indicates the error",
                "Required option missing",
                "Bad length",
            ],
        ),
        13 => ("Timestamp request", &[]),
        14 => ("Timestamp reply", &[]),
        _ => return write!(line, "ICMP type {kind}, code {code}"),
    };
    named(line, name, codes, code)?;
    if matches!(kind, 0 | 8) {
        let (id, seq) = (
            u16_at(frame, at + 4).unwrap_or(0),
            u16_at(frame, at + 6).unwrap_or(0),
        );
        let ttl = u8_at(frame, ip.at + 8).unwrap_or(0);
        write!(
            line,
            " id=0x{id:04x}, seq={seq}/{}, ttl={ttl}",
            seq.swap_bytes()
        )?;
    }
    Ok(())
}

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

/// RFC 4443; neighbour discovery by RFC 4861, multicast listeners by RFC 2710 and RFC 9777.
pub(super) fn v6(line: &mut String, frame: &[u8], ip: &Ip) -> Written {
    let at = ip.header_end;
    let [kind, code] = u16_at(frame, at).unwrap_or(0).to_be_bytes();
    let (name, codes): (&str, &[&str]) = match kind {
        1 => ("Destination Unreachable", &UNREACHABLE_V6),
        2 => ("Packet Too Big", &[]),
        3 => (
            "Time Exceeded",
            &[
                "hop limit exceeded in transit",
                "fragment reassembly time exceeded",
            ],
        ),
        4 => (
            "Parameter Problem",
            &[
                "erroneous header field encountered",
                "unrecognized Next Header type encountered",
                "unrecognized IPv6 option encountered",
                "IPv6 First Fragment has incomplete IPv6 Header Chain",
            ],
        ),
        128 => ("Echo (ping) request", &[]),
        129 => ("Echo (ping) reply", &[]),
        130 => ("Multicast Listener Query", &[]),
        131 => ("Multicast Listener Report", &[]),
        132 => ("Multicast Listener Done", &[]),
        133 => ("Router Solicitation", &[]),
        134 => ("Router Advertisement", &[]),
        135 => ("Neighbor Solicitation", &[]),
        136 => ("Neighbor Advertisement", &[]),
        137 => ("Redirect", &[]),
        143 => ("Multicast Listener Report Message v2", &[]),
        _ => return write!(line, "ICMPv6 type {kind}, code {code}"),
    };
    named(line, name, codes, code)?;
    if matches!(kind, 128 | 129) {
        let (id, seq) = (
            u16_at(frame, at + 4).unwrap_or(0),
            u16_at(frame, at + 6).unwrap_or(0),
        );
        let hop_limit = u8_at(frame, ip.at + 7).unwrap_or(0);
        write!(line, " id=0x{id:04x}, seq={seq}, hop limit={hop_limit}")?;
    }
    Ok(())
}

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

/// A type's name, and its code's in brackets where the type has codes.
fn named(line: &mut String, name: &str, codes: &[&str], code: u8) -> Written {
    line.write_str(name)?;
    match codes.get(usize::from(code)) {
        Some(code) => write!(line, " ({code})"),
        None if codes.is_empty() => Ok(()),
        None => write!(line, " (Unknown code: {code})"),
    }
}
