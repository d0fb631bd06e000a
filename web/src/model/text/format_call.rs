//! Calls and their results as programs write them.

use shared::{
    call::Transport,
    data::Data,
    outcome::{Outcome, Returned},
    trace::{Arguments, CallName},
};

use crate::{
    i18n::Texts,
    model::{
        core::time::{Millis, TICK},
        text::{
            units::{bytes, elapsed},
            visible,
        },
        trace::log::Call,
    },
};

/// How much of a text is shown where there is little room.
pub(crate) const SHORT: usize = 28;
/// How much of it where there is more.
pub(crate) const LONG: usize = 400;

/// `sendto("hello", 127.0.0.1:12000)`
pub(crate) fn call(call: &Call, most: usize) -> String {
    let name = call.name.as_str();
    match &call.arguments {
        Some(arguments) => format!(
            "{name}({})",
            arguments_of(call.name, call.transport, arguments, most)
        ),
        None => format!("{name}(…)"),
    }
}

/// `sendto("hello")`: what fits beside a lane.
pub(crate) fn brief(call: &Call, most: usize) -> String {
    let name = call.name.as_str();
    let Some(arguments) = &call.arguments else {
        return format!("{name}(…)");
    };
    let data = arguments.data.as_ref().map(|data| quote(data, most));
    let number = || number_of(call.name, arguments);
    let word = || (call.name == CallName::GetAddrInfo).then(|| word_of(call.name, arguments))?;
    let shown = data.or_else(number).or_else(word);
    format!("{name}({})", shown.unwrap_or_default())
}

fn number_of(name: CallName, arguments: &Arguments) -> Option<String> {
    let number = arguments.number?.to_string();
    Some(if name == CallName::Sleep {
        number + "\u{202f}ms"
    } else {
        number
    })
}

fn word_of(name: CallName, arguments: &Arguments) -> Option<String> {
    let word = arguments.word.as_deref()?;
    Some(if name == CallName::Count {
        format!("'{word}'")
    } else if name == CallName::GetAddrInfo {
        quote_text(word, LONG)
    } else {
        word.to_owned()
    })
}

/// What a call's bar and arrow do not show already: what it brought, or that it failed.
pub(crate) fn brief_result(call: &Call, texts: &Texts, most: usize) -> String {
    match call.end.as_ref().map(|end| &end.outcome) {
        Some(Outcome::Returned(Returned::Nothing | Returned::Sent { .. })) => String::new(),
        Some(Outcome::Returned(Returned::Accepted { fd, .. })) => format!("fd {fd}"),
        None if !call.gone => String::new(),
        Some(_) | None => result(call, texts, most),
    }
}

pub(crate) fn arguments_of(
    name: CallName,
    transport: Transport,
    arguments: &Arguments,
    most: usize,
) -> String {
    if name == CallName::Socket {
        return match transport {
            Transport::Udp => "SOCK_DGRAM".to_owned(),
            Transport::Tcp => "SOCK_STREAM".to_owned(),
        };
    }
    let data = arguments.data.as_ref().map(|data| quote(data, most));
    let address = arguments.address.map(|address| address.to_string());
    let (word, number) = (word_of(name, arguments), number_of(name, arguments));
    let parts: Vec<String> = [data, word, number, address]
        .into_iter()
        .flatten()
        .collect();
    parts.join(", ")
}

/// What came of a call; nothing while it runs.
pub(crate) fn result(call: &Call, texts: &Texts, most: usize) -> String {
    let Some(end) = &call.end else {
        let key = if call.gone { "row.gone" } else { "row.blocked" };
        return texts.get(key).to_owned();
    };
    match &end.outcome {
        Outcome::Failed(failed) => failed.errno.clone(),
        Outcome::Returned(returned) => value(returned, texts, most),
    }
}

pub(crate) fn value(returned: &Returned, texts: &Texts, most: usize) -> String {
    match returned {
        Returned::Nothing => texts.get("row.done").to_owned(),
        Returned::Socket { fd } => format!("fd {fd}"),
        Returned::Accepted { fd, from } => format!("fd {fd}, {from}"),
        Returned::Sent { sent } => bytes(*sent),
        Returned::Chunk { data } => quote(data, most),
        Returned::Datagram {
            data,
            truncated: false,
            ..
        } => quote(data, most),
        Returned::Datagram { data, length, .. } => {
            let cut = bytes(length.saturating_sub(data.len() as u64));
            format!(
                "{} {}",
                quote(data, most),
                texts.fill("row.cut", &[("bytes", &cut)])
            )
        }
        Returned::EndOfStream => texts.get("row.end_of_stream").to_owned(),
        Returned::Address { address } => address.to_string(),
        Returned::Resolved { addresses } => {
            let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
            addresses.join(", ")
        }
        Returned::Saved { link, .. } => link.clone(),
    }
}

