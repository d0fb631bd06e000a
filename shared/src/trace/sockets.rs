//! The sockets of a lab as the kernel lists them.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::call::Transport;

/// The sockets of a lab as the kernel lists them (proc(5), `/proc/net/tcp` and `/proc/net/udp`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sockets {
    /// Those of the servers' ports, and those at the other end; the listening ones first.
    pub sockets: Vec<KernelSocket>,
    /// The number of further sockets, which are not listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: u64,
}

const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// One socket as the kernel lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelSocket {
    /// UDP or TCP.
    pub transport: Transport,
    /// Its own address.
    pub local: SocketAddr,
    /// The other end's, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<SocketAddr>,
    /// Its state.
    pub state: SocketState,
    /// Whether a program holds it: a connection nobody has accepted yet, or one in TIME_WAIT, is the kernel's alone.
    pub held: bool,
    /// Bytes that wait to be received; of a listening socket, connections that wait to be accepted.
    pub receive_queue: u64,
    /// Bytes not yet acknowledged; of a listening socket, its backlog.
    pub send_queue: u64,
    /// TIME_WAIT: milliseconds until it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_in_ms: Option<u64>,
}

/// The states of a socket: those of RFC 9293 §3.3.2, and for UDP whether `connect` was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the RFC's")]
pub enum SocketState {
    /// UDP: it has a port.
    Bound,
    /// UDP: and a peer.
    Connected,
    Listen,
    SynSent,
    SynReceived,
    Established,
    #[serde(rename = "fin_wait_1")]
    FinWait1,
    #[serde(rename = "fin_wait_2")]
    FinWait2,
    CloseWait,
    Closing,
    LastAck,
    TimeWait,
    Closed,
}
