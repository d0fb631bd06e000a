//! The events as the relay told them, kept so that the page can give its trace away without asking anybody.
//!
//! Their JSON is kept as it came: that is what a saved trace consists of.

use std::collections::VecDeque;

use shared::{
    codec,
    trace::{Event, What},
};

/// Maximum number of bytes of events kept; the oldest are dropped. A trace of this size can be opened again.
const MAX_BYTES: usize = 48_000_000;
/// What an event is wrapped in when the relay tells it.
const WRAPPING: &str = "{\"trace\":";

/// The events that are kept.
#[derive(Debug, Default)]
pub(crate) struct RawEvents {
    events: VecDeque<RawEvent>,
    bytes: usize,
    packets: usize,
}

/// An event and its JSON, still wrapped.
#[derive(Debug)]
struct RawEvent {
    seq: u64,
    is_packet: bool,
    message: Box<str>,
}

impl RawEvent {
    fn json(&self) -> &str {
        self.message
            .get(WRAPPING.len()..self.message.len() - 1)
            .unwrap_or_default()
    }
}

impl RawEvents {
    /// Keeps an event as the relay told it; one that is known already is not kept twice.
    pub(crate) fn keep(&mut self, event: &Event, message: String) {
        if self.last().is_some_and(|last| event.seq <= last) {
            return;
        }
        let is_wrapped = message.starts_with(WRAPPING) && message.ends_with('}');
        let message = if is_wrapped { message } else { wrapped(event) };
        self.push(event, message);
        while self.bytes > MAX_BYTES {
            let Some(oldest) = self.events.pop_front() else {
                return;
            };
            self.bytes -= oldest.message.len();
            self.packets -= usize::from(oldest.is_packet);
        }
    }

    /// Keeps an event of a file.
    pub(crate) fn keep_saved(&mut self, event: &Event) {
        self.push(event, wrapped(event));
    }

    fn push(&mut self, event: &Event, message: String) {
        let is_packet = matches!(event.what, What::Packet(_));
        self.bytes += message.len();
        self.packets += usize::from(is_packet);
        self.events.push_back(RawEvent {
            seq: event.seq,
            is_packet,
            message: message.into_boxed_str(),
        });
    }

    /// Forgets them all.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether captured packets are among them.
    pub(crate) const fn has_packets(&self) -> bool {
        self.packets > 0
    }

    /// The number of the first.
    pub(crate) fn first(&self) -> Option<u64> {
        self.events.front().map(|told| told.seq)
    }

    /// The number of the last.
    pub(crate) fn last(&self) -> Option<u64> {
        self.events.back().map(|told| told.seq)
    }

    /// Their JSON, in their order.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.events.iter().map(RawEvent::json)
    }
}

fn wrapped(event: &Event) -> String {
    [WRAPPING, &codec::encode_event(event), "}"].concat()
}
