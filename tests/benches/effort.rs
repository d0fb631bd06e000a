//! How much is measured: much in a full run, little in a short one for continuous integration.

use std::time::Duration;

/// Counts and times; one of them ends every loop of the benchmark.
#[derive(Clone, Debug)]
pub(crate) struct Effort {
    /// Turns per contender.
    pub(crate) rounds: usize,
    /// Sentences per turn with one outstanding.
    pub(crate) round_trips: u64,
    /// The time of warming up.
    pub(crate) warming: Duration,
    /// The time of a turn with many connections.
    pub(crate) load: Duration,
    /// The number of figures with idle connections.
    pub(crate) idle: usize,
    /// Connections opened and closed per turn, and the most time they may take.
    pub(crate) churn: (usize, Duration),
    /// The time for which packets are offered to the capture.
    pub(crate) capture: Duration,
    /// The time for which viewers watch.
    pub(crate) watching: Duration,
    /// Page loads, and the rows of the table when frames are counted.
    pub(crate) page: (usize, u64),
    /// The most points of a curve.
    pub(crate) points: usize,
    /// The number of private labs.
    pub(crate) labs: usize,
}

/// The time limit of a turn.
pub(crate) const LONGEST_TURN: Duration = Duration::from_secs(20);

impl Effort {
    /// A full run, for published figures.
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

    /// A short run, to see that everything works and all answers are right.
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
