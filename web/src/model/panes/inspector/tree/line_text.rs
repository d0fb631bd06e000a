//! The text of a tree's line: name, value, and the raw bytes if they differ.

use shared::{
    dissect::{Checksum, Fault, Key, Protocol, TcpFlags, Value},
    trace::Source,
};

use super::{
    FieldContent, LineContent, TreeLine,
    content::plain,
    numbers::{counts_bytes, hexadecimal, in_hex, name},
};
use crate::{
    i18n::Texts,
    model::{
        text::units::{bytes, count, duration},
        trace::log::Side,
    },
};

/// The text of a line.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct LineText {
    /// Its name.
    pub(crate) name: String,
    /// Its value.
    pub(crate) value: String,
    /// The raw value, if it differs.
    pub(crate) raw: String,
    /// The state of a checksum, or a fault.
    pub(crate) state: Option<&'static str>,
}

/// Writes the text of a line.
pub(crate) fn line_text(line: &TreeLine, texts: &Texts) -> LineText {
    let (name, value) = match &line.what {
        LineContent::Frame => (
            texts.get("tree.frame").to_owned(),
            bytes(line.range.len() as u64),
        ),
        LineContent::Inferred => (texts.get("tree.derived").to_owned(), String::new()),
        LineContent::Layer {
            protocol,
            quoted,
            fault,
            brief,
        } => return layer(*protocol, *quoted, *fault, brief, texts),
        LineContent::Field(content) => return field(line, content, texts),
        LineContent::Moment(ns) => (line.field.clone(), seconds(*ns)),
        LineContent::Pause(ns) => (line.field.clone(), duration(*ns)),
        LineContent::Facts(name, side) => {
            let side = texts.get(if *side == Side::Client {
                "row.client"
            } else {
                "row.server"
            });
            (
                texts.fill("tree.told", &[("call", name.as_str()), ("side", side)]),
                String::new(),
            )
        }
        LineContent::Fact(value) => return fact(&line.field, value),
        LineContent::Character(character, length) => {
            let code = format!("U+{:04X}", u32::from(*character));
            let text = texts.fill(
                "tree.character",
                &[("code", &code), ("length", &length.to_string())],
            );
            (String::from(*character), text)
        }
        LineContent::Plain(value) => (line.field.clone(), value.clone()),
    };
    LineText {
        name,
        value,
        ..LineText::default()
    }
}

/// The name of a value's source in the markup, and the key of its text.
pub(crate) const fn source(source: Source) -> (&'static str, &'static str) {
    match source {
        Source::Captured => ("captured", "source.captured"),
        Source::Kernel => ("kernel", "source.kernel"),
        Source::Computed => ("computed", "source.computed"),
        Source::Derived => ("derived", "source.derived"),
    }
}

fn layer(
    protocol: Protocol,
    quoted: bool,
    fault: Option<Fault>,
    brief: &str,
    texts: &Texts,
) -> LineText {
    let name = match quoted {
        true => texts.fill("tree.quoted", &[("protocol", protocol.name())]),
        false => protocol.name().to_owned(),
    };
    let raw = fault
        .map_or("", |fault| texts.get(fault_key(fault)))
        .to_owned();
    LineText {
        name,
        value: brief.to_owned(),
        raw,
        state: fault.map(|_| "fault"),
    }
}

/// The key of why a layer could not be dissected completely.
pub(crate) const fn fault_key(fault: Fault) -> &'static str {
    match fault {
        Fault::Truncated => "tree.fault_truncated",
        Fault::Length => "tree.fault_length",
        Fault::Option => "tree.fault_option",
    }
}

fn field(line: &TreeLine, content: &FieldContent, texts: &Texts) -> LineText {
    let (value, raw) = match &content.value {
        Value::Unsigned(number) => numbers(line, content, *number),
        Value::Bool(bit) if content.mask != 0 => (
            plain(&content.value),
            bits(line, content.mask, u64::from(*bit)),
        ),
        Value::Bool(_) => (texts.get("tree.yes").to_owned(), String::new()),
        Value::Bytes(_) => (content.bytes.clone(), bytes(line.range.len() as u64)),
        Value::Ipv4(_) | Value::Ipv6(_) | Value::Mac(_) => (plain(&content.value), String::new()),
    };
    let name = line.field.clone();
    match content.checksum {
        Some(checksum) => {
            let (state, words) = verdict(checksum, texts);
            LineText {
                name,
                value,
                raw: words,
                state: Some(state),
            }
        }
        None => LineText {
            name,
            value,
            raw,
            state: None,
        },
    }
}

