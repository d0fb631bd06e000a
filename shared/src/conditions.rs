//! What a lab does to its datagrams. Only UDP: between the kernel and the program that
//! receives, the relay can lose, delay, double and reorder a datagram; a stream's bytes it could only hold back.

use serde::{Deserialize, Serialize};

/// A datagram the edge has decided about, numbered through the lab from 1.
pub type DatagramId = u64;

/// The conditions of a lab's network, one way and the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conditions {
    /// What happens on the way to the server.
    pub request: Way,
    /// What happens on the way back.
    pub reply: Way,
    /// The dice: with the same seed the same datagrams meet the same fate, counted from when it was set.
    pub seed: u64,
}

/// What happens to datagrams on one way. Percentages are at most 100.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Way {
    /// So many of a hundred are lost.
    pub loss_percent: u8,
    /// So many of a hundred arrive twice.
    pub duplicate_percent: u8,
    /// So many of a hundred are overtaken by the next one.
    pub reorder_percent: u8,
    /// Each is under way for so many milliseconds more.
    pub delay_ms: u32,
    /// And up to so many milliseconds more or less than that, never less than none.
    pub jitter_ms: u32,
    /// Each is held until somebody decides about it.
    pub by_hand: bool,
}

impl Way {
    /// The longest delay, and the widest jitter, in milliseconds.
    pub const LONGEST_MS: u32 = 60_000;

    /// Whether nothing happens at all.
    #[must_use]
    pub fn is_clear(&self) -> bool {
        *self == Self::default()
    }

    /// Whether every value is one that can be had.
    #[must_use]
    pub const fn is_possible(&self) -> bool {
        self.loss_percent <= 100
            && self.duplicate_percent <= 100
            && self.reorder_percent <= 100
            && self.delay_ms <= Self::LONGEST_MS
            && self.jitter_ms <= Self::LONGEST_MS
    }
}

/// Which way a datagram goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// To the server.
    Request,
    /// To a client.
    Reply,
}

/// What somebody decides about a datagram that is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Let it go on.
    Release,
    /// Lose it.
    Kill,
    /// Let it go on, twice.
    Double,
}

/// What can become of a datagram at the edge. One that nothing happens to is not told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It goes no further.
    Lost,
    /// It goes on after so many milliseconds.
    Delayed {
        /// Since it was received.
        milliseconds: u32,
    },
    /// It arrives twice.
    Doubled,
    /// It goes on after the next one, or after a while if none comes.
    Overtaken,
    /// It waits for somebody's decision.
    Held,
    /// Somebody has let it go on.
    Released,
    /// So many were waiting already that there was no room for it.
    NoRoom,
    /// Its socket was closed while it was held: nobody is left to receive it.
    Unclaimed,
}
