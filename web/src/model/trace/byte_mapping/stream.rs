//! Bytes of a stream: the places of both sides' calls in it, laid over each other.

use std::ops::Range;

use shared::{outcome::Outcome, trace::CallName};

use super::{Delivery, MappedRange, receives, sends};
use crate::model::trace::log::{Call, Side};

/// Maps the `bytes` of a call to the calls of all connections between both addresses.
pub(super) fn pieces<'a>(
    call: &'a Call,
    bytes: u64,
    calls: &[&'a Call],
) -> Option<Vec<MappedRange<'a>>> {
    let begins = call.end.as_ref()?.offset?;
    let opened = opened_ns(calls);
    let connection = connection(call, &opened);
    let is_send = sends(call);
    let mut others: Vec<(Range<u64>, &Call)> = calls
        .iter()
        .filter(|other| other.side != call.side && sends(other) != is_send)
        .filter(|other| self::connection(other, &opened) == connection)
        .filter_map(|other| Some((place(other)?, *other)))
        .collect();
    others.sort_by_key(|(place, _)| place.start);
    let rest = if is_send && thrown_away(call, calls, connection) {
        Delivery::ThrownAway
    } else if is_send {
        Delivery::UnderWay
    } else {
        Delivery::Unseen
    };
    Some(cut(begins..begins + bytes, &others, &rest))
}

/// Cuts a stretch of the stream where the other side's calls begin and end.
fn cut<'a>(
    stretch: Range<u64>,
    others: &[(Range<u64>, &'a Call)],
    rest: &Delivery<'a>,
) -> Vec<MappedRange<'a>> {
    let mut pieces = Vec::new();
    let mut at = stretch.start;
    let mut add = |from: u64, to: u64, fate: Delivery<'a>| {
        if from < to {
            let bytes = from - stretch.start..to - stretch.start;
            pieces.push(MappedRange { bytes, fate });
        }
    };
    for (place, other) in others {
        let (from, to) = (place.start.max(at), place.end.min(stretch.end));
        if from >= to {
            continue;
        }
        add(at, from, rest.clone());
        let theirs = from - place.start..to - place.start;
        add(from, to, Delivery::Met(other, theirs));
        at = to;
    }
    add(at, stretch.end, rest.clone());
    pieces
}

/// Where in the stream a call's bytes are.
fn place(call: &Call) -> Option<Range<u64>> {
    if !sends(call) && !receives(call) {
        return None;
    }
    let begins = call.end.as_ref()?.offset?;
    Some(begins..begins + call.payload()?)
}

/// When connections were opened between both addresses.
fn opened_ns(calls: &[&Call]) -> Vec<u64> {
    let opened = calls
        .iter()
        .filter(|call| call.name == CallName::Connect && call.side == Side::Client);
    opened.map(|call| call.started_ns).collect()
}

/// Which of the connections that followed each other a call belongs to: the one that was opened last before it ended.
/// Where nobody saw one being opened, there is only one.
fn connection(call: &Call, opened_ns: &[u64]) -> usize {
    let until = call.end.as_ref().map_or(call.started_ns, |end| end.at_ns);
    opened_ns.iter().filter(|opened| **opened <= until).count()
}

/// Whether what was not received of a call's bytes will never be: the connection was reset, or who should have
/// received it closed before it did.
fn thrown_away(call: &Call, calls: &[&Call], connection: usize) -> bool {
    let opened = opened_ns(calls);
    let mut calls = calls
        .iter()
        .filter(|other| self::connection(other, &opened) == connection);
    calls.any(|other| {
        let closed = other.name == CallName::Close && other.side != call.side;
        let failed = other.end.as_ref().map(|end| &end.outcome);
        let reset = matches!(failed, Some(Outcome::Failed(failed))
            if failed.errno == "ECONNRESET" || failed.errno == "EPIPE");
        closed || reset
    })
}
