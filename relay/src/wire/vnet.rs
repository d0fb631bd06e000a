//! The header before each packet of a packet socket with `PACKET_VNET_HDR` (packet(7)), which says how a burst splits
//! into datagrams (Virtual I/O Device 1.2, 5.1.6). Older kernels cannot describe bursts of UDP datagrams, so
//! [`are_bursts_described`] tries it.

use std::{io, net::Ipv4Addr, os::fd::AsRawFd};

use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrIn, sendmsg};

use super::capture;
use crate::{sys::options, trace::BurstLayout};

/// Length of the header in bytes.
pub(super) const HEADER_BYTES: usize = 10;

/// The option at level SOL_PACKET (linux/if_packet.h).
const PACKET_VNET_HDR: i32 = 15;
/// The checksum starts at `csum_start` (linux/virtio_net.h).
const NEEDS_CSUM: u8 = 1;
/// A burst of UDP datagrams.
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

/// How the packet behind this header splits; none if it is not a burst of UDP datagrams.
pub(super) fn layout(header: &[u8; HEADER_BYTES]) -> Option<BurstLayout> {
    let [flags, kind, _, _, size_0, size_1, start_0, start_1, ..] = *header;
    let datagram_bytes = usize::from(u16::from_ne_bytes([size_0, size_1]));
    let is_burst = kind & !GSO_ECN == GSO_UDP_L4 && flags & NEEDS_CSUM != 0 && datagram_bytes > 0;
    is_burst.then(|| BurstLayout {
        udp_start: u16::from_ne_bytes([start_0, start_1]).into(),
        datagram_bytes,
    })
}

/// Whether this kernel describes bursts: one of two datagrams, from a socket to itself, is captured and looked at.
/// Linux does since 6.2; before, reading such a packet fails.
pub(super) fn are_bursts_described() -> bool {
    let layout = capture_own_burst().ok().flatten();
    layout.is_some_and(|layout| layout.datagram_bytes == 1)
}

fn capture_own_burst() -> io::Result<Option<BurstLayout>> {
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
        if let Some(layout) = header.and_then(layout) {
            return Ok(Some(layout));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_told_from_other_packets() {
        let header = |flags, kind, size: u16, start: u16| {
            let [size_0, size_1] = size.to_ne_bytes();
            let [start_0, start_1] = start.to_ne_bytes();
            layout(&[flags, kind, 42, 0, size_0, size_1, start_0, start_1, 6, 0])
        };
        let burst = BurstLayout {
            udp_start: 34,
            datagram_bytes: 64,
        };
        assert_eq!(header(NEEDS_CSUM, GSO_UDP_L4, 64, 34), Some(burst));
        assert_eq!(
            header(NEEDS_CSUM, GSO_UDP_L4 | GSO_ECN, 64, 34),
            Some(burst)
        );
        assert_eq!(header(NEEDS_CSUM, 0, 0, 34), None, "a single datagram");
        assert_eq!(header(NEEDS_CSUM, 1, 1460, 34), None, "TCP");
        assert_eq!(header(0, GSO_UDP_L4, 64, 0), None, "without its place");
        assert_eq!(
            header(NEEDS_CSUM, GSO_UDP_L4, 0, 34),
            None,
            "without a size"
        );
    }
}
