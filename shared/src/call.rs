//! The socket calls a page can make, as values. The manual pages of section 2 and 7 say what they do.

use serde::{Deserialize, Serialize};

use crate::data::Data;

/// A socket of the page, numbered from 3 as in a fresh process: 0, 1 and 2 are its terminal.
pub type Fd = u32;

/// The transport protocol: UDP sends datagrams, TCP a stream of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// `SOCK_DGRAM`, RFC 768.
    Udp,
    /// `SOCK_STREAM`, RFC 9293.
    Tcp,
}

impl Transport {
    /// Both, in the order in which people name them.
    pub const ALL: [Self; 2] = [Self::Udp, Self::Tcp];

    /// `udp` or `tcp`: as in the protocol's JSON, in URLs and in style sheets.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }

    /// `UDP` or `TCP`, the same in every language.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
        }
    }
}

/// Which addresses a socket has (ip(7), ipv6(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// `AF_INET`.
    Inet,
    /// `AF_INET6`.
    Inet6,
}

impl Family {
    /// As programs write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inet => "AF_INET",
            Self::Inet6 => "AF_INET6",
        }
    }
}

/// Where a call may send to. There is no way to name anything else: no address can be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The lab's own server, at the socket's transport.
    Server,
    /// The next port of the server's host: nobody is there, and the relay sees to it that nobody is.
    Nobody,
    /// The server's port at `::1`: nobody is there either, since the server is at an IPv4 address.
    Localhost6,
    /// `{"fd":4}`: where another socket of this page is at that moment. `sendto` on UDP only; so that a client can be
    /// sent something by somebody who is not its server.
    Fd(Fd),
}

/// Which half of a TCP connection `shutdown` ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// `SHUT_RD`: nothing more is wanted.
    Read,
    /// `SHUT_WR`: nothing more will be sent; the other side reads the end of the stream.
    Write,
    /// `SHUT_RDWR`.
    Both,
}

impl How {
    /// As programs write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "SHUT_RD",
            Self::Write => "SHUT_WR",
            Self::Both => "SHUT_RDWR",
        }
    }
}

/// The few socket options that teach something (socket(7), tcp(7), ip(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SocketOption {
    /// May the port be bound while old connections still wait in TIME_WAIT? 0 or 1.
    SoReuseaddr,
    /// Receive buffer in bytes; Linux doubles what is asked.
    SoRcvbuf,
    /// Send buffer in bytes; Linux doubles what is asked.
    SoSndbuf,
    /// Seconds `close` lets unsent bytes leave; 0 resets the connection, -1 switches it off.
    SoLinger,
    /// Send small segments at once instead of gathering them? 0 or 1.
    TcpNodelay,
    /// Report ICMP errors on an unconnected UDP socket? 0 or 1. Linux only.
    IpRecverr,
}

impl SocketOption {
    /// As programs write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SoReuseaddr => "SO_REUSEADDR",
            Self::SoRcvbuf => "SO_RCVBUF",
            Self::SoSndbuf => "SO_SNDBUF",
            Self::SoLinger => "SO_LINGER",
            Self::TcpNodelay => "TCP_NODELAY",
            Self::IpRecverr => "IP_RECVERR",
        }
    }
}

