//! A viewer that reads nothing for a while: the lab must stay as fast, and the viewer must receive the gaps.

use std::{
    io,
    rc::Rc,
    time::{Duration, Instant},
};

use super::{SENTENCE, SLOW_VIEWER};
use crate::{
    bench::{Bench, Measurement},
    effort::LONGEST_TURN,
    generator::{Load, LoadDriver, Outcome, Sentences, Target, Watcher},
    machine::Placement::Spread,
    peers::{
        self, NO_EVENTS, SINGLE_EVENTS,
        Service::{BlindPage, Page},
        Tracing::L1,
    },
    report::{
        Metric::{Gaps, P50, P99},
        print_figure,
    },
    subject::Contender::{self, Relay},
};

/// A log small enough for the slow viewer to miss events.
const LITTLE: [&str; 2] = ["--trace-bytes", "1000000"];
/// Sentences with more events than all buffers before the viewer hold.
const FLOOD: u64 = 10_000;
/// The silence after which the viewer has caught up.
const QUIET: Duration = Duration::from_millis(200);

pub(super) fn measure(bench: &mut Bench) {
    let _placed = Spread.enter();
    eprintln!("{SLOW_VIEWER} …");
    for _ in 0..bench.effort.rounds {
        match alone_and_with_it(bench.effort.round_trips) {
            Ok(taken) => {
                for (contender, taken) in taken {
                    bench.record(SLOW_VIEWER, Spread, contender, taken, None);
                }
            }
            Err(error) => return bench.record_error(SLOW_VIEWER, Relay(Page, L1), &error),
        }
    }
    print_figure(&bench.results, SLOW_VIEWER, Spread);
}

/// The sentences of a page, first without a viewer, then with one that does not read.
fn alone_and_with_it(answers: u64) -> io::Result<[(Contender, Measurement); 2]> {
    let relay = peers::start_relay(L1, &LITTLE).map_err(io::Error::other)?;
    let sentences = Rc::new(Sentences::of(SENTENCE));
    let target = |watching| Target {
        address: relay.http,
        path: "/ws",
        encoding: if watching { SINGLE_EVENTS } else { NO_EVENTS },
    };
    let load = Load {
        window: 1,
        answers,
        time: LONGEST_TURN,
    };
    let mut page = LoadDriver::open(target(false), &sentences, 1)?;
    let alone = page.run(&load)?;
    let mut slow = LoadDriver::open(target(true), &sentences, 1)?;
    let with_it = page.run(&load)?;
    let flood = Load {
        window: 32,
        answers: FLOOD,
        time: LONGEST_TURN,
    };
    let flooded = page.run(&flood)?;
    let (gaps, wrong) = catch_up(&mut slow)?;
    let mut with_it = taken(&with_it);
    with_it.values.push((Gaps, gaps as f64));
    with_it.wrong += wrong + flooded.wrong;
    Ok([
        (Relay(BlindPage, L1), taken(&alone)),
        (Relay(Page, L1), with_it),
    ])
}

/// Reads all that waits; returns the number of gaps, and of missing events outside of gaps.
fn catch_up(slow: &mut LoadDriver) -> io::Result<(u64, u64)> {
    let mut outcome = Outcome::default();
    let seen = |slow: &LoadDriver| slow.watchers().map(|watcher| watcher.events).sum::<u64>();
    let (mut last, mut at) = (seen(slow), Instant::now());
    while at.elapsed() < QUIET {
        slow.turn(QUIET, 0, &mut outcome)?;
        if seen(slow) > last {
            (last, at) = (seen(slow), Instant::now());
        }
    }
    let sum = |of: fn(&Watcher) -> u64| slow.watchers().map(of).sum();
    Ok((sum(|watcher| watcher.gaps), sum(|watcher| watcher.holes)))
}

fn taken(outcome: &Outcome) -> Measurement {
    let values = [(P50, 0.5), (P99, 0.99)];
    let values = values.map(|(metric, share)| (metric, outcome.took.microseconds(share)));
    Measurement::of(outcome, values.to_vec())
}
