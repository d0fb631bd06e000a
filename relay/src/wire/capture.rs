//! A packet socket that captures all packets of the servers, with `CAP_NET_RAW` (packet(7)).

use std::{
    collections::HashSet,
    io,
    num::NonZeroUsize,
    os::fd::{AsRawFd, OwnedFd},
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

use super::{Scope, bpf, interfaces::Interfaces, vnet};
use crate::{sys::options, trace::CapturedPacket};

/// The loopback interface.
const LOOPBACK: &str = "lo";

/// Receive buffer in bytes, for a busy event loop: about 400 ms at 200,000 small packets a second, each of which takes
/// about 800 bytes. The kernel uses no more than the waiting packets need.
const RECEIVE_BUFFER_BYTES: usize = 64 << 20;
/// The hardware types of interfaces whose packets can be decoded (linux/if_arp.h): with an Ethernet header.
const ETHERNETS: [u16; 2] = [libc::ARPHRD_ETHER, libc::ARPHRD_LOOPBACK];
/// And without a link header.
const TUNNELS: [u16; 4] = [
    libc::ARPHRD_NONE,
    libc::ARPHRD_TUNNEL,
    libc::ARPHRD_TUNNEL6,
    libc::ARPHRD_SIT,
];

/// The longest packet on loopback, whose MTU is 65,536, with its Ethernet header and the header that describes bursts.
const MAX_FRAME_BYTES: usize = 65_536 + 14 + vnet::HEADER_BYTES;
/// Maximum number of packets read before other tasks run. A single turn of the event loop may send thousands.
const MAX_READS: usize = 4096;
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
    /// Whether a header before each packet says how it splits into datagrams.
    splits_bursts: bool,
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
        let socket = open_socket(ports)?;
        options::set(&socket, libc::SOL_PACKET, PACKET_AUXDATA, 1)?;
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER_BYTES).is_err() {
            // Without CAP_NET_ADMIN the kernel limits the buffer to net.core.rmem_max.
            setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER_BYTES).ok();
        }
        let splits_bursts = vnet::are_bursts_described() && vnet::enable(&socket).is_ok();
        if scope == Scope::Loopback {
            bind(socket.as_raw_fd(), &loopback_address()?)?;
        }
        let socket = UdpSocket::from_std(socket.into())?;
        let capture = Self {
            socket,
            splits_bursts,
            drops_read_at: Instant::now(),
            interfaces: CaptureInterfaces::new(scope),
        };
        capture.discard_received();
        Ok(capture)
    }

    /// Before the filter and the interface were set, any packet could be captured.
    fn discard_received(&self) {
        let mut buffer = [0; 1];
        while receive(&self.socket, &mut buffer, false).is_ok() {}
    }

    /// Whether a burst of datagrams, which is captured as one packet, can be split into its datagrams.
    pub(super) const fn splits_bursts(&self) -> bool {
        self.splits_bursts
    }

    /// Captures for as long as the relay runs. Calls `on_packet` with each packet, and `on_drops` with the number of
    /// packets that the kernel has dropped, and with the time in which it did.
    ///
    /// # Errors
    /// The kernel's, such as `ENETDOWN` if the interface disappears.
    pub(super) async fn run(
        mut self,
        mut on_packet: impl FnMut(CapturedPacket),
        mut on_drops: impl FnMut(u64, Duration),
    ) -> io::Result<()> {
        let mut buffer = vec![0; MAX_FRAME_BYTES];
        // Whether packets were captured since the last reading of the drops: without packets, there are no drops.
        let mut is_active = false;
        loop {
            for _ in 0..MAX_READS {
                let receiving = self.socket.async_io(Interest::READABLE, || {
                    receive(&self.socket, &mut buffer, self.splits_bursts)
                });
                let received = if is_active {
                    tokio::time::timeout(DROPS_INTERVAL, receiving).await.ok()
                } else {
                    Some(receiving.await)
                };
                if let Some(packet) = received.transpose()? {
                    is_active = true;
                    let interface = self.interfaces.find(packet.number, packet.hardware);
                    if let Some((interface, link)) = interface {
                        on_packet(packet.into_captured(interface, link));
                    }
                }
                let within = self.drops_read_at.elapsed();
                if is_active && within >= DROPS_INTERVAL {
                    self.drops_read_at = Instant::now();
                    is_active = false;
                    let drops = self.drops()?;
                    if drops > 0 {
                        on_drops(drops, within);
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

/// A packet socket for the packets from and to these ports on the loopback interface.
///
/// # Errors
/// The kernel's.
pub(super) fn open_on_loopback(ports: &[u16]) -> io::Result<OwnedFd> {
    let socket = open_socket(ports)?;
    bind(socket.as_raw_fd(), &loopback_address()?)?;
    Ok(socket)
}

/// A packet socket with a filter that cannot be removed.
fn open_socket(ports: &[u16]) -> io::Result<OwnedFd> {
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
    Ok(socket)
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
    kernel_s: u64,
    kernel_ns: u32,
    checksum_unfinished: bool,
    payload_bytes: Option<NonZeroUsize>,
}

impl ReceivedPacket {
    fn into_captured(self, interface: Rc<str>, link: Link) -> CapturedPacket {
        CapturedPacket {
            interface,
            link,
            bytes: self.bytes,
            length: self.length,
            kernel_s: self.kernel_s,
            kernel_ns: self.kernel_ns,
            checksum_unfinished: self.checksum_unfinished,
            payload_bytes: self.payload_bytes,
        }
    }
}

/// Receives a packet; `has_header` says whether a header before it describes bursts.
fn receive(
    socket: &impl AsRawFd,
    buffer: &mut [u8],
    has_header: bool,
) -> io::Result<ReceivedPacket> {
    let mut control = nix::cmsg_space!(nix::sys::time::TimeSpec, [u8; 32]);
    let mut parts = [io::IoSliceMut::new(buffer)];
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_TRUNC;
    let message = recvmsg::<LinkAddr>(socket.as_raw_fd(), &mut parts, Some(&mut control), flags)?;
    let (length, from) = (message.bytes, message.address);
    let (mut kernel_s, mut kernel_ns, mut checksum_unfinished) = (0, 0, false);
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmTimestampns(at) = &control {
            kernel_s = u64::try_from(at.tv_sec()).unwrap_or_default();
            kernel_ns = u32::try_from(at.tv_nsec()).unwrap_or_default();
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
    let received = &buffer[..length.min(buffer.len())];
    let (payload_bytes, bytes) = match received.split_first_chunk() {
        Some((header, packet)) if has_header => (vnet::payload_bytes(header), packet),
        _ => (None, received),
    };
    Ok(ReceivedPacket {
        number: from.map_or(0, |from| from.ifindex()),
        hardware: from.map_or(0, |from| from.hatype()),
        bytes: bytes.to_vec(),
        length: (length - (received.len() - bytes.len())) as u64,
        kernel_s,
        kernel_ns,
        checksum_unfinished,
        payload_bytes,
    })
}
