//! Values as they are typed in a filter, read as the field's type demands.

use super::lexer::{digit, unescape};
use super::{Field, Reason, Type, Value};
use std::cmp::Ordering;
use std::net::IpAddr;
use std::str::FromStr;

/// A value to compare with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Literal {
    Unsigned(u64),
    /// An address, or with a shorter mask a whole network.
    Network {
        first: u128,
        mask: u128,
    },
    Bytes(Vec<u8>),
}

impl Literal {
    /// How the value compares with this; `None` if it is of another type. All addresses of a network are equal to it.
    pub(super) fn compare(&self, value: Value<'_>) -> Option<Ordering> {
        match self {
            Self::Unsigned(own) => {
                if let Value::Unsigned(value) = value {
                    Some(value.cmp(own))
                } else {
                    None
                }
            }
            Self::Network { first, mask } => {
                if let Value::Ip(value) = value {
                    Some((bits(value) & mask).cmp(first))
                } else {
                    None
                }
            }
            Self::Bytes(own) => {
                if let Value::Bytes(value) = value {
                    Some(value.cmp(own))
                } else {
                    None
                }
            }
        }
    }

    /// Whether any bit is set in both.
    pub(super) const fn shares(&self, value: Value<'_>) -> bool {
        matches!((self, value), (Self::Unsigned(own), Value::Unsigned(value)) if *own & value != 0)
    }

    /// Whether a range from this to the other would end before it begins.
    pub(super) fn is_above(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unsigned(own), Self::Unsigned(other)) => own > other,
            (Self::Network { first: own, .. }, Self::Network { first: other, .. }) => own > other,
            (Self::Bytes(own), Self::Bytes(other)) => own > other,
            (Self::Unsigned(_) | Self::Network { .. } | Self::Bytes(_), _) => false,
        }
    }

    /// Reads a word for this field.
    pub(super) fn of_word(word: &str, field: Field) -> Result<Self, Reason> {
        let read = match field.type_of() {
            Type::Unsigned(bits) => return number(word, bits, field).map(Self::Unsigned),
            Type::Bool => truth(word).map(|truth| Self::Unsigned(truth.into())),
            Type::Ipv4 => network(word, 32),
            Type::Ipv6 => network(word, 128),
            Type::Mac => hex(word).filter(|bytes| bytes.len() == 6).map(Self::Bytes),
            Type::Bytes | Type::Protocol => hex(word).map(Self::Bytes),
            Type::Text => None,
        };
        read.ok_or(Reason::WrongValue { field })
    }

    /// Reads a text in quotes for this field.
    pub(super) fn of_quoted(quoted: &str, field: Field) -> Result<Self, Reason> {
        match field.type_of() {
            Type::Text | Type::Bytes | Type::Protocol => {
                unescape(quoted).map(Self::Bytes).ok_or(Reason::BadEscape)
            }
            Type::Unsigned(_) | Type::Bool | Type::Ipv4 | Type::Ipv6 | Type::Mac => {
                Self::of_word(quoted, field)
            }
        }
    }
}

/// What `contains` looks for: a text in quotes or, in bytes, hexadecimal digits.
pub(super) fn needle(word: &str, field: Field) -> Result<Vec<u8>, Reason> {
    let bytes = if field.type_of() == Type::Text {
        None
    } else {
        hex(word)
    };
    bytes.ok_or(Reason::WrongValue { field })
}

/// Decimal, or as in C: `0x` hexadecimal, `0b` binary, `0` octal.
fn number(word: &str, bits: u8, field: Field) -> Result<u64, Reason> {
    let (digits, base) = match word.as_bytes() {
        [b'0', b'x' | b'X', digits @ ..] => (digits, 16),
        [b'0', b'b' | b'B', digits @ ..] => (digits, 2),
        [b'0', digits @ ..] if !digits.is_empty() => (digits, 8),
        digits => (digits, 10),
    };
    if digits.is_empty() || digits.iter().any(|byte| digit(*byte, base).is_none()) {
        return Err(Reason::WrongValue { field });
    }
    let most = u64::MAX >> (64 - bits.clamp(1, 64));
    let append = |number: u64, byte: &u8| {
        let number = number.checked_mul(base.into())?;
        number
            .checked_add(digit(*byte, base)?.into())
            .filter(|number| *number <= most)
    };
    digits
        .iter()
        .try_fold(0, append)
        .ok_or(Reason::TooLarge { field, most })
}

fn truth(word: &str) -> Option<bool> {
    match word {
        "1" => Some(true),
        "0" => Some(false),
        _ if word.eq_ignore_ascii_case("true") => Some(true),
        _ if word.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// An address of this many bits, or a network: an address and how many of its bits count (RFC 4632 3.1).
fn network(word: &str, bits: u8) -> Option<Literal> {
    let slash = word.bytes().position(|byte| byte == b'/');
    let (address, length) = word.split_at_checked(slash.unwrap_or(word.len()))?;
    let length = match length.as_bytes() {
        [] => bits,
        [_, digits @ ..] => digits_below(digits, bits)?,
    };
    let address = IpAddr::from_str(address)
        .ok()
        .filter(|address| address.is_ipv4() == (bits == 32))?;
    let mask = u128::MAX.checked_shl((bits - length).into()).unwrap_or(0);
    Some(Literal::Network {
        first: self::bits(address) & mask,
        mask,
    })
}

/// A decimal number of up to three digits, at most `most`.
fn digits_below(digits: &[u8], most: u8) -> Option<u8> {
    let append = |number: u8, byte: &u8| number.checked_mul(10)?.checked_add(digit(*byte, 10)?);
    let number = if digits.is_empty() {
        None
    } else {
        digits.iter().try_fold(0, append)
    };
    number.filter(|number| *number <= most)
}

/// An address as a number. Fields hold addresses of one family only, so the families need not be kept apart.
const fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits() as u128,
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// Pairs of digits, with `:`, `-` or `.` between all of them or none: `48:45`, `4845`.
fn hex(word: &str) -> Option<Vec<u8>> {
    let word = word.as_bytes();
    let separator = word
        .get(2)
        .filter(|byte| matches!(byte, b':' | b'-' | b'.'));
    let step = if separator.is_some() { 3 } else { 2 };
    let mut bytes = Vec::new();
    for pair in word.chunks(step) {
        let [high, low, rest @ ..] = pair else {
            return None;
        };
        bytes.push(digit(*high, 16)? << 4 | digit(*low, 16)?);
        let last = bytes.len() * step > word.len();
        if rest.first() != separator.filter(|_| !last) {
            return None;
        }
    }
    Some(bytes)
}
