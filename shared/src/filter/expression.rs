//! A parsed filter as an expression tree, and its evaluation for a row.

use super::literal::Literal;
use super::operand::Operand;
use super::{Row, Value, ValueType};
use std::cmp::Ordering;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expression {
    /// True if every part is; true without parts.
    All(Vec<Self>),
    /// True if at least one part is.
    Any(Vec<Self>),
    Not(Box<Self>),
    Test(Condition),
}

/// A test of an operand's values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) operand: Operand,
    /// For how many values it must hold; `None` is all for `!=`, any for every other test.
    pub(super) quantifier: Option<Quantifier>,
    pub(super) test: Test,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quantifier {
    Any,
    All,
}

/// A test of a field's values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Test {
    Present,
    Compare(Comparison, Literal),
    /// With each value of another operand.
    CompareOperand(Comparison, Operand),
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
            Self::Bits => matches!(value_type, ValueType::Unsigned(_) | ValueType::Bytes),
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
            Self::Test(condition) => condition.matches(row),
        }
    }
}

impl Condition {
    fn matches(&self, row: &dyn Row) -> bool {
        if self.test == Test::Present {
            return self.operand.is_present(row);
        }
        let (mut any, mut all) = (false, true);
        self.operand.values(row, &mut |value| {
            self.test.judge(value, row, &mut |passes| {
                any |= passes;
                all &= passes;
            });
        });
        match self.quantifier.unwrap_or(self.test.quantifier()) {
            Quantifier::Any => any,
            Quantifier::All => any && all,
        }
    }
}

impl Test {
    const fn quantifier(&self) -> Quantifier {
        match self {
            Self::Compare(Comparison::NotEqual, _)
            | Self::CompareOperand(Comparison::NotEqual, _) => Quantifier::All,
            Self::Compare(..)
            | Self::CompareOperand(..)
            | Self::Present
            | Self::Bits(_)
            | Self::Contains(_)
            | Self::In(_) => Quantifier::Any,
        }
    }

    /// Calls `passes` with the verdict on the value; for another operand, on each pair.
    fn judge(&self, value: Value<'_>, row: &dyn Row, passes: &mut dyn FnMut(bool)) {
        match self {
            Self::Present => passes(true),
            Self::Compare(comparison, literal) => passes(
                literal
                    .compare(value)
                    .is_some_and(|order| comparison.accepts(order)),
            ),
            Self::CompareOperand(comparison, other) => other.values(row, &mut |other| {
                passes(order(value, other).is_some_and(|order| comparison.accepts(order)));
            }),
            Self::Bits(bits) => passes(bits.shares_bits(value)),
            Self::Contains(needle) => {
                passes(matches!(value, Value::Bytes(bytes) if has_subslice(bytes, needle)))
            }
            Self::In(members) => passes(members.iter().any(|member| member.contains(value))),
        }
    }
}

/// The order of two values of one type.
fn order(value: Value<'_>, other: Value<'_>) -> Option<Ordering> {
    match (value, other) {
        (Value::Unsigned(value), Value::Unsigned(other)) => Some(value.cmp(&other)),
        (Value::Ip(value), Value::Ip(other)) => Some(value.cmp(&other)),
        (Value::Bytes(value), Value::Bytes(other)) => Some(value.cmp(other)),
        (Value::Unsigned(_) | Value::Ip(_) | Value::Bytes(_), _) => None,
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
