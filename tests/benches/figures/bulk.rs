//! A stream in messages of 64 KiB, eight outstanding: megabytes per second, each way.

use std::rc::Rc;

use super::{BULK, TO_TCP};
use crate::{
    bench::{Bench, Measurement},
    generator::{Load, LoadDriver, Sentences},
    machine::Placement,
    report::Metric::Bandwidth,
};

const MESSAGE: usize = 64 << 10;
const OUTSTANDING: u64 = 8;

pub(super) fn measure(bench: &mut Bench) {
    let sentences = Rc::new(Sentences::of(MESSAGE));
    for placement in Placement::ALL {
        bench.figure(BULK, placement, &TO_TCP, |subject, effort| {
            let mut load_driver = LoadDriver::open(subject.target, &sentences, 1)?;
            let load = Load {
                window: OUTSTANDING,
                answers: u64::MAX,
                time: effort.load,
            };
            let outcome = subject.counted(|| load_driver.run(&load))?;
            let bandwidth = outcome.per_second * MESSAGE as f64 / 1e6;
            Ok(Measurement::of(&outcome, vec![(Bandwidth, bandwidth)]))
        });
    }
}
