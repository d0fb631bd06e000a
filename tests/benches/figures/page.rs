//! The page in Chromium: the time until it can be used, and its frame rate while much happens.

use std::{
    io,
    net::SocketAddr,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::Duration,
};

use tests::{
    browser::Browser,
    relay::Relay,
    story::{BrowserOptions, story},
};

use super::{PAGE_FRAMES, PAGE_LOAD, PAGE_RUSH, SENTENCE};
use crate::{
    bench::{Bench, Measurement},
    generator::{Paced, Sentences},
    machine::Placement::Spread,
    peers::{self, Service::Page, Tracing::L1},
    report::{
        Metric::{self, Frames, Heap, Painted, Ready, Rows, Weight, Worst},
        print_figure,
    },
    subject::Contender,
};

const PAGE: Contender = Contender::Relay(Page, L1);
/// A sentence by UDP is eight events, two of which are packets.
const EVENTS_OF_A_SENTENCE: f64 = 8.0;
const PACKETS_OF_A_SENTENCE: u64 = 2;
/// Sentences per second while the table is filled, before frames are counted.
const FILLING: f64 = 2_000.0;
const BREATH: Duration = Duration::from_micros(500);
/// The interval at which the table's length is polled.
const LOOK: Duration = Duration::from_millis(250);
const ROWS: &str = "Number(document.getElementById('packets').getAttribute('aria-rowcount')) - 1";

/// The load times of the page.
pub(super) fn load(bench: &mut Bench) {
    let _placed = Spread.enter();
    eprintln!("{PAGE_LOAD} …");
    for _ in 0..bench.effort.page.0 {
        let values = with_page(async |browser, relay| {
            let load = browser.loads_cold(&relay.url()).await;
            vec![
                (Weight, load.bytes as f64 / 1024.0),
                (Painted, load.painted_ms),
                (Ready, load.ready_ms),
            ]
        });
        note(bench, PAGE_LOAD, values);
    }
    print_figure(&bench.results, PAGE_LOAD, Spread);
}

/// The frame rate with 5,000 events per second.
pub(super) fn frames(bench: &mut Bench) {
    smooth(bench, PAGE_FRAMES, 5_000.0 / EVENTS_OF_A_SENTENCE);
}

/// The frame rate with 5,000 packets per second, and the calls to which they belong.
pub(super) fn rush(bench: &mut Bench) {
    smooth(bench, PAGE_RUSH, 5_000.0 / PACKETS_OF_A_SENTENCE as f64);
}

fn smooth(bench: &mut Bench, figure: &'static str, sentences_per_second: f64) {
    let _placed = Spread.enter();
    eprintln!("{figure} …");
    let (time, rows) = (bench.effort.watching, bench.effort.page.1);
    for _ in 0..bench.effort.rounds.min(3) {
        let values = with_page(async |browser, relay| {
            browser.clicks("#packets-tab").await;
            let filling = Source::begin(relay.udp, FILLING);
            while rows_of(browser).await < rows {
                tokio::time::sleep(LOOK).await;
            }
            filling.end();
            let before = browser.heap_bytes().await;
            let source = Source::begin(relay.udp, sentences_per_second);
            let frames = browser.frames(time).await;
            let rows = rows_of(browser).await;
            source.end();
            let after = browser.heap_bytes().await;
            let seconds = frames.iter().sum::<f64>() / 1e3;
            vec![
                (Rows, rows as f64),
                (Frames, frames.len() as f64 / seconds),
                (Worst, frames.into_iter().fold(0.0, f64::max)),
                (Heap, (after - before) / 1e6),
            ]
        });
        note(bench, figure, values);
    }
    print_figure(&bench.results, figure, Spread);
}

async fn rows_of(browser: &Browser) -> u64 {
    browser.asks(ROWS).await.as_u64().unwrap_or_default()
}

/// Runs a measurement with a relay and its page in a browser.
fn with_page(
    tell: impl AsyncFnOnce(&Browser, &Relay) -> Vec<(Metric, f64)>,
) -> io::Result<Vec<(Metric, f64)>> {
    let relay = peers::start_relay(L1, &[]).map_err(io::Error::other)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut values = Vec::new();
    runtime.block_on(story(&relay, BrowserOptions::default(), async |browser| {
        values = tell(browser, &relay).await;
    }));
    Ok(values)
}

fn note(bench: &mut Bench, figure: &str, values: io::Result<Vec<(Metric, f64)>>) {
    match values {
        Ok(values) => {
            let taken = Measurement {
                values,
                ..Measurement::default()
            };
            bench.record(figure, Spread, PAGE, taken, None);
        }
        Err(error) => bench.record_error(figure, PAGE, &error),
    }
}

/// Sentences of another program, sent by a thread until the source ends.
struct Source {
    enough: Arc<AtomicBool>,
    saying: JoinHandle<io::Result<()>>,
}

impl Source {
    fn begin(server: SocketAddr, per_second: f64) -> Self {
        let enough = Arc::new(AtomicBool::new(false));
        let heard = Arc::clone(&enough);
        let saying = std::thread::spawn(move || {
            let sentences = Rc::new(Sentences::of(SENTENCE));
            let mut source = Paced::begin(server, per_second, &sentences)?;
            while !heard.load(Relaxed) {
                source.step()?;
                std::thread::sleep(BREATH);
            }
            Ok(())
        });
        Self { enough, saying }
    }

    /// Stops the thread; panics with its error.
    fn end(self) {
        self.enough.store(true, Relaxed);
        let said = self.saying.join();
        assert!(
            matches!(said, Ok(Ok(()))),
            "the sentences stopped: {said:?}"
        );
    }
}
