//! TCP (RFC 9293) and the options that every stack uses.

use super::bytes::{clip, u8_at};
use super::outline::Ip;
use super::walk::{Header, Walk};
use super::{Fault, Key, Protocol, Value, checksum, layout};
use std::ops::Range;

/// The header without options.
pub(super) const HEADER: usize = 20;

/// A segment that is the payload of `ip`.
pub(super) fn walk(walk: &mut Walk<'_, '_>, ip: &Ip) {
    let at = ip.header_end;
    let mut header = walk.header(Protocol::Tcp, at);
    if header.verifies() {
        header.checksum = Some(checksum::transport(header.frame, ip));
    }
    header.fixed(layout::TCP);
    let end = header_end(header.frame, ip);
    if end.is_none() {
        header.fault.get_or_insert(Fault::Length);
    }
    let end = end.unwrap_or(at + HEADER);
    if end > at + HEADER {
        options(&mut header, at + HEADER..end);
    }
    let payload = clip(header.frame, end..ip.end);
    header.computed(
        Key::TcpLen,
        Value::Unsigned(ip.wire_end.saturating_sub(end) as u64),
    );
    if !payload.is_empty() {
        header.bytes(Key::TcpPayload, payload.clone());
    }
    header.leave(end);
    walk.data(payload);
}

/// Where the header ends by its data offset; `None` where that is shorter than a header (RFC 9293 3.1).
pub(super) fn header_end(frame: &[u8], ip: &Ip) -> Option<usize> {
    let length = usize::from(u8_at(frame, ip.header_end + 12)? >> 4) * 4;
    (length >= HEADER).then_some(ip.header_end + length)
}

/// One option: its kind and all of its bytes (RFC 9293 3.2).
#[derive(Clone, Debug)]
pub(super) struct TcpOption {
    pub(super) kind: u8,
    pub(super) range: Range<usize>,
}

/// The kinds known here (IANA, TCP Option Kind Numbers).
pub(super) const END_OF_LIST: u8 = 0;
pub(super) const NO_OPERATION: u8 = 1;
pub(super) const MAXIMUM_SEGMENT_SIZE: u8 = 2;
pub(super) const WINDOW_SCALE: u8 = 3;
pub(super) const SACK_PERMITTED: u8 = 4;
pub(super) const SACK: u8 = 5;
pub(super) const TIMESTAMPS: u8 = 8;

/// The options in `left`, up to the end of the list or the first that does not fit.
pub(super) struct Options<'a> {
    pub(super) frame: &'a [u8],
    pub(super) left: Range<usize>,
}

impl<'a> Options<'a> {
    /// Those of the segment that is the payload of `ip`.
    pub(super) fn of(frame: &'a [u8], ip: &Ip) -> Self {
        let end = header_end(frame, ip).unwrap_or(0).min(ip.end);
        Self {
            frame,
            left: clip(frame, ip.header_end + HEADER..end),
        }
    }
}

impl Iterator for Options<'_> {
    type Item = TcpOption;

    fn next(&mut self) -> Option<TcpOption> {
        let start = self.left.start;
        if self.left.is_empty() {
            return None;
        }
        let kind = u8_at(self.frame, start)?;
        let length = match kind {
            END_OF_LIST => self.left.len(),
            NO_OPERATION => 1,
            _ => usize::from(u8_at(self.frame, start + 1)?),
        };
        if length > self.left.len() || (length < 2 && kind > NO_OPERATION) {
            return None;
        }
        self.left.start = start + length;
        Some(TcpOption {
            kind,
            range: start..start + length,
        })
    }
}

fn options(header: &mut Header<'_, '_>, range: Range<usize>) {
    let range = clip(header.frame, range);
    header.open(Key::TcpOptions, range.clone());
    let mut options = Options {
        frame: header.frame,
        left: range,
    };
    for option in options.by_ref() {
        header.open(key(option.kind), option.range.clone());
        parts(header, &option);
        header.close();
    }
    if !options.left.is_empty() {
        header.fault.get_or_insert(Fault::Option);
    }
    header.close();
}

const fn key(kind: u8) -> Key {
    match kind {
        END_OF_LIST => Key::TcpOptionsEol,
        NO_OPERATION => Key::TcpOptionsNop,
        MAXIMUM_SEGMENT_SIZE => Key::TcpOptionsMss,
        WINDOW_SCALE => Key::TcpOptionsWscale,
        SACK_PERMITTED => Key::TcpOptionsSackPerm,
        SACK => Key::TcpOptionsSack,
        TIMESTAMPS => Key::TcpOptionsTimestamp,
        _ => Key::TcpOptionsUnknown,
    }
}

fn parts(header: &mut Header<'_, '_>, option: &TcpOption) {
    let at = option.range.start;
    header.number(Key::TcpOptionKind, at..at + 1);
    if option.kind <= NO_OPERATION {
        return;
    }
    header.number(Key::TcpOptionLen, at + 1..at + 2);
    match (option.kind, option.range.len()) {
        (MAXIMUM_SEGMENT_SIZE, 4) => header.number(Key::TcpOptionsMssVal, at + 2..at + 4),
        (WINDOW_SCALE, 3) => window_scale(header, at),
        (SACK, _) => sack(header, &option.range),
        (TIMESTAMPS, 10) => {
            header.number(Key::TcpOptionsTimestampTsval, at + 2..at + 6);
            header.number(Key::TcpOptionsTimestampTsecr, at + 6..at + 10);
        }
        _ => {}
    }
}

/// RFC 7323 2.2.
fn window_scale(header: &mut Header<'_, '_>, at: usize) {
    header.number(Key::TcpOptionsWscaleShift, at + 2..at + 3);
    let shift = u8_at(header.frame, at + 2).unwrap_or(0);
    header.computed(
        Key::TcpOptionsWscaleMultiplier,
        Value::Unsigned(1 << shift.min(MOST_SHIFT)),
    );
}

/// A larger shift counts as this one (RFC 7323 2.3).
pub(super) const MOST_SHIFT: u8 = 14;

/// The blocks that arrived beyond a gap (RFC 2018 3).
fn sack(header: &mut Header<'_, '_>, option: &Range<usize>) {
    let blocks = option.len().saturating_sub(2) / 8;
    header.computed(Key::TcpOptionsSackCount, Value::Unsigned(blocks as u64));
    for block in 0..blocks {
        let at = option.start + 2 + block * 8;
        header.number(Key::TcpOptionsSackLe, at..at + 4);
        header.number(Key::TcpOptionsSackRe, at + 4..at + 8);
    }
}
