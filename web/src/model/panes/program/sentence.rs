//! One sentence and what came of it.

use shared::{
    call::Transport,
    data::Data,
    limits::Limits,
    outcome::{Failed, Reason},
    udp::MAX_PAYLOAD_BYTES,
};

use super::{ProgramStep, SentenceOrder};
use crate::model::trace::log::RunId;

/// `recvfrom(2048)`, as in the book.
const BOOK_DATAGRAM: usize = 2048;
/// `recv(1024)`, as in the book.
const BOOK_CHUNK: usize = 1024;
/// A message is its data and less than this.
const AROUND_DATA: u64 = 256;
/// The most bytes JSON makes of one: `\u0001`.
const ESCAPED: u64 = 6;

/// A sentence on its way.
#[derive(Debug)]
pub(crate) struct Sentence {
    /// The run it is shown as.
    pub(crate) run: RunId,
    /// By which transport it went.
    pub(crate) transport: Transport,
    /// What came back so far.
    pub(crate) received: Vec<u8>,
    /// How many bytes the reply will have, where that can be known.
    pub(crate) expected: Option<usize>,
    /// How many bytes of the datagram did not fit and are lost.
    pub(crate) cut: u64,
    /// How it ended; none while it waits.
    pub(crate) ending: Option<SentenceEnd>,
    data: Vec<u8>,
    sent: usize,
    piece: usize,
    size: u32,
}

/// The ways a sentence can end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SentenceEnd {
    /// The reply is here.
    Whole,
    /// The other side ended the stream first.
    EndOfStream,
    /// A call failed.
    Failed(ProgramStep, Failed),
    /// It was too long to be sent at all: the limit in bytes.
    TooLong(Reason, u64),
    /// The connection to the relay broke.
    Lost,
}

impl Sentence {
    pub(super) fn new(order: &SentenceOrder<'_>) -> Self {
        let too_long = match order.transport {
            Transport::Udp => too_long(order.text, order.limits),
            Transport::Tcp => None,
        };
        Self {
            run: order.run,
            transport: order.transport,
            received: Vec::new(),
            expected: order.expected,
            cut: 0,
            ending: too_long.map(|(reason, limit)| SentenceEnd::TooLong(reason, limit)),
            data: order.text.as_bytes().to_vec(),
            sent: 0,
            piece: longest_piece(order.limits),
            size: receive_size(order.transport, order.expected, order.limits),
        }
    }

    /// What `recv` is to take at most.
    pub(super) const fn size(&self) -> u32 {
        self.size
    }

    /// The datagram.
    pub(super) fn datagram(&self) -> Data {
        Data(self.data.clone())
    }

    /// Whether the datagram can be sent at all: else nothing will come to be received.
    pub(super) fn can_be_answered(&self) -> bool {
        self.data.len() <= MAX_PAYLOAD_BYTES
    }

    /// The next bytes for the stream: as many as one call may carry, and no half character.
    pub(super) fn next_piece(&self) -> Data {
        let rest = &self.data[self.sent.min(self.data.len())..];
        if rest.len() <= self.piece {
            return Data(rest.to_vec());
        }
        let is_start = |at: usize| rest[at] & 0xc0 != 0x80;
        let end = (1..=self.piece)
            .rev()
            .find(|at| is_start(*at))
            .unwrap_or(self.piece);
        Data(rest[..end].to_vec())
    }

    /// Records that the kernel has taken `sent` bytes.
    pub(super) fn took(&mut self, sent: u64) {
        self.sent = self
            .sent
            .saturating_add(usize::try_from(sent).unwrap_or(usize::MAX));
    }

    /// Whether there is nothing to send.
    pub(crate) fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    pub(super) fn is_sent(&self) -> bool {
        self.sent >= self.data.len()
    }

    /// Whether more of the stream belongs to this reply.
    pub(super) fn wants_more(&self) -> bool {
        !self.is_sent()
            || self
                .expected
                .is_some_and(|expected| self.received.len() < expected)
    }

    /// It ends, unless it has already.
    pub(super) fn end(&mut self, ending: SentenceEnd) {
        self.ending.get_or_insert(ending);
    }
}

fn receive_size(transport: Transport, expected: Option<usize>, limits: &Limits) -> u32 {
    let book = match transport {
        Transport::Udp => BOOK_DATAGRAM,
        Transport::Tcp => BOOK_CHUNK,
    };
    let wanted = expected.unwrap_or_default().max(book) as u64;
    u32::try_from(wanted.min(limits.data_bytes)).unwrap_or(u32::MAX)
}

/// The limit of the relay that a datagram is beyond, if it is; how long one may be is for the kernel to say.
fn too_long(text: &str, limits: &Limits) -> Option<(Reason, u64)> {
    if text.len() as u64 > limits.data_bytes {
        return Some((Reason::DataTooLarge, limits.data_bytes));
    }
    let message = escaped_length(text).saturating_add(AROUND_DATA);
    (message > limits.message_bytes).then_some((Reason::MessageTooLarge, limits.message_bytes))
}

/// Bytes that JSON makes of a text (RFC 8259 7): two of what has a short escape, six of other control characters.
fn escaped_length(text: &str) -> u64 {
    let escaped = |byte| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0..0x20 => ESCAPED,
        _ => 1,
    };
    text.bytes().map(escaped).sum()
}

/// What one call can carry for certain, however JSON has to write it.
fn longest_piece(limits: &Limits) -> usize {
    let fits = limits.message_bytes.saturating_sub(AROUND_DATA) / ESCAPED;
    usize::try_from(limits.data_bytes.min(fits.max(1))).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_no_message_carries_is_held_back() {
        let limits = Limits {
            message_bytes: 512 << 10,
            data_bytes: 128 << 10,
            ..crate::model::tests::limits()
        };
        let table = [
            ("\u{1}", MAX_PAYLOAD_BYTES, None),
            ("\"", MAX_PAYLOAD_BYTES, None),
            ("a", MAX_PAYLOAD_BYTES + 1, None),
            ("a", 128 << 10, None),
            (
                "a",
                (128 << 10) + 1,
                Some((Reason::DataTooLarge, limits.data_bytes)),
            ),
            (
                "\u{1}",
                128 << 10,
                Some((Reason::MessageTooLarge, limits.message_bytes)),
            ),
        ];
        for (character, length, expected) in table {
            let text = character.repeat(length);
            assert_eq!(too_long(&text, &limits), expected, "{length} {character:?}");
        }
    }

    #[test]
    fn json_is_as_long_as_it_is_computed_to_be() {
        let all: String = (0..0x300).filter_map(char::from_u32).collect();
        for text in ["", "hello", "\"\\\u{7f}", "世界 👩\u{200d}👧", &all] {
            let json = serde_json::to_string(text).expect("JSON");
            assert_eq!(escaped_length(text), json.len() as u64 - 2, "{text:?}");
        }
    }
}
