//! A soak: clients make random calls for a while; afterwards the relay must be idle, with the descriptors and memory it
//! had before. The tests run a short one, the benchmark a long one.
//!
//! Rooms: [`random`] decides, each time alike for the same seed; [`request`] is a random call; [`visitor`] makes them.

mod random;
mod request;
mod visitor;

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use shared::{
    call::Transport,
    conditions::Conditions,
    lab::{LabKind, Program, Task},
    message::Ask,
};

use self::random::Random;
use crate::{
    bridge::Bridge,
    calls::ExpectReply,
    http,
    page::Page,
    relay::Relay,
    timeout::{self, TIMEOUT},
    usage,
};

/// Flags for small traces, which are full soon, short-lived labs, and no limits on fast reconnects.
const FLAGS: [&str; 10] = [
    "--trace-bytes",
    "1048576",
    "--lab-trace-bytes",
    "262144",
    "--keep-seconds",
    "1",
    "--max-pages-per-address",
    "1000",
    "--max-labs-per-address",
    "1000",
];
/// The interval at which memory and descriptors are sampled.
const LOOKS: u32 = 60;
/// The most that memory may grow in the last third of a soak, in KiB: allocators keep partly used pages.
const MOST_GROWTH_KIB: u64 = 8 << 10;

/// What to do.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Decides what the visitors do; how fast the relay answers decides the rest.
    pub seed: u64,
    /// How many visitors there are at any time.
    pub visitors: u64,
    /// When they are done.
    pub length: Length,
}

/// How long a soak takes.
#[derive(Clone, Copy, Debug)]
pub enum Length {
    /// Until each visitor has made this many calls.
    Calls(u64),
    /// This long.
    For(Duration),
}

/// What the clients did.
#[derive(Debug, Default)]
struct Counts {
    visits: AtomicU64,
    bridges: AtomicU64,
    calls: AtomicU64,
    messages: AtomicU64,
    /// Connections that the relay closed.
    ended: AtomicU64,
}

/// A sample of a relay's resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holdings {
    /// Open descriptors.
    pub descriptors: usize,
    /// Memory, in KiB.
    pub memory_kib: u64,
}

/// The figures of a soak.
#[derive(Debug)]
pub struct Figures {
    /// The seed it can be repeated with.
    pub seed: u64,
    /// How long the visitors were there.
    pub took: Duration,
    /// Pages that were opened.
    pub visits: u64,
    /// Bridges that were opened.
    pub bridges: u64,
    /// Calls and other requests that were made.
    pub calls: u64,
    /// Messages that came from the relay.
    pub messages: u64,
    /// Conversations that the relay ended; a visitor ends them itself.
    pub ended: u64,
    /// Before the visitors came, after one of each kind had been there.
    pub before: Holdings,
    /// While they were there, at even intervals.
    pub during: Vec<Holdings>,
    /// After they had gone.
    pub after: Holdings,
    /// Processor time of one second when they were still there, with calls in flight, and made no more.
    pub busy: Duration,
}

/// Runs a soak on a relay of its own, and checks that nothing is left of it.
///
/// # Panics
/// When descriptors are not given back, labs do not end, the processor does not come to rest, or the relay does not
/// answer.
pub async fn run(plan: Plan) -> Figures {
    eprintln!("soak with seed {}", plan.seed);
    let relay = Relay::start(&FLAGS);
    visit_once(&relay).await;
    rests(&relay).await;
    let before = holdings(&relay);
    let (counts, begun) = (Counts::default(), Instant::now());
    let visitors = (0..plan.visitors).map(|number| {
        let random = Random::new(plan.seed.wrapping_add(number));
        visitor::connects_and_closes(&relay, random, plan.length, &counts)
    });
    let mut during = Vec::new();
    let mut last = tokio::select! {
        last = join_all(visitors) => last,
        () = looks(&relay, plan.length, &mut during) => unreachable!("it only looks"),
    };
    let took = begun.elapsed();
    // They are there, with calls in flight, and do nothing.
    let hear = join_all(last.iter_mut().map(|visitor| visitor.receives_for(TIMEOUT)));
    let (busy, _heard) = tokio::join!(usage::waits_until_idle(relay.pid()), hear);
    for (visitor, way) in last.into_iter().zip((0..visitor::WAYS_TO_CLOSE).cycle()) {
        visitor.closes(way).await;
    }
    rests(&relay).await;
    descriptors_are(&relay, before.descriptors).await;
    let after = holdings(&relay);
    // And it still serves.
    repairs(&relay).await;
    visit_once(&relay).await;
    let count = |count: &AtomicU64| count.load(Relaxed);
    Figures {
        seed: plan.seed,
        took,
        visits: count(&counts.visits),
        bridges: count(&counts.bridges),
        calls: count(&counts.calls),
        messages: count(&counts.messages),
        ended: count(&counts.ended),
        before,
        during,
        after,
        busy,
    }
}

