//! Upper case for bytes that should be UTF-8, whole or in chunks. Pure.
//!
//! Valid UTF-8 becomes what `str::to_uppercase` makes of it; of any other bytes only ASCII letters change. Upper case
//! does not depend on context, so each character is converted by itself. Runs that have no case beyond ASCII, such as
//! English or Chinese, are converted in bulk, and letters of two bytes, such as German or Cyrillic ones, by a table.

#[cfg(test)]
mod tests;

use std::sync::LazyLock;

/// Bytes examined at once: a vector register or two.
const SCAN_BYTES: usize = 32;

/// The longest UTF-8 character, in bytes.
const MAX_CHAR_BYTES: usize = 4;

/// The first code point whose UTF-8 has more than two bytes.
const FIRST_OF_THREE_BYTES: usize = 0x800;

/// The UTF-8 of each one- or two-byte character's upper case, by code point, where that is one character of two bytes;
/// otherwise zeros.
static TWO_BYTE_UPPER: LazyLock<[[u8; 2]; FIRST_OF_THREE_BYTES]> = LazyLock::new(|| {
    std::array::from_fn(|code| {
        let character = u32::try_from(code).ok().and_then(char::from_u32);
        let upper: String = character.into_iter().flat_map(char::to_uppercase).collect();
        let is_one_character = upper.chars().count() == 1;
        let bytes = upper.as_bytes().try_into();
        bytes.ok().filter(|_| is_one_character).unwrap_or_default()
    })
});

/// Appends the upper case of `input` to `out`.
pub fn append_uppercase(input: &[u8], out: &mut Vec<u8>) {
    out.reserve(input.len());
    let mut rest = input;
    while !rest.is_empty() {
        let (run, after) = rest.split_at(caseless_length(rest));
        out.extend(run.iter().map(u8::to_ascii_uppercase));
        let (characters, after) = after.split_at(scan_length(after));
        append_characters(characters, out);
        rest = after;
    }
}

/// The length of a run at the beginning in which only ASCII has case: whole scans, or everything.
fn caseless_length(bytes: &[u8]) -> usize {
    // The most frequent case, and much faster to find out.
    if bytes.is_ascii() {
        return bytes.len();
    }
    let seconds = &bytes[1..];
    let (chunks, _) = bytes[..seconds.len()].as_chunks::<SCAN_BYTES>();
    let (next_chunks, _) = seconds.as_chunks::<SCAN_BYTES>();
    let is_caseless = |(chunk, next): &(&[u8; SCAN_BYTES], &[u8; SCAN_BYTES])| {
        // `|` has no branch, unlike `any`: the compiler makes vector instructions of it.
        let pairs = chunk.iter().zip(next.iter());
        !pairs.fold(false, |found, (first, second)| {
            found | may_have_case(*first, *second)
        })
    };
    let pairs = chunks.iter().zip(next_chunks);
    pairs.take_while(is_caseless).count() * SCAN_BYTES
}

/// Whether a character that starts with these bytes may have an upper case beyond ASCII.
///
/// The first byte rules out continuation bytes, 0xC0, 0xC1, 0xE0 (Indic, Thai), 0xE3..=0xE9 (kana, Chinese) and
/// 0xEB..=0xEE (Hangul, private use); both rule out general and full-width punctuation and most emoji.
const fn may_have_case(first: u8, second: u8) -> bool {
    // `|` and `&` have no branches. 0xC2 is moved to the lowest signed byte: vectors compare signed ones.
    let in_c2_to_e2 = first.wrapping_sub(0x42).cast_signed() < i8::MIN + 0x21;
    let by_first = (in_c2_to_e2 & (first != 0xE0)) | (first == 0xEA) | (first >= 0xEF);
    let punctuation = ((first == 0xE2) & (second == 0x80)) | ((first == 0xEF) & (second == 0xBC));
    by_first & !punctuation & !((first == 0xF0) & (second == 0x9F))
}

/// The length of one scan at the beginning, and of the rest of a character that it would cut.
fn scan_length(bytes: &[u8]) -> usize {
    let (scan, after) = bytes.split_at(SCAN_BYTES.min(bytes.len()));
    let is_continuation = |byte: &&u8| (0x80..0xC0).contains(*byte);
    scan.len() + after.iter().take_while(is_continuation).count()
}

/// Appends the upper case of each character, and bytes that are no character as they are.
fn append_characters(bytes: &[u8], out: &mut Vec<u8>) {
    let two_bytes = &*TWO_BYTE_UPPER;
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match two_bytes.get(character as usize) {
                _ if character.is_ascii() => out.push(character.to_ascii_uppercase() as u8),
                Some(upper) if *upper != [0; 2] => out.extend_from_slice(upper),
                _ => {
                    // Much faster to find out than that a character is its own upper case.
                    let bytes = &mut [0; MAX_CHAR_BYTES];
                    let same = character.encode_utf8(bytes).as_bytes();
                    if !may_have_case(same[0], same[1]) {
                        out.extend_from_slice(same);
                        continue;
                    }
                    for upper in character.to_uppercase() {
                        let bytes = &mut [0; MAX_CHAR_BYTES];
                        out.extend_from_slice(upper.encode_utf8(bytes).as_bytes());
                    }
                }
            }
        }
        out.extend_from_slice(chunk.invalid());
    }
}

/// Upper-cases a byte stream chunk by chunk: a character cut by a chunk border is kept until its rest arrives.
///
/// The answers together are the upper case of the chunks together, however the stream was cut.
#[derive(Clone, Debug, Default)]
pub struct UppercaseStream {
    /// The beginning of a character: at most 3 bytes.
    kept: Vec<u8>,
}

impl UppercaseStream {
    /// Appends to `out` the upper case of all but a character cut by the chunk's end.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        let joined = (!self.kept.is_empty()).then(|| [&self.kept, chunk].concat());
        let bytes = joined.as_deref().unwrap_or(chunk);
        let (settled, cut) = bytes.split_at(bytes.len() - cut_length(bytes));
        append_uppercase(settled, out);
        self.kept.clear();
        self.kept.extend_from_slice(cut);
    }

    /// Ends the stream: what is kept will never be a character, and is appended as it is.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.kept);
    }

    /// The number of bytes kept for the next chunk: at most 3.
    #[must_use]
    pub const fn pending(&self) -> usize {
        self.kept.len()
    }
}

/// The number of bytes at the end that begin a character and do not complete it.
fn cut_length(bytes: &[u8]) -> usize {
    let end = &bytes[bytes.len().saturating_sub(MAX_CHAR_BYTES - 1)..];
    let is_cut = |at: &usize| {
        std::str::from_utf8(&end[*at..])
            .is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
    };
    (0..end.len()).find(is_cut).map_or(0, |at| end.len() - at)
}
