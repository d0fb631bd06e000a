//! Two hundred pages that watch everything in the open lab, while others send sentences: sentences per second, and the
//! processor time of each. Viewers of batches beside viewers of single events.

use std::{
    io,
    rc::Rc,
    sync::{
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc,
    },
    time::Duration,
};

use super::{SENTENCE, WATCHED};
use crate::{
    bench::{Bench, Measurement},
    effort::Effort,
    generator::{Load, LoadDriver, Outcome, Sentences, Target},
    machine::Placement::Spread,
    peers::{
        NO_EVENTS,
        Service::{BatchedPage, BlindPage, Page},
        Tracing::L1,
    },
    report::Metric::{P50, Rate},
    subject::{
        Contender::{self, Relay},
        Subject,
    },
};

const CONTENDERS: [Contender; 3] = [
    Relay(BatchedPage, L1),
    Relay(Page, L1),
    Relay(BlindPage, L1),
];
const VIEWERS: usize = 200;
const SENDERS: usize = 16;
const BREATH: Duration = Duration::from_millis(5);

pub(super) fn measure(bench: &mut Bench) {
    bench.figure(WATCHED, Spread, &CONTENDERS, turn);
}

fn turn(subject: &Subject, effort: &Effort) -> io::Result<Measurement> {
    let (is_over, (opened, is_open)) = (AtomicBool::new(false), mpsc::channel());
    let (target, is_over) = (subject.target, &is_over);
    std::thread::scope(|scope| {
        let viewers = scope.spawn(move || view(target, is_over, &opened));
        // Where opening fails, the viewers' own error says why.
        is_open.recv().ok();
        let sent = send(subject, effort.watching);
        is_over.store(true, Relaxed);
        let holes = viewers.join().map_err(|_| io::Error::other("a panic"))??;
        let outcome = sent?;
        let values = vec![
            (Rate, outcome.per_second),
            (P50, outcome.took.microseconds(0.5)),
        ];
        let mut taken = Measurement::of(&outcome, values);
        taken.wrong += holes;
        Ok(taken)
    })
}

/// The sentences of pages that watch nothing.
fn send(subject: &Subject, time: Duration) -> io::Result<Outcome> {
    let target = Target {
        encoding: NO_EVENTS,
        ..subject.target
    };
    let mut senders = LoadDriver::open(target, &Rc::new(Sentences::of(SENTENCE)), SENDERS)?;
    let load = Load {
        window: 1,
        answers: u64::MAX,
        time,
    };
    subject.counted(|| senders.run(&load))
}

/// Reads what the viewers are sent; returns the number of events that are missing outside of gaps.
fn view(target: Target, is_over: &AtomicBool, opened: &mpsc::Sender<()>) -> io::Result<u64> {
    let viewers = LoadDriver::open(target, &Rc::new(Sentences::of(SENTENCE)), VIEWERS);
    // The receiver waits only for this.
    opened.send(()).ok();
    let (mut viewers, mut ignored) = (viewers?, Outcome::default());
    while !is_over.load(Relaxed) {
        viewers.turn(BREATH, 0, &mut ignored)?;
    }
    Ok(viewers.watchers().map(|watcher| watcher.holes).sum())
}
