//! The left or right side of a comparison: a field's values, a part of their bytes, their lengths, or their number.

use super::{Field, Row, Value, ValueType};
use crate::dissect::Key;
use std::net::IpAddr;

/// A side of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Operand {
    pub(super) field: Field,
    pub(super) view: View,
}

/// What is taken of a field's values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// The values.
    Whole,
    /// These bytes of each value, joined: `tcp[13]`, `udp[0:2]`; see [`header`].
    Slice(Vec<Piece>),
    /// The length of each value in bytes: `len(udp.payload)`.
    Length,
    /// The number of values: `count(ip.addr)`.
    Count,
}

/// A piece of a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// The first byte; below 0 it counts from the end.
    start: isize,
    end: PieceEnd,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PieceEnd {
    Length(usize),
    /// The last byte, included; below 0 it counts from the end.
    Last(isize),
    Open,
}

impl Operand {
    /// The type of its values.
    pub(super) fn value_type(&self) -> ValueType {
        match self.view {
            View::Whole => self.field.value_type(),
            View::Slice(_) => ValueType::Bytes,
            View::Length | View::Count => ValueType::Unsigned(32),
        }
    }

    /// Calls `found` with each of its values in the row.
    pub(super) fn values(&self, row: &dyn Row, found: &mut dyn FnMut(Value<'_>)) {
        match &self.view {
            View::Whole => row.values(self.field, found),
            View::Slice(pieces) => row.values(self.field, &mut |value| {
                with_bytes(value, &mut |bytes| {
                    if let Some(slice) = cut(header(self.field, bytes), pieces) {
                        found(Value::Bytes(&slice));
                    }
                });
            }),
            View::Length => row.values(self.field, &mut |value| {
                with_bytes(value, &mut |bytes| {
                    found(Value::Unsigned(header(self.field, bytes).len() as u64))
                });
            }),
            View::Count => {
                let mut count = 0;
                row.values(self.field, &mut |_| count += 1);
                if count > 0 {
                    found(Value::Unsigned(count));
                }
            }
        }
    }

    /// Whether the row has any of its values.
    pub(super) fn is_present(&self, row: &dyn Row) -> bool {
        if self.view == View::Whole {
            return row.has(self.field);
        }
        let mut is_present = false;
        self.values(row, &mut |_| is_present = true);
        is_present
    }
}

/// Whether values of this type have bytes to be counted and cut.
pub(super) const fn has_bytes(value_type: ValueType) -> bool {
    !matches!(value_type, ValueType::Unsigned(_) | ValueType::Bool)
}

fn with_bytes(value: Value<'_>, read: &mut dyn FnMut(&[u8])) {
    match value {
        Value::Bytes(bytes) => read(bytes),
        Value::Ip(IpAddr::V4(address)) => read(&address.octets()),
        Value::Ip(IpAddr::V6(address)) => read(&address.octets()),
        Value::Unsigned(_) => {}
    }
}

/// What a slice counts from and `len` counts: of Ethernet, IP and UDP the header, as in Wireshark; of every other field
/// all bytes, so of TCP also the data.
fn header(field: Field, bytes: &[u8]) -> &[u8] {
    let length = match field {
        Field::Packet(Key::Eth) => 14,
        // The header's length in words of 32 bits (RFC 791 3.1).
        Field::Packet(Key::Ip) => bytes.first().map_or(0, |byte| usize::from(byte & 0xf) * 4),
        Field::Packet(Key::Ipv6Header) => 40,
        Field::Packet(Key::Udp) => 8,
        Field::Packet(_) | Field::Call(_) => bytes.len(),
    };
    bytes.get(..length).unwrap_or(bytes)
}

/// The pieces, joined; `None` if one of them does not lie in the bytes.
fn cut(bytes: &[u8], pieces: &[Piece]) -> Option<Vec<u8>> {
    let mut joined = Vec::new();
    for piece in pieces {
        let start = piece.position(piece.start, bytes.len())?;
        let end = match piece.end {
            PieceEnd::Length(length) => start.checked_add(length)?,
            PieceEnd::Last(last) => piece.position(last, bytes.len())?.checked_add(1)?,
            PieceEnd::Open => bytes.len(),
        };
        let part = bytes.get(start..end).filter(|part| !part.is_empty())?;
        joined.extend_from_slice(part);
    }
    Some(joined)
}

impl Piece {
    const fn position(self, from: isize, length: usize) -> Option<usize> {
        if from < 0 {
            length.checked_sub(from.unsigned_abs())
        } else {
            Some(from.unsigned_abs())
        }
    }

    /// Reads `5`, `5:2` (start and length), `5-6` (first and last), `:5` (the first five) or `5:` (from the sixth on).
    pub(super) fn from_text(text: &str) -> Option<Self> {
        if let Some((start, length)) = text.split_once(':') {
            let start = if start.is_empty() {
                0
            } else {
                start.parse().ok()?
            };
            let end = if length.is_empty() {
                PieceEnd::Open
            } else {
                PieceEnd::Length(length.parse().ok().filter(|length| *length > 0)?)
            };
            return Some(Self { start, end });
        }
        // The first character may be a sign.
        let dash = text.get(1..).and_then(|rest| rest.find('-'));
        let (start, end) = match dash {
            Some(dash) => (
                text.get(..=dash)?,
                PieceEnd::Last(text.get(dash + 2..)?.parse().ok()?),
            ),
            None => (text, PieceEnd::Length(1)),
        };
        let start = start.parse().ok()?;
        Some(Self { start, end })
    }
}
