//! How much work a figure is worth: much for a person who waits, little for continuous integration.

use std::time::Duration;

/// Counts and times; every loop of the benchmark ends by one of them.
#[derive(Clone, Debug)]
pub(crate) struct Effort {
    /// How often each subject has its turn.
    pub(crate) rounds: usize,
    /// Sentences of one turn with one outstanding.
    pub(crate) round_trips: u64,
    /// How long somebody is warmed up.
    pub(crate) warming: Duration,
    /// How long one turn of many connections is.
    pub(crate) load: Duration,
    /// How many of the figures with idle connections are measured.
    pub(crate) idle: usize,
    /// How many connections come and go in one turn, and how long they may take in all.
    pub(crate) churn: (usize, Duration),
    /// How long packets are offered to the capture.
    pub(crate) capture: Duration,
    /// How long the viewers look on.
    pub(crate) watching: Duration,
    /// How often the page is loaded, and how many rows its table has when its frames are counted.
    pub(crate) page: (usize, u64),
    /// How many points a curve has.
    pub(crate) points: usize,
    /// How many labs there are beside the open one.
    pub(crate) labs: usize,
}

/// No turn is longer, whatever happens.
pub(crate) const LONGEST_TURN: Duration = Duration::from_secs(20);

impl Effort {
    /// For figures worth stating.
    pub(crate) const FULL: Self = Self {
        rounds: 3,
        round_trips: 10_000,
        warming: Duration::from_millis(600),
        load: Duration::from_millis(300),
        idle: 2,
        churn: (4_000, LONGEST_TURN),
        capture: Duration::from_secs(4),
        watching: Duration::from_secs(5),
        page: (10, 100_000),
        points: usize::MAX,
        labs: 500,
    };

    /// To see that all of it works and answers are right.
    pub(crate) const SHORT: Self = Self {
        rounds: 2,
        round_trips: 500,
        warming: Duration::from_millis(20),
        load: Duration::from_millis(100),
        idle: 1,
        churn: (640, Duration::from_secs(3)),
        capture: Duration::from_millis(500),
        watching: Duration::from_secs(1),
        page: (2, 1_000),
        points: 2,
        labs: 50,
    };
}
