//! Private labs: the time to open one, and the times of sentences while many are in use.

use std::{
    cell::RefCell,
    io,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use shared::{lab::LabKind, message::Ask};
use tests::{page::Page, relay::Relay};

use super::{LAB_OPENS, LABS};
use crate::{
    bench::{Bench, Measurement},
    generator::Histogram,
    machine::Placement::Spread,
    peers::{self, Service::Page as Reached, Tracing::L1},
    report::{
        Metric::{P50, P99, Worst},
        print_figure,
    },
    subject::Contender,
};

const RELAY: Contender = Contender::Relay(Reached, L1);
/// All pages have the same address here.
const ALL_FROM_HERE: [&str; 4] = ["--max-labs-per-address", "1100", "--max-labs", "1100"];
/// The interval between two sentences in each lab.
const PAUSE: Duration = Duration::from_secs(2);
/// The sentence: upper-casing does not change it, so the reply is known.
const SENTENCE: &str = "ONE OF MANY";

/// Opens many labs and then uses them all.
pub(super) fn measure(bench: &mut Bench) {
    let _placed = Spread.enter();
    let (many, time) = (bench.effort.labs, bench.effort.watching);
    eprintln!("{LABS} …");
    for _ in 0..bench.effort.rounds.min(2) {
        let relay = match peers::start_relay(L1, &ALL_FROM_HERE) {
            Ok(relay) => relay,
            Err(why) => return bench.record_error(LABS, RELAY, &io::Error::other(why)),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("an event loop");
        let (opened, used) = runtime.block_on(async {
            let (pages, opened) = open(&relay, many).await;
            (opened, talk(pages, time).await)
        });
        bench.record(LAB_OPENS, Spread, RELAY, taken(&opened), None);
        bench.record(LABS, Spread, RELAY, taken(&used), None);
    }
    print_figure(&bench.results, LAB_OPENS, Spread);
    print_figure(&bench.results, LABS, Spread);
}

/// The time of a sentence with many labs in use.
pub(super) fn in_use(many: usize, time: Duration) -> io::Result<Measurement> {
    let relay = peers::start_relay(L1, &ALL_FROM_HERE).map_err(io::Error::other)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let used = runtime.block_on(async { talk(open(&relay, many).await.0, time).await });
    Ok(taken(&used))
}

/// Opens labs one after another; measures from the request to the welcome.
async fn open(relay: &Relay, many: usize) -> (Vec<Page>, Histogram) {
    let (mut pages, mut times) = (Vec::new(), Histogram::default());
    for _ in 0..many {
        let mut page = Page::open(relay).await;
        let begun = Instant::now();
        let lab = LabKind::Private;
        page.moves_to(Ask::Enter { lab }).await;
        times.add(begun.elapsed());
        pages.push(page);
    }
    (pages, times)
}

/// All pages at once, each in its own lab: the time of a sentence by UDP from `socket` to `close`.
async fn talk(pages: Vec<Page>, time: Duration) -> Histogram {
    let times = RefCell::new(Histogram::default());
    let (begun, many) = (Instant::now(), pages.len());
    let talks = pages.into_iter().enumerate().map(async |(nth, mut page)| {
        // The starts are spread evenly.
        tokio::time::sleep(PAUSE.mul_f64(nth as f64 / many as f64)).await;
        while begun.elapsed() < time {
            let said = Instant::now();
            let reply = page.exchanges_by_udp(SENTENCE).await;
            times.borrow_mut().add(said.elapsed());
            assert_eq!(reply, SENTENCE, "in lab {}", page.welcome.lab.id);
            tokio::time::sleep(PAUSE).await;
        }
    });
    join_all(talks).await;
    times.into_inner()
}

fn taken(times: &Histogram) -> Measurement {
    Measurement {
        values: vec![
            (P50, times.microseconds(0.5)),
            (P99, times.microseconds(0.99)),
            (Worst, times.longest().as_secs_f64() * 1e3),
        ],
        ..Measurement::default()
    }
}
