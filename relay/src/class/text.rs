//! What people write for others to read: names, titles, messages. Pure.

use shared::outcome::{Failed, Reason};

use crate::failure;

/// The text without white space around it, if it can be shown to others as it is.
///
/// # Errors
/// Where it is too long, or has characters that cannot be seen or that turn others around (UAX #9).
pub(super) fn plain(said: &str, longest: usize) -> Result<String, Failed> {
    // What is far too long is not looked at: a character has at most four bytes.
    let is_long = said.len() > longest * 4 || said.trim().chars().count() > longest;
    if is_long {
        let message = format!("this may have at most {longest} characters");
        return Err(failure::limit(Reason::TextTooLong, longest as u64, message));
    }
    let text = said.trim();
    if let Some(character) = text.chars().find(|character| is_hidden(*character)) {
        let code = u32::from(character);
        let message = format!("this has the character U+{code:04X}, which cannot be seen");
        return Err(failure::relay(Reason::TextNotPlain, message));
    }
    Ok(text.to_owned())
}

/// The same of what must not be empty.
///
/// # Errors
/// And where nothing is left.
pub(super) fn needed(said: &str, longest: usize) -> Result<String, Failed> {
    let text = plain(said, longest)?;
    if text.is_empty() {
        let message = "this must not be empty";
        return Err(failure::relay(Reason::TextMissing, message));
    }
    Ok(text)
}

/// Control characters, what orders directions, what joins nothing and breaks lines, blanks that are no spaces, and
/// tags. U+200D stays: it holds emoji together.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}'
            | '\u{200b}' | '\u{200c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{2800}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_read_is_taken_as_it_is() {
        for (said, text) in [
            (" Ada ", "Ada"),
            ("小明", "小明"),
            ("עדה", "עדה"),
            ("👩\u{200d}🎓", "👩\u{200d}🎓"),
            ("O'Brien-Straße", "O'Brien-Straße"),
        ] {
            assert_eq!(needed(said, 40).as_deref(), Ok(text));
        }
    }

    #[test]
    fn what_cannot_is_refused_with_its_reason() {
        let reason = |said: &str| needed(said, 40).expect_err("refused").reason;
        for (said, why) in [
            ("", Reason::TextMissing),
            ("  \u{3000} ", Reason::TextMissing),
            ("a\u{202e}b", Reason::TextNotPlain),
            ("a\u{2066}b", Reason::TextNotPlain),
            ("a\nb", Reason::TextNotPlain),
            ("a\0", Reason::TextNotPlain),
            ("\u{200b}", Reason::TextNotPlain),
            ("\u{1b}[31m", Reason::TextNotPlain),
        ] {
            assert_eq!(reason(said), Some(why), "{said:?}");
        }
        assert_eq!(reason(&"x".repeat(41)), Some(Reason::TextTooLong));
        assert_eq!(
            reason(&"\u{202e}".repeat(10_240)),
            Some(Reason::TextTooLong)
        );
        assert!(needed(&"界".repeat(40), 40).is_ok());
    }
}
