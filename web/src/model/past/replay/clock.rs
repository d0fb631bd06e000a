//! The time of a replay. A kernel's microseconds are too short to be seen: they are stretched until a usual sentence
//! takes a few seconds, and longer pauses are cut.

use shared::trace::Event;

use crate::model::{core::time::Millis, trace::log::Run};

/// Duration of a usual sentence at the default speed, in microseconds of the page's time.
const SENTENCE_US: u64 = 4_000_000;
/// Maximum duration of a pause where time is stretched, in microseconds.
const PAUSE_US: u64 = 2_000_000;
/// A sentence that took longer had somebody wait: it tells nothing of how fast this lab is.
const LONGEST_NS: u64 = 1_000_000_000;
/// Where no sentence tells.
const USUAL_NS: u64 = 1_000_000;

/// How fast a replay runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speed {
    /// As it was, pauses and all.
    AsItWas,
    /// Stretched, at this number of tenths of the default speed.
    Tenths(u64),
}

impl Speed {
    /// Those that can be chosen, with the names they have in the markup.
    pub(crate) const ALL: [(&'static str, Self); 8] = [
        ("real", Self::AsItWas),
        ("1", Self::Tenths(1)),
        ("2", Self::Tenths(2)),
        ("5", Self::Tenths(5)),
        ("10", Self::Tenths(10)),
        ("20", Self::Tenths(20)),
        ("50", Self::Tenths(50)),
        ("100", Self::Tenths(100)),
    ];
}

/// What it runs by.
#[derive(Debug)]
pub(super) struct Clock {
    pub(super) speed: Speed,
    /// When the latest event was due, in microseconds of the page's clock; none while it is held.
    since_us: Option<u64>,
    /// How long a usual sentence took.
    sentence_ns: u64,
}

impl Clock {
    pub(super) const fn new(sentence_ns: u64) -> Self {
        Self {
            speed: Speed::Tenths(10),
            since_us: None,
            sentence_ns,
        }
    }

    pub(super) const fn runs(&self) -> bool {
        self.since_us.is_some()
    }

    pub(super) fn run(&mut self, on: bool, now: Millis) {
        self.since_us = on.then_some(now * 1_000);
    }

    /// From where it is now, it goes on from now on.
    pub(super) fn restart(&mut self, now: Millis) {
        self.run(self.runs(), now);
    }

    /// How many times slower than it was.
    pub(super) fn slowed(&self) -> Option<u64> {
        match self.speed {
            Speed::AsItWas => None,
            Speed::Tenths(tenths) => Some(SENTENCE_US * 10_000 / tenths / self.sentence_ns),
        }
    }

    /// How many events are seen by now, of which `seen` were before.
    pub(super) fn reached(&mut self, events: &[Event], mut seen: usize, now: Millis) -> usize {
        let Some(mut since) = self.since_us else {
            return seen;
        };
        while seen < events.len() {
            let due = since.saturating_add(self.pause_us(events, seen));
            if due > now * 1_000 {
                break;
            }
            (since, seen) = (due, seen + 1);
        }
        self.since_us = (seen < events.len()).then_some(since);
        seen
    }

    /// When the next event is due.
    pub(super) fn due(&self, events: &[Event], seen: usize, now: Millis) -> Option<Millis> {
        let due = self.since_us?.saturating_add(self.pause_us(events, seen));
        Some(due.div_ceil(1_000).max(now + 1))
    }

    /// How long the pause before an event takes.
    fn pause_us(&self, events: &[Event], at: usize) -> u64 {
        let time = |at: usize| events.get(at).map(|event| event.mono_ns);
        let before = at.checked_sub(1).and_then(time);
        let pause_ns = time(at)
            .zip(before)
            .map_or(0, |(time, before)| time.saturating_sub(before));
        match self.speed {
            Speed::AsItWas => pause_ns / 1_000,
            Speed::Tenths(tenths) => {
                let stretched = pause_ns.saturating_mul(SENTENCE_US / 1_000) / self.sentence_ns;
                stretched.saturating_mul(1_000).min(PAUSE_US) * 10 / tenths
            }
        }
    }
}

/// How long a usual sentence took: the middle one of those in which nobody waited long.
pub(super) fn sentence_ns<'a>(runs: impl Iterator<Item = &'a Run>) -> u64 {
    let length = |run: &Run| {
        let ends = Some(run.ends_ns()).filter(|ends| *ends != u64::MAX)?;
        Some(ends.saturating_sub(run.began_ns()?))
    };
    let lengths = runs.filter(|run| run.is_talk()).filter_map(length);
    let mut lengths: Vec<u64> = lengths
        .filter(|ns| (1_000..LONGEST_NS).contains(ns))
        .collect();
    lengths.sort_unstable();
    lengths.get(lengths.len() / 2).copied().unwrap_or(USUAL_NS)
}
