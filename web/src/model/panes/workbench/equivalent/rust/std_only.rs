//! With the standard library alone.

use shared::{call::Transport, trace::CallName};

use super::{
    address_of, buffer, checked, literal, put, received, resolved, shut_down, timeout, used,
    uses_time, using,
};
use crate::{
    i18n::Texts,
    model::panes::workbench::equivalent::{self, RecordedStep},
};

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
    let shuts = steps.iter().any(|step| step.word.starts_with("SHUT_"));
    let names = used(&[
        ("Shutdown", shuts),
        ("TcpStream", uses(CallName::Connect, Transport::Tcp)),
        (
            "ToSocketAddrs",
            equivalent::uses(steps, &[CallName::GetAddrInfo]),
        ),
        ("UdpSocket", uses(CallName::Socket, Transport::Udp)),
    ]);
    let traits = used(&[
        ("Read", uses(CallName::Recv, Transport::Tcp)),
        ("Write", uses(CallName::Send, Transport::Tcp)),
    ]);
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
            received(step, &format!("{socket}.{call}"), "n")
        }
        CallName::RecvFrom => received(step, &format!("{socket}.recv_from"), "(n, _)"),
        CallName::SetTimeout => timeout(step),
        CallName::SetSockOpt => format!("{socket}.set_nodelay({})?;", step.size() != 0),
        CallName::GetSockName | CallName::GetPeerName => address_of(step, "println!(\"{value}\")"),
        CallName::GetAddrInfo => resolved(step),
        CallName::Shutdown => shut_down(step),
        CallName::Close
        | CallName::Listen
        | CallName::Accept
        | CallName::Upper
        | CallName::Count
        | CallName::Reverse
        | CallName::Sleep => format!("drop({socket}); // close"),
    })
}
