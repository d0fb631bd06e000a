//! The values in a filter, parsed as the field's type demands.

use super::operand::{Operand, View};
use super::{Field, Reason, Value, ValueType};
use std::cmp::Ordering;
use std::net::IpAddr;
use std::str::{Bytes, FromStr};

/// A value to compare with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Literal {
    Unsigned(u64),
    /// An address, or a network if the mask has fewer bits.
    Network {
        first: u128,
        mask: u128,
    },
    Bytes(Vec<u8>),
}

impl Literal {
    /// The order of the value relative to this literal; `None` if it is of another type. All addresses of a network
    /// are equal to the network.
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

    /// Whether any bit is set in both numbers.
    pub(super) fn shares_bits(&self, value: Value<'_>) -> bool {
        match (self, value) {
            (Self::Unsigned(own), Value::Unsigned(value)) => own & value != 0,
            (Self::Bytes(own), Value::Bytes(value)) => {
                own.iter().zip(value).any(|(own, value)| own & value != 0)
            }
            (Self::Unsigned(_) | Self::Network { .. } | Self::Bytes(_), _) => false,
        }
    }

    /// Whether a range from this literal to the other is empty.
    pub(super) fn is_above(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unsigned(own), Self::Unsigned(other)) => own > other,
            (Self::Network { first: own, .. }, Self::Network { first: other, .. }) => own > other,
            (Self::Bytes(own), Self::Bytes(other)) => own > other,
            (Self::Unsigned(_) | Self::Network { .. } | Self::Bytes(_), _) => false,
        }
    }

    /// Parses a word for this operand.
    pub(super) fn from_word(word: &str, operand: &Operand) -> Result<Self, Reason> {
        let field = operand.field;
        if let Some(value) = status(word, operand) {
            return Ok(Self::Unsigned(value));
        }
        let read = match operand.value_type() {
            ValueType::Unsigned(bits) => return number(word, bits, field).map(Self::Unsigned),
            ValueType::Bool => boolean(word).map(|value| Self::Unsigned(value.into())),
            ValueType::Ipv4 => network(word, 32),
            ValueType::Ipv6 => network(word, 128),
            ValueType::Mac => hex(word).filter(|bytes| bytes.len() == 6).map(Self::Bytes),
            ValueType::Bytes | ValueType::Protocol => {
                hex(word).or_else(|| one_byte(word)).map(Self::Bytes)
            }
            ValueType::Text => None,
        };
        read.ok_or(Reason::WrongValue { field })
    }

    /// Parses a quoted text for this operand.
    pub(super) fn from_quoted(quoted: &str, operand: &Operand) -> Result<Self, Reason> {
        match operand.value_type() {
            ValueType::Text | ValueType::Bytes | ValueType::Protocol => {
                unescape(quoted).map(Self::Bytes).ok_or(Reason::BadEscape)
            }
            ValueType::Unsigned(_)
            | ValueType::Bool
            | ValueType::Ipv4
            | ValueType::Ipv6
            | ValueType::Mac => Self::from_word(quoted, operand),
        }
    }
}

/// The bytes that `contains` searches for, from a word of hexadecimal digits.
pub(super) fn needle(word: &str, operand: &Operand) -> Result<Vec<u8>, Reason> {
    let field = operand.field;
    let bytes = if operand.value_type() == ValueType::Text {
        None
    } else {
        hex(word)
    };
    bytes.ok_or(Reason::WrongValue { field })
}

/// A number: decimal, or as in C `0x` hexadecimal, `0b` binary, `0` octal.
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

fn boolean(word: &str) -> Option<bool> {
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

/// An address as a number. A field has addresses of one family only, so the numbers of both families never meet.
const fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits() as u128,
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The number of a named state of a checksum, as protocol analysers name them.
fn status(word: &str, operand: &Operand) -> Option<u64> {
    const STATES: [(&str, u64); 4] = [
        ("bad", 0),
        ("good", 1),
        ("unverified", 2),
        ("not present", 3),
    ];
    let is_status =
        operand.view == View::Whole && operand.field.name().ends_with(".checksum.status");
    let state = STATES
        .iter()
        .find(|(name, _)| word.eq_ignore_ascii_case(name));
    state.filter(|_| is_status).map(|(_, number)| *number)
}

/// One byte from one or two hexadecimal digits: `2`, `0x02`.
fn one_byte(word: &str) -> Option<Vec<u8>> {
    let digits = word.strip_prefix("0x").unwrap_or(word).as_bytes();
    match digits {
        [low] => Some(vec![digit(*low, 16)?]),
        [high, low] => Some(vec![digit(*high, 16)? << 4 | digit(*low, 16)?]),
        _ => None,
    }
}

/// Bytes from pairs of digits, with `:`, `-` or `.` between all pairs or none: `48:45`, `4845`.
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

/// The bytes of a quoted text, with escapes as in C: `\"`, `\'`, `\\`, `\n`, `\r`, `\t`, `\0` and `\x` with two
/// hexadecimal digits. `None` if anything else follows a backslash.
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

/// The value of a digit in this base.
fn digit(digit: u8, base: u32) -> Option<u8> {
    char::from(digit)
        .to_digit(base)
        .and_then(|value| u8::try_from(value).ok())
}
