//! With `socket2`: one call of the system for each.

use shared::{call::Transport, trace::CallName};

use super::{
    address_of, buffer, checked, literal, put, received, resolved, shut_down, timeout, used,
    uses_time, using,
};
use crate::{
    i18n::Texts,
    model::panes::workbench::equivalent::{RecordedStep, uses},
};

pub(super) fn write(steps: &[RecordedStep<'_>], texts: &Texts) -> String {
    let mut body = buffer(steps);
    for step in steps {
        put(&mut body, step, &lines(step), texts);
    }
    let made = |names: &[CallName]| uses(steps, names);
    let io = if made(&[CallName::Recv, CallName::RecvFrom]) {
        "use std::io::{self, Read};\n"
    } else {
        "use std::io;\n"
    };
    let mut head = format!("// {}\n{io}", texts.get("code.socket2"));
    let names = made(&[CallName::Bind, CallName::Connect, CallName::SendTo]);
    let net = used(&[
        ("Shutdown", made(&[CallName::Shutdown])),
        ("SocketAddr", names),
        ("ToSocketAddrs", made(&[CallName::GetAddrInfo])),
    ]);
    head.push_str(&using("std::net", &net));
    if uses_time(steps) {
        head.push_str("use std::time::Duration;\n");
    }
    let at = if names {
        "fn at(address: &str) -> SockAddr {\n    address.parse::<SocketAddr>().expect(\"an address\").into()\n}\n\n"
    } else {
        ""
    };
    let names = if at.is_empty() {
        "Domain, Socket, Type"
    } else {
        "Domain, SockAddr, Socket, Type"
    };
    format!(
        "{head}use socket2::{{{names}}};\n\n{at}fn main() -> io::Result<()> {{\n{body}    Ok(())\n}}\n"
    )
}

fn lines(step: &RecordedStep<'_>) -> String {
    let socket = &step.socket;
    let address = step
        .address
        .map(|address| format!("&at(\"{address}\")"))
        .unwrap_or_default();
    match step.name {
        CallName::Socket => {
            let domain = if step.v6 { "IPV6" } else { "IPV4" };
            let kind = match step.transport {
                Transport::Udp => "DGRAM",
                Transport::Tcp => "STREAM",
            };
            format!("let {socket} = Socket::new(Domain::{domain}, Type::{kind}, None)?;")
        }
        CallName::Bind => checked(step, &format!("{socket}.bind({address})")),
        CallName::Connect => checked(step, &format!("{socket}.connect({address})")),
        CallName::Send => checked(step, &format!("{socket}.send({})", literal(step.data))),
        CallName::SendTo => checked(
            step,
            &format!("{socket}.send_to({}, {address})", literal(step.data)),
        ),
        CallName::Recv | CallName::RecvFrom => received(step, &format!("(&{socket}).read"), "n"),
        CallName::SetTimeout => timeout(step),
        CallName::SetSockOpt => checked(step, &format!("{socket}.{}", option(step))),
        CallName::GetSockName | CallName::GetPeerName => {
            address_of(step, "println!(\"{:?}\", value.as_socket())")
        }
        CallName::GetAddrInfo => resolved(step),
        CallName::Shutdown => shut_down(step),
        CallName::Close
        | CallName::Listen
        | CallName::Accept
        | CallName::Upper
        | CallName::Count
        | CallName::Reverse
        | CallName::Sleep => format!("drop({socket}); // close"),
    }
}

fn option(step: &RecordedStep<'_>) -> String {
    let value = step.size();
    match step.word {
        "SO_RCVBUF" => format!("set_recv_buffer_size({value})"),
        "SO_SNDBUF" => format!("set_send_buffer_size({value})"),
        "SO_LINGER" if value < 0 => "set_linger(None)".to_owned(),
        "SO_LINGER" => format!("set_linger(Some(Duration::from_secs({value})))"),
        "TCP_NODELAY" => format!("set_tcp_nodelay({})", value != 0),
        "IP_RECVERR" => "setsockopt(IP_RECVERR)".to_owned(),
        _ => format!("set_reuse_address({})", value != 0),
    }
}
