//! A hundred viewers of a lab with a thousand events per second: the delay of the slowest.

use std::{
    io,
    rc::Rc,
    time::{Duration, Instant},
};

use super::{SENTENCE, VIEWERS};
use crate::{
    bench::{Bench, Measurement},
    effort::LONGEST_TURN,
    generator::{LoadDriver, Outcome, Paced, Sentences, Target},
    machine::Placement::Spread,
    peers::{self, SINGLE_EVENTS, Service::Page, Tracing::L1},
    report::{
        Metric::{Events, P50, P99, P999, Worst},
        print_figure,
    },
    subject::Contender::Relay,
};

const HOW_MANY: usize = 100;
/// A sentence by UDP is eight events: three calls of the server start and return, two datagrams are derived.
const EVENTS_OF_A_SENTENCE: f64 = 8.0;
const EVENTS_PER_SECOND: f64 = 1_000.0;
/// The time until all viewers have received the events of their own joining.
const SETTLING: Duration = Duration::from_millis(500);
const BREATH: Duration = Duration::from_micros(500);

pub(super) fn measure(bench: &mut Bench) {
    let _placed = Spread.enter();
    eprintln!("{VIEWERS} …");
    for _ in 0..bench.effort.rounds.min(3) {
        match watch(bench.effort.watching, HOW_MANY, EVENTS_PER_SECOND) {
            Ok(taken) => bench.record(VIEWERS, Spread, Relay(Page, L1), taken, None),
            Err(error) => return bench.record_error(VIEWERS, Relay(Page, L1), &error),
        }
    }
    print_figure(&bench.results, VIEWERS, Spread);
}

/// Measures the delays of `how_many` viewers.
pub(super) fn watch(time: Duration, how_many: usize, events: f64) -> io::Result<Measurement> {
    let relay = peers::start_relay(L1, &[]).map_err(io::Error::other)?;
    let sentences = Rc::new(Sentences::of(SENTENCE));
    let target = Target {
        address: relay.http,
        path: "/ws",
        encoding: SINGLE_EVENTS,
    };
    let mut viewers = LoadDriver::open(target, &sentences, how_many)?;
    let mut ignored = Outcome::default();
    attend(&mut viewers, SETTLING, &mut ignored, || Ok(()))?;
    viewers.forget_delays();
    let before: u64 = viewers.watchers().map(|watcher| watcher.events).sum();
    let mut source = Paced::begin(relay.udp, events / EVENTS_OF_A_SENTENCE, &sentences)?;
    attend(&mut viewers, time, &mut ignored, || source.step())?;
    attend(&mut viewers, SETTLING, &mut ignored, || Ok(()))?;
    let seen = viewers
        .watchers()
        .map(|watcher| watcher.events)
        .sum::<u64>()
        - before;
    let worst = |share| {
        viewers
            .watchers()
            .map(|watcher| watcher.behind.microseconds(share))
            .fold(0.0, f64::max)
    };
    let longest = viewers
        .watchers()
        .map(|watcher| watcher.behind.longest())
        .max();
    Ok(Measurement {
        values: vec![
            (Events, seen as f64 / how_many as f64 / time.as_secs_f64()),
            (P50, worst(0.5)),
            (P99, worst(0.99)),
            (P999, worst(0.999)),
            (Worst, longest.unwrap_or(LONGEST_TURN).as_secs_f64() * 1e3),
        ],
        answered: seen,
        wrong: viewers.watchers().map(|watcher| watcher.holes).sum(),
    })
}

/// Runs the viewers and another task for some time.
fn attend(
    viewers: &mut LoadDriver,
    time: Duration,
    outcome: &mut Outcome,
    mut meanwhile: impl FnMut() -> io::Result<()>,
) -> io::Result<()> {
    let begun = Instant::now();
    while begun.elapsed() < time {
        viewers.turn(BREATH, 0, outcome)?;
        meanwhile()?;
    }
    Ok(())
}
