//! Characters that cannot be seen, or that turn others around, made visible wherever values are shown.
//!
//! In code, such as a call's row, each of them is an escape as Python writes it. In what people read, such as the
//! reply, those that make an emoji of several (UTS #51 2.3) stay as they are, and the others are shown as the same
//! escapes beside the true text.

/// Whether nothing is seen of a character itself: control characters (Cc), format characters such as the ones that
/// set a direction (UAX #9 2) or have no width (Cf), and letters without a shape.
pub(crate) fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// `\x00`, `\u202e`, `\U000e0001`
pub(crate) fn escape(character: char) -> String {
    let code = u32::from(character);
    let (letter, digits) = match code {
        0..0x100 => ('x', 2),
        0x100..0x1_0000 => ('u', 4),
        _ => ('U', 8),
    };
    let mut text = String::from('\\');
    text.push(letter);
    for place in (0..digits).rev() {
        text.extend(char::from_digit(code >> (place * 4) & 15, 16));
    }
    text
}

/// A value within code, so that text which runs from right to left turns nothing around it: between LRI and PDI
/// (UAX #9 2.5), where it has such text. The value has no such characters of its own any more.
pub(crate) fn isolated(value: String) -> String {
    if value.chars().any(runs_from_right_to_left) {
        ["\u{2066}", &value, "\u{2069}"].concat()
    } else {
        value
    }
}

const fn runs_from_right_to_left(character: char) -> bool {
    matches!(
        character,
        '\u{590}'..='\u{8ff}'
            | '\u{fb1d}'..='\u{fdff}'
            | '\u{fe70}'..='\u{fefc}'
            | '\u{10800}'..='\u{10fff}'
            | '\u{1e800}'..='\u{1efff}'
    )
}

/// A piece of a text that people read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TextPart<'a> {
    /// As it is.
    Plain(&'a str),
    /// A character that cannot be seen; to be shown as its escape.
    Unseen(char),
}

/// A text in pieces; line ends and tabs are plain.
pub(crate) fn pieces(text: &str) -> Vec<TextPart<'_>> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut before = None;
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        let after = characters.peek().map(|(_, after)| *after);
        let is_plain = !is_unseen(character)
            || matches!(character, '\n' | '\t')
            || is_of_emoji(before, character, after);
        if !is_plain {
            if start < at {
                pieces.push(TextPart::Plain(&text[start..at]));
            }
            pieces.push(TextPart::Unseen(character));
            start = at + character.len_utf8();
        }
        // What only changes the look of the one before it.
        let changes = matches!(
            character,
            '\u{fe0e}' | '\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}'
        );
        if !changes {
            before = Some(character).filter(|_| is_plain);
        }
    }
    if start < text.len() {
        pieces.push(TextPart::Plain(&text[start..]));
    }
    pieces
}

/// Whether it makes one emoji of those beside it: a joiner between two, or a tag of a flag.
const fn is_of_emoji(before: Option<char>, character: char, after: Option<char>) -> bool {
    match (before, character, after) {
        (Some(before), '\u{200d}', Some(after)) => is_pictograph(before) && is_pictograph(after),
        (Some('\u{1f3f4}' | '\u{e0020}'..='\u{e007e}'), '\u{e0020}'..='\u{e007f}', _) => true,
        _ => false,
    }
}

const fn is_pictograph(character: char) -> bool {
    matches!(
        character,
        '\u{a9}' | '\u{ae}' | '\u{203c}' | '\u{2049}' | '\u{2122}' | '\u{2139}'
            | '\u{2190}'..='\u{2bff}'
            | '\u{3030}'
            | '\u{303d}'
            | '\u{3297}'
            | '\u{3299}'
            | '\u{1f000}'..='\u{1faff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_has_an_escape() {
        let table = [
            ('\0', "\\x00"),
            ('\u{7f}', "\\x7f"),
            ('\u{85}', "\\x85"),
            ('\u{ad}', "\\xad"),
            ('\u{61c}', "\\u061c"),
            ('\u{200b}', "\\u200b"),
            ('\u{200c}', "\\u200c"),
            ('\u{200d}', "\\u200d"),
            ('\u{200e}', "\\u200e"),
            ('\u{200f}', "\\u200f"),
            ('\u{202a}', "\\u202a"),
            ('\u{202e}', "\\u202e"),
            ('\u{2060}', "\\u2060"),
            ('\u{2066}', "\\u2066"),
            ('\u{2069}', "\\u2069"),
            ('\u{feff}', "\\ufeff"),
            ('\u{e0067}', "\\U000e0067"),
        ];
        for (character, shown) in table {
            assert!(is_unseen(character), "{shown}");
            assert_eq!(escape(character), shown);
            assert_eq!(
                pieces(&format!("a{character}b")),
                [
                    TextPart::Plain("a"),
                    TextPart::Unseen(character),
                    TextPart::Plain("b")
                ],
                "{shown}"
            );
        }
    }

    #[test]
    fn what_can_be_seen_stays() {
        for text in [
            "hello\tworld\n",
            "straße",
            "世界",
            "שלום עולם",
            "مرحبا",
            "❤\u{fe0f}",
            "👩\u{200d}👩\u{200d}👧",
            "👩\u{1f3fd}\u{200d}🚀",
            "❤\u{fe0f}\u{200d}🔥",
            "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
        ] {
            assert_eq!(pieces(text), [TextPart::Plain(text)], "{text}");
        }
        assert_eq!(pieces(""), []);
        assert_eq!(
            pieces("👩\u{200d}a").get(1),
            Some(&TextPart::Unseen('\u{200d}')),
            "it joins nothing"
        );
    }

    #[test]
    fn only_what_runs_from_right_to_left_is_isolated() {
        assert_eq!(isolated("\"abc\"".to_owned()), "\"abc\"");
        assert_eq!(isolated("\"שלום\"".to_owned()), "\u{2066}\"שלום\"\u{2069}");
    }
}
