//! The cells of a packet's row in the table.

use std::net::SocketAddr;

use shared::{
    dissect::{Mark, Protocol, TcpFlags, info},
    trace::DerivedKind,
};

use super::record::{Captured, Inferred, PacketData, Record};
use crate::{
    i18n::Texts,
    model::text::units::{bytes, count, duration},
};

/// The texts of a row's cells.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Cells {
    pub(crate) number: String,
    pub(crate) time: String,
    pub(crate) delta: String,
    pub(crate) source: String,
    pub(crate) destination: String,
    pub(crate) protocol: &'static str,
    pub(crate) length: String,
    pub(crate) info: String,
}

/// The severity of a packet, or of an expert information.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    /// Something went wrong.
    Error,
    /// Something is worth knowing.
    Note,
}

/// Writes the cells. `before` is the packet in the row above.
pub(crate) fn cells(
    number: u64,
    record: &Record,
    before: Option<&Record>,
    began_ns: u64,
    texts: &Texts,
) -> Cells {
    let pause = before.map_or(0, |before| record.at_ns.saturating_sub(before.at_ns));
    let ends = record.ends();
    let (protocol, length, info) = match &record.data {
        PacketData::Captured(captured) => {
            let line = info(captured.link, &captured.bytes, captured.analysis.as_ref());
            (
                captured.summary().protocol,
                count(captured.length),
                without_ports(line, ends),
            )
        }
        PacketData::Inferred(inferred) => (
            inferred.protocol(),
            String::new(),
            inferred_info(inferred, texts),
        ),
    };
    Cells {
        number: number.to_string(),
        time: seconds(record.at_ns.saturating_sub(began_ns)),
        delta: if before.is_some() {
            duration(pause)
        } else {
            String::new()
        },
        source: ends.map(|(source, _)| address(source)).unwrap_or_default(),
        destination: ends
            .map(|(_, destination)| address(destination))
            .unwrap_or_default(),
        protocol: protocol.name(),
        length,
        info,
    }
}

/// The info without the ports, which are in the address cells.
fn without_ports(line: String, ends: Option<(SocketAddr, SocketAddr)>) -> String {
    match ends {
        Some((from, to)) if from.port() != 0 => {
            line.replacen(&format!("{} → {} ", from.port(), to.port()), "", 1)
        }
        Some(_) | None => line,
    }
}

/// The name of a packet's protocol in filters and in the markup.
pub(crate) fn protocol_key(record: &Record) -> &'static str {
    match &record.data {
        PacketData::Captured(captured) => captured.summary().protocol.key().name(),
        PacketData::Inferred(inferred) => inferred.protocol().key().name(),
    }
}

/// The severity of a packet, by itself and within its conversation.
pub(crate) fn tone(record: &Record) -> Option<Severity> {
    match &record.data {
        PacketData::Captured(captured) => captured_tone(captured),
        PacketData::Inferred(inferred) => {
            matches!(inferred.kind, DerivedKind::Rst | DerivedKind::Unreachable)
                .then_some(Severity::Error)
        }
    }
}

fn captured_tone(captured: &Captured) -> Option<Severity> {
    let summary = captured.summary();
    let resets = summary
        .tcp
        .is_some_and(|segment| segment.flags.has(TcpFlags::RST));
    if resets || summary.quoted.is_some() {
        return Some(Severity::Error);
    }
    let marks = captured.analysis?.marks;
    let bad = [Mark::Retransmission, Mark::LostSegment, Mark::ZeroWindow];
    if bad.into_iter().any(|mark| marks.has(mark)) {
        return Some(Severity::Error);
    }
    (!marks.is_empty() && !marks.has(Mark::WindowUpdate)).then_some(Severity::Note)
}

/// An address, without the port if the protocol has none.
fn address(end: SocketAddr) -> String {
    if end.port() == 0 {
        end.ip().to_string()
    } else {
        end.to_string()
    }
}

/// Seconds with six digits, the point in the same place in every row.
fn seconds(ns: u64) -> String {
    format!("{}.{:06}", ns / 1_000_000_000, ns / 1_000 % 1_000_000)
}

fn inferred_info(inferred: &Inferred, texts: &Texts) -> String {
    let length = bytes(inferred.length);
    let key = match inferred.kind {
        DerivedKind::Datagram => "derived.datagram",
        DerivedKind::Handshake => "derived.handshake",
        DerivedKind::Data => "derived.data",
        DerivedKind::Fin => "derived.fin",
        DerivedKind::Rst => "derived.rst",
        DerivedKind::Unreachable => "derived.unreachable",
    };
    texts.fill(key, &[("length", &length)])
}

/// The name that the stylesheet colours a protocol by.
pub(crate) fn transport_of(record: &Record) -> &'static str {
    let protocol = match &record.data {
        PacketData::Captured(captured) => captured.summary().protocol,
        PacketData::Inferred(inferred) => inferred.protocol(),
    };
    match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
        Protocol::Ethernet
        | Protocol::Ipv4
        | Protocol::Ipv6
        | Protocol::Icmp
        | Protocol::Icmpv6
        | Protocol::Data => "other",
    }
}
