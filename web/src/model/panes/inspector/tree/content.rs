//! The content of a line: a field's value and its raw bytes, and the summary of a layer.

use shared::dissect::{
    Analysis, Checksum, Field, Key, Layer, Link, Protocol, TcpFlags, Value, info,
};

use super::FieldContent;
use crate::model::text::format_call::{hex, quote_text};

/// Maximum bytes of a field in its line.
pub(super) const SHOWN: usize = 24;

impl FieldContent {
    pub(super) fn of(key: Key) -> Self {
        let (value, mask, raw, scaled, checksum) = (Value::Bool(true), 0, None, None, None);
        Self {
            key,
            value,
            mask,
            raw,
            scaled,
            checksum,
            bytes: String::new(),
        }
    }
}

pub(super) fn content(
    field: &Field,
    frame: &[u8],
    checksum: Option<Checksum>,
    analysis: Option<&Analysis>,
) -> FieldContent {
    let Field {
        key,
        value,
        mask,
        range,
        children,
    } = field;
    let unit = match [Key::IpHdrLen, Key::TcpHdrLen].contains(key) {
        true => Some(4),
        false => None,
    };
    let raw = match (value, unit, children.first()) {
        (Value::Unsigned(number), Some(unit), _) => Some(number / unit),
        (
            Value::Unsigned(number),
            None,
            Some(Field {
                value: Value::Unsigned(raw),
                ..
            }),
        ) if [Key::TcpSeq, Key::TcpAck].contains(key) && raw != number => Some(*raw),
        _ => None,
    };
    let bytes = frame
        .get(range.clone())
        .filter(|_| matches!(value, Value::Bytes(_)))
        .unwrap_or_default();
    let scaled = analysis
        .filter(|_| *key == Key::TcpWindowSizeValue)
        .map(|analysis| analysis.window.into());
    let states = [
        Key::IpChecksum,
        Key::UdpChecksum,
        Key::TcpChecksum,
        Key::IcmpChecksum,
        Key::Icmpv6Checksum,
    ];
    let verdicts = [
        Key::IpChecksumStatus,
        Key::UdpChecksumStatus,
        Key::TcpChecksumStatus,
        Key::IcmpChecksumStatus,
        Key::Icmpv6ChecksumStatus,
    ];
    FieldContent {
        key: *key,
        value: value.clone(),
        mask: *mask,
        raw,
        scaled,
        checksum: checksum.filter(|_| states.contains(key) || verdicts.contains(key)),
        bytes: shown(*key, bytes),
    }
}

/// Bytes as a line shows them; payload as text if it is UTF-8.
pub(super) fn shown(key: Key, bytes: &[u8]) -> String {
    let is_payload = [Key::DataData, Key::UdpPayload, Key::TcpPayload].contains(&key);
    match std::str::from_utf8(bytes) {
        Ok(text) if is_payload => quote_text(text, SHOWN * 2),
        Ok(_) | Err(_) => beginning(bytes),
    }
}

pub(super) fn beginning(bytes: &[u8]) -> String {
    let mut text = hex(bytes.get(..SHOWN).unwrap_or(bytes));
    if bytes.len() > SHOWN {
        text.push_str(" …");
    }
    text
}

/// The summary of a layer.
pub(super) fn brief(layer: &Layer, link: Link, frame: &[u8]) -> String {
    let find = |key: Key| {
        layer
            .fields
            .iter()
            .find(|field| field.key == key)
            .map(|field| &field.value)
    };
    let pair = |[from, to]: [Key; 2]| match find(from).zip(find(to)) {
        Some((from, to)) => [plain(from), " → ".to_owned(), plain(to)].concat(),
        None => String::new(),
    };
    match layer.protocol {
        Protocol::Ethernet => pair([Key::EthSrc, Key::EthDst]),
        Protocol::Ipv4 => pair([Key::IpSrc, Key::IpDst]),
        Protocol::Ipv6 => pair([Key::Ipv6Src, Key::Ipv6Dst]),
        Protocol::Udp => pair([Key::UdpSrcport, Key::UdpDstport]),
        Protocol::Tcp => {
            let flags = find(Key::TcpFlagBits).map_or(0, |value| {
                if let Value::Unsigned(bits) = value {
                    *bits
                } else {
                    0
                }
            });
            let names: Vec<&str> = TcpFlags(flags as u16).names().collect();
            [
                pair([Key::TcpSrcport, Key::TcpDstport]),
                " [".to_owned(),
                names.join(", "),
                "]".to_owned(),
            ]
            .concat()
        }
        Protocol::Icmp | Protocol::Icmpv6 if layer.quoted => String::new(),
        Protocol::Icmp | Protocol::Icmpv6 => info(link, frame, None),
        Protocol::Data => frame
            .get(layer.range.clone())
            .map(|bytes| shown(Key::DataData, bytes))
            .unwrap_or_default(),
    }
}

/// A value as text, the same in every language.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Unsigned(number) => number.to_string(),
        Value::Bool(bit) => u8::from(*bit).to_string(),
        Value::Ipv4(address) => address.to_string(),
        Value::Ipv6(address) => address.to_string(),
        Value::Mac(address) => hex(address).replace(' ', ":"),
        Value::Bytes(_) => String::new(),
    }
}
