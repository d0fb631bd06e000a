//! A client's call as a trace tells it, and the call that would do the same here and now.

use std::{
    collections::BTreeMap,
    net::{Ipv6Addr, SocketAddr},
};

use shared::{
    call::{Call, Family, Fd, How, SocketOption, Target, Transport},
    outcome::{Outcome, Returned},
    trace::{Arguments, CallName, ProcessId},
};

use crate::model::{panes::server::Servers, trace::log};

/// A call that was recorded.
#[derive(Clone, Debug)]
pub(crate) struct RecordedCall {
    /// The process that made the call.
    pub(crate) process: ProcessId,
    /// Which call.
    pub(crate) name: CallName,
    /// The transport of its socket.
    pub(crate) transport: Transport,
    /// Its socket, by the number it had then.
    pub(crate) fd: Option<Fd>,
    /// With what; none where its start was not seen.
    pub(crate) arguments: Option<Arguments>,
    /// What came of it; none where it was never seen to return.
    pub(crate) outcome: Option<Outcome>,
    /// How long it took, in nanoseconds.
    pub(crate) took_ns: u64,
    /// When it was made, in that lab's own time.
    pub(super) started_ns: u64,
    /// When it returned.
    pub(super) ended_ns: Option<u64>,
    /// Where it was to go, among the few places there are.
    target: Option<Target>,
    /// `socket` alone: which addresses it turned out to have.
    family: Option<Family>,
}

/// Why a call cannot be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unrepeatable {
    /// The socket it was made on was not made in this record.
    NoSocket,
    /// It went somewhere nobody can go from here.
    NoTarget,
    /// It is not known with what it was made.
    Unknown,
}

/// Calls of clients, in the order in which they were made. `servers` are those of their lab.
pub(crate) fn recorded(mut calls: Vec<&log::Call>, servers: &Servers) -> Vec<RecordedCall> {
    calls.sort_by_key(|call| (call.started_ns, call.id));
    let family = |socket: &log::Call| {
        let fd = opened(socket.end.as_ref().map(|end| &end.outcome))?;
        let later = calls.iter().filter(|call| {
            call.fd == Some(fd) && call.process == socket.process && call.id > socket.id
        });
        let mut addresses = later.filter_map(|call| call.end.as_ref()?.local);
        addresses
            .next()
            .is_some_and(|address| address.is_ipv6())
            .then_some(Family::Inet6)
    };
    let record = |call: &&log::Call| {
        let arguments = call.arguments.clone();
        let address = arguments.as_ref().and_then(|arguments| arguments.address);
        let server = servers.get(call.transport).map(|server| server.address);
        RecordedCall {
            process: call.process,
            name: call.name,
            transport: call.transport,
            fd: call.fd,
            outcome: call.end.as_ref().map(|end| end.outcome.clone()),
            took_ns: call.end.as_ref().map_or(0, |end| end.took_ns),
            started_ns: call.started_ns,
            ended_ns: call.end.as_ref().map(|end| end.at_ns),
            target: address.and_then(|address| target(address, server)),
            family: (call.name == CallName::Socket)
                .then(|| family(call))
                .flatten(),
            arguments,
        }
    };
    calls.iter().map(record).collect()
}

fn target(address: SocketAddr, server: Option<SocketAddr>) -> Option<Target> {
    if address.ip() == Ipv6Addr::LOCALHOST {
        return Some(Target::Localhost6);
    }
    let server = server.filter(|server| server.ip() == address.ip())?;
    match address.port() {
        port if port == server.port() => Some(Target::Server),
        port if Some(port) == server.port().checked_add(1) => Some(Target::Nobody),
        _ => None,
    }
}

fn opened(outcome: Option<&Outcome>) -> Option<Fd> {
    match outcome? {
        Outcome::Returned(Returned::Socket { fd }) => Some(*fd),
        Outcome::Returned(_) | Outcome::Failed(_) => None,
    }
}

impl RecordedCall {
    /// The socket it brought.
    pub(super) fn opened(&self) -> Option<Fd> {
        opened(self.outcome.as_ref())
    }

    /// The call that does the same, on the socket that stands for its own.
    pub(super) fn call(
        &self,
        sockets: &BTreeMap<(ProcessId, Fd), Fd>,
    ) -> Result<Call, Unrepeatable> {
        let arguments = self.arguments.as_ref().ok_or(Unrepeatable::Unknown)?;
        let transport = self.transport;
        if self.name == CallName::Socket {
            let family = self.family;
            return Ok(Call::Socket { transport, family });
        }
        let word = arguments.word.as_deref();
        if self.name == CallName::GetAddrInfo {
            let name = word.ok_or(Unrepeatable::Unknown)?.to_owned();
            return Ok(Call::GetAddrInfo { name, transport });
        }
        let then = self.fd.ok_or(Unrepeatable::NoSocket)?;
        let fd = *sockets
            .get(&(self.process, then))
            .ok_or(Unrepeatable::NoSocket)?;
        let number = || arguments.number.ok_or(Unrepeatable::Unknown);
        let size = || u32::try_from(number()?).map_err(|_| Unrepeatable::Unknown);
        let data = || arguments.data.clone().ok_or(Unrepeatable::Unknown);
        let to = || self.target.ok_or(Unrepeatable::NoTarget);
        Ok(match self.name {
            CallName::Bind => Call::Bind {
                fd,
                port: port(arguments).ok_or(Unrepeatable::Unknown)?,
            },
            CallName::Connect => Call::Connect { fd, to: to()? },
            CallName::Send => Call::Send { fd, data: data()? },
            CallName::SendTo => Call::SendTo {
                fd,
                to: to()?,
                data: data()?,
            },
            CallName::Recv => Call::Recv { fd, size: size()? },
            CallName::RecvFrom => Call::RecvFrom { fd, size: size()? },
            CallName::SetTimeout => Call::SetTimeout {
                fd,
                milliseconds: arguments.number.map(|_| size()).transpose()?,
            },
            CallName::SetSockOpt => Call::SetSockOpt {
                fd,
                option: option(word).ok_or(Unrepeatable::Unknown)?,
                value: i32::try_from(number()?).map_err(|_| Unrepeatable::Unknown)?,
            },
            CallName::GetSockName => Call::GetSockName { fd },
            CallName::GetPeerName => Call::GetPeerName { fd },
            CallName::Shutdown => Call::Shutdown {
                fd,
                how: how(word).ok_or(Unrepeatable::Unknown)?,
            },
            CallName::Close => Call::Close { fd },
            CallName::Socket
            | CallName::GetAddrInfo
            | CallName::Listen
            | CallName::Accept
            | CallName::Upper
            | CallName::Count
            | CallName::Reverse
            | CallName::Sleep => return Err(Unrepeatable::Unknown),
        })
    }
}

/// What `bind` asked for: where its address was not told, the port alone was.
fn port(arguments: &Arguments) -> Option<u16> {
    let address = arguments.address.map(|address| address.port());
    address.or_else(|| u16::try_from(arguments.number?).ok())
}

fn option(word: Option<&str>) -> Option<SocketOption> {
    const ALL: [SocketOption; 6] = [
        SocketOption::SoReuseaddr,
        SocketOption::SoRcvbuf,
        SocketOption::SoSndbuf,
        SocketOption::SoLinger,
        SocketOption::TcpNodelay,
        SocketOption::IpRecverr,
    ];
    ALL.into_iter().find(|known| Some(known.as_str()) == word)
}

fn how(word: Option<&str>) -> Option<How> {
    let all = [How::Read, How::Write, How::Both];
    all.into_iter().find(|known| Some(known.as_str()) == word)
}
