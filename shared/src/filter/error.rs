//! Why a filter does not parse: the range, and the reason as a key of the page's texts.

use super::Field;
use std::ops::Range;

/// The first part of a filter that does not parse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Its byte range in the text, on character boundaries; empty at the end where something is missing.
    pub range: Range<usize>,
    /// The reason.
    pub reason: Reason,
}

/// Why a filter does not parse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The character begins no token.
    UnexpectedCharacter,
    /// The operator has two characters: `==`, `||`.
    Single,
    /// A quoted text has no closing quote.
    UnclosedQuote,
    /// `\` begins no escape.
    BadEscape,
    /// No field has this name.
    UnknownField {
        /// The field with the nearest name.
        nearest: Option<Field>,
    },
    /// A field or a protocol is expected.
    ExpectedField,
    /// `and`, `or` or the end is expected behind a complete condition.
    ExpectedConnection,
    /// A value to compare the field with is expected.
    ExpectedValue {
        /// The field.
        field: Field,
    },
    /// A set in braces is expected after `in`.
    ExpectedSet {
        /// The field.
        field: Field,
    },
    /// The field cannot have this value.
    WrongValue {
        /// The field.
        field: Field,
    },
    /// The number exceeds the field's maximum.
    TooLarge {
        /// The field.
        field: Field,
        /// The maximum.
        most: u64,
    },
    /// The operator is not defined for this field's type.
    WrongOperator {
        /// The field.
        field: Field,
    },
    /// What stands in the brackets is no slice.
    BadSlice,
    /// The end of the range is below its start.
    BackwardRange,
    /// A parenthesis is not closed.
    UnclosedParenthesis,
    /// A set is not closed.
    UnclosedSet,
    /// Parentheses or negations are nested too deep.
    TooDeep,
}

impl Reason {
    /// The key of its text.
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
            Self::BadSlice => "filter.bad_slice",
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
            | Self::BadSlice
            | Self::BackwardRange
            | Self::UnclosedParenthesis
            | Self::UnclosedSet
            | Self::TooDeep => None,
        }
    }
}

impl ParseError {
    /// The values for the text's gaps, by name: `part` is the wrong part of the parsed `text`; `field` the field, or the
    /// field with the nearest name; `type` its [`super::ValueType::key`]; `most` its maximum.
    #[must_use]
    pub fn arguments(&self, text: &str) -> Vec<(&'static str, String)> {
        let mut arguments = vec![(
            "part",
            text.get(self.range.clone()).unwrap_or("").to_owned(),
        )];
        if let Some(field) = self.reason.field() {
            arguments.push(("field", field.name().to_owned()));
            arguments.push(("type", field.value_type().key().to_owned()));
        }
        if let Reason::TooLarge { most, .. } = self.reason {
            arguments.push(("most", most.to_string()));
        }
        arguments
    }
}
