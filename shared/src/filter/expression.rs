//! A parsed filter as an expression tree, and its evaluation for a row.

use super::literal::Literal;
use super::{Field, Row, Value, ValueType};
use std::cmp::Ordering;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expression {
    /// True if every part is; true without parts.
    All(Vec<Self>),
    /// True if at least one part is.
    Any(Vec<Self>),
    Not(Box<Self>),
    Test(Field, Test),
}

/// A test of a field's values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Test {
    Present,
    Compare(Comparison, Literal),
    /// True if any of these bits is set.
    Bits(Literal),
    Contains(Vec<u8>),
    In(Vec<SetMember>),
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

/// An operator behind a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Compare(Comparison),
    Contains,
    /// `&`: any of these bits is set.
    Bits,
    In,
}

impl Operator {
    /// Whether the operator is defined for values of this type.
    pub(super) const fn supports(self, value_type: ValueType) -> bool {
        match self {
            Self::Compare(Comparison::Equal | Comparison::NotEqual) | Self::In => true,
            Self::Compare(_) => value_type.is_ordered(),
            Self::Contains => value_type.is_searchable(),
            Self::Bits => matches!(value_type, ValueType::Unsigned(_)),
        }
    }
}

/// A member of a set: one value, or the range from the first to the second, both included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SetMember {
    pub(super) from: Literal,
    pub(super) to: Option<Literal>,
}

impl Expression {
    pub(super) fn matches(&self, row: &dyn Row) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.matches(row)),
            Self::Any(parts) => parts.iter().any(|part| part.matches(row)),
            Self::Not(part) => !part.matches(row),
            Self::Test(field, test) => test.matches(*field, row),
        }
    }
}

impl Test {
    /// Whether any of the row's values passes; for `!=`, whether there is one and all pass.
    fn matches(&self, field: Field, row: &dyn Row) -> bool {
        if matches!(self, Self::Present) {
            return row.has(field);
        }
        let (mut any, mut all) = (false, true);
        row.values(field, &mut |value| {
            let passes = self.accepts(value);
            any |= passes;
            all &= passes;
        });
        match self {
            Self::Compare(Comparison::NotEqual, _) => any && all,
            Self::Compare(..) | Self::Present | Self::Bits(_) | Self::Contains(_) | Self::In(_) => {
                any
            }
        }
    }

    fn accepts(&self, value: Value<'_>) -> bool {
        match self {
            Self::Present => true,
            Self::Compare(comparison, literal) => literal
                .compare(value)
                .is_some_and(|order| comparison.accepts(order)),
            Self::Bits(bits) => bits.shares_bits(value),
            Self::Contains(needle) => {
                matches!(value, Value::Bytes(bytes) if has_subslice(bytes, needle))
            }
            Self::In(members) => members.iter().any(|member| member.contains(value)),
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

impl SetMember {
    fn contains(&self, value: Value<'_>) -> bool {
        let Some(order) = self.from.compare(value) else {
            return false;
        };
        match &self.to {
            None => order.is_eq(),
            Some(to) => order.is_ge() && to.compare(value).is_some_and(Ordering::is_le),
        }
    }
}

fn has_subslice(bytes: &[u8], needle: &[u8]) -> bool {
    needle.is_empty() || bytes.windows(needle.len()).any(|window| window == needle)
}
