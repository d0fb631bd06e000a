//! Names, titles and messages that people write for others to read: normalization and checks. Pure.

use shared::outcome::{Failed, Reason};
use unicode_normalization::UnicodeNormalization;

use crate::failure;

/// Zero width non-joiner and joiner. Persian, the scripts of India and emoji need them.
const JOINERS: [char; 2] = ['\u{200c}', '\u{200d}'];

/// Returns the text in NFC (UAX #15) without surrounding white space.
///
/// # Errors
/// If the text has more than `max_chars` characters, or has invisible characters or ones that change the direction of
/// others (UAX #9). A joiner between two visible characters is allowed.
pub(super) fn normalize(text: &str, max_chars: usize) -> Result<String, Failed> {
    // A character has at most four bytes, so this rejects very long texts without normalizing them.
    if text.len() > max_chars * 4 {
        return Err(too_long(max_chars));
    }
    let text: String = text.trim().nfc().collect();
    if text.chars().count() > max_chars {
        return Err(too_long(max_chars));
    }
    let strays = has_stray_joiner(&text).then_some(JOINERS[0]);
    let hidden = text.chars().find(|character| is_hidden(*character));
    if let Some(character) = hidden.or(strays) {
        let code = u32::from(character);
        let message = format!("this text contains the invisible character U+{code:04X}: remove it");
        return Err(failure::relay(Reason::TextNotPlain, message));
    }
    Ok(text)
}

fn too_long(max_chars: usize) -> Failed {
    let message = format!("this text is too long: at most {max_chars} characters are allowed");
    failure::limit(Reason::TextTooLong, max_chars as u64, message)
}

/// The same for a text that must not be empty.
///
/// # Errors
/// As for [`normalize`], and if nothing is left.
pub(super) fn normalize_required(text: &str, max_chars: usize) -> Result<String, Failed> {
    let text = normalize(text, max_chars)?;
    if text.is_empty() {
        let message = "this text must not be empty";
        return Err(failure::relay(Reason::TextMissing, message));
    }
    Ok(text)
}

/// Returns a key that is equal for names that people take for the same: it ignores compatibility forms such as width
/// (NFKC), case, joiners and the number of spaces.
pub(super) fn comparison_key(name: &str) -> String {
    let visible = name.nfkc().filter(|letter| !JOINERS.contains(letter));
    let folded: String = visible.flat_map(char::to_lowercase).nfkc().collect();
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns the name with a number appended, cut to `max_chars` characters in total.
pub(super) fn with_number(name: &str, number: u32, max_chars: usize) -> String {
    let mark = format!(" {number}");
    let room = max_chars.saturating_sub(mark.len());
    let kept: String = name.chars().take(room).collect();
    // Whatever joined the kept part to the cut part goes with it.
    let kept = kept.trim_end_matches(|last: char| last.is_whitespace() || JOINERS.contains(&last));
    [kept, &mark].concat()
}

/// Whether a joiner is at an end of the text, beside white space, or beside another joiner.
fn has_stray_joiner(text: &str) -> bool {
    let mut before = None;
    for character in text.chars() {
        let joins = |it: char| JOINERS.contains(&it) || it.is_whitespace();
        if JOINERS.contains(&character) && before.is_none_or(joins) {
            return true;
        }
        if character.is_whitespace() && before.is_some_and(|it| JOINERS.contains(&it)) {
            return true;
        }
        before = Some(character);
    }
    before.is_some_and(|last| JOINERS.contains(&last))
}

/// Whether a character is a control, direction, separator, filler or tag character, all of which are invisible.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}'
            | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{2800}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visible_text_is_accepted() {
        for (said, text) in [
            (" Ada ", "Ada"),
            ("小明", "小明"),
            ("עדה", "עדה"),
            ("👩\u{200d}🎓", "👩\u{200d}🎓"),
            ("O'Brien-Straße", "O'Brien-Straße"),
            ("می\u{200c}ترا", "می\u{200c}ترا"),
            ("ක්\u{200d}රිස්", "ක්\u{200d}රිස්"),
            ("Ame\u{301}lie", "Am\u{e9}lie"),
            ("Ｌｉ　Ｗｅｉ", "Ｌｉ　Ｗｅｉ"),
        ] {
            assert_eq!(normalize_required(said, 40).as_deref(), Ok(text));
        }
    }

    #[test]
    fn unacceptable_text_is_refused_with_its_reason() {
        let reason = |said: &str| normalize_required(said, 40).expect_err("refused").reason;
        for (said, why) in [
            ("", Reason::TextMissing),
            ("  \u{3000} ", Reason::TextMissing),
            ("a\u{202e}b", Reason::TextNotPlain),
            ("a\u{2066}b", Reason::TextNotPlain),
            ("a\nb", Reason::TextNotPlain),
            ("a\0", Reason::TextNotPlain),
            ("\u{200b}", Reason::TextNotPlain),
            ("\u{200c}", Reason::TextNotPlain),
            ("\u{200d}Ada", Reason::TextNotPlain),
            ("Ada\u{200c}", Reason::TextNotPlain),
            ("A\u{200d}\u{200d}da", Reason::TextNotPlain),
            ("A \u{200c}da", Reason::TextNotPlain),
            ("A\u{200c} da", Reason::TextNotPlain),
            ("\u{1b}[31m", Reason::TextNotPlain),
        ] {
            assert_eq!(reason(said), Some(why), "{said:?}");
        }
        assert_eq!(reason(&"x".repeat(41)), Some(Reason::TextTooLong));
        assert_eq!(
            reason(&"\u{202e}".repeat(10_240)),
            Some(Reason::TextTooLong)
        );
        assert!(normalize_required(&"界".repeat(40), 40).is_ok());
    }

    #[test]
    fn names_that_look_the_same_have_the_same_key() {
        let same = [
            "Li Wei",
            "li  wei",
            "ＬＩ　ＷＥＩ",
            "L\u{200c}i Wei",
            "LI WEI",
        ];
        for name in same {
            assert_eq!(comparison_key(name), "li wei", "{name:?}");
        }
        assert_eq!(
            comparison_key("Ame\u{301}lie"),
            comparison_key("AM\u{c9}LIE")
        );
        assert_ne!(comparison_key("Li Wei"), comparison_key("Li Wen"));
    }

    #[test]
    fn a_number_fits_behind_a_long_name() {
        assert_eq!(with_number("Li Wei", 2, 40), "Li Wei 2");
        let long = with_number(&"界".repeat(40), 12, 40);
        assert_eq!(long.chars().count(), 40);
        assert!(long.ends_with("界 12"));
        assert_eq!(with_number("ab\u{200d}🎓", 2, 5), "ab 2");
    }
}
