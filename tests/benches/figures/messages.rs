//! Sentences per second over many connections.

use std::{io, rc::Rc};

use super::{BLIND_PAGES, MESSAGES, SENTENCE, TO_TCP, TO_UDP};
use crate::{
    bench::{Bench, Measurement},
    effort::Effort,
    generator::{Load, LoadDriver, Sentences},
    machine::Placement,
    report::Metric::{Lost, P50, P99, Rate},
    subject::Subject,
};

pub(super) fn measure(bench: &mut Bench) {
    let all = [&TO_UDP[..], &TO_TCP, &BLIND_PAGES].concat();
    for (figure, connections, window) in MESSAGES {
        for placement in Placement::ALL {
            bench.figure(figure, placement, &all, |subject, effort| {
                many(subject, effort, connections, window)
            });
        }
    }
}

/// One turn.
pub(super) fn many(
    subject: &Subject,
    effort: &Effort,
    connections: usize,
    window: u64,
) -> io::Result<Measurement> {
    let sentences = Rc::new(Sentences::of(SENTENCE));
    let mut load_driver = LoadDriver::open(subject.target, &sentences, connections)?;
    let load = Load {
        window,
        answers: u64::MAX,
        time: effort.load,
    };
    let outcome = subject.counted(|| load_driver.run(&load))?;
    let mut values = vec![
        (Rate, outcome.per_second),
        (P50, outcome.took.microseconds(0.5)),
        (P99, outcome.took.microseconds(0.99)),
    ];
    if subject.target.encoding.may_lose() {
        values.push((Lost, outcome.lost as f64));
    }
    Ok(Measurement::of(&outcome, values))
}
