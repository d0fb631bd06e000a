//! The cost of a trace: the same page without a trace, with one, and watching it.

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

/// Turns are shorter and more than for round trips, because only the difference counts.
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