/// How long a call that has not returned takes already, where somebody waits for it.
pub(crate) fn blocked_for(call: &Call, waiting: Option<Millis>) -> String {
    let waited = waiting.map(|now| now.saturating_sub(call.since) / TICK * TICK);
    waited.map(elapsed).unwrap_or_default()
}

/// Text in quotes, other bytes in hex; what is left out is counted where there is room for it.
pub(crate) fn quote(data: &Data, most: usize) -> String {
    match data.as_text() {
        Some(text) => quote_text(text, most),
        None => {
            let shown = (most / 3).max(1).min(data.len());
            let mut quoted = format!("0x {}", hex(&data.0[..shown]));
            if shown < data.len() {
                left_out(&mut quoted, data.len() - shown);
            }
            quoted
        }
    }
}

/// `"hello"`, with the escapes programs use.
pub(crate) fn quote_text(text: &str, most: usize) -> String {
    let mut quoted = String::from('"');
    let end = text
        .char_indices()
        .nth(most)
        .map_or(text.len(), |(at, _)| at);
    for character in text.chars().take(most) {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            unseen if visible::is_unseen(unseen) => quoted.push_str(&visible::escape(unseen)),
            other => quoted.push(other),
        }
    }
    if end < text.len() && most < SHORT {
        quoted.push('…');
    }
    quoted.push('"');
    let mut quoted = visible::isolated(quoted);
    if end < text.len() && most >= SHORT {
        left_out(&mut quoted, text.len() - end);
    }
    quoted
}

fn left_out(quoted: &mut String, number: usize) {
    quoted.push_str("… +");
    quoted.push_str(&bytes(number as u64));
}

/// `ff 00 7f`
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 3);
    for byte in bytes {
        if !text.is_empty() {
            text.push(' ');
        }
        for digit in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(digit.into(), 16));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_quoted_as_programs_write_it() {
        assert_eq!(
            quote(&"say \"hi\"\n\u{1}".into(), 40),
            r#""say \"hi\"\n\x01""#
        );
        assert_eq!(quote(&"".into(), 40), r#""""#);
        assert_eq!(quote(&"世界你好".into(), 2), "\"世界…\"");
        let long = "a".repeat(40);
        assert_eq!(
            quote(&long.as_str().into(), SHORT),
            format!("\"{}\"… +12\u{202f}B", "a".repeat(SHORT))
        );
    }

    #[test]
    fn nothing_in_a_text_hides_or_turns_the_call_around() {
        let table = [
            ("a\u{202e}gnp.exe", r#""a\u202egnp.exe""#),
            ("x\u{200b}y\u{feff}\0", r#""x\u200by\ufeff\x00""#),
            ("👩\u{200d}👧", "\"👩\\u200d👧\""),
            ("\u{85}", r#""\x85""#),
            ("שלום", "\u{2066}\"שלום\"\u{2069}"),
        ];
        for (text, shown) in table {
            assert_eq!(quote(&text.into(), SHORT), shown, "{text:?}");
        }
        let long = "ש".repeat(40);
        let shown = quote(&long.as_str().into(), SHORT);
        assert!(
            shown.contains("\"\u{2069}… +"),
            "what is left out is no part of it: {shown}"
        );
    }

    #[test]
    fn names_and_pauses_read_as_they_are_meant() {
        let arguments = |word: Option<&str>, number| Arguments {
            word: word.map(str::to_owned),
            number,
            ..Arguments::default()
        };
        let shown = |name, arguments| arguments_of(name, Transport::Udp, &arguments, SHORT);
        assert_eq!(
            shown(CallName::GetAddrInfo, arguments(Some("localhost"), None)),
            "\"localhost\""
        );
        assert_eq!(
            shown(CallName::Sleep, arguments(None, Some(300))),
            "300\u{202f}ms"
        );
        assert_eq!(shown(CallName::Count, arguments(Some("s"), None)), "'s'");
    }

    #[test]
    fn other_bytes_are_hex() {
        assert_eq!(quote(&b"\xff\x00\x7f"[..].into(), 40), "0x ff 00 7f");
        assert_eq!(quote(&b"\xff\x00\x7f"[..].into(), 3), "0x ff… +2\u{202f}B");
    }
}
