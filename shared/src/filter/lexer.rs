//! Splits a filter's text into tokens.

use super::expression::{Comparison, Operator};
use super::{ParseError, Reason};

/// One token and its byte range in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) kind: TokenKind<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind<'a> {
    /// A field, a number, an address or bytes: its position in the filter decides.
    Word(&'a str),
    /// The text between two quotes, escapes not yet resolved.
    Quoted(&'a str),
    /// An operator behind a field.
    Operator(Operator),
    /// A connective or a bracket.
    Symbol(Symbol),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Symbol {
    And,
    Or,
    Not,
    OpenParenthesis,
    CloseParenthesis,
    OpenSet,
    CloseSet,
    OpenSlice,
    CloseSlice,
    Comma,
    To,
}

impl Token<'_> {
    /// The error that this token is.
    pub(super) const fn error(self, reason: Reason) -> ParseError {
        ParseError {
            range: self.start..self.end,
            reason,
        }
    }
}

/// All tokens up to the first that cannot be read, and the error there.
pub(super) fn lex(text: &str) -> (Vec<Token<'_>>, Option<ParseError>) {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..) {
        let start = at + rest.len() - rest.trim_start().len();
        let Some(first) = text.get(start..).and_then(|rest| rest.chars().next()) else {
            break;
        };
        match read_token(text, start, first) {
            Ok((kind, end)) => {
                tokens.push(Token { start, end, kind });
                at = end;
            }
            Err(error) => return (tokens, Some(error)),
        }
    }
    (tokens, None)
}

/// The token at `start`, and its end.
fn read_token(text: &str, start: usize, first: char) -> Result<(TokenKind<'_>, usize), ParseError> {
    let rest = text.get(start..).unwrap_or("");
    if first == '"' {
        return quoted(text, start);
    }
    if is_word(first) && !rest.starts_with("..") {
        let word = rest.get(..word_length(rest)).unwrap_or(rest);
        let keyword = keyword(&word.to_ascii_lowercase());
        return Ok((keyword.unwrap_or(TokenKind::Word(word)), start + word.len()));
    }
    for length in [2, 1] {
        if let Some(kind) = rest.get(..length).and_then(keyword) {
            return Ok((kind, start + length));
        }
    }
    let reason = if matches!(first, '=' | '|') {
        Reason::Single
    } else {
        Reason::UnexpectedCharacter
    };
    Err(ParseError {
        range: start..start + first.len_utf8(),
        reason,
    })
}

/// The operator or symbol of a keyword or of punctuation.
fn keyword(text: &str) -> Option<TokenKind<'static>> {
    let compare = |comparison| TokenKind::Operator(Operator::Compare(comparison));
    Some(match text {
        "&&" | "and" => TokenKind::Symbol(Symbol::And),
        "||" | "or" => TokenKind::Symbol(Symbol::Or),
        "!" | "not" => TokenKind::Symbol(Symbol::Not),
        "(" => TokenKind::Symbol(Symbol::OpenParenthesis),
        ")" => TokenKind::Symbol(Symbol::CloseParenthesis),
        "{" => TokenKind::Symbol(Symbol::OpenSet),
        "}" => TokenKind::Symbol(Symbol::CloseSet),
        "[" => TokenKind::Symbol(Symbol::OpenSlice),
        "]" => TokenKind::Symbol(Symbol::CloseSlice),
        "," => TokenKind::Symbol(Symbol::Comma),
        ".." => TokenKind::Symbol(Symbol::To),
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

/// The text between the quote at `start` and the next quote that is not escaped. Quotes and backslashes are single
/// bytes in UTF-8, so a scan of bytes is enough.
fn quoted(text: &str, start: usize) -> Result<(TokenKind<'_>, usize), ParseError> {
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
    Err(ParseError {
        range: start..text.len(),
        reason: Reason::UnclosedQuote,
    })
}

/// The length of the word at the start of `text`: the characters of fields, numbers, addresses and bytes, up to two
/// dots as in `5..9`.
fn word_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let ends = |at: &usize| {
        let rest = bytes.get(*at..).unwrap_or(&[]);
        rest.starts_with(b"..") || !rest.first().is_some_and(|byte| is_word(char::from(*byte)))
    };
    (0..bytes.len()).find(ends).unwrap_or(bytes.len())
}

/// Whether a word may contain the character.
pub(super) const fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '.' | ':' | '/' | '-')
}
