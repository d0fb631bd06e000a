//! Who watches a trace: whether every event comes once and in order, and how late.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{histogram::Histogram, ws_messages::number};

/// What a viewer has seen so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watcher {
    last: Option<u64>,
    /// Events seen.
    pub(crate) events: u64,
    /// Gaps it was told of.
    pub(crate) gaps: u64,
    /// Numbers that were neither seen nor told to be missing, or came twice: there must be none.
    pub(crate) holes: u64,
    /// From an event to its arrival, by the wall clock.
    pub(crate) behind: Histogram,
}

impl Watcher {
    /// An event came, as `{"trace":{"seq":…,"mono_ns":…,"wall_us":…,"what":…}}`.
    pub(crate) fn event(&mut self, message: &[u8]) {
        let (Some(seq), Some(wall_us)) =
            (after(message, b"\"seq\":"), after(message, b"\"wall_us\":"))
        else {
            self.holes += 1;
            return;
        };
        self.expect(seq, seq);
        self.events += 1;
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        self.behind
            .add(now.saturating_sub(Duration::from_micros(wall_us)));
    }

    /// A gap was told of, as `{"gap":{"from":…,"to":…}}`.
    pub(crate) fn gap(&mut self, message: &[u8]) {
        match (after(message, b"\"from\":"), after(message, b"\"to\":")) {
            (Some(from), Some(to)) => self.expect(from, to),
            _ => self.holes += 1,
        }
        self.gaps += 1;
    }

    /// From now on delays are counted anew.
    pub(crate) fn forget_delays(&mut self) {
        self.behind = Histogram::default();
    }

    fn expect(&mut self, from: u64, to: u64) {
        if self.last.is_some_and(|last| from != last + 1) || to < from {
            self.holes += 1;
        }
        self.last = Some(to);
    }
}

/// The number behind a key that stands near the beginning.
fn after(message: &[u8], key: &[u8]) -> Option<u64> {
    let near = &message[..message.len().min(96)];
    let at = near.windows(key.len()).position(|window| window == key)?;
    Some(number(&message[at + key.len()..]).0)
}