/// A number with its unit or name, and its raw value.
fn numbers(line: &TreeLine, content: &FieldContent, number: u64) -> (String, String) {
    let FieldContent {
        key,
        mask,
        raw,
        scaled,
        ..
    } = content;
    let key = *key;
    let value = match scaled.filter(|scaled| *scaled != number) {
        Some(scaled) => [count(number), " → ".to_owned(), bytes(scaled)].concat(),
        None if counts_bytes(key) => bytes(number),
        None if in_hex(key) => hexadecimal(key, number),
        None => count(number),
    };
    let value = match name(key, number) {
        Some(name) => [&value, " (", name, ")"].concat(),
        None if key == Key::TcpFlagBits => {
            let names: Vec<&str> = TcpFlags((number & 0xfff) as u16).names().collect();
            [&value, " (", &names.join(", "), ")"].concat()
        }
        None => value,
    };
    let raw = match raw {
        Some(raw) if counts_bytes(key) => [&raw.to_string(), " × 4"].concat(),
        Some(raw) => raw.to_string(),
        None if *mask != 0 => bits(line, *mask, number),
        None => String::new(),
    };
    (value, raw)
}

/// The bits of a field among those of its bytes: `.... ..1.`
fn bits(line: &TreeLine, mask: u32, number: u64) -> String {
    let places = line.range.len() * 8;
    let value = number << mask.trailing_zeros();
    let mut text = String::with_capacity(places + places / 4);
    for place in (0..places).rev() {
        text.push(match (mask >> place & 1, value >> place & 1) {
            (0, _) => '.',
            (_, 0) => '0',
            (_, _) => '1',
        });
        if place > 0 && place % 4 == 0 {
            text.push(' ');
        }
    }
    text
}

/// The state of a checksum, and its text.
pub(crate) fn verdict(checksum: Checksum, texts: &Texts) -> (&'static str, String) {
    let (state, key, expected) = match checksum {
        Checksum::Correct => ("correct", "tree.checksum_correct", 0),
        Checksum::Wrong { expected } => ("wrong", "tree.checksum_wrong", expected),
        Checksum::Unfinished { expected } => ("unfinished", "tree.checksum_unfinished", expected),
        Checksum::Absent => ("absent", "tree.checksum_absent", 0),
        Checksum::NotVerifiable => ("unverified", "tree.checksum_unverified", 0),
    };
    (
        state,
        texts.fill(key, &[("expected", &format!("0x{expected:04x}"))]),
    )
}

/// A fact's value, in the unit that its name implies.
fn fact(name: &str, told: &str) -> LineText {
    let number = told.parse::<u64>().ok();
    let (value, raw) = match number {
        Some(number) if name.ends_with("_us") => {
            (duration(number.saturating_mul(1_000)), told.to_owned())
        }
        Some(number) if SIZES.contains(&name) => (bytes(number), String::new()),
        Some(number) => (count(number), String::new()),
        None => (told.to_owned(), String::new()),
    };
    LineText {
        name: name.to_owned(),
        value,
        raw,
        state: None,
    }
}

/// Facts that count bytes.
const SIZES: [&str; 3] = ["tcp_info.snd_mss", "tcp_info.pmtu", "tcp_info.rcv_space"];

/// Seconds with all nine digits, in groups.
pub(crate) fn seconds(ns: u64) -> String {
    let (ms, us) = (ns / 1_000_000 % 1_000, ns / 1_000 % 1_000);
    format!(
        "{}.{ms:03}\u{202f}{us:03}\u{202f}{:03}\u{202f}s",
        ns / 1_000_000_000,
        ns % 1_000
    )
}
