//! The trace of one lab: all its events in order, the lab's clock, its processes, and which client has which address.
//!
//! Servers, client sockets, netem and the capture write events here; sessions, classes and the export read them. This is
//! the lowest room of the relay that knows a lab. [`log`] keeps the events and chooses which of them a viewer sees;
//! [`record`] turns calls into events and derives packets from them; [`processes`] maps addresses to processes. Packets
//! are captured in [`crate::wire`], the state of a lab is in [`crate::lab`].

mod log;
mod processes;
mod publish_clock;
mod record;
mod registration;

pub use log::{
    AttributedPacket, CallArgs, CallReturn, CapturedPacket, Flow, LAB_OWNER, Log, LogChunk,
    RecordedEvent, TraceBatch, Visibility,
};
pub use processes::{Endpoint, PacketEvidence, Processes, RecentCall, TcpEvidence};
pub use record::{CallStart, EventBatch, OpenCall, SocketSnapshot};

use std::{
    cell::{Cell, RefCell},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use shared::{
    conditions::Direction,
    lab::Level,
    message::MAX_BATCH_DELAY_MS,
    trace::{CallId, ProcessId, Sockets, What},
};
use tokio::sync::{Notify, watch};

use self::{log::wall_us, publish_clock::PublishClock, record::TcpConnections};
use crate::metrics::Meter;

/// How long events are gathered before viewers of single events are notified: too short to see, and far longer than a
/// round trip.
const PUBLISH_INTERVAL: Duration = Duration::from_millis(5);
/// The time between two batches for a viewer.
const BATCH_INTERVAL: Duration = Duration::from_millis(MAX_BATCH_DELAY_MS);
/// The same per viewer in a class lab: 100 ms for a thousand viewers.
const PUBLISH_INTERVAL_PER_VIEWER: Duration = Duration::from_micros(100);

/// Maximum time between the readings of both clocks, unless [`MAX_CLOCK_READINGS`] is reached.
const MAX_CLOCK_GAP: Duration = Duration::from_micros(50);
/// Maximum number of attempts to read both clocks at one moment.
const MAX_CLOCK_READINGS: usize = 4;

/// One lab's trace.
#[derive(Debug)]
pub struct Trace {
    level: Level,
    off: bool,
    /// Whether datagrams may leave in bursts: a capture would show them as they leave.
    may_burst: bool,
    /// Class labs only: viewers receive only events that concern them.
    of_class: bool,
    log: RefCell<Log>,
    processes: RefCell<Processes>,
    tcp_connections: RefCell<TcpConnections>,
    started: Instant,
    /// When the lab started, since 1970.
    started_wall: Duration,
    next_call: Cell<CallId>,
    /// Notified when an event was appended.
    appended: Notify,
    /// The same, for the publication of batches; not notified while nobody reads batches.
    appended_to_batch: Notify,
    /// The number of the next event, as last published to viewers of single events.
    published: watch::Sender<u64>,
    /// The same for viewers of batches.
    published_batches: watch::Sender<u64>,
    /// Notified when events were published or a viewer subscribed.
    activity: Notify,
    metrics: Meter,
}

impl Trace {
    /// An empty trace at this level of truth that keeps about `bytes` bytes. With 0 bytes it is off and records nothing.
    #[must_use]
    pub fn new(level: Level, bytes: u64, metrics: Meter) -> Self {
        Self {
            level,
            off: bytes == 0,
            may_burst: level < Level::L2,
            of_class: false,
            log: RefCell::new(Log::new(bytes)),
            processes: RefCell::default(),
            tcp_connections: RefCell::default(),
            started: Instant::now(),
            started_wall: since_1970(),
            next_call: Cell::new(1),
            appended: Notify::new(),
            appended_to_batch: Notify::new(),
            published: watch::Sender::new(0),
            published_batches: watch::Sender::new(0),
            activity: Notify::new(),
            metrics,
        }
    }

    /// The same for a class lab, which has many viewers. The more viewers there are, the less often they are notified.
    /// Of the calls with which a server waits for any client, a viewer sees those that are still open and those that
    /// turned out to concern it.
    #[must_use]
    pub fn new_of_class(level: Level, bytes: u64, metrics: Meter) -> Self {
        Self {
            of_class: true,
            log: RefCell::new(Log::with_index(bytes)),
            ..Self::new(level, bytes, metrics)
        }
    }

    /// The same, with datagrams that may leave in bursts although packets are captured, because the capture can split
    /// them.
    #[must_use]
    pub fn with_split_bursts(self, are_split: bool) -> Self {
        Self {
            may_burst: self.may_burst || are_split,
            ..self
        }
    }

    /// Whether several datagrams may leave in one call.
    #[must_use]
    pub const fn may_burst(&self) -> bool {
        self.may_burst
    }

    /// The level of truth.
    #[must_use]
    pub const fn level(&self) -> Level {
        self.level
    }

    /// Whether nothing is recorded.
    #[must_use]
    pub const fn is_off(&self) -> bool {
        self.off
    }

    /// Whether it is a class lab's trace.
    #[must_use]
    pub const fn is_of_class(&self) -> bool {
        self.of_class
    }

    /// Whether packets are derived from calls, because none are captured.
    fn is_derived(&self) -> bool {
        self.level < Level::L2 && !self.off
    }

    /// Records an event that happened now; `concerns` is the client it is about, if it is about one.
    pub fn record(&self, what: What, concerns: Option<ProcessId>) {
        self.record_at(self.now(), what, concerns);
    }

    /// Records an event that happened at `mono_ns` nanoseconds since the lab started.
    pub fn record_at(&self, mono_ns: u64, what: What, concerns: Option<ProcessId>) {
        if self.off {
            return;
        }
        let when = (mono_ns, self.wall_us(mono_ns));
        self.log.borrow_mut().append(when, what, concerns);
        self.count_appended(1);
    }

    /// Records a packet that was captured `mono_ns` nanoseconds after the lab started. `calls` are the calls that sent its
    /// datagrams, as far as known.
    pub fn record_packet(
        &self,
        mono_ns: u64,
        packet: CapturedPacket,
        (process, direction): (ProcessId, Direction),
        calls: Vec<CallId>,
    ) {
        if self.off {
            return;
        }
        let count = packet.count();
        self.log.borrow_mut().append_packet(AttributedPacket {
            packet,
            count,
            mono_ns,
            wall_us: self.wall_us(mono_ns),
            process,
            direction,
            calls,
        });
        self.count_appended(count as u64);
    }

    /// Records the kernel's list of the lab's sockets. `owners` has one entry per socket: its process, if known.
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
        self.log
            .borrow_mut()
            .append_sockets(when, sockets, owners, concerns);
        self.count_appended(1);
    }

    fn count_appended(&self, events: u64) {
        self.metrics.count_events(events);
        self.appended.notify_one();
        if self.published_batches.receiver_count() > 0 {
            self.appended_to_batch.notify_one();
        }
    }

    fn wall_us(&self, mono_ns: u64) -> u64 {
        wall_us(self.started_wall, mono_ns)
    }

    /// Now, in nanoseconds since the lab started.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.to_mono_ns(Instant::now())
    }

    fn to_mono_ns(&self, instant: Instant) -> u64 {
        let since_start = instant.saturating_duration_since(self.started);
        u64::try_from(since_start.as_nanos()).unwrap_or(u64::MAX)
    }

    /// Converts a wall-clock time since 1970, as the kernel stamps packets, to nanoseconds since the lab started. It is
    /// converted by its age, so that setting the wall clock in the meantime does no harm.
    #[must_use]
    pub fn to_lab_time(&self, seconds: u64, nanoseconds: u32) -> u64 {
        let (now, wall) = both_clocks();
        let age = wall.saturating_sub(Duration::new(seconds, nanoseconds));
        self.to_mono_ns(now)
            .saturating_sub(u64::try_from(age.as_nanos()).unwrap_or(u64::MAX))
    }

    /// At most `max_events` events from number `from` on that a viewer sees.
    #[must_use]
    pub fn read(&self, from: u64, visibility: Visibility, max_events: usize) -> LogChunk {
        self.log.borrow_mut().read(from, visibility, max_events)
    }

    /// The next message with events from number `from` on that a viewer sees.
    #[must_use]
    pub fn read_batch(&self, from: u64, visibility: Visibility) -> TraceBatch {
        let is_shared = self.published_batches.receiver_count() > 1;
        self.log
            .borrow_mut()
            .read_batch(from, visibility, is_shared)
    }

    /// The number of the first event that is still kept, and of the next one to be appended.
    #[must_use]
    pub fn range(&self) -> (u64, u64) {
        self.log.borrow().range()
    }

    /// Adds a viewer of single events. The receiver gets the number of the next event whenever events are published.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.activity.notify_one();
        self.published.subscribe()
    }

    /// The same for a viewer of batches. Its first events are published at once.
    #[must_use]
    pub fn subscribe_to_batches(&self) -> watch::Receiver<u64> {
        self.activity.notify_one();
        self.appended_to_batch.notify_one();
        self.published_batches.subscribe()
    }

    /// The number of viewers.
    #[must_use]
    pub fn viewer_count(&self) -> usize {
        self.published.receiver_count() + self.published_batches.receiver_count()
    }

    /// Waits until events are published or a viewer subscribes. At most one task may wait.
    pub async fn wait_for_activity(&self) {
        self.activity.notified().await;
    }

    /// The lab's counters.
    #[must_use]
    pub const fn metrics(&self) -> &Meter {
        &self.metrics
    }

    /// `least`, or more for the many viewers of a class lab.
    fn publish_interval(&self, least: Duration) -> Duration {
        if !self.of_class {
            return least;
        }
        let viewers = u32::try_from(self.viewer_count()).unwrap_or(u32::MAX);
        least.max(PUBLISH_INTERVAL_PER_VIEWER.saturating_mul(viewers))
    }

    /// Publishes new events to the viewers, for as long as the lab exists.
    pub async fn publish_events(&self) {
        tokio::join!(self.publish_singles(), self.publish_batches());
    }

    async fn publish_singles(&self) {
        loop {
            self.appended.notified().await;
            tokio::time::sleep(self.publish_interval(PUBLISH_INTERVAL)).await;
            self.published.send_replace(self.range().1);
            self.activity.notify_one();
        }
    }

    async fn publish_batches(&self) {
        let mut clock = PublishClock::default();
        loop {
            self.appended_to_batch.notified().await;
            if *self.published_batches.borrow() == self.range().1 {
                // The last publication had these events already.
                continue;
            }
            let interval = self.publish_interval(BATCH_INTERVAL);
            clock.handle_appended(Instant::now(), interval);
            while let Some(deadline) = clock.poll_timeout() {
                if !clock.handle_timeout(Instant::now()) {
                    tokio::time::sleep_until(deadline.into()).await;
                    continue;
                }
                self.published_batches.send_replace(self.range().1);
            }
        }
    }
}

/// Reads both clocks at one moment; again if the thread was interrupted in between.
fn both_clocks() -> (Instant, Duration) {
    let mut now = Instant::now();
    for _ in 0..MAX_CLOCK_READINGS {
        let wall = since_1970();
        let after = Instant::now();
        if after.saturating_duration_since(now) < MAX_CLOCK_GAP {
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
