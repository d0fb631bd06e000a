//! A packet socket that captures all packets of the servers, with `CAP_NET_RAW` (packet(7)).

use std::{
    collections::HashSet,
    io,
    os::fd::AsRawFd,
    rc::Rc,
    time::{Duration, Instant},
};

use nix::{
    ifaddrs::getifaddrs,
    sys::socket::{
        AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType,
        bind, recvmsg, setsockopt, socket, sockopt,
    },
};
use shared::trace::Link;
use socket2::{SockFilter, SockRef};
use tokio::{io::Interest, net::UdpSocket};

use super::{CapturedPacket, Scope, Timestamp, bpf, interfaces::Interfaces};
use crate::sys::options;

/// The loopback interface.
const LOOPBACK: &str = "lo";

/// Receive buffer in bytes: about 200 ms at 50,000 packets a second, for a busy event loop.
const RECEIVE_BUFFER_BYTES: usize = 16 << 20;
/// The hardware types of interfaces whose packets can be decoded (linux/if_arp.h): with an Ethernet header.
const ETHERNETS: [u16; 2] = [libc::ARPHRD_ETHER, libc::ARPHRD_LOOPBACK];
/// And without a link header.
const TUNNELS: [u16; 4] = [
    libc::ARPHRD_NONE,
    libc::ARPHRD_TUNNEL,
    libc::ARPHRD_TUNNEL6,
    libc::ARPHRD_SIT,
];

/// The longest packet on loopback, whose MTU is 65,536, with its Ethernet header.
const MAX_FRAME_BYTES: usize = 65_536 + 14;
/// Maximum number of packets read before other tasks run.
const MAX_READS: usize = 128;
/// How often the kernel's counter of dropped packets is read.
const DROPS_INTERVAL: Duration = Duration::from_millis(200);

/// Options at level SOL_PACKET (packet(7)).
const PACKET_STATISTICS: i32 = 6;
const PACKET_AUXDATA: i32 = 8;
/// The checksum was left to the hardware, and loopback has none.
const STATUS_CHECKSUM_NOT_READY: u32 = 1 << 3;

/// An open capture.
#[derive(Debug)]
pub(super) struct Capture {
    /// A packet socket in spite of its type, with which the event loop watches any descriptor without `unsafe`.
    socket: UdpSocket,
    drops_read_at: Instant,
    interfaces: CaptureInterfaces,
}

/// The interfaces whose packets are kept.
#[derive(Debug)]
enum CaptureInterfaces {
    /// Only loopback.
    Loopback(Rc<str>),
    /// All that have an address, and the numbers of those whose packets cannot be decoded.
    Everywhere(Interfaces, HashSet<usize>),
}

impl CaptureInterfaces {
    fn new(scope: Scope) -> Self {
        match scope {
            Scope::Loopback => Self::Loopback(LOOPBACK.into()),
            Scope::Everywhere => Self::Everywhere(Interfaces::default(), HashSet::new()),
        }
    }

    /// The name and the link header of the interface with this number; none if its packets are ignored.
    fn find(&mut self, number: usize, hardware: u16) -> Option<(Rc<str>, Link)> {
        let (interfaces, unknown) = match self {
            Self::Loopback(name) => return Some((Rc::clone(name), Link::Ethernet)),
            Self::Everywhere(interfaces, unknown) => (interfaces, unknown),
        };
        let name = interfaces.name(number)?;
        if ETHERNETS.contains(&hardware) {
            return Some((name, Link::Ethernet));
        }
        if TUNNELS.contains(&hardware) {
            return Some((name, Link::Raw));
        }
        if unknown.insert(number) {
            eprintln!(
                "relay: packets on interface {name} are not shown: its kind, {hardware}, is not known"
            );
        }
        None
    }
}

