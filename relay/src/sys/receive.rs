//! Receives a datagram with its ancillary data.

use std::{io, net::SocketAddr};

use super::Ancillary;
#[cfg(target_os = "linux")]
use super::facts;

/// A datagram as it was received into a buffer.
#[derive(Debug)]
pub struct Received {
    /// Bytes in the buffer.
    pub kept: usize,
    /// Bytes the datagram really had.
    pub length: usize,
    /// The sender's address.
    pub from: SocketAddr,
    /// Its ancillary data; empty where the socket does not ask for it.
    pub ancillary: Ancillary,
}

/// Receives one datagram; what does not fit into `buffer` is lost, as recv(2) has it, but counted.
///
/// # Errors
/// The kernel's; `WouldBlock` where there is none.
#[cfg(target_os = "linux")]
pub fn datagram(socket: &impl std::os::fd::AsRawFd, buffer: &mut [u8]) -> io::Result<Received> {
    use nix::sys::socket::{MsgFlags, SockaddrStorage, recvmsg};

    let room = buffer.len();
    let mut parts = [io::IoSliceMut::new(buffer)];
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_TRUNC;
    let mut control = AncillaryBuffer::new();
    let message =
        recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut parts, Some(control.bytes()), flags)?;
    let from = message.address.as_ref().and_then(address).unwrap_or(NOBODY);
    let ancillary = message.cmsgs().map(facts::of_datagram).unwrap_or_default();
    Ok(Received {
        kept: message.bytes.min(room),
        length: message.bytes,
        from,
        ancillary,
    })
}

#[cfg(target_os = "linux")]
pub(super) fn address(storage: &nix::sys::socket::SockaddrStorage) -> Option<SocketAddr> {
    let v4 = storage
        .as_sockaddr_in()
        .map(|address| SocketAddr::from((address.ip(), address.port())));
    v4.or_else(|| {
        storage
            .as_sockaddr_in6()
            .map(|address| SocketAddr::from((address.ip(), address.port())))
    })
}

/// Receives one datagram. Systems that do not tell the true length are given room for any datagram, so that it
/// can be counted; the caller's buffer gets what recv(2) would have put there.
///
/// # Errors
/// The kernel's; `WouldBlock` where there is none.
#[cfg(not(target_os = "linux"))]
pub fn datagram(socket: &tokio::net::UdpSocket, buffer: &mut [u8]) -> io::Result<Received> {
    let mut whole = vec![0; shared::udp::MAX_DATAGRAM_BYTES];
    let (length, from) = socket.try_recv_from(&mut whole)?;
    let kept = length.min(buffer.len());
    buffer[..kept].copy_from_slice(&whole[..kept]);
    Ok(Received {
        kept,
        length,
        from,
        ancillary: Ancillary::default(),
    })
}

/// Room for ancillary data: a time, a hop count, a class of service, a drop count, a burst's size, each behind a
/// header of 16 bytes, aligned as these headers want it.
#[cfg(target_os = "linux")]
#[repr(align(16))]
pub(super) struct AncillaryBuffer([u8; 160]);

#[cfg(target_os = "linux")]
impl AncillaryBuffer {
    pub(super) const fn new() -> Self {
        Self([0; 160])
    }

    pub(super) const fn bytes(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

/// Stands for a sender the kernel did not name, which UDP over IP always does.
#[cfg(target_os = "linux")]
pub(super) const NOBODY: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0);

/// Sets whether an unconnected UDP socket receives ICMP errors (ip(7), `IP_RECVERR`).
///
/// # Errors
/// The kernel's.
#[cfg(target_os = "linux")]
pub fn receive_errors(socket: &impl std::os::fd::AsFd, on: bool) -> io::Result<()> {
    use nix::sys::socket::{setsockopt, sockopt};

    Ok(setsockopt(socket, sockopt::Ipv4RecvErr, &on)?)
}

/// Only Linux has this.
///
/// # Errors
/// Always.
#[cfg(not(target_os = "linux"))]
pub fn receive_errors<S>(_: &S, _: bool) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_marked_socket_sends_is_marked_and_what_others_send_is_not() {
        use std::net::UdpSocket;

        use crate::sys::answers::mark;

        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(server) = UdpSocket::bind(address) else {
                continue;
            };
            let other = UdpSocket::bind(address).expect("a socket");
            let plain = UdpSocket::bind(address).expect("a socket");
            mark(&server, address.starts_with('['));
            mark(&other, address.starts_with('['));
            let to = server.local_addr().expect("bound");
            for (sender, expected) in [(&other, true), (&plain, false)] {
                sender.send_to(b"hello", to).expect("sent");
                server.peek(&mut [0]).expect("it came");
                let received = datagram(&server, &mut [0; 8]).expect("it came");
                assert_eq!(received.ancillary.is_answer, expected, "{address}");
            }
        }
    }
}
