//! The upper case of one block: first ASCII in bulk, then in place the characters whose bytes may change.
//!
//! A block is gone over in windows. Of a window's 64 bytes a mask says, without branches, which are followed by a
//! continuation byte and begin a character that may have case: that is about half of Greek, a fifth of Vietnamese
//! and hardly any of Chinese. Only these are looked at, each by itself, since whether a character is one depends on
//! nothing before it: a first byte is never part of another character. Nearly all upper cases are as long as
//! their character and are written over it; the others are spliced in when the block is done.

use super::{
    LONGEST,
    tables::{LONGEST_UPPER, Resized, TABLES, Tables, Upper, is_continuation},
};

/// Bytes at which a window looks for first bytes of characters: one bit of a `u64` each.
const FIRSTS: usize = 64;

/// Bytes of a window: a character that begins in it may reach this far.
const WINDOW: usize = FIRSTS + LONGEST - 1;

/// Bytes of a block, up to 3 more: input and output stay in the first cache between the passes.
const BLOCK: usize = 4096;

/// Splices are mostly this near to each other, in bytes: a copy of constant size is much faster.
const NEAR: usize = 32;

/// The next block and what is left. It ends where no character goes on.
pub(super) fn split_block(input: &[u8]) -> (&[u8], &[u8]) {
    let after = input.get(BLOCK..).unwrap_or_default();
    let reach = after
        .iter()
        .take(LONGEST - 1)
        .take_while(|byte| is_continuation(**byte))
        .count();
    input.split_at(if after.is_empty() {
        input.len()
    } else {
        BLOCK + reach
    })
}

/// What the blocks of one input share: room that is only made when a character changes its length.
#[derive(Debug, Default)]
pub(super) struct Desk {
    splices: Vec<Splice>,
    before: Vec<u8>,
}

/// A character, at this byte of the block, whose upper case is longer or shorter.
#[derive(Debug)]
struct Splice {
    at: usize,
    upper: &'static Resized,
}

impl Desk {
    /// Upper-cases what is not ASCII: `out` has the whole block from `start`, with its ASCII letters done.
    pub(super) fn finish_block(&mut self, block: &[u8], start: usize, out: &mut Vec<u8>) {
        let mut pass = Pass {
            tables: &TABLES,
            splices: &mut self.splices,
        };
        let mut at = 0;
        while let Some(window) = block.get(at..).and_then(<[u8]>::first_chunk)
            && let Some(done) = out.get_mut(start + at..).and_then(<[u8]>::first_chunk_mut)
        {
            pass.window(at, window, done);
            at += FIRSTS;
        }
        // Fewer bytes than a window are left, but maybe more than it looks at.
        while at < block.len() {
            pass.last_window(at, &block[at..], &mut out[start + at..]);
            at += FIRSTS;
        }
        if !self.splices.is_empty() {
            self.splice(start, out);
        }
    }

    /// Puts the collected upper cases into `out`, where the block begins at `start`.
    #[cold]
    fn splice(&mut self, start: usize, out: &mut Vec<u8>) {
        let block = out.len() - start;
        self.before.clear();
        self.before.extend_from_slice(&out[start..]);
        // Copies of constant size read and write some bytes too many.
        self.before.extend_from_slice(&[0; NEAR]);
        let most: usize = self.splices.iter().map(|splice| splice.upper.length).sum();
        out.resize(start + block + most + NEAR.max(LONGEST_UPPER), 0);
        let mut from = 0;
        let mut to = start;
        for Splice { at, upper } in self.splices.drain(..) {
            copy_mostly_near(&self.before[from..], &mut out[to..], at - from);
            to += at - from;
            copy_array(&upper.bytes, &mut out[to..]);
            to += upper.length;
            from = at + upper.replaces;
        }
        let rest = &self.before[from..block];
        out[to..to + rest.len()].copy_from_slice(rest);
        out.truncate(to + rest.len());
    }
}

/// Copies `length` bytes, and maybe some more.
#[inline]
fn copy_mostly_near(from: &[u8], to: &mut [u8], length: usize) {
    match from.first_chunk::<NEAR>() {
        Some(near) if length <= NEAR => copy_array(near, to),
        _ => to[..length].copy_from_slice(&from[..length]),
    }
}

#[inline]
fn copy_array<const N: usize>(from: &[u8; N], to: &mut [u8]) {
    to[..N].copy_from_slice(from);
}

/// One pass over a block.
struct Pass<'a> {
    tables: &'static Tables,
    splices: &'a mut Vec<Splice>,
}

