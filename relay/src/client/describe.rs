//! Calls as a trace has them: their names, and what they were made with. Pure.

use shared::{
    call::{Call, Family, How, SocketOption},
    trace::{Arguments, CallName},
};

use super::ClientSocket;

/// The call as a trace has it.
pub(super) fn describe(call: &Call, socket: &ClientSocket) -> (CallName, Arguments) {
    let none = Arguments::default;
    let number = |number: i64| Arguments {
        number: Some(number),
        ..none()
    };
    let word = |word: &str| Arguments {
        word: Some(word.to_owned()),
        ..none()
    };
    let at = |address| Arguments { address, ..none() };
    match call {
        Call::Socket { .. } => (CallName::Socket, none()),
        Call::GetAddrInfo { name, .. } => (CallName::GetAddrInfo, word(name)),
        Call::Bind { port, .. } => (CallName::Bind, at(Some(socket.bind_address(*port)))),
        Call::Connect { to, .. } => (CallName::Connect, at(socket.named(*to))),
        Call::Send { data, .. } => (
            CallName::Send,
            Arguments {
                data: Some(data.clone()),
                ..none()
            },
        ),
        Call::SendTo { to, data, .. } => (
            CallName::SendTo,
            Arguments {
                data: Some(data.clone()),
                ..at(socket.named(*to))
            },
        ),
        Call::Recv { size, .. } => (CallName::Recv, number((*size).into())),
        Call::RecvFrom { size, .. } => (CallName::RecvFrom, number((*size).into())),
        Call::SetTimeout { milliseconds, .. } => (
            CallName::SetTimeout,
            Arguments {
                number: milliseconds.map(i64::from),
                ..none()
            },
        ),
        Call::SetSockOpt { option, value, .. } => (
            CallName::SetSockOpt,
            Arguments {
                number: Some((*value).into()),
                ..word(option_name(*option))
            },
        ),
        Call::GetSockName { .. } => (CallName::GetSockName, none()),
        Call::GetPeerName { .. } => (CallName::GetPeerName, none()),
        Call::Shutdown { how, .. } => (CallName::Shutdown, word(how_name(*how))),
        Call::Close { .. } | Call::Cancel { .. } => (CallName::Close, none()),
    }
}

const fn option_name(option: SocketOption) -> &'static str {
    match option {
        SocketOption::SoReuseaddr => "SO_REUSEADDR",
        SocketOption::SoRcvbuf => "SO_RCVBUF",
        SocketOption::SoSndbuf => "SO_SNDBUF",
        SocketOption::SoLinger => "SO_LINGER",
        SocketOption::TcpNodelay => "TCP_NODELAY",
        SocketOption::IpRecverr => "IP_RECVERR",
    }
}

const fn how_name(how: How) -> &'static str {
    match how {
        How::Read => "SHUT_RD",
        How::Write => "SHUT_WR",
        How::Both => "SHUT_RDWR",
    }
}

/// A family as programs write it.
pub(super) const fn family_name(family: Family) -> &'static str {
    match family {
        Family::Inet => "AF_INET",
        Family::Inet6 => "AF_INET6",
    }
}
