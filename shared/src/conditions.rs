//! The conditions of a lab's network, for its datagrams. Only UDP: between the kernel and the program that
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
    /// Percentage that is lost.
    pub loss_percent: u8,
    /// Percentage that arrives twice.
    pub duplicate_percent: u8,
    /// Percentage that the next datagram overtakes.
    pub reorder_percent: u8,
    /// Added delay of each datagram, in milliseconds.
    pub delay_ms: u32,
    /// Random change of that delay in either direction, in milliseconds; the sum is never negative.
    pub jitter_ms: u32,
    /// Whether each is held until a user decides about it.
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

/// The direction of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// To the server.
    Request,
    /// To a client.
    Reply,
}

/// A user's decision about a held datagram.
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

/// What the conditions do to a datagram. A datagram that passes unchanged is not recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It is dropped.
    Lost,
    /// It is delivered after a delay.
    Delayed {
        /// The delay in milliseconds since it was received.
        milliseconds: u32,
    },
    /// It arrives twice.
    Doubled,
    /// It is delivered after the next datagram, or after a while if there is none.
    Overtaken,
    /// It waits for a user's decision.
    Held,
    /// A user has let it pass.
    Released,
    /// It is dropped, because the queue of waiting datagrams is full.
    NoRoom,
    /// Its socket was closed while it was held.
    Unclaimed,
}
