//! The sentences; all are different, so that each answer belongs to one of them.

use super::frame;

/// The length of a sentence's head, with its sender and number; a multiple of four, so that masks of frames align.
pub(crate) const HEAD: usize = 16;
const TEXT: &[u8] = b"the server sends this sentence back in upper case ";
const LOWER: &[u8; 16] = b"0123456789abcdef";
const UPPER: &[u8; 16] = b"0123456789ABCDEF";
/// The ranges of the numbers in the head.
const SAYER: std::ops::Range<usize> = 0..4;
const SEQ: std::ops::Range<usize> = 5..15;

/// Sentences of the same length.
#[derive(Debug)]
pub(crate) struct Sentences {
    body: Vec<u8>,
    masked: Vec<u8>,
    answer: Vec<u8>,
}

impl Sentences {
    /// Sentences of `size` bytes each, at least 16.
    pub(crate) fn of(size: usize) -> Self {
        let body: Vec<u8> = TEXT.iter().copied().cycle().take(size - HEAD).collect();
        let mut masked = body.clone();
        frame::mask(&mut masked);
        let answer = body.to_ascii_uppercase();
        Self {
            body,
            masked,
            answer,
        }
    }

    /// The length of each, in bytes.
    pub(crate) const fn size(&self) -> usize {
        HEAD + self.body.len()
    }

    /// Writes a sentence.
    pub(crate) fn write(&self, sender: u32, seq: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(&head(sender, seq, LOWER));
        out.extend_from_slice(&self.body);
    }

    /// Writes a sentence as a client's WebSocket message.
    pub(crate) fn write_message(&self, sender: u32, seq: u64, out: &mut Vec<u8>) {
        frame::question_head(frame::Kind::Binary, self.size(), out);
        let mut head = head(sender, seq, LOWER);
        frame::mask(&mut head);
        out.extend_from_slice(&head);
        out.extend_from_slice(&self.masked);
    }

    /// Whether these are the bytes from `offset` of the answer to a sentence.
    pub(crate) fn answers(&self, sender: u32, seq: u64, offset: usize, bytes: &[u8]) -> bool {
        let in_head = HEAD.saturating_sub(offset).min(bytes.len());
        let (start, rest) = bytes.split_at(in_head);
        let head = head(sender, seq, UPPER);
        let from = offset.saturating_sub(HEAD);
        start == &head[offset.min(HEAD)..offset.min(HEAD) + in_head]
            && self.answer.get(from..from + rest.len()) == Some(rest)
    }

    /// The number of the sentence to which this is the whole answer.
    pub(crate) fn seq_of(&self, sender: u32, answer: &[u8]) -> Option<u64> {
        let digits = answer.get(SEQ)?;
        let seq = digits.iter().try_fold(0, |seq, digit| {
            Some(seq << 4 | u64::from((*digit as char).to_digit(16)?))
        })?;
        let whole = answer.len() == self.size() && self.answers(sender, seq, 0, answer);
        whole.then_some(seq)
    }
}

fn head(sender: u32, seq: u64, digits: &[u8; 16]) -> [u8; HEAD] {
    let mut head = [b' '; HEAD];
    write_hex(&mut head[SAYER], sender.into(), digits);
    write_hex(&mut head[SEQ], seq, digits);
    head
}

fn write_hex(place: &mut [u8], mut number: u64, digits: &[u8; 16]) {
    for digit in place.iter_mut().rev() {
        *digit = digits[(number & 15) as usize];
        number >>= 4;
    }
}
