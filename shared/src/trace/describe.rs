//! A call of the conversation as a trace has it: its name, and what it is made with.

use std::net::SocketAddr;

use super::{Arguments, CallName};
use crate::call::Call;

/// The call as a trace has it. `address` is the one it names, where whoever describes it knows that one: of `bind`,
/// without it, there is the port alone.
#[must_use]
pub fn describe(call: &Call, address: Option<SocketAddr>) -> (CallName, Arguments) {
    let none = Arguments::default;
    let at = || Arguments { address, ..none() };
    let number = |number: i64| Arguments {
        number: Some(number),
        ..none()
    };
    let word = |word: &str| Arguments {
        word: Some(word.to_owned()),
        ..none()
    };
    match call {
        Call::Socket { .. } => (CallName::Socket, none()),
        Call::GetAddrInfo { name, .. } => (CallName::GetAddrInfo, word(name)),
        Call::Bind { .. } if address.is_some() => (CallName::Bind, at()),
        Call::Bind { port, .. } => (CallName::Bind, number((*port).into())),
        Call::Connect { .. } => (CallName::Connect, at()),
        Call::Send { data, .. } => {
            let data = Some(data.clone());
            (CallName::Send, Arguments { data, ..none() })
        }
        Call::SendTo { data, .. } => {
            let data = Some(data.clone());
            (CallName::SendTo, Arguments { data, ..at() })
        }
        Call::Recv { size, .. } => (CallName::Recv, number((*size).into())),
        Call::RecvFrom { size, .. } => (CallName::RecvFrom, number((*size).into())),
        Call::SetTimeout { milliseconds, .. } => {
            let number = milliseconds.map(i64::from);
            (CallName::SetTimeout, Arguments { number, ..none() })
        }
        Call::SetSockOpt { option, value, .. } => {
            let (number, word) = (Some((*value).into()), word(option.as_str()));
            (CallName::SetSockOpt, Arguments { number, ..word })
        }
        Call::GetSockName { .. } => (CallName::GetSockName, none()),
        Call::GetPeerName { .. } => (CallName::GetPeerName, none()),
        Call::Shutdown { how, .. } => (CallName::Shutdown, word(how.as_str())),
        Call::Close { .. } | Call::Cancel { .. } => (CallName::Close, none()),
    }
}
