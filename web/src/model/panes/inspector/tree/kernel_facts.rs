//! The kernel's facts about a call as lines of the tree, and the saved SYN of a connection dissected.

use shared::{
    dissect::{Link, dissect},
    trace::Fact,
};

use super::{
    LineContent,
    build::{Builder, CallFacts},
};
/// The fact that is the wall-clock time of a datagram's arrival.
const RECEIVED: &str = "datagram.received_at_ns";
/// The fact that is a SYN's headers in hex.
const SAVED_SYN: &str = "tcp.saved_syn";

pub(super) fn add(builder: &mut Builder, told: &CallFacts<'_>) {
    let Some(first) = told.facts.first() else {
        return;
    };
    builder.line(
        "kernel",
        0..0,
        first.source,
        LineContent::Facts(told.name, told.side),
    );
    builder.inside(|inside| {
        for fact in told.facts {
            one(inside, fact, told.clock_ns);
        }
    });
}

fn one(builder: &mut Builder, fact: &Fact, clock_ns: u64) {
    let moment = || fact.value.parse::<u64>().ok()?.checked_sub(clock_ns);
    let what = match fact.name.as_str() {
        RECEIVED => moment().map(LineContent::Moment),
        _ => None,
    };
    builder.line(
        &fact.name,
        0..0,
        fact.source,
        what.unwrap_or_else(|| LineContent::Fact(fact.value.clone())),
    );
    let syn = if fact.name == SAVED_SYN {
        unhex(&fact.value)
    } else {
        None
    };
    let Some(syn) = syn else { return };
    builder.inside(|inside| {
        let source = fact.source;
        inside.said_by(source, |inside| {
            inside.layers(&dissect(Link::Raw, &syn), Link::Raw, &syn, None)
        });
    });
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| {
        char::from(*byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let (pairs, odd) = text.as_bytes().as_chunks::<2>();
    let byte = |[high, low]: &[u8; 2]| Some(digit(high)? << 4 | digit(low)?);
    if odd.is_empty() {
        pairs.iter().map(byte).collect()
    } else {
        None
    }
}
