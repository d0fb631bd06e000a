//! Upper case for bytes that should be UTF-8, whole or in chunks. Pure.
//!
//! What is UTF-8 comes out as `str::to_uppercase` has it; what is not is upper-cased as ASCII bytes.
//! Upper case knows no context, so a character's answer depends on its own bytes alone, and bytes that are
//! no character pass like one that has no case. That is why nothing here validates; `block` has the rest.

mod block;
mod tables;
#[cfg(test)]
mod tests;

use self::{
    block::{Desk, split_block},
    tables::is_continuation,
};

/// The longest UTF-8 character, in bytes.
const LONGEST: usize = 4;

/// Derives the tables now, so that no client waits for them.
pub fn prepare() {
    uppercase("é".as_bytes(), &mut Vec::new());
}

/// Appends the upper case of a whole datagram to `out`.
pub fn uppercase(input: &[u8], out: &mut Vec<u8>) {
    out.reserve(input.len());
    let mut desk = Desk::default();
    let mut rest = input;
    while !rest.is_empty() {
        let (block, after) = split_block(rest);
        let start = out.len();
        out.extend(block.iter().map(u8::to_ascii_uppercase));
        if !block.is_ascii() {
            desk.finish_block(block, start, out);
        }
        rest = after;
    }
}

/// Upper-cases a byte stream chunk by chunk: a character cut by a chunk border is kept until its rest arrives.
///
/// The answers together are [`uppercase`] of the chunks together, however the stream was cut.
#[derive(Clone, Debug, Default)]
pub struct Uppercase {
    /// The first `kept` bytes began a character and may yet become one.
    bytes: [u8; LONGEST - 1],
    kept: usize,
}

impl Uppercase {
    /// Appends to `out` all that this chunk settles.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        let rest = self.mend(chunk, out);
        let (settled, cut) = rest.split_at(rest.len() - cut_length(rest));
        uppercase(settled, out);
        self.keep(cut);
    }

    /// The stream is over: what is kept will never be a character, and is appended as it is.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.bytes[..self.kept]);
        self.kept = 0;
    }

    /// How many bytes are kept for the next chunk: at most 3.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.kept
    }

    /// Goes on with the kept character until it is whole, broken or out of bytes. What is left of the chunk
    /// comes back; there is none as long as something is still kept.
    fn mend<'a>(&mut self, mut chunk: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
        while self.kept > 0
            && let Some((next, after)) = chunk.split_first()
        {
            let mut longer = [0; LONGEST];
            longer[..self.kept].copy_from_slice(&self.bytes[..self.kept]);
            longer[self.kept] = *next;
            let longer = &longer[..=self.kept];
            if is_cut(longer) {
                self.keep(longer);
            } else if std::str::from_utf8(longer).is_ok() {
                uppercase(longer, out);
                self.kept = 0;
            } else {
                self.finish(out);
                break;
            }
            chunk = after;
        }
        chunk
    }

    /// Nothing may be kept already, unless `cut` goes on with it.
    fn keep(&mut self, cut: &[u8]) {
        if !cut.is_empty() {
            self.bytes[..cut.len()].copy_from_slice(cut);
            self.kept = cut.len();
        }
    }
}

/// Bytes at the end that are a character's beginning.
fn cut_length(bytes: &[u8]) -> usize {
    let end = &bytes[bytes.len().saturating_sub(LONGEST - 1)..];
    let begins = end.iter().rposition(|byte| !is_continuation(*byte));
    begins
        .map(|at| &end[at..])
        .filter(|beginning| is_cut(beginning))
        .map_or(0, <[u8]>::len)
}

/// Whether all of `bytes` is one character's beginning. Never so for none.
fn is_cut(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes)
        .is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
}
