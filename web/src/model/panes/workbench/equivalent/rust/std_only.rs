//! With the standard library alone.

use shared::{call::Transport, trace::CallName};

use super::{
    buffer, checked, literal, printed, put, received, resolved, timeout, uses_time, using,
};
use crate::{i18n::Texts, model::panes::workbench::equivalent::RecordedStep};

pub(super) fn write(steps: &[RecordedStep<'_>], texts: &Texts) -> String {
    let mut body = buffer(steps);
    for step in steps {
        if let Some(lines) = lines(steps, step) {
            put(&mut body, step, &lines, texts);
        }
    }
    let uses = |name: CallName, by: Transport| {
        let mut made = steps.iter().filter(|step| step.is_made());
        made.any(|step| step.name == name && step.transport == by)
    };
    let streams = uses(CallName::Connect, Transport::Tcp);
    let mut names = Vec::new();
    if steps
        .iter()
        .any(|step| step.word == "SHUT_WR" || step.word == "SHUT_RD" || step.word == "SHUT_RDWR")
    {
        names.push("Shutdown");
    }
    if streams {
        names.push("TcpStream");
    }
    if steps
        .iter()
        .any(|step| step.name == CallName::GetAddrInfo && step.is_made())
    {
        names.push("ToSocketAddrs");
    }
    if uses(CallName::Socket, Transport::Udp) {
        names.push("UdpSocket");
    }
    let mut traits = Vec::new();
    if uses(CallName::Recv, Transport::Tcp) {
        traits.push("Read");
    }
    if uses(CallName::Send, Transport::Tcp) {
        traits.push("Write");
    }
    let io = match traits.as_slice() {
        [] => "use std::io;\n".to_owned(),
        traits => format!("use std::io::{{self, {}}};\n", traits.join(", ")),
    };
    let net = using("std::net", &names);
    let time = if uses_time(steps) {
        "use std::time::Duration;\n"
    } else {
        ""
    };
    format!("{io}{net}{time}\nfn main() -> io::Result<()> {{\n{body}    Ok(())\n}}\n")
}

/// The lines of a step; none where another one's do it too.
fn lines(steps: &[RecordedStep<'_>], step: &RecordedStep<'_>) -> Option<String> {
    let socket = &step.socket;
    let is_udp = step.transport == Transport::Udp;
    let address = step
        .address
        .map(|address| address.to_string())
        .unwrap_or_default();
    Some(match step.name {
        CallName::Socket if is_udp => {
            let mut own = steps.iter().filter(|other| {
                other.socket == *socket && other.is_made() && other.name != CallName::Socket
            });
            let first = own
                .next()
                .filter(|first| first.name == CallName::Bind && first.errno().is_none());
            let any = if step.v6 { "[::]:0" } else { "0.0.0.0:0" };
            let at = first
                .and_then(|first| first.address)
                .map_or_else(|| any.to_owned(), |at| at.to_string());
            format!("let {socket} = UdpSocket::bind(\"{at}\")?; // socket, bind")
        }
        CallName::Socket => return None,
        // It was made together with its port.
        CallName::Bind if step.errno().is_none() => return None,
        CallName::Bind => format!("UdpSocket::bind(\"{address}\")"),
        CallName::Connect if is_udp => checked(step, &format!("{socket}.connect(\"{address}\")")),
        CallName::Connect => {
            format!("let mut {socket} = TcpStream::connect(\"{address}\")?; // socket, connect")
        }
        CallName::Send if is_udp => {
            checked(step, &format!("{socket}.send({})", literal(step.data)))
        }
        CallName::Send => checked(step, &format!("{socket}.write_all({})", literal(step.data))),
        CallName::SendTo => checked(
            step,
            &format!("{socket}.send_to({}, \"{address}\")", literal(step.data)),
        ),
        CallName::Recv => {
            let call = if is_udp { "recv" } else { "read" };
            received(
                step,
                &format!("{socket}.{call}(&mut message[..{}])", step.size()),
                "n",
            )
        }
        CallName::RecvFrom => received(
            step,
            &format!("{socket}.recv_from(&mut message[..{}])", step.size()),
            "(n, _)",
        ),
        CallName::SetTimeout => timeout(step),
        CallName::SetSockOpt => format!("{socket}.set_nodelay({})?;", step.size() != 0),
        CallName::GetSockName => printed(step, &format!("{socket}.local_addr()"), "{value}"),
        CallName::GetPeerName => printed(step, &format!("{socket}.peer_addr()"), "{value}"),
        CallName::GetAddrInfo => resolved(step),
        CallName::Shutdown => {
            let how = match step.word {
                "SHUT_RD" => "Read",
                "SHUT_WR" => "Write",
                _ => "Both",
            };
            checked(step, &format!("{socket}.shutdown(Shutdown::{how})"))
        }
        CallName::Close
        | CallName::Listen
        | CallName::Accept
        | CallName::Upper
        | CallName::Count
        | CallName::Reverse
        | CallName::Sleep => format!("drop({socket}); // close"),
    })
}
