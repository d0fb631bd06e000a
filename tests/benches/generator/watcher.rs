//! Checks that every event of a trace arrives once and in order, and measures its delay.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{histogram::Histogram, ws_messages::number};

/// The events that a viewer has received.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watcher {
    last: Option<u64>,
    /// Events received.
    pub(crate) events: u64,
    /// Gaps received.
    pub(crate) gaps: u64,
    /// Sequence numbers that arrived neither in an event nor in a gap, or twice. There must be none.
    pub(crate) holes: u64,
    /// The time from an event to its arrival, by the wall clock.
    pub(crate) behind: Histogram,
}

impl Watcher {
    /// Handles an event: `{"trace":{"seq":…,"mono_ns":…,"wall_us":…,"what":…}}`.
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

    /// Handles a batch: `{"traces":[{"seq":…,…},…]}`, of a viewer that sees all events. Its first and last number are
    /// checked; the tests check those between.
    pub(crate) fn events(&mut self, message: &[u8]) {
        const START: &[u8] = b"{\"seq\":";

        // Inside of a text every quotation mark is escaped, so this is only where an event starts.
        let last = message.windows(START.len()).rposition(|it| it == START);
        let (Some(from), Some(last)) = (after(message, b"\"seq\":"), last) else {
            self.holes += 1;
            return;
        };
        let to = number(&message[last + START.len()..]).0;
        self.expect(from, to);
        self.events += (to + 1).saturating_sub(from);
    }

    /// Handles a gap: `{"gap":{"from":…,"to":…}}`.
    pub(crate) fn gap(&mut self, message: &[u8]) {
        match (after(message, b"\"from\":"), after(message, b"\"to\":")) {
            (Some(from), Some(to)) => self.expect(from, to),
            _ => self.holes += 1,
        }
        self.gaps += 1;
    }

    /// Discards the delays measured so far.
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

/// The number after a key near the start of the message.
fn after(message: &[u8], key: &[u8]) -> Option<u64> {
    let near = &message[..message.len().min(96)];
    let at = near.windows(key.len()).position(|window| window == key)?;
    Some(number(&message[at + key.len()..]).0)
}