impl Length {
    fn is_over(self, calls: u64, begun: Instant) -> bool {
        match self {
            Self::Calls(most) => calls >= most,
            Self::For(time) => begun.elapsed() >= time,
        }
    }
}

impl Figures {
    /// How much the most memory of the last third is above the most of the third before, in KiB. The first third fills
    /// the traces.
    #[must_use]
    pub fn growth_kib(&self) -> u64 {
        let third = self.during.len() / 3;
        let most = |part: &[Holdings]| part.iter().map(|it| it.memory_kib).max().unwrap_or(0);
        let (middle, last) = (third..2 * third, 2 * third..);
        most(&self.during[last]).saturating_sub(most(&self.during[middle]))
    }

    /// Checks that memory stays flat.
    ///
    /// # Panics
    /// When it does not.
    pub fn memory_is_flat(&self) {
        let growth = self.growth_kib();
        assert!(growth <= MOST_GROWTH_KIB, "{growth} KiB more: {self}");
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let memory = |at: usize| {
            let seen = self.during.get(at.min(self.during.len().saturating_sub(1)));
            seen.map_or(0, |it| it.memory_kib)
        };
        let (third, most) = (
            self.during.len() / 3,
            self.during.iter().map(|it| it.descriptors).max(),
        );
        writeln!(f, "seed {}, {:.0?}", self.seed, self.took)?;
        writeln!(
            f,
            "{} pages and {} bridges made {} calls and heard {} messages; {} were ended by the relay",
            self.visits, self.bridges, self.calls, self.messages, self.ended
        )?;
        writeln!(
            f,
            "descriptors: {} before, at most {}, {} after",
            self.before.descriptors,
            most.unwrap_or(0),
            self.after.descriptors
        )?;
        writeln!(
            f,
            "memory in KiB: {} before, {} after a third, {} after two thirds, {} at the end, {} after",
            self.before.memory_kib,
            memory(third),
            memory(2 * third),
            memory(usize::MAX),
            self.after.memory_kib
        )?;
        write!(f, "processor at rest: {:.1?} in a second", self.busy)
    }
}

/// One visitor of each kind, whose every call does what it should.
async fn visit_once(relay: &Relay) {
    let mut page = Page::open(relay).await;
    for lab in [LabKind::Open, LabKind::Private] {
        page.asks(Ask::Enter { lab }).await;
        assert_eq!(page.exchanges_by_udp("still there").await, "STILL THERE");
        assert_eq!(page.exchanges_by_tcp("still there").await, "STILL THERE");
    }
    for path in ["/raw/udp", "/raw/tcp"] {
        let mut bridge = Bridge::open(relay, path).await;
        bridge.sends_bytes(*b"still there").await;
        assert_eq!(bridge.receives_bytes(11).await, b"STILL THERE");
        bridge.closes().await;
    }
    page.closes().await;
}

/// Sets right whatever visitors have done to the open lab's servers and its network: all of them could.
async fn repairs(relay: &Relay) {
    let mut page = Page::open(relay).await;
    let conditions = Conditions::default();
    page.asks(Ask::SetConditions { conditions }).await;
    for transport in Transport::ALL {
        page.asks(Ask::StopServer { transport }).await;
        let start = Ask::StartServer {
            transport,
            program: Some(Program::Sturdy),
            task: Some(Task::Upper),
            settings: None,
        };
        page.asks(start).await.returned();
    }
    page.closes().await;
}

/// Looks at what the relay holds, for as long as it is not stopped.
async fn looks(relay: &Relay, length: Length, during: &mut Vec<Holdings>) {
    let pause = match length {
        Length::Calls(_) => Duration::from_millis(100),
        Length::For(time) => time / LOOKS,
    };
    loop {
        tokio::time::sleep(pause).await;
        during.push(holdings(relay));
    }
}

/// Waits until everybody is gone, their labs too, and the processor is at rest.
async fn rests(relay: &Relay) {
    let gone = async || {
        let metrics = http::get(relay.http, "/metrics").await;
        let none = |name: &str| {
            metrics
                .text()
                .lines()
                .any(|line| line == format!("{name} 0"))
        };
        (none("playground_pages") && none("playground_labs")).then_some(())
    };
    timeout::until("every page and lab gone", gone).await;
    usage::waits_until_idle(relay.pid()).await;
}

async fn descriptors_are(relay: &Relay, before: usize) {
    let deadline = Instant::now() + TIMEOUT;
    while relay.holdings().0 > before {
        let now = relay.holdings().0;
        assert!(
            Instant::now() < deadline,
            "{now} descriptors, and {before} before"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn holdings(relay: &Relay) -> Holdings {
    Holdings {
        descriptors: relay.holdings().0,
        memory_kib: usage::pss_kib(relay.pid()).expect("a running relay under /proc"),
    }
}
