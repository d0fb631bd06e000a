//! Completes a half-typed word to the fields it could become.

use super::lexer::{Symbol, Token, TokenKind, is_word, lex};
use super::operand::has_bytes;
use super::{Field, ValueType};
use std::ops::Range;

/// The fields that fit at the cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// The bytes of the text that a candidate replaces.
    pub replace: Range<usize>,
    /// The fields that fit, in the order of [`Field::ALL`]; empty where no field may stand.
    pub candidates: Vec<Candidate>,
}

/// A field that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its name as it is typed; also the key of its explanation on the page.
    pub name: &'static str,
    /// The type of its values.
    pub value_type: ValueType,
}

/// Completes the word at `cursor`, a byte offset. Offers the fields that begin with the word; if there are none, the
/// fields that contain it, so that `port` finds `udp.port`.
#[must_use]
pub fn complete(text: &str, cursor: usize) -> Completion {
    let cursor = text.floor_char_boundary(cursor);
    let (before, after) = text.split_at(cursor);
    let start = before.trim_end_matches(is_word).len();
    let end = cursor
        + after
            .find(|character| !is_word(character))
            .unwrap_or(after.len());
    let (before, typed) = before.split_at(start);
    let replace = start..end;
    if !expects_field(before) {
        return Completion {
            replace,
            candidates: Vec::new(),
        };
    }
    let mut candidates = candidates_where(&|name| starts_with(name, typed));
    if candidates.is_empty() {
        candidates = candidates_where(&|name| {
            name.as_bytes()
                .windows(typed.len().max(1))
                .any(|part| part == typed.as_bytes())
        });
    }
    if is_in_len(before) {
        candidates.retain(|candidate| has_bytes(candidate.value_type));
    }
    // A field that is already typed in full is not offered.
    candidates.retain(|candidate| Some(candidate.name) != text.get(replace.clone()));
    Completion {
        replace,
        candidates,
    }
}

fn candidates_where(fits: &dyn Fn(&str) -> bool) -> Vec<Candidate> {
    let fields = Field::ALL
        .into_iter()
        .filter(|field| field.is_offered_for_packets());
    let fields = fields.filter(|field| fits(field.name()));
    fields
        .map(|field| Candidate {
            name: field.name(),
            value_type: field.value_type(),
        })
        .collect()
}

fn starts_with(name: &str, typed: &str) -> bool {
    name.get(..typed.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(typed))
}

/// Whether a field may follow: at the start and after `(`, `not`, `and`, `or`, and after `any` or `all` there, but not
/// inside a quoted text.
fn expects_field(before: &str) -> bool {
    let (tokens, lex_error) = lex(before);
    lex_error.is_none() && may_follow(&tokens)
}

fn may_follow(tokens: &[Token<'_>]) -> bool {
    let Some((last, before)) = tokens.split_last() else {
        return true;
    };
    match last.kind {
        TokenKind::Symbol(Symbol::And | Symbol::Or | Symbol::Not | Symbol::OpenParenthesis) => true,
        TokenKind::Word("any" | "all") => may_follow(before),
        TokenKind::Symbol(
            Symbol::CloseParenthesis
            | Symbol::OpenSet
            | Symbol::CloseSet
            | Symbol::OpenSlice
            | Symbol::CloseSlice
            | Symbol::Comma
            | Symbol::To,
        )
        | TokenKind::Word(_)
        | TokenKind::Quoted(_)
        | TokenKind::Operator(_) => false,
    }
}

/// Whether the cursor is in the parentheses of `len`, where only fields with bytes may stand.
fn is_in_len(before: &str) -> bool {
    let (tokens, _) = lex(before);
    matches!(
        tokens.as_slice(),
        [.., word, open] if word.kind == TokenKind::Word("len")
            && open.kind == TokenKind::Symbol(Symbol::OpenParenthesis)
    )
}
