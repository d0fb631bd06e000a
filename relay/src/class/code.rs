//! Class codes as people type them. Pure; codes are generated in `token`.

use shared::class::{CODE_LENGTH, CODE_LETTERS};
use unicode_normalization::UnicodeNormalization;

/// Maximum number of typed characters that are read.
const MAX_TYPED_CHARS: usize = 64;

/// Letters that no code contains, each with the code letter it is mistaken for: similar Latin letters, and Cyrillic and
/// Greek letters of the same shape. `0`, `O`, `1`, `I` and `L` are ambiguous and stay invalid.
const LOOK_ALIKES: [(char, char); 30] = [
    ('B', '8'),
    ('S', '5'),
    ('U', 'V'),
    ('Z', '2'),
    ('А', 'A'),
    ('В', '8'),
    ('Е', 'E'),
    ('З', '3'),
    ('К', 'K'),
    ('М', 'M'),
    ('Н', 'H'),
    ('Р', 'P'),
    ('С', 'C'),
    ('Т', 'T'),
    ('У', 'Y'),
    ('Х', 'X'),
    ('Ѕ', '5'),
    ('Ј', 'J'),
    ('Α', 'A'),
    ('Β', '8'),
    ('Ε', 'E'),
    ('Ζ', '2'),
    ('Η', 'H'),
    ('Κ', 'K'),
    ('Μ', 'M'),
    ('Ν', 'N'),
    ('Ρ', 'P'),
    ('Τ', 'T'),
    ('Υ', 'Y'),
    ('Χ', 'X'),
];

/// Returns the code that was typed, in the form in which classes are looked up: compatibility forms such as full-width
/// letters become plain ones (NFKC, UAX #15), letters become upper case, separators are dropped, and look-alikes become
/// the letter they resemble. Returns `None` if the result is not a code.
#[must_use]
pub fn normalize_code(typed: &str) -> Option<String> {
    let letters = typed.nfkc().filter(|letter| !is_separator(*letter));
    let letters = letters.take(MAX_TYPED_CHARS).flat_map(char::to_uppercase);
    let code: String = letters
        .take(CODE_LENGTH + 1)
        .map(resolve_look_alike)
        .collect();
    let is_code =
        code.len() == CODE_LENGTH && code.bytes().all(|byte| CODE_LETTERS.contains(&byte));
    is_code.then_some(code)
}

fn resolve_look_alike(letter: char) -> char {
    let known = LOOK_ALIKES.iter().find(|(typed, _)| *typed == letter);
    known.map_or(letter, |(_, read)| *read)
}

/// Whether a character is a space, dash or punctuation between letters, or an invisible one that is copied along.
fn is_separator(letter: char) -> bool {
    letter.is_whitespace()
        || matches!(
            letter,
            '-' | '_' | '.' | '·' | ',' | ':' | '/' | '"' | '\'' | '`' | '「' | '」' | '。' | '、'
            | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2010}'..='\u{2015}' | '\u{2212}'
            | '\u{201c}'..='\u{201f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{2066}'..='\u{2069}'
            | '\u{30fc}' | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_in_many_spellings() {
        for typed in [
            "K7XM3P",
            "k7xm3p",
            " K7X-M3P ",
            "k7x m3p",
            "Ｋ７ＸＭ３Ｐ",
            "ｋ７ｘ　ｍ３ｐ",
            "Ｋ７Ｘ－Ｍ３Ｐ",
            "K7X–M3P",
            "k7x\u{a0}m3p\n",
            "\u{feff}K7X\u{200b}M3P",
            "К7ХМЗР",
            "Ⓚ7ⓍM3P",
            "“K7X M3P”.",
        ] {
            assert_eq!(
                normalize_code(typed).as_deref(),
                Some("K7XM3P"),
                "{typed:?}"
            );
        }
    }

    #[test]
    fn look_alikes_are_read_as_the_code_letter() {
        assert_eq!(normalize_code("sbzu23").as_deref(), Some("582V23"));
        for (typed, read) in LOOK_ALIKES {
            assert!(!typed.is_ascii() || !CODE_LETTERS.contains(&(typed as u8)));
            assert!(CODE_LETTERS.contains(&(read as u8)), "{typed}");
        }
    }

    #[test]
    fn other_texts_are_not_codes() {
        let long = "K".repeat(100_000);
        for wrong in [
            "",
            " - ",
            "K7XM3",
            "K7XM3PP",
            "K7XM30",
            "K7XM3O",
            "K7XM31",
            "K7XM3l",
            "K7XM3世",
            "K7XM3\u{301}",
            "\u{0}K7XM3P",
            &long,
        ] {
            assert_eq!(normalize_code(wrong), None, "{wrong:.20?}");
        }
    }
}
