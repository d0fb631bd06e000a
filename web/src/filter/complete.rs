//! Offers the fields that a half-typed word could become.

use super::lexer::{Sign, TokenKind, is_word, lex};
use super::{Field, Type};
use std::ops::Range;

/// What could stand at the cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// The bytes of the text that a candidate takes the place of.
    pub replace: Range<usize>,
    /// The fields that fit, in the order of the table; none where no field can stand.
    pub candidates: Vec<Candidate>,
}

/// A field that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// As it is typed; also the key under which the page explains it.
    pub name: &'static str,
    /// What its values are.
    pub kind: Type,
}

/// Completes the word at the cursor, a byte place in the text. Fields that begin with it are offered; if there are
/// none, those that have it inside, so that `port` finds `udp.port`.
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
    if !wants_field(before) {
        return Completion {
            replace,
            candidates: Vec::new(),
        };
    }
    let mut candidates = named(&|name| starts_with(name, typed));
    if candidates.is_empty() {
        candidates = named(&|name| {
            name.as_bytes()
                .windows(typed.len().max(1))
                .any(|part| part == typed.as_bytes())
        });
    }
    // What is already there in full needs no offer.
    candidates.retain(|candidate| Some(candidate.name) != text.get(replace.clone()));
    Completion {
        replace,
        candidates,
    }
}

fn named(fits: &dyn Fn(&str) -> bool) -> Vec<Candidate> {
    let fields = Field::ALL.into_iter().filter(|field| field.is_of_packets());
    let fields = fields.filter(|field| fits(field.name()));
    fields
        .map(|field| Candidate {
            name: field.name(),
            kind: field.type_of(),
        })
        .collect()
}

fn starts_with(name: &str, typed: &str) -> bool {
    name.get(..typed.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(typed))
}

/// Whether a field can follow: at the start, after `(`, `not`, `and`, `or`, and nowhere inside a text in quotes.
fn wants_field(before: &str) -> bool {
    let (tokens, broken) = lex(before);
    broken.is_none()
        && tokens.last().is_none_or(|token| match token.kind {
            TokenKind::Sign(Sign::And | Sign::Or | Sign::Not | Sign::OpenParenthesis) => true,
            TokenKind::Sign(
                Sign::CloseParenthesis | Sign::OpenSet | Sign::CloseSet | Sign::Comma | Sign::To,
            ) => false,
            TokenKind::Word(_) | TokenKind::Quoted(_) | TokenKind::Operator(_) => false,
        })
}