/// One socket call of a page. In JSON its name is the value of `call`, its fields are the message's other keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Call {
    /// Makes a socket; returns its [`Fd`].
    Socket {
        /// UDP or TCP.
        transport: Transport,
        /// Which addresses; left out, those of the lab's server.
        #[serde(skip_serializing_if = "Option::is_none")]
        family: Option<Family>,
    },
    /// Asks for the addresses of a host: getaddrinfo(3). Not a system call, and made on no socket.
    GetAddrInfo {
        /// What it is wanted for.
        transport: Transport,
        /// `localhost`, the lab's own name, or an address. No other name is looked up.
        name: String,
    },
    /// Gives the socket a port of the page's own address, `client_host` of the welcome; 0 lets the kernel choose. No
    /// other address can be given: what a program writes as `''`, `0.0.0.0`, `127.0.0.1` or `::` would be other
    /// people's as well. An IPv6 socket gets the same address as `::ffff:127.x.y.z` (`::1` on the relay's own
    /// machine).
    Bind {
        /// The socket.
        fd: Fd,
        /// 0, or 1024 to 65535; not the port of the lab's server, nor the next one.
        port: u16,
    },
    /// TCP: opens a connection. UDP: fixes the peer, sends nothing.
    Connect {
        /// The socket.
        fd: Fd,
        /// The peer.
        to: Target,
    },
    /// Sends to the connected peer.
    Send {
        /// The socket.
        fd: Fd,
        /// One datagram, or the next bytes of the stream.
        data: Data,
    },
    /// Sends one datagram to an address.
    SendTo {
        /// The socket.
        fd: Fd,
        /// The address.
        to: Target,
        /// The datagram.
        data: Data,
    },
    /// Receives the next datagram, or bytes of the stream.
    Recv {
        /// The socket.
        fd: Fd,
        /// Most bytes to receive.
        size: u32,
    },
    /// Receives, and returns the sender's address.
    RecvFrom {
        /// The socket.
        fd: Fd,
        /// Most bytes to receive; the rest of a longer datagram is lost.
        size: u32,
    },
    /// How long later calls may block: `None` is forever, 0 not at all.
    SetTimeout {
        /// The socket.
        fd: Fd,
        /// Milliseconds.
        #[serde(skip_serializing_if = "Option::is_none")]
        milliseconds: Option<u32>,
    },
    /// Sets a socket option.
    SetSockOpt {
        /// The socket.
        fd: Fd,
        /// Which one.
        option: SocketOption,
        /// Its value, in the option's own unit.
        value: i32,
    },
    /// The socket's own address.
    GetSockName {
        /// The socket.
        fd: Fd,
    },
    /// The connected peer's address.
    GetPeerName {
        /// The socket.
        fd: Fd,
    },
    /// Ends one or both directions of a connection.
    Shutdown {
        /// The socket.
        fd: Fd,
        /// Which.
        how: How,
    },
    /// Gives the socket back.
    Close {
        /// The socket.
        fd: Fd,
    },
    /// Ends a call that is still blocked or waiting; that call then fails with `ECANCELED`.
    Cancel {
        /// The id of that call's message.
        of: u64,
    },
}

impl Call {
    /// The socket it is made on; none for `socket`, `getaddrinfo` and `cancel`.
    #[must_use]
    pub const fn fd(&self) -> Option<Fd> {
        match self {
            Self::Socket { .. } | Self::GetAddrInfo { .. } | Self::Cancel { .. } => None,
            Self::Bind { fd, .. }
            | Self::Connect { fd, .. }
            | Self::Send { fd, .. }
            | Self::SendTo { fd, .. }
            | Self::Recv { fd, .. }
            | Self::RecvFrom { fd, .. }
            | Self::SetTimeout { fd, .. }
            | Self::SetSockOpt { fd, .. }
            | Self::GetSockName { fd }
            | Self::GetPeerName { fd }
            | Self::Shutdown { fd, .. }
            | Self::Close { fd } => Some(*fd),
        }
    }

    /// The bytes it carries.
    #[must_use]
    pub const fn data(&self) -> Option<&Data> {
        match self {
            Self::Send { data, .. } | Self::SendTo { data, .. } => Some(data),
            Self::Socket { .. }
            | Self::GetAddrInfo { .. }
            | Self::Bind { .. }
            | Self::Connect { .. }
            | Self::Recv { .. }
            | Self::RecvFrom { .. }
            | Self::SetTimeout { .. }
            | Self::SetSockOpt { .. }
            | Self::GetSockName { .. }
            | Self::GetPeerName { .. }
            | Self::Shutdown { .. }
            | Self::Close { .. }
            | Self::Cancel { .. } => None,
        }
    }
}
