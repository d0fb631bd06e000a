//! Expert information about a packet, from the packet, its conversation and its calls.

use shared::{
    call::Transport,
    dissect::{Checksum, Dissection, Fault, Mark, Piece, TcpFlags},
    outcome::{Outcome, Returned},
    trace::{CallName, DerivedKind},
};

use super::{
    record::{Captured, Inferred, PacketData, Record},
    rows::Severity,
    store::Store,
    tree::fault_key,
};
use crate::model::trace::log::{Call, DatagramFate, Run, Side};

/// One expert information.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExpertInfo {
    /// The key of its text.
    pub(crate) key: &'static str,
    /// Its severity.
    pub(crate) tone: Severity,
    /// The values of the text's gaps.
    pub(crate) values: Vec<(&'static str, String)>,
}

impl ExpertInfo {
    const fn new(key: &'static str, tone: Severity) -> Self {
        Self {
            key,
            tone,
            values: Vec::new(),
        }
    }

    fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.values.push((name, value.to_string()));
        self
    }
}

/// A packet and its context.
#[derive(Clone, Copy, Debug)]
pub(super) struct PacketContext<'a> {
    pub(super) number: u64,
    pub(super) record: &'a Record,
    pub(super) store: &'a Store,
    /// The calls it belongs to.
    pub(super) run: Option<&'a Run>,
}

/// How many packets back a duplicate is searched, and both ways the fragments of a datagram.
const SEARCH_DISTANCE: u64 = 64;

/// All expert information about a packet.
pub(super) fn expert_info(
    context: PacketContext<'_>,
    dissection: Option<&Dissection>,
) -> Vec<ExpertInfo> {
    let mut found = Vec::new();
    match &context.record.data {
        PacketData::Captured(captured) => {
            check_captured(context, captured, &mut found);
            check_bytes(captured, dissection, &mut found);
        }
        PacketData::Inferred(inferred) => check_inferred(context, inferred, &mut found),
    }
    found.extend(context.run.and_then(|run| lost_at_edge(context, run)));
    found.extend(context.run.and_then(|run| cut(context, run)));
    found.extend(context.run.and_then(|run| blocked(context, run)));
    found
}

/// The datagram was captured, but the relay's edge dropped it.
fn lost_at_edge(context: PacketContext<'_>, run: &Run) -> Option<ExpertInfo> {
    let call = context.record.call?;
    let mut touched = run.impaired().filter(|touch| touch.edge.call == Some(call));
    let (becoming, _) = run.fate(touched.next()?.edge.datagram)?;
    // If no receiver was left, the edge has dropped nothing.
    let is_lost = becoming.is_end() && becoming != DatagramFate::Unclaimed;
    is_lost.then(|| ExpertInfo::new("remark.lost_at_edge", Severity::Error))
}

fn check_captured(context: PacketContext<'_>, captured: &Captured, found: &mut Vec<ExpertInfo>) {
    let summary = captured.summary();
    if let Some(quoted) = &summary.quoted {
        found.push(
            ExpertInfo::new("remark.refused_udp", Severity::Error)
                .with("address", quoted.destination),
        );
    }
    if let Some(segment) = summary
        .tcp
        .filter(|segment| segment.flags.has(TcpFlags::RST))
    {
        found.push(reset(
            context,
            segment.flags.has(TcpFlags::ACK) && answers_syn(context),
        ));
    }
    let marks = captured
        .analysis
        .map(|analysis| analysis.marks)
        .unwrap_or_default();
    found.extend(marks.iter().map(|mark| {
        let (key, tone) = mark_key(mark);
        ExpertInfo::new(key, tone)
    }));
    if summary.payload_length == 0 && summary.protocol == shared::dissect::Protocol::Udp {
        found.push(ExpertInfo::new("remark.empty", Severity::Note));
    }
    found.extend(duplicate(context, captured));
    found.extend(fragment(context, captured));
}

const fn mark_key(mark: Mark) -> (&'static str, Severity) {
    match mark {
        Mark::Retransmission => ("remark.retransmission", Severity::Error),
        Mark::OutOfOrder => ("remark.out_of_order", Severity::Note),
        Mark::LostSegment => ("remark.lost_segment", Severity::Error),
        Mark::DuplicateAck => ("remark.duplicate_ack", Severity::Note),
        Mark::ZeroWindow => ("remark.zero_window", Severity::Error),
        Mark::ZeroWindowProbe => ("remark.zero_window_probe", Severity::Note),
        Mark::WindowFull => ("remark.window_full", Severity::Note),
        Mark::WindowUpdate => ("remark.window_update", Severity::Note),
        Mark::KeepAlive => ("remark.keep_alive", Severity::Note),
        Mark::KeepAliveAck => ("remark.keep_alive_ack", Severity::Note),
        Mark::ReusedPorts => ("remark.reused_ports", Severity::Note),
    }
}

