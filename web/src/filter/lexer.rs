//! A filter's text as tokens.

use super::expression::{Comparison, Operator};
use super::{Mistake, Reason};
use std::str::Bytes;

/// One token and its bytes in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) kind: TokenKind<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind<'a> {
    /// A field, a number, an address, bytes: what it is shows where it stands.
    Word(&'a str),
    /// What stands between two quotes, its escapes still in it.
    Quoted(&'a str),
    /// What is asked of a field.
    Operator(Operator),
    /// Everything else.
    Sign(Sign),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    And,
    Or,
    Not,
    OpenParenthesis,
    CloseParenthesis,
    OpenSet,
    CloseSet,
    Comma,
    To,
}

impl Token<'_> {
    /// What is wrong with it.
    pub(super) const fn mistake(self, reason: Reason) -> Mistake {
        Mistake {
            range: self.start..self.end,
            reason,
        }
    }
}

/// All tokens up to the first that cannot be read, and why it cannot.
pub(super) fn lex(text: &str) -> (Vec<Token<'_>>, Option<Mistake>) {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..) {
        let start = at + rest.len() - rest.trim_start().len();
        let Some(first) = text.get(start..).and_then(|rest| rest.chars().next()) else {
            break;
        };
        match read(text, start, first) {
            Ok((kind, end)) => {
                tokens.push(Token { start, end, kind });
                at = end;
            }
            Err(mistake) => return (tokens, Some(mistake)),
        }
    }
    (tokens, None)
}

/// The token at `start` and where it ends.
fn read(text: &str, start: usize, first: char) -> Result<(TokenKind<'_>, usize), Mistake> {
    let rest = text.get(start..).unwrap_or("");
    if first == '"' {
        return quoted(text, start);
    }
    if is_word(first) && !rest.starts_with("..") {
        let word = rest.get(..word_length(rest)).unwrap_or(rest);
        let keyword = meaning(&word.to_ascii_lowercase());
        return Ok((keyword.unwrap_or(TokenKind::Word(word)), start + word.len()));
    }
    for length in [2, 1] {
        if let Some(kind) = rest.get(..length).and_then(meaning) {
            return Ok((kind, start + length));
        }
    }
    let reason = if matches!(first, '=' | '|') {
        Reason::Single
    } else {
        Reason::UnexpectedCharacter
    };
    Err(Mistake {
        range: start..start + first.len_utf8(),
        reason,
    })
}

/// Signs and the words that mean the same.
fn meaning(text: &str) -> Option<TokenKind<'static>> {
    let compare = |comparison| TokenKind::Operator(Operator::Compare(comparison));
    Some(match text {
        "&&" | "and" => TokenKind::Sign(Sign::And),
        "||" | "or" => TokenKind::Sign(Sign::Or),
        "!" | "not" => TokenKind::Sign(Sign::Not),
        "(" => TokenKind::Sign(Sign::OpenParenthesis),
        ")" => TokenKind::Sign(Sign::CloseParenthesis),
        "{" => TokenKind::Sign(Sign::OpenSet),
        "}" => TokenKind::Sign(Sign::CloseSet),
        "," => TokenKind::Sign(Sign::Comma),
        ".." => TokenKind::Sign(Sign::To),
        "==" | "eq" => compare(Comparison::Equal),
        "!=" | "ne" => compare(Comparison::NotEqual),
        "<" | "lt" => compare(Comparison::Less),
        "<=" | "le" => compare(Comparison::LessOrEqual),
        ">" | "gt" => compare(Comparison::Greater),
        ">=" | "ge" => compare(Comparison::GreaterOrEqual),
        "&" => TokenKind::Operator(Operator::Bits),
        "contains" => TokenKind::Operator(Operator::Contains),
        "in" => TokenKind::Operator(Operator::In),
        _ => return None,
    })
}

/// What stands between the quote at `start` and the next that is not escaped. Quotes and backslashes are single bytes
/// in UTF-8, so the bytes can be looked at one by one.
fn quoted(text: &str, start: usize) -> Result<(TokenKind<'_>, usize), Mistake> {
    let mut at = start + 1;
    while let Some(byte) = text.as_bytes().get(at) {
        match byte {
            b'"' => {
                return Ok((
                    TokenKind::Quoted(text.get(start + 1..at).unwrap_or("")),
                    at + 1,
                ));
            }
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    Err(Mistake {
        range: start..text.len(),
        reason: Reason::UnclosedQuote,
    })
}

/// The bytes that a text in quotes means, with escapes as in C: `\"`, `\'`, `\\`, `\n`, `\r`, `\t`, `\0` and `\x`
/// with two hexadecimal digits. `None` if a backslash is followed by anything else.
pub(super) fn unescape(quoted: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = quoted.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'\\' {
            escaped(&mut rest)?
        } else {
            byte
        });
    }
    Some(bytes)
}

fn escaped(rest: &mut Bytes<'_>) -> Option<u8> {
    match rest.next()? {
        b'n' => Some(b'\n'),
        b'r' => Some(b'\r'),
        b't' => Some(b'\t'),
        b'0' => Some(0),
        b'x' => Some(digit(rest.next()?, 16)? << 4 | digit(rest.next()?, 16)?),
        same @ (b'"' | b'\'' | b'\\') => Some(same),
        _ => None,
    }
}

/// The value of a digit to this base.
pub(super) fn digit(digit: u8, base: u32) -> Option<u8> {
    char::from(digit)
        .to_digit(base)
        .and_then(|value| u8::try_from(value).ok())
}

/// Words hold what fields, numbers, addresses and bytes are written with; two dots end one, as in `5..9`.
fn word_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let ends = |at: &usize| {
        let rest = bytes.get(*at..).unwrap_or(&[]);
        rest.starts_with(b"..") || !rest.first().is_some_and(|byte| is_word(char::from(*byte)))
    };
    (0..bytes.len()).find(ends).unwrap_or(bytes.len())
}

/// Whether a word can hold the character.
pub(super) const fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '.' | ':' | '/' | '-')
}
