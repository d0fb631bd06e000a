//! The program in Rust: with the standard library alone where that has the calls, else with `socket2`, which has them
//! all as the system does.

mod bare;
mod std_only;

use shared::{call::Transport, trace::CallName};

use super::{RecordedStep, StepOutcome, bytes_literal, hex_escape, quoted};
use crate::i18n::Texts;

pub(super) fn write(steps: &[RecordedStep<'_>], texts: &Texts) -> String {
    let steps: Vec<RecordedStep<'_>> = steps.iter().cloned().map(writable).collect();
    if is_in_std(&steps) {
        std_only::write(&steps, texts)
    } else {
        bare::write(&steps, texts)
    }
}

/// A call on a closed socket does not compile, and neither library knows `IP_RECVERR`.
fn writable(mut step: RecordedStep<'_>) -> RecordedStep<'_> {
    if step.errno() == Some("EBADF") {
        step.fate = StepOutcome::Unwritable("EBADF");
    } else if step.is_made() && step.word == "IP_RECVERR" {
        step.fate = StepOutcome::Unwritable(step.word);
    }
    step
}

/// Whether the standard library can say it: it makes UDP sockets together with `bind`, TCP sockets together with
/// `connect`, and has few options.
fn is_in_std(steps: &[RecordedStep<'_>]) -> bool {
    steps.iter().filter(|step| step.is_made()).all(|step| {
        let is_udp = step.transport == Transport::Udp;
        match step.name {
            CallName::SetSockOpt => step.word == "TCP_NODELAY",
            CallName::Bind => is_udp && is_first(steps, step),
            CallName::Shutdown => !is_udp,
            CallName::Connect => is_udp || (is_first(steps, step) && step.errno().is_none()),
            CallName::SendTo => is_udp,
            CallName::RecvFrom => is_udp,
            CallName::Socket | CallName::GetAddrInfo | CallName::Close => step.errno().is_none(),
            CallName::Send
            | CallName::Recv
            | CallName::SetTimeout
            | CallName::GetSockName
            | CallName::GetPeerName => is_udp || !is_first(steps, step),
            CallName::Listen
            | CallName::Accept
            | CallName::Upper
            | CallName::Count
            | CallName::Reverse
            | CallName::Sleep => false,
        }
    })
}

/// Whether it is what its socket does first.
fn is_first(steps: &[RecordedStep<'_>], step: &RecordedStep<'_>) -> bool {
    let mut own = steps.iter().filter(|other| {
        other.socket == step.socket && other.is_made() && other.name != CallName::Socket
    });
    own.next().is_some_and(|first| std::ptr::eq(first, step))
}

/// `b"hello"`, and text beyond ASCII as the bytes of a text.
fn literal(bytes: &[u8]) -> String {
    bytes_literal(bytes, '"', ".as_bytes()", escape)
}

fn escape(byte: u8) -> String {
    match byte {
        b'\n' => "\\n".to_owned(),
        b'\r' => "\\r".to_owned(),
        b'\t' => "\\t".to_owned(),
        b'\\' | b'"' => format!("\\{}", char::from(byte)),
        b'\'' | b'%' | b'?' => String::from(char::from(byte)),
        other => hex_escape(other),
    }
}

/// A call that returns nothing worth showing, or failed; `call` gives an `io::Result`.
fn checked(step: &RecordedStep<'_>, call: &str) -> String {
    let name = step.name.as_str();
    if step.errno().is_some() {
        format!("if let Err(error) = {call} {{ eprintln!(\"{name}: {{error}}\"); }}")
    } else {
        format!("{call}?;")
    }
}

/// A call whose value is shown: `pattern` is what its `Ok` holds, `show` the expression that prints it.
fn printed(step: &RecordedStep<'_>, call: &str, pattern: &str, show: &str) -> String {
    let name = step.name.as_str();
    if step.errno().is_some() {
        format!(
            "match {call} {{\n    Ok({pattern}) => {show},\n    Err(error) => eprintln!(\"{name}: {{error}}\"),\n}}"
        )
    } else {
        format!("let {pattern} = {call}?;\n{show};")
    }
}

/// Puts a step's lines into the body, with its remark.
fn put(body: &mut String, step: &RecordedStep<'_>, lines: &str, texts: &Texts) {
    let remark = step.remark(texts).map(|remark| format!("  // {remark}"));
    let is_made = step.is_made();
    for (at, line) in lines.lines().enumerate() {
        body.push_str(if is_made { "    " } else { "    // " });
        body.push_str(line);
        if at == 0 {
            body.push_str(remark.as_deref().unwrap_or_default());
        }
        body.push('\n');
    }
}

/// The buffer all receives share.
fn buffer(steps: &[RecordedStep<'_>]) -> String {
    let receives = steps
        .iter()
        .filter(|step| step.is_made() && matches!(step.name, CallName::Recv | CallName::RecvFrom));
    match receives.map(RecordedStep::size).max() {
        Some(size) => format!("    let mut message = [0; {}];\n", size.max(1)),
        None => String::new(),
    }
}

/// A receive into the shared buffer, printed. `call` is the call without its arguments, `pattern` is what its `Ok` holds.
fn received(step: &RecordedStep<'_>, call: &str, pattern: &str) -> String {
    let call = format!("{call}(&mut message[..{}])", step.size());
    let show = "println!(\"{}\", String::from_utf8_lossy(&message[..n]))";
    printed(step, &call, pattern, show)
}

/// `shutdown`, the same in both libraries.
fn shut_down(step: &RecordedStep<'_>) -> String {
    let how = match step.word {
        "SHUT_RD" => "Read",
        "SHUT_WR" => "Write",
        _ => "Both",
    };
    checked(step, &format!("{}.shutdown(Shutdown::{how})", step.socket))
}

/// The socket's own address or its peer's, which `show` prints.
fn address_of(step: &RecordedStep<'_>, show: &str) -> String {
    let is_peers = step.name == CallName::GetPeerName;
    let method = if is_peers { "peer_addr" } else { "local_addr" };
    printed(step, &format!("{}.{method}()", step.socket), "value", show)
}

/// The names that are used.
fn used(names: &[(&'static str, bool)]) -> Vec<&'static str> {
    let used = names.iter().filter(|(_, is_used)| *is_used);
    used.map(|(name, _)| *name).collect()
}

/// `use std::net::{Shutdown, TcpStream};`
fn using(room: &str, names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => format!("use {room}::{one};\n"),
        several => format!("use {room}::{{{}}};\n", several.join(", ")),
    }
}

/// A timeout for both directions; none at all is a socket that does not block.
fn timeout(step: &RecordedStep<'_>) -> String {
    let socket = &step.socket;
    if step.number == Some(0) {
        return format!("{socket}.set_nonblocking(true)?;");
    }
    let unblocks = if step.unblocks {
        format!("{socket}.set_nonblocking(false)?;\n")
    } else {
        String::new()
    };
    let timeout = step.number.map_or_else(|| "None".to_owned(), duration);
    format!(
        "{unblocks}{socket}.set_read_timeout({timeout})?;\n{socket}.set_write_timeout({timeout})?;"
    )
}

fn duration(milliseconds: i64) -> String {
    format!("Some(Duration::from_millis({milliseconds}))")
}

fn uses_time(steps: &[RecordedStep<'_>]) -> bool {
    steps.iter().any(|step| {
        step.is_made()
            && (step.name == CallName::SetTimeout && step.number.is_some_and(|number| number > 0)
                || step.word == "SO_LINGER" && step.size() >= 0)
    })
}

fn resolved(step: &RecordedStep<'_>) -> String {
    let name = quoted(step.word.as_bytes(), escape);
    let call = format!("(\"{name}\", 0).to_socket_addrs()");
    let show = "println!(\"{:?}\", value.collect::<Vec<_>>())";
    printed(step, &call, "value", show)
}
