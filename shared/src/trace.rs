//! A lab's trace: the numbered log of events from which every view is made.
//!
//! Nothing in it is invented: what was not seen but follows is [`Derived`] and says from what; values have a [`Source`].

mod describe;
mod edge;
mod sockets;
mod what;

pub use describe::describe;
pub use edge::Edge;
pub use sockets::{KernelSocket, SocketState, Sockets};
pub use what::What;

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::{
    call::{Fd, Transport},
    conditions::Direction,
    data::{Data, base64_bytes},
    outcome::Outcome,
};

/// A process of a lab; 1 is the UDP server, 2 the TCP server, the others are clients.
pub type ProcessId = u32;

/// A call in the trace, numbered through the whole lab.
pub type CallId = u64;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its number: the lab's log has no holes. A page sees its own numbers and the servers'.
    pub seq: u64,
    /// When, by the relay's monotonic clock: nanoseconds since the lab began.
    pub mono_ns: u64,
    /// When, by the wall clock: microseconds since 1970-01-01 UTC.
    pub wall_us: u64,
    /// What.
    pub what: What,
}

/// A process that makes socket calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its number.
    pub process: ProcessId,
    /// What kind.
    pub role: Role,
}

/// The kinds of processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A page of the playground: its calls are seen.
    Page,
    /// A plain WebSocket client of `/raw/udp` or `/raw/tcp`.
    Bridge,
    /// A program outside, seen only by what reaches the server.
    Terminal,
    /// A server of the lab.
    Server,
}

/// A call as it was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallStarted {
    /// Its number.
    pub call: CallId,
    /// The process that made it.
    pub process: ProcessId,
    /// Which of its sockets on; none for `socket` and for what is no system call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fd: Option<Fd>,
    /// The transport of that socket.
    pub transport: Transport,
    /// Which call.
    pub name: CallName,
    /// With what.
    #[serde(default, skip_serializing_if = "Arguments::is_empty")]
    pub arguments: Arguments,
    /// The id of the page's message that asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<u64>,
}

/// The calls a trace can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(
    missing_docs,
    reason = "each is the call of that name; `upper`, `count`, `reverse` and `sleep` are the server's own doing"
)]
pub enum CallName {
    Socket,
    Bind,
    Listen,
    Accept,
    Connect,
    Send,
    SendTo,
    Recv,
    RecvFrom,
    SetTimeout,
    SetSockOpt,
    GetSockName,
    GetPeerName,
    Shutdown,
    Close,
    Upper,
    Count,
    Reverse,
    Sleep,
    GetAddrInfo,
}

impl CallName {
    /// As programs write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Socket => "socket",
            Self::Bind => "bind",
            Self::Listen => "listen",
            Self::Accept => "accept",
            Self::Connect => "connect",
            Self::Send => "send",
            Self::SendTo => "sendto",
            Self::Recv => "recv",
            Self::RecvFrom => "recvfrom",
            Self::SetTimeout => "settimeout",
            Self::SetSockOpt => "setsockopt",
            Self::GetSockName => "getsockname",
            Self::GetPeerName => "getpeername",
            Self::Shutdown => "shutdown",
            Self::Close => "close",
            Self::Upper => "upper",
            Self::Count => "count",
            Self::Reverse => "reverse",
            Self::Sleep => "sleep",
            Self::GetAddrInfo => "getaddrinfo",
        }
    }
}

/// What a call was made with; each kind of call has its own few.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arguments {
    /// The address of `bind`, `connect`, `sendto`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<SocketAddr>,
    /// The bytes of `send`, `sendto`, `upper`, `count`, `reverse`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Data>,
    /// The size of `recv`, `recvfrom`; the backlog of `listen`; the milliseconds of `settimeout`, `sleep`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<i64>,
    /// The direction of `shutdown`, the option of `setsockopt`, the letter of `count`, the name of `getaddrinfo`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub word: Option<String>,
}

impl Arguments {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A call as it came back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallReturned {
    /// The number it was started with.
    pub call: CallId,
    /// The process that made it.
    pub process: ProcessId,
    /// What came of it.
    pub outcome: Outcome,
    /// From start to return, in nanoseconds.
    pub took_ns: u64,
    /// The socket's own address afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local: Option<SocketAddr>,
    /// The other end: of the connection, or of this datagram.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<SocketAddr>,
    /// TCP: how many bytes had gone this way on this connection before these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// The kernel's facts about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<Fact>,
}

/// A value and its source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// What it is of, such as `ip.ttl` or `tcp_info.rtt_us`: the unit is in the name.
    pub name: String,
    /// The value, as text: a number in decimal, or a word.
    pub value: String,
    /// Its source.
    pub source: Source,
}

/// The source of a value, from the surest down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// It stood in a packet that was captured.
    Captured,
    /// The kernel reported it for a socket.
    Kernel,
    /// The relay computed it from captured packets or from facts.
    Computed,
    /// It follows from a call, without being observed.
    Derived,
}

/// A packet that was captured, exactly as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packet {
    /// The interface it was captured on.
    pub interface: String,
    /// What the bytes start with.
    pub link: Link,
    /// The bytes from the link header on, in base64.
    #[serde(with = "base64_bytes")]
    pub bytes: Vec<u8>,
    /// How long it was, if the bytes above are only its beginning.
    pub length: u64,
    /// When the kernel saw it: nanoseconds since 1970-01-01 UTC, as two numbers fit for any reader.
    pub kernel_s: u64,
    /// The nanoseconds of that second.
    pub kernel_ns: u32,
    /// Whether the kernel left the checksum to hardware that a loopback interface has not (packet(7), `TP_STATUS_CSUMNOTREADY`).
    pub checksum_unfinished: bool,
    /// The client process it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessId>,
    /// The call it came from, or was received by: found by addresses, direction and time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<CallId>,
    /// Which way it went, by its own addresses: to the server or to the client. Left out by older relays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// Its place among the datagrams that one call handed to the kernel; none if it was handed over alone. The kernel
    /// captures such datagrams as one packet, from which each was split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<BurstPlace>,
}

/// The place of a datagram among those that one `sendmsg` call carried (udp(7), `UDP_SEGMENT`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BurstPlace {
    /// Its index, from 0.
    pub index: u32,
    /// The number of datagrams.
    pub count: u32,
}

/// What a captured packet starts with; the numbers are those of capture files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// An Ethernet header, also on loopback (LINKTYPE_ETHERNET, 1).
    Ethernet,
    /// The IP header itself (LINKTYPE_RAW, 101).
    Raw,
}

/// A packet nobody captured, that must have been for a call to end as it did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Derived {
    /// What kind.
    pub kind: DerivedKind,
    /// UDP or TCP.
    pub transport: Transport,
    /// The sender's address.
    pub from: SocketAddr,
    /// The receiver's address.
    pub to: SocketAddr,
    /// Bytes of payload.
    pub length: u64,
    /// The call it follows from.
    pub because: CallId,
    /// The client process it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessId>,
}

/// What can be derived. How many segments TCP made of something is not among it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DerivedKind {
    /// A UDP datagram.
    Datagram,
    /// A three-way handshake: `connect` returned.
    Handshake,
    /// Bytes of a stream.
    Data,
    /// An end of stream.
    Fin,
    /// A reset.
    Rst,
    /// An ICMP port unreachable.
    Unreachable,
}

/// The kernel's facts about a socket after a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The socket's process.
    pub process: ProcessId,
    /// Which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fd: Option<Fd>,
    /// The call after which it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<CallId>,
    /// The facts.
    pub facts: Vec<Fact>,
}
