//! The line of a packet in a packet list, worded as protocol analysers word it.

mod icmp;

use super::bytes::{u8_at, u16_at, u32_at};
use super::extension::NO_NEXT_HEADER;
use super::outline::{Ip, Transport, UDP};
use super::tcp::{self, Options, TcpOption};
use super::{Analysis, Link, Mark, Summary, TcpFlags};
use std::fmt::Write;

/// The line for one packet. With its analysis, sequence numbers are relative and windows scaled; without, as on the
/// wire.
#[must_use]
pub fn info(link: Link, frame: &[u8], analysis: Option<&Analysis>) -> String {
    let mut line = String::new();
    let written = match Ip::of_frame(link, frame) {
        Some(ip) => packet(
            &mut line,
            super::bytes::prefix(frame, ip.end),
            &ip,
            &Summary::of(link, frame),
            analysis,
        ),
        None => unread(&mut line, link, frame),
    };
    // Writing to a string cannot fail.
    written.unwrap_or_default();
    line
}

type Written = std::fmt::Result;

fn unread(line: &mut String, link: Link, frame: &[u8]) -> Written {
    match (link, u16_at(frame, 12)) {
        (Link::Ethernet, Some(ethertype)) => write!(line, "Ethertype 0x{ethertype:04x}"),
        (Link::Ethernet, None) | (Link::Raw, _) => write!(line, "Raw packet data"),
    }
}

fn packet(
    line: &mut String,
    frame: &[u8],
    ip: &Ip,
    summary: &Summary,
    analysis: Option<&Analysis>,
) -> Written {
    if ip.is_piece() {
        return fragment(line, ip);
    }
    if ip.transport().is_some() && ip.end < ip.header_end + 4 {
        return write!(line, "[Truncated]");
    }
    match ip.transport() {
        Some(Transport::Udp) => datagram(line, frame, ip, summary),
        Some(Transport::Tcp) => segment(line, frame, ip, summary, analysis),
        Some(Transport::Icmp) => icmp::v4(line, frame, ip),
        Some(Transport::Icmpv6) => icmp::v6(line, frame, ip),
        None if ip.source.is_ipv6() && ip.protocol == NO_NEXT_HEADER => {
            write!(line, "IPv6 no next header")
        }
        None => write!(line, "IP protocol {}", ip.protocol),
    }
}

fn fragment(line: &mut String, ip: &Ip) -> Written {
    let Some(fragment) = ip.fragment else {
        return Ok(());
    };
    let (offset, identification) = (fragment.offset, fragment.identification);
    if ip.source.is_ipv6() {
        let more = if fragment.more { 'y' } else { 'n' };
        return write!(
            line,
            "IPv6 fragment (off={offset} more={more} ident=0x{identification:08x} nxt={})",
            ip.protocol
        );
    }
    let name = match ip.protocol {
        super::outline::ICMP => "ICMP ",
        super::outline::TCP => "TCP ",
        UDP => "UDP ",
        _ => "",
    };
    write!(
        line,
        "Fragmented IP protocol (proto={name}{}, off={offset}, ID={identification:04x})",
        ip.protocol
    )
}

fn ports(line: &mut String, summary: &Summary) -> Written {
    let port = |end: Option<std::net::SocketAddr>| end.map_or(0, |end| end.port());
    write!(
        line,
        "{} → {}",
        port(summary.source),
        port(summary.destination)
    )
}

fn datagram(line: &mut String, frame: &[u8], ip: &Ip, summary: &Summary) -> Written {
    ports(line, summary)?;
    let Some(length) = u16_at(frame, ip.header_end + 4).map(usize::from) else {
        return write!(line, " [Truncated]");
    };
    if (1..8).contains(&length) {
        return write!(line, " [BAD UDP LENGTH {length} < 8]");
    }
    if ip.whole && length > ip.end - ip.header_end {
        write!(line, " [BAD UDP LENGTH {length} > IP PAYLOAD LENGTH]")?;
    }
    write!(line, " Len={}", summary.payload_length)
}

