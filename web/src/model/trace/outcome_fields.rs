//! What came of calls, datagrams and servers, in the words filters have for it.

use shared::{
    conditions::{Direction, Fate},
    lab::ServerState,
    outcome::{Outcome, Returned},
};

use crate::model::core::time::Millis;

/// A call that takes longer did not return at once: somebody sees it wait.
pub(crate) const AT_ONCE: Millis = 200;

/// Whether a call of this duration was blocked.
pub(crate) const fn is_long(took_ns: u64) -> bool {
    took_ns >= AT_ONCE * 1_000_000
}

/// The bytes it sent or received: a real number of them, also 0 at the end of a stream.
pub(crate) fn len(outcome: &Outcome) -> Option<u64> {
    let Outcome::Returned(returned) = outcome else {
        return None;
    };
    match returned {
        Returned::Sent { sent } => Some(*sent),
        Returned::Chunk { data } | Returned::Datagram { data, .. } => Some(data.len() as u64),
        Returned::EndOfStream => Some(0),
        Returned::Nothing
        | Returned::Socket { .. }
        | Returned::Accepted { .. }
        | Returned::Address { .. }
        | Returned::Resolved { .. }
        | Returned::Saved { .. } => None,
    }
}

/// The bytes it received.
pub(crate) fn data(outcome: &Outcome) -> Option<&[u8]> {
    match outcome {
        Outcome::Returned(Returned::Chunk { data } | Returned::Datagram { data, .. }) => {
            Some(&data.0)
        }
        Outcome::Returned(_) | Outcome::Failed(_) => None,
    }
}

/// Whether it cut a datagram off; nothing where it received none.
pub(crate) const fn truncated(outcome: &Outcome) -> Option<bool> {
    match outcome {
        Outcome::Returned(Returned::Datagram { truncated, .. }) => Some(*truncated),
        Outcome::Returned(_) | Outcome::Failed(_) => None,
    }
}

/// What became of a datagram at the edge.
pub(crate) const fn fate(fate: Fate) -> &'static str {
    match fate {
        Fate::Lost => "lost",
        Fate::Delayed { .. } => "delayed",
        Fate::Doubled => "doubled",
        Fate::Overtaken => "overtaken",
        Fate::Held => "held",
        Fate::Released => "released",
        Fate::NoRoom => "no_room",
        Fate::Unclaimed => "unclaimed",
    }
}

/// Which way a datagram goes.
pub(crate) const fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::Request => "request",
        Direction::Reply => "reply",
    }
}

/// How a server is.
pub(crate) const fn state(state: &ServerState) -> &'static str {
    match state {
        ServerState::Running => "running",
        ServerState::Stopped => "stopped",
        ServerState::Killed => "killed",
        ServerState::Dead { .. } => "dead",
        ServerState::External => "external",
    }
}
