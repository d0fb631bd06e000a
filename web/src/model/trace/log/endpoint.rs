//! Addresses of sockets, and when two of them can be one socket's.

use std::net::SocketAddr;

use shared::call::Transport;

/// A socket's address with its transport.
pub(super) type Endpoint = (Transport, SocketAddr);

/// Whether one socket can have both addresses: a socket bound to the unspecified address has every address of its port.
pub(crate) fn same_address(one: SocketAddr, other: SocketAddr) -> bool {
    let is_unspecified = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() == other.port() && (is_unspecified || one.ip() == other.ip())
}