/// Checks checksums and faults of the dissection.
fn check_bytes(captured: &Captured, dissection: Option<&Dissection>, found: &mut Vec<ExpertInfo>) {
    let kept = captured.bytes.len() as u64;
    if captured.length > kept {
        found.push(
            ExpertInfo::new("remark.cut", Severity::Note)
                .with("kept", kept)
                .with("length", captured.length),
        );
    }
    for layer in dissection.iter().flat_map(|dissection| &dissection.layers) {
        let protocol = layer.protocol.name();
        let checksum = match layer.checksum {
            Some(Checksum::Unfinished { expected }) => {
                Some(("remark.unfinished", Severity::Note, expected))
            }
            Some(Checksum::Wrong { expected }) => Some(("remark.wrong", Severity::Error, expected)),
            Some(Checksum::Correct | Checksum::Absent | Checksum::NotVerifiable) | None => None,
        };
        if let Some((key, tone, expected)) = checksum.filter(|_| !layer.quoted) {
            let expected = format!("0x{expected:04x}");
            found.push(
                ExpertInfo::new(key, tone)
                    .with("protocol", protocol)
                    .with("expected", expected),
            );
        }
        // An ICMP error quotes only the beginning of a packet.
        if let Some(fault) = layer
            .fault
            .filter(|fault| !(layer.quoted && *fault == Fault::Truncated))
        {
            found.push(ExpertInfo::new(fault_key(fault), Severity::Error));
        }
    }
}

fn check_inferred(context: PacketContext<'_>, inferred: &Inferred, found: &mut Vec<ExpertInfo>) {
    match inferred.kind {
        DerivedKind::Unreachable => {
            found.push(
                ExpertInfo::new("remark.refused_udp", Severity::Error)
                    .with("address", inferred.from),
            );
        }
        DerivedKind::Rst => found.push(reset(context, false)),
        DerivedKind::Datagram if inferred.length == 0 => {
            found.push(ExpertInfo::new("remark.empty", Severity::Note))
        }
        DerivedKind::Datagram | DerivedKind::Handshake | DerivedKind::Data | DerivedKind::Fin => {}
    }
}

/// A reset: refused, or aborted, and then whether with unread bytes.
fn reset(context: PacketContext<'_>, answers_syn: bool) -> ExpertInfo {
    if answers_syn || context.record.name == Some(CallName::Connect) {
        let address = context
            .record
            .ends()
            .map(|(from, _)| from.to_string())
            .unwrap_or_default();
        return ExpertInfo::new("remark.refused_tcp", Severity::Error).with("address", address);
    }
    let side = context.record.side;
    let unread = context
        .run
        .zip(side)
        .map_or(0, |(run, side)| unread(run, side));
    if unread > 0 {
        ExpertInfo::new("remark.reset_unread", Severity::Error).with("unread", unread)
    } else {
        ExpertInfo::new("remark.reset", Severity::Error)
    }
}

/// The number of bytes sent to this side that no call of it has received.
fn unread(run: &Run, side: Side) -> u64 {
    let end = |call: &Call| Some(call.end.as_ref()?.offset? + call.payload()?);
    let of = |wanted: bool| {
        run.calls
            .iter()
            .filter(move |call| (call.side == side) == wanted)
    };
    let brings = |call: &&Call| matches!(call.name, CallName::Recv | CallName::RecvFrom);
    let gives = |call: &&Call| matches!(call.name, CallName::Send | CallName::SendTo);
    let received = of(true).filter(brings).filter_map(end).max().unwrap_or(0);
    of(false)
        .filter(gives)
        .filter_map(end)
        .max()
        .unwrap_or(0)
        .saturating_sub(received)
}

/// Whether the packet before it in its conversation is a SYN, which this one refuses.
fn answers_syn(context: PacketContext<'_>) -> bool {
    let first = context.number.saturating_sub(SEARCH_DISTANCE);
    let before = (first..context.number)
        .rev()
        .filter_map(|number| context.store.get(number));
    let last = before
        .filter(|record| record.conversation_hash == context.record.conversation_hash)
        .find_map(Record::captured);
    last.and_then(|captured| captured.summary().tcp)
        .is_some_and(|segment| {
            segment.flags.has(TcpFlags::SYN) && !segment.flags.has(TcpFlags::ACK)
        })
}

