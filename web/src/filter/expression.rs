//! A parsed filter, and asking it about a row.

use super::literal::Literal;
use super::{Field, Row, Type, Value};
use std::cmp::Ordering;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expression {
    /// Every part holds; without parts it always does.
    All(Vec<Self>),
    /// At least one part holds.
    Any(Vec<Self>),
    Not(Box<Self>),
    Test(Field, Test),
}

/// What is asked about the values of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Test {
    Present,
    Compare(Comparison, Literal),
    /// Any of these bits is set.
    Bits(Literal),
    Contains(Vec<u8>),
    In(Vec<Span>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What can be asked of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Compare(Comparison),
    Contains,
    /// Whether any of these bits is set.
    Bits,
    In,
}

impl Operator {
    /// Whether it has a meaning for values of this type.
    pub(super) const fn suits(self, kind: Type) -> bool {
        match self {
            Self::Compare(Comparison::Equal | Comparison::NotEqual) | Self::In => true,
            Self::Compare(_) => kind.is_ordered(),
            Self::Contains => kind.is_searchable(),
            Self::Bits => matches!(kind, Type::Unsigned(_)),
        }
    }
}

/// A member of a set: one value, or all from the first to the second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: Literal,
    pub(super) to: Option<Literal>,
}

impl Expression {
    pub(super) fn holds(&self, row: &dyn Row) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(row)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(row)),
            Self::Not(part) => !part.holds(row),
            Self::Test(field, test) => test.holds(*field, row),
        }
    }
}

impl Test {
    /// Any value must do; for `!=` all of them, and there must be one.
    fn holds(&self, field: Field, row: &dyn Row) -> bool {
        if matches!(self, Self::Present) {
            return row.has(field);
        }
        let (mut any, mut all) = (false, true);
        row.values(field, &mut |value| {
            let holds = self.holds_for(value);
            any |= holds;
            all &= holds;
        });
        match self {
            Self::Compare(Comparison::NotEqual, _) => any && all,
            Self::Compare(..) | Self::Present | Self::Bits(_) | Self::Contains(_) | Self::In(_) => {
                any
            }
        }
    }

    fn holds_for(&self, value: Value<'_>) -> bool {
        match self {
            Self::Present => true,
            Self::Compare(comparison, literal) => literal
                .compare(value)
                .is_some_and(|order| comparison.accepts(order)),
            Self::Bits(bits) => bits.shares(value),
            Self::Contains(needle) => matches!(value, Value::Bytes(bytes) if has(bytes, needle)),
            Self::In(spans) => spans.iter().any(|span| span.holds(value)),
        }
    }
}

impl Comparison {
    const fn accepts(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

impl Span {
    fn holds(&self, value: Value<'_>) -> bool {
        let Some(order) = self.from.compare(value) else {
            return false;
        };
        match &self.to {
            None => order.is_eq(),
            Some(to) => order.is_ge() && to.compare(value).is_some_and(Ordering::is_le),
        }
    }
}

fn has(bytes: &[u8], needle: &[u8]) -> bool {
    needle.is_empty() || bytes.windows(needle.len()).any(|window| window == needle)
}
