//! Bytes as people read them in a conversation: as text with what is no text spelt out, or as rows of hex.

use std::fmt::Write;

use crate::model::text::visible;

/// Bytes in a row of hex.
const ROW: usize = 16;

/// Text as it is; control characters but line ends as escapes, and what is no UTF-8 too.
pub(crate) fn readable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\n' => text.push('\n'),
                '\r' => text.push_str("\\r"),
                '\t' => text.push('\t'),
                unseen if visible::is_unseen(unseen) => text.push_str(&visible::escape(unseen)),
                other => text.push(other),
            }
        }
        for byte in chunk.invalid() {
            spell(&mut text, u32::from(*byte));
        }
    }
    text
}

/// `0000  68 65 6c 6c 6f                                    hello`
pub(crate) fn hex_rows(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 5);
    for (at, row) in bytes.chunks(ROW).enumerate() {
        if at > 0 {
            text.push('\n');
        }
        // A String takes any text.
        write!(text, "{:04x} ", at * ROW).ok();
        for place in 0..ROW {
            match row.get(place) {
                Some(byte) => write!(text, " {byte:02x}").ok(),
                None => write!(text, "   ").ok(),
            };
        }
        text.push_str("  ");
        let shown = row.iter().map(|byte| {
            if byte.is_ascii_graphic() || *byte == b' ' {
                char::from(*byte)
            } else {
                '·'
            }
        });
        text.extend(shown);
    }
    text
}

fn spell(text: &mut String, code: u32) {
    write!(text, "\\x{code:02x}").ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text_and_the_rest_is_spelt_out() {
        assert_eq!(readable("a世\n\u{1}".as_bytes()), "a世\n\\x01");
        assert_eq!(readable(b"ok\xff\xe4\xb8\r"), "ok\\xff\\xe4\\xb8\\r");
    }

    #[test]
    fn rows_of_hex_are_aligned() {
        let text = hex_rows(b"0123456789abcdefg\x00");
        let rows: Vec<&str> = text.lines().collect();
        assert_eq!(
            rows[0],
            "0000  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  0123456789abcdef"
        );
        assert_eq!(rows[1], format!("0010  67 00{}  g·", "   ".repeat(14)));
    }
}
