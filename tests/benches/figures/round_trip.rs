//! One sentence at a time: the time until its answer.

use std::{io, rc::Rc};

use super::{BLIND_PAGES, ROUND_TRIP, SENTENCE, TO_TCP, TO_UDP};
use crate::{
    bench::{Bench, Measurement},
    effort::LONGEST_TURN,
    generator::{Load, LoadDriver, Sentences},
    machine::Placement,
    peers::{
        Service::Page,
        Tracing::{L1, L2},
    },
    report::Metric::{P50, P99, P999},
    subject::{Contender::Relay, Subject},
};

/// Many short turns, because a busy moment of the machine lasts longer than one and then affects all alike.
const MORE_ROUNDS: usize = 3;

pub(super) fn measure(bench: &mut Bench) {
    let pages = [Relay(Page, L1), Relay(Page, L2)];
    let all = [&TO_UDP[..], &TO_TCP, &BLIND_PAGES, &pages].concat();
    let rounds = bench.effort.rounds * MORE_ROUNDS;
    for placement in Placement::ALL {
        bench.figure_in_rounds(rounds, ROUND_TRIP, placement, &all, |subject, effort| {
            one_at_a_time(subject, effort.round_trips / 2)
        });
    }
}

/// Sends sentences over one connection.
pub(super) fn one_at_a_time(subject: &Subject, answers: u64) -> io::Result<Measurement> {
    let sentences = Rc::new(Sentences::of(SENTENCE));
    let mut load_driver = LoadDriver::open(subject.target, &sentences, 1)?;
    let load = Load {
        window: 1,
        answers,
        time: LONGEST_TURN,
    };
    let outcome = subject.counted(|| load_driver.run(&load))?;
    let percentiles = [(P50, 0.5), (P99, 0.99), (P999, 0.999)];
    let values = percentiles.map(|(metric, share)| (metric, outcome.took.microseconds(share)));
    Ok(Measurement::of(&outcome, values.to_vec()))
}
