//! What a trace costs the one who is traced: the same conversation without a trace, with it, and watching it.

use super::{TRACE_COST, round_trip::one_at_a_time};
use crate::{
    bench::Bench,
    machine::Placement,
    peers::{
        Service::{BlindPage, Page},
        Tracing::{L1, L2, Off},
    },
    subject::Contender::Relay,
};

/// Shorter turns and more of them than for round trips: it is the difference that counts.
const MORE_ROUNDS: usize = 4;

pub(super) fn measure(bench: &mut Bench) {
    let all = [
        Relay(BlindPage, Off),
        Relay(BlindPage, L1),
        Relay(Page, L1),
        Relay(BlindPage, L2),
        Relay(Page, L2),
    ];
    let rounds = bench.effort.rounds * MORE_ROUNDS;
    for placement in Placement::ALL {
        bench.figure_in_rounds(rounds, TRACE_COST, placement, &all, |subject, effort| {
            one_at_a_time(subject, effort.round_trips / MORE_ROUNDS as u64)
        });
    }
}
