//! The header before each packet of a packet socket with `PACKET_VNET_HDR` (packet(7)), which says how a burst splits
//! into datagrams (Virtual I/O Device 1.2, 5.1.6). Older kernels cannot describe bursts of UDP datagrams, so
//! [`are_bursts_described`] tries it.

use std::{io, net::Ipv4Addr, num::NonZeroUsize, os::fd::AsRawFd};

use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrIn, sendmsg};

use super::capture;
use crate::sys::options;

/// Length of the header in bytes.
pub(super) const HEADER_BYTES: usize = 10;

/// The option at level SOL_PACKET (linux/if_packet.h).
const PACKET_VNET_HDR: i32 = 15;
/// A burst of UDP datagrams (linux/virtio_net.h).
const GSO_UDP_L4: u8 = 5;
/// Explicit congestion notification, a flag in the field of the type.
const GSO_ECN: u8 = 0x80;

/// Asks the kernel for the header.
///
/// # Errors
/// The kernel's.
pub(super) fn enable(socket: &impl AsRawFd) -> io::Result<()> {
    options::set(socket, libc::SOL_PACKET, PACKET_VNET_HDR, 1)
}

/// The payload of each datagram in the packet behind this header; none if it is not a burst of UDP datagrams.
pub(super) fn payload_bytes(header: &[u8; HEADER_BYTES]) -> Option<NonZeroUsize> {
    let [_, kind, _, _, size_0, size_1, ..] = *header;
    let size = NonZeroUsize::new(u16::from_ne_bytes([size_0, size_1]).into());
    size.filter(|_| kind & !GSO_ECN == GSO_UDP_L4)
}

/// Whether this kernel describes bursts: one of two datagrams, from a socket to itself, is captured and looked at.
/// Linux does since 6.2; before, reading such a packet fails.
pub(super) fn are_bursts_described() -> bool {
    let payload_bytes = capture_own_burst().ok().flatten();
    payload_bytes == NonZeroUsize::new(1)
}

fn capture_own_burst() -> io::Result<Option<NonZeroUsize>> {
    let sender = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let capture = capture::open_on_loopback(&[sender.local_addr()?.port()])?;
    enable(&capture)?;
    let to = match sender.local_addr()? {
        std::net::SocketAddr::V4(address) => SockaddrIn::from(address),
        std::net::SocketAddr::V6(_) => return Ok(None),
    };
    sendmsg(
        sender.as_raw_fd(),
        &[io::IoSlice::new(b"ab")],
        &[ControlMessage::UdpGsoSegments(&1)],
        MsgFlags::empty(),
        Some(&to),
    )?;
    let mut buffer = [0; 256];
    // Loopback delivers before `sendmsg` returns. The capture may hold another packet from before its filter was set.
    for _ in 0..8 {
        let received =
            nix::sys::socket::recv(capture.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT)?;
        let header = buffer[..received].first_chunk();
        let size = header.and_then(payload_bytes);
        if size.is_some() {
            return Ok(size);
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_told_from_other_packets() {
        let size_in = |kind, size: u16| {
            let [size_0, size_1] = size.to_ne_bytes();
            let size = payload_bytes(&[1, kind, 42, 0, size_0, size_1, 34, 0, 6, 0]);
            size.map(NonZeroUsize::get)
        };
        assert_eq!(size_in(GSO_UDP_L4, 64), Some(64));
        assert_eq!(size_in(GSO_UDP_L4 | GSO_ECN, 64), Some(64));
        assert_eq!(size_in(0, 0), None, "a single datagram");
        assert_eq!(size_in(1, 1460), None, "TCP");
        assert_eq!(size_in(GSO_UDP_L4, 0), None, "without a size");
    }
}
