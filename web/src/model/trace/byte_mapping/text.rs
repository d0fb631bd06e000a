//! A handover in one line.

use super::{ByteMapping, Delivery, MappedRange};
use crate::{
    i18n::Texts,
    model::{
        text::units::count,
        trace::log::{Call, Log},
    },
};

/// `recv: bytes 0–4 came from send № 2; bytes 5–9 came from send № 4.` The numbers are those of the list of calls.
pub(crate) fn line(handover: &ByteMapping<'_>, log: &Log, texts: &Texts) -> String {
    let total = handover.pieces.last().map_or(0, |piece| piece.bytes.end);
    let pieces: Vec<String> = handover
        .pieces
        .iter()
        .map(|piece| one(piece, handover, total, log, texts))
        .collect();
    let pieces = pieces.join(texts.get("bytes.and"));
    let call = handover.call.name.as_str();
    texts.fill("bytes.line", &[("call", call), ("pieces", &pieces)])
}

fn one(
    piece: &MappedRange<'_>,
    handover: &ByteMapping<'_>,
    total: u64,
    log: &Log,
    texts: &Texts,
) -> String {
    let bytes = bytes(piece.bytes.start, piece.bytes.end, total, texts);
    let (key, call) = match &piece.fate {
        Delivery::Met(call, theirs) => {
            let theirs_of_all = call.payload().unwrap_or(0);
            let mut name = name(call, handover.call, log, texts);
            if theirs.end - theirs.start < theirs_of_all {
                let part = self::bytes(theirs.start, theirs.end, theirs_of_all, texts);
                name = texts.fill("bytes.part", &[("call", &name), ("bytes", &part)]);
            }
            let key = if handover.is_send() {
                "bytes.went"
            } else {
                "bytes.came"
            };
            (key, name)
        }
        Delivery::CutOff(call) => ("bytes.cut_off", name(call, handover.call, log, texts)),
        Delivery::UnderWay => ("bytes.under_way", String::new()),
        Delivery::ThrownAway => ("bytes.thrown_away", String::new()),
        Delivery::Unseen => ("bytes.unseen", String::new()),
    };
    texts.fill(key, &[("bytes", &bytes), ("call", &call)])
}

/// The last byte is named too, as people count.
fn bytes(from: u64, to: u64, total: u64, texts: &Texts) -> String {
    let (first, last) = (count(from), count(to.saturating_sub(1)));
    let key = match to - from {
        0 => "bytes.none",
        1 if total > 1 => "bytes.one",
        1 => "bytes.only",
        all if all == total => "bytes.all",
        _ => "bytes.range",
    };
    let total = count(total);
    texts.fill(key, &[("from", &first), ("to", &last), ("n", &total)])
}

/// `send № 4`: its row in the list, and whether that is in another run.
fn name(call: &Call, seen_from: &Call, log: &Log, texts: &Texts) -> String {
    let run = log.run_of(call.id);
    let at = run.and_then(|run| run.calls.iter().position(|other| other.id == call.id));
    let row = count(at.map_or(0, |at| at as u64 + 1));
    let here = log.run_of(seen_from.id).map(|run| run.id);
    let key = if run.map(|run| run.id) == here {
        "bytes.call"
    } else {
        "bytes.call_elsewhere"
    };
    texts.fill(key, &[("call", call.name.as_str()), ("n", &row)])
}
