//! The program in Python 3, as section 2.7 writes them.

use std::net::SocketAddr;

use shared::{call::Transport, trace::CallName};

use super::{RecordedStep, StepOutcome, bytes_literal, hex_escape, quoted, seconds};
use crate::i18n::Texts;

pub(super) fn write(steps: &[RecordedStep<'_>], texts: &Texts) -> String {
    let mut text = String::from("#!/usr/bin/env python3\nfrom socket import *\n");
    if steps.iter().any(|step| step.word == "SO_LINGER") {
        text.push_str("from struct import pack\n");
    }
    text.push('\n');
    for step in steps {
        write_step(&mut text, step, texts);
    }
    text
}

fn write_step(text: &mut String, step: &RecordedStep<'_>, texts: &Texts) {
    let call = call(step);
    let remark = step.remark(texts);
    let lines: Vec<String> = match (&step.fate, result(step)) {
        (StepOutcome::Failed(_), result) => {
            let indented = |line: String| format!("    {line}");
            let mut lines = vec!["try:".to_owned()];
            let first = commented(with(result.as_ref(), &call), remark.as_deref());
            lines.push(indented(first));
            lines.extend(result.map(|(_, print)| indented(print)));
            lines.push("except OSError as error:".to_owned());
            lines.push(format!("    print('{}:', error)", step.name.as_str()));
            lines
        }
        (StepOutcome::Returned(_), result) => {
            let first = commented(with(result.as_ref(), &call), remark.as_deref());
            std::iter::once(first)
                .chain(result.map(|(_, print)| print))
                .collect()
        }
        (StepOutcome::Blocked | StepOutcome::Refused(_) | StepOutcome::Unwritable(_), _) => {
            vec![format!("# {}", commented(call, remark.as_deref()))]
        }
    };
    for line in lines {
        text.push_str(&line);
        text.push('\n');
    }
}

fn with(result: Option<&(&str, String)>, call: &str) -> String {
    match result {
        Some((name, _)) => format!("{name} = {call}"),
        None => call.to_owned(),
    }
}

fn commented(line: String, remark: Option<&str>) -> String {
    match remark {
        Some(remark) => format!("{line}  # {remark}"),
        None => line,
    }
}

/// What the result is called, and the line that shows it.
fn result(step: &RecordedStep<'_>) -> Option<(&'static str, String)> {
    let message = if step.brings_text() {
        "message.decode()"
    } else {
        "message"
    };
    Some(match step.name {
        CallName::Recv => ("message", format!("print({message})")),
        CallName::RecvFrom if step.transport == Transport::Udp => {
            ("message, address", format!("print({message})"))
        }
        CallName::RecvFrom => ("message, _", format!("print({message})")),
        CallName::GetSockName | CallName::GetPeerName => ("address", "print(address)".to_owned()),
        CallName::GetAddrInfo => {
            let print = "print([address[0] for *_, address in found])";
            ("found", print.to_owned())
        }
        CallName::Socket
        | CallName::Bind
        | CallName::Connect
        | CallName::Send
        | CallName::SendTo
        | CallName::SetTimeout
        | CallName::SetSockOpt
        | CallName::Shutdown
        | CallName::Close
        | CallName::Listen
        | CallName::Accept
        | CallName::Upper
        | CallName::Count
        | CallName::Reverse
        | CallName::Sleep => return None,
    })
}

fn call(step: &RecordedStep<'_>) -> String {
    let RecordedStep { socket, .. } = step;
    let name = step.name.as_str();
    let data = || literal(step.data);
    match step.name {
        CallName::Socket => {
            let family = if step.v6 { "AF_INET6" } else { "AF_INET" };
            let kind = match step.transport {
                Transport::Udp => "SOCK_DGRAM",
                Transport::Tcp => "SOCK_STREAM",
            };
            format!("{socket} = socket({family}, {kind})")
        }
        CallName::GetAddrInfo => format!(
            "getaddrinfo('{}', None, type=SOCK_STREAM)",
            quoted(step.word.as_bytes(), escape)
        ),
        CallName::Bind | CallName::Connect => format!("{socket}.{name}({})", at(step.address)),
        CallName::Send => format!("{socket}.send({})", data()),
        CallName::SendTo => format!("{socket}.sendto({}, {})", data(), at(step.address)),
        CallName::Recv | CallName::RecvFrom => format!("{socket}.{name}({})", step.size()),
        CallName::SetTimeout => {
            let number = step.number.map_or_else(|| "None".to_owned(), seconds);
            format!("{socket}.settimeout({number})")
        }
        CallName::SetSockOpt => format!("{socket}.setsockopt({})", option(step)),
        CallName::Shutdown => format!("{socket}.shutdown({})", step.word),
        CallName::GetSockName
        | CallName::GetPeerName
        | CallName::Close
        | CallName::Listen
        | CallName::Accept
        | CallName::Upper
        | CallName::Count
        | CallName::Reverse
        | CallName::Sleep => format!("{socket}.{name}()"),
    }
}

fn option(step: &RecordedStep<'_>) -> String {
    let value = step.size();
    match step.word {
        "SO_LINGER" => {
            let on = i32::from(value >= 0);
            format!("SOL_SOCKET, SO_LINGER, pack('ii', {on}, {})", value.max(0))
        }
        "TCP_NODELAY" => format!("IPPROTO_TCP, TCP_NODELAY, {value}"),
        "IP_RECVERR" => format!("IPPROTO_IP, 11, {value}"),
        option => format!("SOL_SOCKET, {option}, {value}"),
    }
}

fn at(address: Option<SocketAddr>) -> String {
    address.map_or_else(
        || "('', 0)".to_owned(),
        |address| format!("('{}', {})", address.ip(), address.port()),
    )
}

/// Bytes: a literal of them holds ASCII alone, so other text is encoded.
fn literal(bytes: &[u8]) -> String {
    bytes_literal(bytes, '\'', ".encode()", escape)
}

fn escape(byte: u8) -> String {
    match byte {
        b'\n' => "\\n".to_owned(),
        b'\r' => "\\r".to_owned(),
        b'\t' => "\\t".to_owned(),
        b'\\' => "\\\\".to_owned(),
        b'\'' => "\\'".to_owned(),
        b'"' | b'%' | b'?' => String::from(char::from(byte)),
        other => hex_escape(other),
    }
}
