//! What deserves a word about a packet: told from the packet, its conversation and the calls around it, and from
//! nothing else.

use shared::{
    call::Transport,
    dissect::{Checksum, Dissection, Fault, Mark, Piece, TcpFlags},
    outcome::{Outcome, Returned},
    trace::{CallName, DerivedKind},
};

use super::{
    record::{Captured, Inferred, Matter, Record},
    rows::Tone,
    store::Store,
    tree::fault_key,
};
use crate::model::trace::log::{Call, DatagramFate, Run, Side};

/// A word about a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remark {
    /// The text that says it.
    pub(crate) key: &'static str,
    /// How much it matters.
    pub(crate) tone: Tone,
    /// What fills the text's gaps.
    pub(crate) values: Vec<(&'static str, String)>,
}

impl Remark {
    const fn new(key: &'static str, tone: Tone) -> Self {
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

/// A packet and what is around it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scene<'a> {
    pub(super) number: u64,
    pub(super) record: &'a Record,
    pub(super) store: &'a Store,
    /// The calls it belongs to.
    pub(super) run: Option<&'a Run>,
}

/// So far back a doubled datagram is looked for, and so far both ways the other fragments of one.
const BEFORE: u64 = 64;

/// All there is to say.
pub(super) fn remarks(scene: Scene<'_>, dissection: Option<&Dissection>) -> Vec<Remark> {
    let mut found = Vec::new();
    match &scene.record.matter {
        Matter::Captured(captured) => {
            of_captured(scene, captured, &mut found);
            of_bytes(captured, dissection, &mut found);
        }
        Matter::Inferred(inferred) => of_inferred(scene, inferred, &mut found),
    }
    found.extend(scene.run.and_then(|run| lost_at_edge(scene, run)));
    found.extend(scene.run.and_then(|run| cut(scene, run)));
    found.extend(scene.run.and_then(|run| blocked(scene, run)));
    found
}

/// It was seen to cross, and yet no program ever gets it.
fn lost_at_edge(scene: Scene<'_>, run: &Run) -> Option<Remark> {
    let call = scene.record.call?;
    let mut touched = run.touched().filter(|touch| touch.edge.call == Some(call));
    let (becoming, _) = run.becoming(touched.next()?.edge.datagram)?;
    // Where nobody was left to receive it, the edge has lost nothing.
    let is_lost = becoming.is_end() && becoming != DatagramFate::Unclaimed;
    is_lost.then(|| Remark::new("remark.lost_at_edge", Tone::Bad))
}

fn of_captured(scene: Scene<'_>, captured: &Captured, found: &mut Vec<Remark>) {
    let summary = captured.summary();
    if let Some(quoted) = &summary.quoted {
        found
            .push(Remark::new("remark.refused_udp", Tone::Bad).with("address", quoted.destination));
    }
    if let Some(segment) = summary
        .tcp
        .filter(|segment| segment.flags.has(TcpFlags::RST))
    {
        found.push(reset(
            scene,
            segment.flags.has(TcpFlags::ACK) && answers_syn(scene),
        ));
    }
    let marks = captured
        .analysis
        .map(|analysis| analysis.marks)
        .unwrap_or_default();
    found.extend(marks.iter().map(|mark| {
        let (key, tone) = of_mark(mark);
        Remark::new(key, tone)
    }));
    if summary.payload_length == 0 && summary.protocol == shared::dissect::Protocol::Udp {
        found.push(Remark::new("remark.empty", Tone::Odd));
    }
    found.extend(twin(scene, captured));
    found.extend(fragment(scene, captured));
}

const fn of_mark(mark: Mark) -> (&'static str, Tone) {
    match mark {
        Mark::Retransmission => ("remark.retransmission", Tone::Bad),
        Mark::OutOfOrder => ("remark.out_of_order", Tone::Odd),
        Mark::LostSegment => ("remark.lost_segment", Tone::Bad),
        Mark::DuplicateAck => ("remark.duplicate_ack", Tone::Odd),
        Mark::ZeroWindow => ("remark.zero_window", Tone::Bad),
        Mark::ZeroWindowProbe => ("remark.zero_window_probe", Tone::Odd),
        Mark::WindowFull => ("remark.window_full", Tone::Odd),
        Mark::WindowUpdate => ("remark.window_update", Tone::Odd),
        Mark::KeepAlive => ("remark.keep_alive", Tone::Odd),
        Mark::KeepAliveAck => ("remark.keep_alive_ack", Tone::Odd),
        Mark::ReusedPorts => ("remark.reused_ports", Tone::Odd),
    }
}

/// What its bytes say: checksums, and what cannot be read.
fn of_bytes(captured: &Captured, dissection: Option<&Dissection>, found: &mut Vec<Remark>) {
    let kept = captured.bytes.len() as u64;
    if captured.length > kept {
        found.push(
            Remark::new("remark.cut", Tone::Odd)
                .with("kept", kept)
                .with("length", captured.length),
        );
    }
    for layer in dissection.iter().flat_map(|dissection| &dissection.layers) {
        let protocol = layer.protocol.name();
        let checksum = match layer.checksum {
            Some(Checksum::Unfinished { expected }) => {
                Some(("remark.unfinished", Tone::Odd, expected))
            }
            Some(Checksum::Wrong { expected }) => Some(("remark.wrong", Tone::Bad, expected)),
            Some(Checksum::Correct | Checksum::Absent | Checksum::NotVerifiable) | None => None,
        };
        if let Some((key, tone, expected)) = checksum.filter(|_| !layer.quoted) {
            let expected = format!("0x{expected:04x}");
            found.push(
                Remark::new(key, tone)
                    .with("protocol", protocol)
                    .with("expected", expected),
            );
        }
        // That an error quotes only the beginning of a packet is how it should be.
        if let Some(fault) = layer
            .fault
            .filter(|fault| !(layer.quoted && *fault == Fault::Truncated))
        {
            found.push(Remark::new(fault_key(fault), Tone::Bad));
        }
    }
}

fn of_inferred(scene: Scene<'_>, inferred: &Inferred, found: &mut Vec<Remark>) {
    match inferred.kind {
        DerivedKind::Unreachable => {
            found.push(Remark::new("remark.refused_udp", Tone::Bad).with("address", inferred.from));
        }
        DerivedKind::Rst => found.push(reset(scene, false)),
        DerivedKind::Datagram if inferred.length == 0 => {
            found.push(Remark::new("remark.empty", Tone::Odd))
        }
        DerivedKind::Datagram | DerivedKind::Handshake | DerivedKind::Data | DerivedKind::Fin => {}
    }
}

/// Refused, or thrown away; and if so, whether bytes were thrown away with it.
fn reset(scene: Scene<'_>, answers_syn: bool) -> Remark {
    if answers_syn || scene.record.name == Some(CallName::Connect) {
        let address = scene
            .record
            .ends()
            .map(|(from, _)| from.to_string())
            .unwrap_or_default();
        return Remark::new("remark.refused_tcp", Tone::Bad).with("address", address);
    }
    let side = scene.record.side;
    let unread = scene
        .run
        .zip(side)
        .map_or(0, |(run, side)| unread(run, side));
    if unread > 0 {
        Remark::new("remark.reset_unread", Tone::Bad).with("unread", unread)
    } else {
        Remark::new("remark.reset", Tone::Bad)
    }
}

/// How many bytes that were sent to this side of a connection it has never received, as far as the calls tell.
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

/// Whether the packet before it in its conversation opened that, so that this one refuses it.
fn answers_syn(scene: Scene<'_>) -> bool {
    let first = scene.number.saturating_sub(BEFORE);
    let before = (first..scene.number)
        .rev()
        .filter_map(|number| scene.store.get(number));
    let last = before
        .filter(|record| record.talk == scene.record.talk)
        .find_map(Record::captured);
    last.and_then(|captured| captured.summary().tcp)
        .is_some_and(|segment| {
            segment.flags.has(TcpFlags::SYN) && !segment.flags.has(TcpFlags::ACK)
        })
}

/// The same datagram once more: a sender would have given it another identification.
fn twin(scene: Scene<'_>, captured: &Captured) -> Option<Remark> {
    let is_udp = scene.record.conversation()?.transport == Transport::Udp;
    let identification = |bytes: &[u8]| bytes.get(18..20).is_some_and(|id| id != [0, 0]);
    let numbers = scene.number.saturating_sub(BEFORE)..scene.number;
    let is_twin = |number: &u64| {
        let other = scene.store.get(*number).and_then(Record::captured);
        other.is_some_and(|other| other.bytes == captured.bytes)
    };
    let twin = numbers
        .rev()
        .filter(|_| is_udp && identification(&captured.bytes))
        .find(is_twin)?;
    Some(Remark::new("remark.twin", Tone::Odd).with("number", twin))
}

/// It is one of the fragments of a datagram; and if all were seen, which one.
fn fragment(scene: Scene<'_>, captured: &Captured) -> Option<Remark> {
    let own = Piece::of(captured.link, &captured.bytes)?;
    let from = scene.number.saturating_sub(BEFORE);
    let near = scene.store.from(from);
    let near = near.take_while(|(number, _)| *number <= scene.number + BEFORE);
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
        Remark::new(key, Tone::Odd)
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
fn cut(scene: Scene<'_>, run: &Run) -> Option<Remark> {
    let call = super::scene::receiver(scene.record, run)?;
    match &call.end.as_ref()?.outcome {
        Outcome::Returned(Returned::Datagram {
            data,
            length,
            truncated: true,
            ..
        }) => {
            let kept = data.len() as u64;
            let remark = Remark::new("remark.truncated", Tone::Bad)
                .with("kept", kept)
                .with("length", length);
            Some(remark.with("lost", length.saturating_sub(kept)))
        }
        Outcome::Returned(_) | Outcome::Failed(_) => None,
    }
}

/// Nothing has come back yet, and somebody waits for it.
fn blocked(scene: Scene<'_>, run: &Run) -> Option<Remark> {
    let record = scene.record;
    let waits = |call: &&Call| call.side == Side::Client && call.is_open();
    let call = run
        .calls
        .iter()
        .find(waits)
        .filter(|_| record.side == Some(Side::Client))?;
    let mut later = scene
        .store
        .from(scene.number + 1)
        .filter(|(_, later)| later.talk == record.talk);
    later
        .all(|(_, later)| later.side != Some(Side::Server))
        .then(|| Remark::new("remark.blocked", Tone::Odd).with("call", call.name.as_str()))
}

#[cfg(test)]
mod tests;
