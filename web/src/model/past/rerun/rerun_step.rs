//! A recorded call beside the call that repeats it, and when their results count as the same.

use shared::outcome::{Outcome, Returned};

use super::{RecordedCall, Unrepeatable};
use crate::model::core::time::Millis;

/// A recorded call, and what becomes of it now.
#[derive(Clone, Debug)]
pub(crate) struct RerunStep {
    /// As it was.
    pub(crate) then: RecordedCall,
    /// As it is.
    pub(crate) now: RerunState,
}

/// How a call is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RerunState {
    /// It is not its turn.
    Waits,
    /// It was made with this message, at that time.
    Made(u64, Millis),
    /// It is over: what came of it, and after how many nanoseconds.
    Over(Outcome, u64),
    /// It cannot be made again.
    Cannot(Unrepeatable),
    /// Nobody waits for it any more, or it was not made.
    Left,
}

/// The repeated call's result compared with the recorded one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// It has none yet.
    Open,
    /// The same, but for what cannot be the same: numbers and ports that the kernel gives.
    Same,
    /// Another.
    Other,
}

impl RerunStep {
    /// Compares the result with the recorded one.
    pub(crate) fn comparison(&self) -> Comparison {
        match (&self.then.outcome, &self.now) {
            (_, RerunState::Waits | RerunState::Made(..)) => Comparison::Open,
            (Some(then), RerunState::Over(now, _)) if is_same_outcome(then, now) => {
                Comparison::Same
            }
            (None, RerunState::Over(Outcome::Failed(failed), _)) if failed.errno == CANCELLED => {
                Comparison::Same
            }
            (_, RerunState::Over(..) | RerunState::Cannot(_) | RerunState::Left) => {
                Comparison::Other
            }
        }
    }

    /// Whether nothing more will come of it.
    pub(super) const fn is_over(&self) -> bool {
        matches!(
            self.now,
            RerunState::Over(..) | RerunState::Cannot(_) | RerunState::Left
        )
    }

    /// Whether it ended then because its client no longer waited.
    pub(super) fn was_cancelled(&self) -> bool {
        matches!(&self.then.outcome, Some(Outcome::Failed(failed)) if failed.errno == CANCELLED)
    }
}

/// What a call fails with that nobody waits for any more.
const CANCELLED: &str = "ECANCELED";

/// Whether two endings say the same.
fn is_same_outcome(then: &Outcome, now: &Outcome) -> bool {
    match (then, now) {
        (Outcome::Failed(then), Outcome::Failed(now)) => then.errno == now.errno,
        (Outcome::Returned(then), Outcome::Returned(now)) => match (then, now) {
            (Returned::Socket { .. }, Returned::Socket { .. }) => true,
            (Returned::Address { address: then }, Returned::Address { address: now }) => {
                then.is_ipv4() == now.is_ipv4()
            }
            (Returned::Resolved { addresses: then }, Returned::Resolved { addresses: now }) => {
                then.len() == now.len()
            }
            (
                Returned::Datagram {
                    data,
                    truncated,
                    length,
                    ..
                },
                Returned::Datagram {
                    data: data_now,
                    truncated: truncated_now,
                    length: length_now,
                    ..
                },
            ) => (data, truncated, length) == (data_now, truncated_now, length_now),
            (then, now) => then == now,
        },
        (Outcome::Failed(_), Outcome::Returned(_)) | (Outcome::Returned(_), Outcome::Failed(_)) => {
            false
        }
    }
}
