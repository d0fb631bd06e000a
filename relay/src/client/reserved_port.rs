//! The ports behind the protocol's target `nobody`: the relay reserves them while one of its clients may send there, so
//! that no program ever listens at them.
//!
//! A TCP socket that is bound and does not listen: the kernel refuses whoever connects. A UDP socket connected to
//! itself: a datagram from anybody else finds no socket, and the kernel answers that the port is unreachable. So no
//! program of somebody else's is ever reached, and none has its port taken away: what is taken already is not had.

use std::{
    cell::RefCell,
    collections::HashMap,
    io,
    net::SocketAddr,
    rc::{Rc, Weak},
};

use shared::{
    call::Transport,
    outcome::{Failed, Reason},
};
use socket2::{Domain, Socket, Type};

use crate::{failure, sys::descriptors::is_exhausted};

/// The address of target `nobody`: the port after the server's; none after 65535.
#[must_use]
pub fn nobody_address(server: SocketAddr) -> Option<SocketAddr> {
    let port = server.port().checked_add(1)?;
    Some(SocketAddr::new(server.ip(), port))
}

/// A reserved address; released when its last owner drops it.
#[derive(Debug)]
pub(super) struct PortReservation {
    _socket: Option<Socket>,
}

thread_local! {
    /// The reserved addresses: each port of this machine is reserved once, however many clients need it.
    static RESERVED: RefCell<HashMap<(Transport, SocketAddr), Weak<PortReservation>>> = RefCell::default();
}

/// Reserves an address.
///
/// # Errors
/// [`Reason::NotNobody`] where another program has it.
pub(super) fn reserve(
    transport: Transport,
    address: SocketAddr,
) -> Result<Rc<PortReservation>, Failed> {
    RESERVED.with_borrow_mut(|reserved| {
        reserved.retain(|_, reservation| reservation.strong_count() > 0);
        if let Some(reservation) = reserved.get(&(transport, address)).and_then(Weak::upgrade) {
            return Ok(reservation);
        }
        let reservation = match take(transport, address) {
            Ok(socket) => Rc::new(PortReservation {
                _socket: Some(socket),
            }),
            // This machine does not have the address, so no program can listen there.
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
                Rc::new(PortReservation { _socket: None })
            }
            Err(error) if is_exhausted(&error) => return Err(failure::kernel(&error)),
            Err(error) => return Err(not_reserved(address, &error)),
        };
        reserved.insert((transport, address), Rc::downgrade(&reservation));
        Ok(reservation)
    })
}

fn take(transport: Transport, address: SocketAddr) -> io::Result<Socket> {
    let kind = match transport {
        Transport::Udp => Type::DGRAM,
        Transport::Tcp => Type::STREAM,
    };
    let socket = Socket::new(Domain::for_address(address), kind, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    if transport == Transport::Udp {
        socket.connect(&address.into())?;
    }
    Ok(socket)
}

fn not_reserved(address: SocketAddr, error: &io::Error) -> Failed {
    let why = crate::sys::errno::message(error);
    let message = format!("somebody may be at {address}: its port cannot be held ({why})");
    failure::relay(Reason::NotNobody, message)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream, UdpSocket};

    use super::*;

    /// An address nobody has at this moment.
    fn free(transport: Transport) -> SocketAddr {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let address = match transport {
            Transport::Udp => UdpSocket::bind(any).and_then(|socket| socket.local_addr()),
            Transport::Tcp => TcpListener::bind(any).and_then(|socket| socket.local_addr()),
        };
        address.expect("a free port")
    }

    #[test]
    fn the_port_beside_the_last_one_is_none() {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        assert_eq!(nobody_address(at(12_000)), Some(at(12_001)));
        assert_eq!(nobody_address(at(65_535)), None);
    }

    #[test]
    fn whoever_connects_to_nobody_is_refused() {
        let address = free(Transport::Tcp);
        let _reservation = reserve(Transport::Tcp, address).expect("a free port");
        let error = TcpStream::connect(address).expect_err("nobody");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_datagram_to_nobody_is_answered_by_the_kernel() {
        let address = free(Transport::Udp);
        let _reservation = reserve(Transport::Udp, address).expect("a free port");
        let client = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        client.connect(address).expect("an address");
        client.send(b"anybody?").expect("it leaves");
        let error = client.recv(&mut [0; 8]).expect_err("nobody");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn an_address_is_held_once_and_given_back_with_the_last() {
        let address = free(Transport::Tcp);
        let first = reserve(Transport::Tcp, address).expect("a free port");
        let second = reserve(Transport::Tcp, address).expect("reserved already");
        drop(first);
        TcpListener::bind(address).expect_err("still reserved");
        drop(second);
        TcpListener::bind(address).expect("given back");
    }

    #[test]
    fn a_port_somebody_has_is_not_had() {
        for transport in Transport::ALL {
            let any = SocketAddr::from(([127, 0, 0, 1], 0));
            let socket = take(transport, any).expect("a socket");
            let theirs = socket.local_addr().expect("its address");
            let theirs = theirs.as_socket().expect("an internet address");
            let failed = reserve(transport, theirs).expect_err("it is theirs");
            assert_eq!(failed.reason, Some(Reason::NotNobody));
        }
    }
}
