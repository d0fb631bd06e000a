//! What happened in a lab, written down as it happens: the log, the clock, the calls, and who is who.
//!
//! The bottom room of the relay: servers, client sockets and the capture report here, sessions read from here.

mod calls;
mod derive;
mod endings;
mod log;
mod people;
mod processes;
mod sight;
mod sockets;
mod stretch;

pub use calls::{Ends, OpenCall, Starting};
pub use log::{Log, Page, Recorded};
pub use processes::{Door, Lately, Processes};
pub use sight::{RULER, Sight};
pub use sockets::{TcpTrail, Trail};
pub use stretch::{Came, Given, Line, Stretch};

use std::{
    cell::{Cell, RefCell},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use shared::{
    lab::Level,
    trace::{CallId, ProcessId, Sockets, What},
};
use tokio::sync::{Notify, watch};

use self::endings::Endings;
use crate::metrics::Meter;

/// How long events are gathered before viewers are told: far below what an eye sees, far above a round trip.
const GATHER: Duration = Duration::from_millis(5);

/// Both clocks are read within this time of each other, in at most [`CLOCK_READINGS`] attempts.
const CLOCK_GAP: Duration = Duration::from_micros(50);
/// Maximum number of attempts to read both clocks at one moment.
const CLOCK_READINGS: usize = 4;

/// In a crowd, the same for each viewer: 100 ms for a thousand of them.
const GATHER_PER_VIEWER: Duration = Duration::from_micros(100);

/// One lab's trace.
#[derive(Debug)]
pub struct Trace {
    level: Level,
    off: bool,
    /// Whether so many watch that each is told only what is its own business.
    crowded: bool,
    log: RefCell<Log>,
    processes: RefCell<Processes>,
    endings: RefCell<Endings>,
    began: Instant,
    began_wall: Duration,
    next_call: Cell<CallId>,
    changed: Notify,
    told: watch::Sender<u64>,
    stirred: Notify,
    metrics: Meter,
}

impl Trace {
    /// An empty trace that keeps about `bytes` bytes, of all that can be seen at this level of truth. With none to
    /// keep it is off: nothing is written down.
    #[must_use]
    pub fn new(level: Level, bytes: u64, metrics: Meter) -> Self {
        Self {
            level,
            off: bytes == 0,
            crowded: false,
            log: RefCell::new(Log::new(bytes)),
            processes: RefCell::default(),
            endings: RefCell::default(),
            began: Instant::now(),
            began_wall: since_1970(),
            next_call: Cell::new(1),
            changed: Notify::new(),
            told: watch::Sender::new(0),
            stirred: Notify::new(),
            metrics,
        }
    }

    /// The same for a lab with very many viewers. They are told the less often the more they are, and of the calls
    /// with which a server waits for anybody only those that are still open or turned out to be for them.
    #[must_use]
    pub fn of_a_crowd(level: Level, bytes: u64, metrics: Meter) -> Self {
        Self {
            crowded: true,
            log: RefCell::new(Log::of_a_crowd(bytes)),
            ..Self::new(level, bytes, metrics)
        }
    }

    /// How much of the truth can be seen.
    #[must_use]
    pub const fn level(&self) -> Level {
        self.level
    }

    /// Whether packets are derived: nothing is captured, and somebody writes it down.
    fn derives(&self) -> bool {
        self.level < Level::L2 && !self.off
    }

    /// Writes down that something happened now; `concerns` is the client it is about, if it is about one.
    pub fn record(&self, what: What, concerns: Option<ProcessId>) {
        self.record_seen(self.mono(Instant::now()), what, concerns);
    }

    /// The same of something that was seen at another time, in nanoseconds since the lab began.
    pub fn record_seen(&self, mono_ns: u64, what: What, concerns: Option<ProcessId>) {
        if self.off {
            return;
        }
        let wall_us = self.wall_us(mono_ns);
        self.log
            .borrow_mut()
            .append(mono_ns, wall_us, what, concerns);
        self.metrics.count_events(1);
        self.changed.notify_one();
    }

    /// Writes down what sockets the lab has now, with whose each of them is, as far as that is known.
    pub fn record_sockets(
        &self,
        sockets: Sockets,
        owners: Box<[Option<ProcessId>]>,
        concerns: Option<ProcessId>,
    ) {
        if self.off {
            return;
        }
        let now = self.now();
        let when = (now, self.wall_us(now));
        let mut log = self.log.borrow_mut();
        log.append_sockets(when, sockets, owners, concerns);
        self.metrics.count_events(1);
        self.changed.notify_one();
    }

    fn wall_us(&self, mono_ns: u64) -> u64 {
        let wall = self.began_wall + Duration::from_nanos(mono_ns);
        u64::try_from(wall.as_micros()).unwrap_or(u64::MAX)
    }

    /// Now, in nanoseconds since the lab began.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.mono(Instant::now())
    }

    fn mono(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.began).as_nanos()).unwrap_or(u64::MAX)
    }

    /// A time of the wall clock, as packets have it, on the clock of the lab: by how long ago it is, so that a
    /// wall clock set anew in between does no harm.
    #[must_use]
    pub fn mono_of(&self, seconds: u64, nanoseconds: u32) -> u64 {
        let (now, wall) = both_clocks();
        let ago = wall.saturating_sub(Duration::new(seconds, nanoseconds));
        self.mono(now)
            .saturating_sub(u64::try_from(ago.as_nanos()).unwrap_or(u64::MAX))
    }

    /// What a viewer is to see from `from` on, at most `most` events.
    #[must_use]
    pub fn read(&self, from: u64, sight: Sight, most: usize) -> Page {
        self.log.borrow_mut().read(from, sight, most)
    }

    /// The first number still kept and the next one to be given.
    #[must_use]
    pub fn range(&self) -> (u64, u64) {
        self.log.borrow().range()
    }

    /// Tells a viewer, a little after events came, up to which number.
    #[must_use]
    pub fn viewer(&self) -> watch::Receiver<u64> {
        self.stirred.notify_one();
        self.told.subscribe()
    }

    /// How many viewers there are.
    #[must_use]
    pub fn viewers(&self) -> usize {
        self.told.receiver_count()
    }

    /// Resolves when something has happened, or a viewer has come, since it last did; for one who waits.
    pub async fn stirs(&self) {
        self.stirred.notified().await;
    }

    /// Where it counts.
    #[must_use]
    pub const fn metrics(&self) -> &Meter {
        &self.metrics
    }

    fn gathers_for(&self) -> Duration {
        let viewers = u32::try_from(self.viewers()).unwrap_or(u32::MAX);
        if self.crowded {
            return GATHER.max(GATHER_PER_VIEWER.saturating_mul(viewers));
        }
        GATHER
    }

    /// Gathers events and tells viewers, for as long as the lab lives.
    pub async fn tell_viewers(&self) {
        loop {
            self.changed.notified().await;
            tokio::time::sleep(self.gathers_for()).await;
            self.told.send_replace(self.range().1);
            self.stirred.notify_one();
        }
    }
}

/// Both clocks at one moment: read again where the thread was made to wait in between.
fn both_clocks() -> (Instant, Duration) {
    let mut now = Instant::now();
    for _ in 0..CLOCK_READINGS {
        let wall = since_1970();
        let after = Instant::now();
        if after.saturating_duration_since(now) < CLOCK_GAP {
            return (now, wall);
        }
        now = after;
    }
    (now, since_1970())
}

fn since_1970() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}