fn segment(
    line: &mut String,
    frame: &[u8],
    ip: &Ip,
    summary: &Summary,
    analysis: Option<&Analysis>,
) -> Written {
    analysis.map_or(Ok(()), |analysis| marks(line, analysis))?;
    ports(line, summary)?;
    let Some(segment) = summary.tcp else {
        return write!(line, " [Truncated]");
    };
    flags(line, segment.flags)?;
    let (seq, ack, window) = match analysis {
        Some(analysis) => (analysis.seq, analysis.ack, analysis.window),
        None => (segment.seq, segment.ack, segment.window.into()),
    };
    write!(line, " Seq={seq}")?;
    if segment.flags.has(TcpFlags::ACK) {
        write!(line, " Ack={ack}")?;
    }
    write!(line, " Win={window}")?;
    if tcp::header_end(frame, ip).is_none() {
        let length = u8_at(frame, ip.header_end + 12).map_or(0, |byte| byte >> 4) * 4;
        return write!(
            line,
            ", bogus TCP header length ({length}, must be at least 20)"
        );
    }
    if let Some(pointer) =
        u16_at(frame, ip.header_end + 18).filter(|_| segment.flags.has(TcpFlags::URG))
    {
        write!(line, " Urg={pointer}")?;
    }
    write!(line, " Len={}", summary.payload_length)?;
    Options::of(frame, ip).try_for_each(|option| self::option(line, frame, &option, analysis))
}

fn flags(line: &mut String, flags: TcpFlags) -> Written {
    line.write_str(" [")?;
    for (place, name) in flags.names().enumerate() {
        line.write_str(if place > 0 { ", " } else { "" })?;
        line.write_str(name)?;
    }
    line.write_str(if flags.names().next().is_none() {
        "<None>]"
    } else {
        "]"
    })
}

fn marks(line: &mut String, analysis: &Analysis) -> Written {
    for mark in analysis.marks.iter() {
        line.write_str("[TCP ")?;
        line.write_str(mark_name(mark))?;
        if let Some(duplicate) = analysis.duplicate.filter(|_| mark == Mark::DuplicateAck) {
            write!(line, " {}#{}", duplicate.of, duplicate.count)?;
        }
        line.write_str("] ")?;
    }
    Ok(())
}

const fn mark_name(mark: Mark) -> &'static str {
    match mark {
        Mark::Retransmission => "Retransmission",
        Mark::OutOfOrder => "Out-Of-Order",
        Mark::LostSegment => "Previous segment not captured",
        Mark::DuplicateAck => "Dup ACK",
        Mark::ZeroWindow => "ZeroWindow",
        Mark::ZeroWindowProbe => "ZeroWindowProbe",
        Mark::WindowFull => "Window Full",
        Mark::WindowUpdate => "Window Update",
        Mark::KeepAlive => "Keep-Alive",
        Mark::KeepAliveAck => "Keep-Alive ACK",
        Mark::ReusedPorts => "Port numbers reused",
    }
}

fn option(
    line: &mut String,
    frame: &[u8],
    option: &TcpOption,
    analysis: Option<&Analysis>,
) -> Written {
    let at = option.range.start;
    let long = |offset| u32_at(frame, at + offset).unwrap_or(0);
    match (option.kind, option.range.len()) {
        (tcp::MAXIMUM_SEGMENT_SIZE, 4) => {
            write!(line, " MSS={}", u16_at(frame, at + 2).unwrap_or(0))
        }
        (tcp::WINDOW_SCALE, 3) => {
            let shift = u8_at(frame, at + 2).unwrap_or(0).min(tcp::MOST_SHIFT);
            write!(line, " WS={}", 1 << shift)
        }
        (tcp::SACK_PERMITTED, 2) => write!(line, " SACK_PERM"),
        (tcp::SACK, length) => {
            // SACK blocks count the other side's bytes, as the acknowledgment number does.
            let base = analysis.map_or(0, |analysis| analysis.ack_base);
            (0..length.saturating_sub(2) / 8).try_for_each(|block| {
                let edge = |offset| long(2 + block * 8 + offset).wrapping_sub(base);
                write!(line, " SLE={} SRE={}", edge(0), edge(4))
            })
        }
        (tcp::TIMESTAMPS, 10) => write!(line, " TSval={} TSecr={}", long(2), long(6)),
        _ => Ok(()),
    }
}
