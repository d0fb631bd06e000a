//! What can be wrong with a filter: where, and why, as a key that the page puts into words.

use super::Field;
use std::ops::Range;

/// The first thing in a filter that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Its bytes in the text; empty at the end if something is missing there. Always between characters.
    pub range: Range<usize>,
    /// Why.
    pub reason: Reason,
}

/// Why a filter could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// This character means nothing here.
    UnexpectedCharacter,
    /// This sign must be written twice: `==`, `||`.
    Single,
    /// A text has no quote at its end.
    UnclosedQuote,
    /// `\` is followed by nothing that it could mean.
    BadEscape,
    /// There is no such field.
    UnknownField {
        /// Which was probably meant.
        nearest: Option<Field>,
    },
    /// A field or a protocol is wanted here.
    ExpectedField,
    /// A condition is complete here, so only `and`, `or` or the end can follow.
    ExpectedConnection,
    /// A value to compare the field with is wanted here.
    ExpectedValue {
        /// The field.
        field: Field,
    },
    /// A set in braces is wanted after `in`.
    ExpectedSet {
        /// The field.
        field: Field,
    },
    /// This is no value that the field could have.
    WrongValue {
        /// The field.
        field: Field,
    },
    /// The number is greater than the field can hold.
    TooLarge {
        /// The field.
        field: Field,
        /// The greatest that it can hold.
        most: u64,
    },
    /// The operator has no meaning for the values of this field.
    WrongOperator {
        /// The field.
        field: Field,
    },
    /// The range ends before it begins.
    BackwardRange,
    /// A parenthesis is not closed.
    UnclosedParenthesis,
    /// A set is not closed.
    UnclosedSet,
    /// Parentheses or negations are nested too deep.
    TooDeep,
}

impl Reason {
    /// The key of the sentence that says it.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::UnexpectedCharacter => "filter.unexpected_character",
            Self::Single => "filter.single",
            Self::UnclosedQuote => "filter.unclosed_quote",
            Self::BadEscape => "filter.bad_escape",
            Self::UnknownField { nearest: None } => "filter.unknown_field",
            Self::UnknownField { nearest: Some(_) } => "filter.unknown_field_nearest",
            Self::ExpectedField => "filter.expected_field",
            Self::ExpectedConnection => "filter.expected_connection",
            Self::ExpectedValue { .. } => "filter.expected_value",
            Self::ExpectedSet { .. } => "filter.expected_set",
            Self::WrongValue { .. } => "filter.wrong_value",
            Self::TooLarge { .. } => "filter.too_large",
            Self::WrongOperator { .. } => "filter.wrong_operator",
            Self::BackwardRange => "filter.backward_range",
            Self::UnclosedParenthesis => "filter.unclosed_parenthesis",
            Self::UnclosedSet => "filter.unclosed_set",
            Self::TooDeep => "filter.too_deep",
        }
    }

    const fn field(self) -> Option<Field> {
        match self {
            Self::ExpectedValue { field }
            | Self::ExpectedSet { field }
            | Self::WrongValue { field }
            | Self::TooLarge { field, .. }
            | Self::WrongOperator { field, .. } => Some(field),
            Self::UnknownField { nearest } => nearest,
            Self::UnexpectedCharacter
            | Self::Single
            | Self::UnclosedQuote
            | Self::BadEscape
            | Self::ExpectedField
            | Self::ExpectedConnection
            | Self::BackwardRange
            | Self::UnclosedParenthesis
            | Self::UnclosedSet
            | Self::TooDeep => None,
        }
    }
}

impl Mistake {
    /// What the sentence has blanks for, by name: `part` is what is wrong in the text that was parsed; `field` the
    /// field it is about, or that was probably meant; `type` its [`super::Type::key`], to be put into words itself;
    /// `most` the greatest number that it can hold.
    #[must_use]
    pub fn arguments(&self, text: &str) -> Vec<(&'static str, String)> {
        let mut arguments = vec![(
            "part",
            text.get(self.range.clone()).unwrap_or("").to_owned(),
        )];
        if let Some(field) = self.reason.field() {
            arguments.push(("field", field.name().to_owned()));
            arguments.push(("type", field.type_of().key().to_owned()));
        }
        if let Reason::TooLarge { most, .. } = self.reason {
            arguments.push(("most", most.to_string()));
        }
        arguments
    }
}
