//! The exchange as one line for the shell, where netcat can say it, and what it cannot say.
//!
//! The flags are those of the netcat of BSD and Debian: `-u` UDP, `-N` end sending after the input, `-w` end after so
//! many seconds of silence, `-p` from this port, `-n` no names.

use std::{fmt::Write, net::SocketAddr};

use shared::{call::Transport, trace::CallName};

use super::{RecordedStep, StepOutcome, octal_escape, quoted};
use crate::i18n::Texts;

pub(super) fn write(steps: &[RecordedStep<'_>], texts: &Texts) -> String {
    let mut text = String::new();
    for socket in sockets(steps) {
        write_line(&mut text, &socket, texts);
    }
    let others = steps.iter().filter(|step| is_beyond(step));
    let mut unsaid: Vec<&str> = others.map(|step| step.name.as_str()).collect();
    unsaid.sort_unstable();
    unsaid.dedup();
    if !unsaid.is_empty() {
        let unsaid = unsaid.join(", ");
        writeln!(
            text,
            "# {}",
            texts.fill("code.unsaid", &[("calls", &unsaid)])
        )
        .ok();
    }
    text
}

/// Socket by socket, each from its making on.
fn sockets<'a, 's>(steps: &'a [RecordedStep<'s>]) -> Vec<Vec<&'a RecordedStep<'s>>> {
    let mut sockets: Vec<Vec<&RecordedStep<'_>>> = Vec::new();
    for step in steps
        .iter()
        .filter(|step| step.name != CallName::GetAddrInfo)
    {
        let known = sockets.iter_mut().find(|steps| {
            steps
                .first()
                .is_some_and(|first| first.socket == step.socket)
        });
        match known {
            Some(socket) => socket.push(step),
            None => sockets.push(vec![step]),
        }
    }
    sockets
}

fn write_line(text: &mut String, steps: &[&RecordedStep<'_>], texts: &Texts) {
    let Some(first) = steps.first() else { return };
    let named = |name| {
        let mut named = steps
            .iter()
            .filter(move |step| step.name == name && step.is_made());
        named.next().and_then(|step| step.address)
    };
    let to = named(CallName::Connect).or_else(|| named(CallName::SendTo));
    let Some(to) = to else {
        writeln!(text, "# {}: {}", first.socket, texts.get("code.nobody")).ok();
        return;
    };
    let is_sent = |step: &&&RecordedStep<'_>| {
        matches!(step.name, CallName::Send | CallName::SendTo)
            && matches!(step.fate, StepOutcome::Returned(_))
    };
    let sent: Vec<&[u8]> = steps.iter().filter(is_sent).map(|step| step.data).collect();
    let is_udp = first.transport == Transport::Udp;
    match sent.as_slice() {
        [] => {}
        [one] => write!(text, "printf '{}' | ", literal(one))
            .ok()
            .unwrap_or_default(),
        several if is_udp => {
            // One write is one datagram, if they do not come too fast.
            let lines = several
                .iter()
                .map(|data| format!("printf '{}'", literal(data)));
            let lines = lines.collect::<Vec<_>>().join("; sleep 0.2; ");
            write!(text, "({lines}) | ").ok().unwrap_or_default();
        }
        several => write!(text, "printf '{}' | ", literal(&several.concat()))
            .ok()
            .unwrap_or_default(),
    }
    let ends = steps
        .iter()
        .any(|step| step.name == CallName::Shutdown && step.word != "SHUT_RD");
    let from = named(CallName::Bind).map(|address: SocketAddr| address.port());
    text.push_str(match (is_udp, ends) {
        (true, _) => "nc -n -u -w 1",
        (false, true) => "nc -n -N",
        (false, false) => "nc -n -w 1",
    });
    if let Some(port) = from.filter(|port| *port != 0) {
        write!(text, " -p {port}").ok();
    }
    write!(text, " {} {}", to.ip(), to.port()).ok();
    // What failed before somebody was reached is the line's own fate; the rest it does not do.
    let reaches =
        |step: &&&RecordedStep<'_>| matches!(step.name, CallName::Connect | CallName::SendTo);
    let mut reached = steps.iter().filter(reaches);
    if let Some(errno) = reached.next_back().and_then(|last| last.errno()) {
        let remark = texts.fill("code.failed", &[("errno", errno)]);
        write!(text, "  # {remark}").ok();
    }
    text.push('\n');
}

/// Whether netcat has no way to say it.
fn is_beyond(step: &RecordedStep<'_>) -> bool {
    let is_half_close = step.name == CallName::Shutdown && step.word == "SHUT_WR";
    !is_half_close
        && matches!(
            step.name,
            CallName::SetSockOpt
                | CallName::SetTimeout
                | CallName::GetSockName
                | CallName::GetPeerName
                | CallName::GetAddrInfo
                | CallName::Shutdown
        )
}

/// For `printf` in single quotes.
fn literal(bytes: &[u8]) -> String {
    let text = quoted(bytes, |byte| match byte {
        b'\n' => "\\n".to_owned(),
        b'%' => "%%".to_owned(),
        b'"' | b'?' => String::from(char::from(byte)),
        b'\\' => "\\\\".to_owned(),
        other => octal_escape(other),
    });
    match text.strip_prefix('-') {
        Some(rest) => format!("\\055{rest}"),
        None => text,
    }
}
