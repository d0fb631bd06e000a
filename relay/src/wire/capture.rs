//! Every packet of the servers, captured with `CAP_NET_RAW` on the interfaces it may cross (packet(7)).

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

use super::{Scope, Seen, Stamp, bpf, interfaces::Interfaces};
use crate::sys::options;

/// The interface over which a machine talks to itself.
const INTERFACE: &str = "lo";

/// Room for some 200 ms at 50,000 packets a second, in case the event loop is busy.
const RECEIVE_BUFFER: usize = 16 << 20;
/// The kinds of interfaces whose packets can be told (linux/if_arp.h): with an Ethernet header, and with none.
const ETHERNETS: [u16; 2] = [libc::ARPHRD_ETHER, libc::ARPHRD_LOOPBACK];
const TUNNELS: [u16; 4] = [
    libc::ARPHRD_NONE,
    libc::ARPHRD_TUNNEL,
    libc::ARPHRD_TUNNEL6,
    libc::ARPHRD_SIT,
];

/// The longest packet on loopback, whose MTU is 65,536, and its Ethernet header.
const LONGEST: usize = 65_536 + 14;
/// So many packets are taken before others on the event loop have their turn.
const PORTION: usize = 128;
/// How often the kernel is asked what it had to drop.
const ASK_FOR_DROPS: Duration = Duration::from_millis(200);

/// packet(7): options at level SOL_PACKET and what they give.
const PACKET_STATISTICS: i32 = 6;
const PACKET_AUXDATA: i32 = 8;
/// The transmit checksum was left to hardware, and loopback has none.
const STATUS_CHECKSUM_NOT_READY: u32 = 1 << 3;

/// An open capture.
#[derive(Debug)]
pub(super) struct Capture {
    /// Not a UDP socket: that is only the type by which the event loop watches any descriptor without `unsafe`.
    socket: UdpSocket,
    dropped_asked: Instant,
    places: Places,
}

/// The interfaces packets are taken from.
#[derive(Debug)]
enum Places {
    /// Loopback alone.
    Loopback(Rc<str>),
    /// All that have an address; and those of a kind whose packets cannot be told.
    Everywhere(Interfaces, HashSet<usize>),
}

impl Places {
    fn new(scope: Scope) -> Self {
        match scope {
            Scope::Loopback => Self::Loopback(INTERFACE.into()),
            Scope::Everywhere => Self::Everywhere(Interfaces::default(), HashSet::new()),
        }
    }

    /// The interface with this number, and what its packets begin with; none where they are not shown.
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
    /// Opens a capture of the packets from and to these ports; the filter cannot be taken off again.
    ///
    /// # Errors
    /// The kernel's: `EPERM` without `CAP_NET_RAW`.
    pub(super) fn open(ports: &[u16], scope: Scope) -> io::Result<Self> {
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let socket = socket(
            AddressFamily::Packet,
            SockType::Raw,
            flags,
            SockProtocol::EthAll,
        )?;
        let program: Vec<_> = bpf::of_ports(ports)
            .into_iter()
            .map(|(code, jt, jf, k)| SockFilter::new(code, jt, jf, k))
            .collect();
        SockRef::from(&socket).attach_filter(&program)?;
        options::set(&socket, libc::SOL_SOCKET, libc::SO_LOCK_FILTER, 1)?;
        options::set(&socket, libc::SOL_PACKET, PACKET_AUXDATA, 1)?;
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_err() {
            // Without CAP_NET_ADMIN the buffer is as large as net.core.rmem_max allows.
            setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER).ok();
        }
        if scope == Scope::Loopback {
            bind(socket.as_raw_fd(), &loopback()?)?;
        }
        let socket = UdpSocket::from_std(socket.into())?;
        let capture = Self {
            socket,
            dropped_asked: Instant::now(),
            places: Places::new(scope),
        };
        capture.discard_what_came_before();
        Ok(capture)
    }

    /// Until filter and interface were set, packets of others could come in.
    fn discard_what_came_before(&self) {
        let mut buffer = [0; 1];
        while receive(&self.socket, &mut buffer).is_ok() {}
    }

    /// Takes packets for as long as the relay runs; tells of each, and of how many the kernel had to drop.
    ///
    /// # Errors
    /// Where the interface is gone.
    pub(super) async fn run(
        mut self,
        mut seen: impl FnMut(Seen),
        mut dropped: impl FnMut(u64),
    ) -> io::Result<()> {
        let mut buffer = vec![0; LONGEST];
        loop {
            for _ in 0..PORTION {
                let packet = self
                    .socket
                    .async_io(Interest::READABLE, || receive(&self.socket, &mut buffer))
                    .await?;
                if let Some((interface, link)) = self.places.find(packet.number, packet.hardware) {
                    seen(packet.seen_on(interface, link));
                }
                if self.dropped_asked.elapsed() >= ASK_FOR_DROPS {
                    self.dropped_asked = Instant::now();
                    let drops = self.drops()?;
                    if drops > 0 {
                        dropped(drops);
                    }
                }
            }
            tokio::task::yield_now().await;
        }
    }

    /// Packets dropped since last asked: reading sets the kernel's counter back.
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

fn loopback() -> io::Result<LinkAddr> {
    let addresses = getifaddrs()?.filter(|interface| interface.interface_name == INTERFACE);
    let link = addresses
        .filter_map(|interface| interface.address)
        .find_map(|address| address.as_link_addr().copied());
    link.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "there is no loopback interface"))
}

/// A packet as the kernel hands it over.
struct Received {
    /// The number and the kind of its interface.
    number: usize,
    hardware: u16,
    bytes: Vec<u8>,
    length: u64,
    stamp: Stamp,
    checksum_unfinished: bool,
}

impl Received {
    fn seen_on(self, interface: Rc<str>, link: Link) -> Seen {
        Seen {
            interface,
            link,
            bytes: self.bytes,
            length: self.length,
            stamp: self.stamp,
            checksum_unfinished: self.checksum_unfinished,
        }
    }
}

fn receive(socket: &impl AsRawFd, buffer: &mut [u8]) -> io::Result<Received> {
    let room = buffer.len();
    let mut told = nix::cmsg_space!(nix::sys::time::TimeSpec, [u8; 32]);
    let mut parts = [io::IoSliceMut::new(buffer)];
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_TRUNC;
    let message = recvmsg::<LinkAddr>(socket.as_raw_fd(), &mut parts, Some(&mut told), flags)?;
    let length = message.bytes;
    let from = message.address;
    let (mut stamp, mut checksum_unfinished) = (Stamp::default(), false);
    for told in message.cmsgs()? {
        if let ControlMessageOwned::ScmTimestampns(at) = &told {
            stamp = Stamp {
                seconds: u64::try_from(at.tv_sec()).unwrap_or_default(),
                nanoseconds: u32::try_from(at.tv_nsec()).unwrap_or_default(),
            };
        }
        if let ControlMessageOwned::Unknown(other) = &told
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
    Ok(Received {
        number: from.map_or(0, |from| from.ifindex()),
        hardware: from.map_or(0, |from| from.hatype()),
        bytes,
        length: length as u64,
        stamp,
        checksum_unfinished,
    })
}
