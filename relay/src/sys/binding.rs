//! How a socket is bound beyond what bind(2) does by itself.

#[cfg(unix)]
use std::net::{Ipv4Addr, Ipv6Addr};
use std::{io, net::SocketAddr};

use shared::call::Transport;
use socket2::Socket;

/// A loopback address that is no lab's.
#[cfg(unix)]
const NOT_A_LABS: Ipv4Addr = Ipv4Addr::new(127, 0, 255, 254);

/// Binds a socket to an address and leaves its port to the kernel. For TCP that is chosen as late as it is without
/// `bind`: when the peer is known (ip(7), `IP_BIND_ADDRESS_NO_PORT`).
///
/// # Errors
/// The kernel's.
pub fn bind_address(socket: &Socket, transport: Transport, address: SocketAddr) -> io::Result<()> {
    let is_late = transport == Transport::Tcp && choose_port_late(socket, true);
    let bound = socket.bind(&address.into());
    if is_late {
        // A `bind` the program makes itself is to choose at once.
        choose_port_late(socket, false);
    }
    bound
}

/// Lets another socket of this user's have the same port at another address although this one is at all addresses, or
/// the other is (socket(7), `SO_REUSEPORT`). Both have to say so.
///
/// # Errors
/// The kernel's.
#[cfg(unix)]
pub fn share_port(socket: &impl std::os::fd::AsFd, shared: bool) -> io::Result<()> {
    socket2::SockRef::from(socket).set_reuse_port(shared)
}

/// Other systems have no such option.
///
/// # Errors
/// Always.
#[cfg(not(unix))]
pub fn share_port<S>(_socket: &S, _shared: bool) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Has the kernel look at every socket of this port when the next one is bound. It remembers the address that was
/// bound last with `SO_REUSEPORT`, and looks no further when that is bound again: not for connections in TIME_WAIT,
/// which hold the address without `SO_REUSEADDR`. So two others are bound last: if it was `0.0.0.0`, which is the same
/// as any IPv4 address to it, only one of IPv6 alone is another.
#[cfg(unix)]
pub fn forget_last_bound(port: u16) {
    use socket2::{Domain, Type};

    let nowhere = [
        SocketAddr::from((Ipv6Addr::LOCALHOST, port)),
        SocketAddr::from((NOT_A_LABS, port)),
    ];
    for address in nowhere {
        let bind = || {
            let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
            if address.is_ipv6() {
                socket.set_only_v6(true)?;
            }
            share_port(&socket, true)?;
            socket.bind(&address.into())
        };
        // Where that cannot be the kernel forgives what it would have refused.
        bind().ok();
    }
}

/// Nothing is remembered.
#[cfg(not(unix))]
pub const fn forget_last_bound(_port: u16) {}

/// Whether that could be set; a kernel without the option chooses at once.
#[cfg(target_os = "linux")]
fn choose_port_late(socket: &Socket, late: bool) -> bool {
    let option = libc::IP_BIND_ADDRESS_NO_PORT;
    super::options::set(socket, libc::IPPROTO_IP, option, late.into()).is_ok()
}

#[cfg(not(target_os = "linux"))]
const fn choose_port_late(_socket: &Socket, _late: bool) -> bool {
    false
}
