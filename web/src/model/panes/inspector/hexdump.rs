//! The bytes of a packet in rows, in hex and as characters. A UTF-8 character stands at its first byte and is as wide
//! as all its bytes.

use std::ops::Range;

use crate::model::text::visible;

/// One byte of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    /// Its offset in the packet.
    pub(crate) at: usize,
    /// Its two hexadecimal digits.
    pub(crate) hex: String,
    /// Its glyph in the text.
    pub(crate) glyph: Glyph,
}

/// The glyph of a byte in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Glyph {
    /// A character, over this number of bytes of the row.
    Character(char, usize),
    /// Part of the character before it.
    Within,
    /// No character.
    None,
}

/// A description of a byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ByteInfo {
    /// Its value.
    pub(crate) value: u8,
    /// The character it belongs to, and that character's number of bytes.
    pub(crate) character: Option<(char, usize)>,
}

/// The bytes of one row. Within `text`, the payload, characters may have more than one byte.
pub(crate) fn row(frame: &[u8], text: &Range<usize>, bytes: Range<usize>) -> Vec<Cell> {
    let end = bytes.end.min(frame.len());
    let cell = |at: usize| Cell {
        at,
        hex: format!("{:02x}", frame.get(at).copied().unwrap_or(0)),
        glyph: glyph(frame, text, at, bytes.start.min(end)..end),
    };
    (bytes.start..end).map(cell).collect()
}

fn glyph(frame: &[u8], text: &Range<usize>, at: usize, row: Range<usize>) -> Glyph {
    match character(frame, text, at) {
        Some((character, start, length)) if start == at => {
            Glyph::Character(displayed(character), length.min(row.end - at))
        }
        // It began in the row before and is shown there only.
        Some((_, start, _)) if start < row.start => Glyph::None,
        Some(_) => Glyph::Within,
        None => Glyph::None,
    }
}

/// The description of the byte at an offset.
pub(crate) fn byte_info(frame: &[u8], text: &Range<usize>, at: usize) -> Option<ByteInfo> {
    let value = *frame.get(at)?;
    let character = character(frame, text, at).map(|(character, _, length)| (character, length));
    Some(ByteInfo { value, character })
}

/// The character that a byte belongs to, its offset and its number of bytes; `None` if the byte is no text.
fn character(frame: &[u8], text: &Range<usize>, at: usize) -> Option<(char, usize, usize)> {
    if !text.contains(&at) {
        let byte = *frame.get(at)?;
        return (byte.is_ascii_graphic() || byte == b' ').then_some((char::from(byte), at, 1));
    }
    let is_start = |at: &usize| frame.get(*at).is_some_and(|byte| byte & 0xc0 != 0x80);
    let start = (text.start.max(at.saturating_sub(3))..=at).rfind(is_start)?;
    let bytes = frame.get(start..text.end.min(start + 4).min(frame.len()))?;
    let valid = match std::str::from_utf8(bytes) {
        Ok(valid) => valid,
        Err(error) => std::str::from_utf8(bytes.get(..error.valid_up_to())?).ok()?,
    };
    let character = valid.chars().next()?;
    let length = character.len_utf8();
    (start + length > at).then_some((character, start, length))
}

/// A character as it is shown: control characters as their Unicode pictures.
fn displayed(character: char) -> char {
    match u32::from(character) {
        control @ 0..0x20 => char::from_u32(0x2400 + control).unwrap_or(character),
        0x7f => '␡',
        _ if visible::is_unseen(character) => '·',
        _ => character,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: &[u8] = "\u{1}a世界!".as_bytes();

    fn glyphs(text: Range<usize>, bytes: Range<usize>) -> String {
        let glyph = |cell: Cell| match cell.glyph {
            Glyph::Character(character, length) => format!("{character}{length}"),
            Glyph::Within => "-".to_owned(),
            Glyph::None => ".".to_owned(),
        };
        row(FRAME, &text, bytes).into_iter().map(glyph).collect()
    }

    #[test]
    fn a_character_takes_the_room_of_its_bytes() {
        assert_eq!(glyphs(0..9, 0..16), "␁1a1世3--界3--!1");
    }

    #[test]
    fn what_is_no_text_is_ascii_or_nothing() {
        assert_eq!(glyphs(9..9, 0..16), ".a1......!1");
    }

    #[test]
    fn a_character_cut_by_the_row_stays_in_the_first() {
        assert_eq!(
            (glyphs(0..9, 0..4), glyphs(0..9, 4..9)),
            ("␁1a1世2-".to_owned(), ".界3--!1".to_owned())
        );
    }

    #[test]
    fn broken_text_is_no_text() {
        let bytes = [0xe4, 0xb8, b'x', 0x96, 0xff];
        let cells = row(&bytes, &(0..5), 0..5);
        let found: Vec<bool> = cells.iter().map(|cell| cell.glyph == Glyph::None).collect();
        assert_eq!(found, [true, true, false, true, true]);
    }

    #[test]
    fn a_byte_is_told_with_its_character() {
        assert_eq!(
            byte_info(FRAME, &(0..9), 3),
            Some(ByteInfo {
                value: 0xb8,
                character: Some(('世', 3))
            })
        );
        assert_eq!(
            byte_info(FRAME, &(9..9), 3),
            Some(ByteInfo {
                value: 0xb8,
                character: None
            })
        );
        assert_eq!(byte_info(FRAME, &(0..9), 99), None);
    }
}