impl Pass<'_> {
    /// Upper-cases the characters that begin in the first 64 bytes of a window, `at` of the block.
    #[inline]
    fn window(&mut self, at: usize, window: &[u8; WINDOW], done: &mut [u8; WINDOW]) {
        if window[..FIRSTS].is_ascii() {
            return;
        }
        let firsts = find_firsts(window);
        if self.write_pairs(firsts, window, done) {
            self.write_longer(firsts, at, window, done);
        }
    }

    /// The same where less than a window is left, with zeros for what is missing.
    fn last_window(&mut self, at: usize, left: &[u8], done: &mut [u8]) {
        let mut window = [0; WINDOW];
        let mut window_done = [0; WINDOW];
        window[..left.len()].copy_from_slice(left);
        window_done[..left.len()].copy_from_slice(done);
        self.window(at, &window, &mut window_done);
        done.copy_from_slice(&window_done[..left.len()]);
    }

    /// Writes all that two bytes are enough for; tells whether there is more to look up.
    #[inline]
    fn write_pairs(&self, mut firsts: u64, window: &[u8; WINDOW], done: &mut [u8; WINDOW]) -> bool {
        let mut all = self.tables.pair([0, 0]);
        while firsts != 0 {
            let at = firsts.trailing_zeros() as usize;
            firsts &= firsts - 1;
            let pair = self.tables.pair(pair_at(window, at));
            [done[at], done[at + 1]] = pair.bytes();
            all = all.or(pair);
        }
        all.more() != 0
    }

    /// Writes the upper cases that need more than the first two bytes, and collects those of another length.
    #[inline(never)]
    fn write_longer(
        &mut self,
        firsts: u64,
        at_block: usize,
        window: &[u8; WINDOW],
        done: &mut [u8; WINDOW],
    ) {
        let mut left = self.with_more(firsts, window);
        while left != 0 {
            let at = left.trailing_zeros() as usize % FIRSTS;
            left &= left - 1;
            let bytes = [window[at], window[at + 1], window[at + 2], window[at + 3]];
            match self.tables.look_up(bytes) {
                Upper::Unchanged => {}
                Upper::Same([first, second, third, fourth]) => {
                    [done[at], done[at + 1], done[at + 2]] = [first, second, third];
                    if fourth != 0 {
                        done[at + 3] = fourth;
                    }
                }
                Upper::Resized(upper) => self.splices.push(Splice {
                    at: at_block + at,
                    upper,
                }),
            }
        }
    }

    /// Those of the first bytes that have more to look up; without branches, which nothing could predict.
    #[inline]
    fn with_more(&self, mut firsts: u64, window: &[u8; WINDOW]) -> u64 {
        let mut with_more = 0;
        while firsts != 0 {
            let at = firsts.trailing_zeros() as usize;
            let bit = firsts & firsts.wrapping_neg();
            firsts &= firsts - 1;
            with_more |= bit & self.tables.pair(pair_at(window, at)).more();
        }
        with_more
    }
}

/// Two bytes in one load; indexing twice would be two.
#[inline]
fn pair_at(window: &[u8; WINDOW], at: usize) -> [u8; 2] {
    window[at..].first_chunk().copied().unwrap_or_default()
}

/// One bit for each of the first 64 bytes, the lowest for the first: whether it may begin a character with case
/// and the next byte goes on with it. Not inlined, since only an argument is known not to overlap the flags, and
/// then this is all vectors.
#[inline(never)]
fn find_firsts(window: &[u8; WINDOW]) -> u64 {
    let mut flags = [0; FIRSTS];
    for (flag, pair) in flags.iter_mut().zip(window.windows(2)) {
        *flag = u8::from(may_have_case(pair[0]) & is_continuation(pair[1]));
    }
    let (eights, _) = flags.as_chunks();
    eights
        .iter()
        .enumerate()
        .fold(0, |mask, (at, eight)| mask | gather(*eight) << (8 * at))
}

/// Whether some character that begins with this byte has an upper case, or it begins none at all.
///
/// Without: ASCII, continuation bytes, 0xC0, 0xC1, 0xE0 (Indic, Thai), 0xE3..=0xE9 (kana, Chinese) and
/// 0xEB..=0xEE (Hangul, surrogates, private use). The tests look at every character. Not `matches!`, not `||`:
/// these would be branches.
#[inline]
fn may_have_case(byte: u8) -> bool {
    // 0xC2 moved to the lowest signed byte: one comparison, and vectors have only signed ones.
    let in_c2_to_e2 = byte.wrapping_sub(0x42).cast_signed() < i8::MIN + 0x21;
    (in_c2_to_e2 & (byte != 0xE0)) | (byte == 0xEA) | (byte >= 0xEF)
}

/// The lowest bits of eight bytes side by side: the product's top byte has each of them once.
#[inline]
fn gather(flags: [u8; 8]) -> u64 {
    u64::from_le_bytes(flags).wrapping_mul(0x0102_0408_1020_4080) >> 56
}
