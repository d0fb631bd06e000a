//! A class in which every member sends a sentence every two seconds while the teacher's wall is open: the time of a
//! sentence, the delay of the wall, and whether it counts every answer.

use std::{
    cell::RefCell,
    collections::HashMap,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use futures_util::future::{join_all, select};
use shared::{
    class::{LastCall, MemberId, News, Tile},
    message::Ask,
};
use tests::{page::Page, relay::Relay};

use super::{CLASS, WALL};
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
/// All members have the same address here.
const ALL_FROM_HERE: [&str; 2] = ["--max-members-per-address", "1000"];
const PAUSE: Duration = Duration::from_secs(2);
/// The sentence: upper-casing does not change it, so the reply is known.
const SENTENCE: &str = "ONE OF A CLASS";
/// The time in which the wall shows the last answer.
const SETTLING: Duration = Duration::from_secs(1);

pub(super) fn measure(bench: &mut Bench) {
    let _placed = Spread.enter();
    // As many members as labs in the other figure would be half a class.
    let (many, time) = (bench.effort.labs * 2, bench.effort.watching);
    eprintln!("{CLASS} …");
    for _ in 0..bench.effort.rounds.min(2) {
        let relay = match peers::start_relay(L1, &ALL_FROM_HERE) {
            Ok(relay) => relay,
            Err(why) => return bench.record_error(CLASS, RELAY, &std::io::Error::other(why)),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("an event loop");
        let (sentences, wall) = runtime.block_on(lesson(&relay, many, time));
        let missing = sentences.answered.abs_diff(wall.answers());
        let told = Measurement {
            wrong: missing,
            ..taken(&sentences.took)
        };
        bench.record(CLASS, Spread, RELAY, told, None);
        bench.record(WALL, Spread, RELAY, taken(&wall.behind), None);
    }
    print_figure(&bench.results, CLASS, Spread);
    print_figure(&bench.results, WALL, Spread);
}

/// The results of the members.
#[derive(Default)]
struct Sentences {
    took: Histogram,
    answered: u64,
}

impl Sentences {
    fn hears_after(&mut self, took: Duration) {
        self.took.add(took);
        self.answered += 1;
    }
}

/// The results of the teacher.
#[derive(Default)]
struct Wall {
    tiles: HashMap<MemberId, (Option<LastCall>, u64)>,
    behind: Histogram,
}

impl Wall {
    fn sees(&mut self, tile: &Tile, began_us: u64) {
        let known = self.tiles.entry(tile.member).or_default();
        if let Some(call) = tile.call
            && known.0.is_none_or(|before| before.mono_ns != call.mono_ns)
        {
            let happened = Duration::from_micros(began_us) + Duration::from_nanos(call.mono_ns);
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            self.behind
                .add(now.unwrap_or_default().saturating_sub(happened));
        }
        *known = (tile.call, tile.sentences);
    }

    fn answers(&self) -> u64 {
        self.tiles.values().map(|(_, sentences)| sentences).sum()
    }
}

async fn lesson(relay: &Relay, many: usize, time: Duration) -> (Sentences, Wall) {
    let mut teacher = Page::open(relay).await;
    let title = String::new();
    teacher
        .moves_to(Ask::CreateClass { title, admin: None })
        .await;
    let event = teacher.receives_event().await;
    let began_us = event.wall_us.saturating_sub(event.mono_ns / 1000);
    let standing = teacher.welcome.class.clone().expect("a class");
    let mut members = Vec::new();
    for nth in 0..many {
        let mut page = Page::open(relay).await;
        let (code, name) = (standing.class.code.clone(), format!("member {nth}"));
        page.moves_to(Ask::JoinClass {
            code,
            name,
            token: None,
        })
        .await;
        members.push(page);
    }
    let wall = RefCell::new(Wall::default());
    let watching = Box::pin(async {
        loop {
            if let News::Roster(roster) = teacher.receives_news().await {
                let mut wall = wall.borrow_mut();
                for tile in &roster.tiles {
                    wall.sees(tile, began_us);
                }
            }
        }
    });
    let talking = Box::pin(async {
        let said = talk(members, time).await;
        tokio::time::sleep(SETTLING).await;
        said
    });
    let said = match select(talking, watching).await {
        futures_util::future::Either::Left((said, _)) => said,
        futures_util::future::Either::Right(((), _)) => Sentences::default(),
    };
    (said, wall.into_inner())
}

async fn talk(members: Vec<Page>, time: Duration) -> Sentences {
    let said = RefCell::new(Sentences::default());
    let (begun, many) = (Instant::now(), members.len());
    let talks = members
        .into_iter()
        .enumerate()
        .map(async |(nth, mut page)| {
            // The starts are spread evenly.
            tokio::time::sleep(PAUSE.mul_f64(nth as f64 / many as f64)).await;
            while begun.elapsed() < time {
                let started = Instant::now();
                assert_eq!(page.exchanges_by_udp(SENTENCE).await, SENTENCE);
                said.borrow_mut().hears_after(started.elapsed());
                page.forgets_events();
                tokio::time::sleep(PAUSE.saturating_sub(started.elapsed())).await;
            }
            page
        });
    // Members stay until all are done, because closing their sockets is work too.
    let pages = join_all(talks).await;
    drop(pages);
    said.into_inner()
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