/// A duplicate of an earlier datagram: a sender would have given it another identification.
fn duplicate(context: PacketContext<'_>, captured: &Captured) -> Option<ExpertInfo> {
    let is_udp = context.record.conversation()?.transport == Transport::Udp;
    let identification = |bytes: &[u8]| bytes.get(18..20).is_some_and(|id| id != [0, 0]);
    let numbers = context.number.saturating_sub(SEARCH_DISTANCE)..context.number;
    let is_twin = |number: &u64| {
        let other = context.store.get(*number).and_then(Record::captured);
        other.is_some_and(|other| other.bytes == captured.bytes)
    };
    let duplicate = numbers
        .rev()
        .filter(|_| is_udp && identification(&captured.bytes))
        .find(is_twin)?;
    Some(ExpertInfo::new("remark.twin", Severity::Note).with("number", duplicate))
}

/// A fragment of a datagram, with its position if all were captured.
fn fragment(context: PacketContext<'_>, captured: &Captured) -> Option<ExpertInfo> {
    let own = Piece::of(captured.link, &captured.bytes)?;
    let from = context.number.saturating_sub(SEARCH_DISTANCE);
    let near = context.store.from(from);
    let near = near.take_while(|(number, _)| *number <= context.number + SEARCH_DISTANCE);
    let mut pieces: Vec<(Piece, u64)> = near
        .filter_map(|(number, record)| {
            let other = record.captured()?;
            Some((Piece::of(other.link, &other.bytes)?, number))
        })
        .filter(|(piece, _)| piece.is_of_the_same(&own))
        .collect();
    pieces.sort_by_key(|(piece, _)| piece.offset);
    let end = |piece: &Piece| piece.offset + piece.length;
    let last_byte = end(&own).saturating_sub(1);
    let at = |key| {
        ExpertInfo::new(key, Severity::Note)
            .with("first", own.offset)
            .with("last", last_byte)
    };
    let follows = |pair: &[(Piece, u64)]| pair[1].0.offset == end(&pair[0].0);
    let is_whole = pieces.first().is_some_and(|(piece, _)| piece.offset == 0)
        && pieces.windows(2).all(follows);
    let Some((last, _)) = pieces.last().filter(|(last, _)| is_whole && !last.more) else {
        return Some(at("remark.fragment_alone"));
    };
    let before = pieces.iter().filter(|(piece, _)| piece.offset < own.offset);
    let numbers: Vec<String> = pieces
        .iter()
        .map(|(_, number)| number.to_string())
        .collect();
    Some(
        at("remark.fragment")
            .with("n", before.count() + 1)
            .with("count", pieces.len())
            .with("length", end(last))
            .with("numbers", numbers.join(", ")),
    )
}

/// The datagram did not fit into the buffer of the call that received it.
fn cut(context: PacketContext<'_>, run: &Run) -> Option<ExpertInfo> {
    let call = super::related_calls::receiver(context.record, run)?;
    match &call.end.as_ref()?.outcome {
        Outcome::Returned(Returned::Datagram {
            data,
            length,
            truncated: true,
            ..
        }) => {
            let kept = data.len() as u64;
            let remark = ExpertInfo::new("remark.truncated", Severity::Error)
                .with("kept", kept)
                .with("length", length);
            Some(remark.with("lost", length.saturating_sub(kept)))
        }
        Outcome::Returned(_) | Outcome::Failed(_) => None,
    }
}

/// A client's call waits for a reply to it.
fn blocked(context: PacketContext<'_>, run: &Run) -> Option<ExpertInfo> {
    let record = context.record;
    let waits = |call: &&Call| call.side == Side::Client && call.is_open();
    let call = run
        .calls
        .iter()
        .find(waits)
        .filter(|_| record.side == Some(Side::Client))?;
    let mut later = context
        .store
        .from(context.number + 1)
        .filter(|(_, later)| later.conversation_hash == record.conversation_hash);
    later
        .all(|(_, later)| later.side != Some(Side::Server))
        .then(|| ExpertInfo::new("remark.blocked", Severity::Note).with("call", call.name.as_str()))
}

#[cfg(test)]
mod tests;
