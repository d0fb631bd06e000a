//! How a socket is bound beyond what bind(2) does by itself.

use std::{io, net::SocketAddr};

use shared::call::Transport;
use socket2::Socket;

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