impl Capture {
    /// Opens a capture of the packets from and to these ports; the filter cannot be removed.
    ///
    /// # Errors
    /// The kernel's; `EPERM` without `CAP_NET_RAW`.
    pub(super) fn open(ports: &[u16], scope: Scope) -> io::Result<Self> {
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let socket = socket(
            AddressFamily::Packet,
            SockType::Raw,
            flags,
            SockProtocol::EthAll,
        )?;
        let program: Vec<_> = bpf::filter_for_ports(ports)
            .into_iter()
            .map(|(code, jt, jf, k)| SockFilter::new(code, jt, jf, k))
            .collect();
        SockRef::from(&socket).attach_filter(&program)?;
        options::set(&socket, libc::SOL_SOCKET, libc::SO_LOCK_FILTER, 1)?;
        options::set(&socket, libc::SOL_PACKET, PACKET_AUXDATA, 1)?;
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER_BYTES).is_err() {
            // Without CAP_NET_ADMIN the kernel limits the buffer to net.core.rmem_max.
            setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER_BYTES).ok();
        }
        if scope == Scope::Loopback {
            bind(socket.as_raw_fd(), &loopback_address()?)?;
        }
        let socket = UdpSocket::from_std(socket.into())?;
        let capture = Self {
            socket,
            drops_read_at: Instant::now(),
            interfaces: CaptureInterfaces::new(scope),
        };
        capture.discard_received();
        Ok(capture)
    }

    /// Before the filter and the interface were set, any packet could be captured.
    fn discard_received(&self) {
        let mut buffer = [0; 1];
        while receive(&self.socket, &mut buffer).is_ok() {}
    }

    /// Captures for as long as the relay runs. Calls `on_packet` with each packet, and `on_drops` with the number of
    /// packets that the kernel has dropped.
    ///
    /// # Errors
    /// The kernel's, such as `ENETDOWN` if the interface disappears.
    pub(super) async fn run(
        mut self,
        mut on_packet: impl FnMut(CapturedPacket),
        mut on_drops: impl FnMut(u64),
    ) -> io::Result<()> {
        let mut buffer = vec![0; MAX_FRAME_BYTES];
        loop {
            for _ in 0..MAX_READS {
                let packet = self
                    .socket
                    .async_io(Interest::READABLE, || receive(&self.socket, &mut buffer))
                    .await?;
                if let Some((interface, link)) =
                    self.interfaces.find(packet.number, packet.hardware)
                {
                    on_packet(packet.into_captured(interface, link));
                }
                if self.drops_read_at.elapsed() >= DROPS_INTERVAL {
                    self.drops_read_at = Instant::now();
                    let drops = self.drops()?;
                    if drops > 0 {
                        on_drops(drops);
                    }
                }
            }
            tokio::task::yield_now().await;
        }
    }

    /// Number of packets dropped since the last call: reading resets the kernel's counter.
    fn drops(&self) -> io::Result<u64> {
        let mut statistics = [0; 8];
        options::get(
            &self.socket,
            libc::SOL_PACKET,
            PACKET_STATISTICS,
            &mut statistics,
        )?;
        let [_, _, _, _, drops @ ..] = statistics;
        Ok(u32::from_ne_bytes(drops).into())
    }
}

fn loopback_address() -> io::Result<LinkAddr> {
    let addresses = getifaddrs()?.filter(|interface| interface.interface_name == LOOPBACK);
    let link = addresses
        .filter_map(|interface| interface.address)
        .find_map(|address| address.as_link_addr().copied());
    link.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "there is no loopback interface"))
}

/// A packet as it was received.
struct ReceivedPacket {
    /// The number and the hardware type of its interface.
    number: usize,
    hardware: u16,
    bytes: Vec<u8>,
    length: u64,
    stamp: Timestamp,
    checksum_unfinished: bool,
}

impl ReceivedPacket {
    fn into_captured(self, interface: Rc<str>, link: Link) -> CapturedPacket {
        CapturedPacket {
            interface,
            link,
            bytes: self.bytes,
            length: self.length,
            stamp: self.stamp,
            checksum_unfinished: self.checksum_unfinished,
        }
    }
}

fn receive(socket: &impl AsRawFd, buffer: &mut [u8]) -> io::Result<ReceivedPacket> {
    let room = buffer.len();
    let mut control = nix::cmsg_space!(nix::sys::time::TimeSpec, [u8; 32]);
    let mut parts = [io::IoSliceMut::new(buffer)];
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_TRUNC;
    let message = recvmsg::<LinkAddr>(socket.as_raw_fd(), &mut parts, Some(&mut control), flags)?;
    let length = message.bytes;
    let from = message.address;
    let (mut stamp, mut checksum_unfinished) = (Timestamp::default(), false);
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmTimestampns(at) = &control {
            stamp = Timestamp {
                seconds: u64::try_from(at.tv_sec()).unwrap_or_default(),
                nanoseconds: u32::try_from(at.tv_nsec()).unwrap_or_default(),
            };
        }
        if let ControlMessageOwned::Unknown(other) = &control
            && other.cmsg_header.cmsg_type == PACKET_AUXDATA
        {
            let status = other
                .data_bytes
                .first_chunk()
                .map_or(0, |status| u32::from_ne_bytes(*status));
            checksum_unfinished = status & STATUS_CHECKSUM_NOT_READY != 0;
        }
    }
    let bytes = buffer[..length.min(room)].to_vec();
    Ok(ReceivedPacket {
        number: from.map_or(0, |from| from.ifindex()),
        hardware: from.map_or(0, |from| from.hatype()),
        bytes,
        length: length as u64,
        stamp,
        checksum_unfinished,
    })
}
