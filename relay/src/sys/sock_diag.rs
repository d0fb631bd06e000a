//! Asks the kernel about one socket of this machine, by its addresses (sock_diag(7), linux/inet_diag.h).
//! One exact question is one message each way, however many sockets there are; nothing is connected and nothing sent.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    os::fd::AsRawFd,
};

use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket,
};
use shared::call::Transport;

/// Bytes of `struct nlmsghdr` (linux/netlink.h).
const HEADER: usize = 16;
/// Bytes of `struct inet_diag_req_v2`, and of `struct inet_diag_msg`.
const REQUEST: usize = 56;
const ANSWER: usize = 72;
/// `SOCK_DIAG_BY_FAMILY`, the type of the question and of its answer; and `NLMSG_ERROR`.
const BY_FAMILY: u16 = 20;
const ERROR: u16 = 2;
/// `NLM_F_REQUEST`.
const FLAG_REQUEST: u16 = 1;
/// All TCP states of tcp_states.h.
const ANY_STATE: u32 = u32::MAX;
/// `INET_DIAG_NOCOOKIE`: any socket with these addresses will do.
const NO_COOKIE: [u8; 8] = [0xff; 8];
/// `TCP_TIME_WAIT`, `TCP_LISTEN` and `TCP_NEW_SYN_RECV`: states in which the kernel reports no user.
const WITHOUT_USER: [u8; 3] = [6, 10, 12];

/// A socket as the kernel describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Found {
    state: u8,
    uid: u32,
    /// The file a program holds it by; 0 where no program holds it any longer.
    inode: u32,
}

/// The user who holds the connected TCP socket with these two ends on this machine. `None` where there is none, or
/// no program holds it any longer: the kernel then says 0, and that would be root.
///
/// # Errors
/// The kernel's, where it cannot be asked.
pub(super) fn owner(local: SocketAddr, remote: SocketAddr) -> io::Result<Option<u32>> {
    let found = ask(&request(Transport::Tcp, local, Some(remote)))?;
    let held = found.filter(|found| found.inode != 0 && !WITHOUT_USER.contains(&found.state));
    Ok(held.map(|found| found.uid))
}

/// Whether a program of this machine would be given what is sent to this address: it listens there, or has an
/// unconnected UDP socket. The kernel looks it up as it does for a packet, so sockets bound to all addresses count.
///
/// # Errors
/// The kernel's, where it cannot be asked.
pub(super) fn listener_exists(transport: Transport, address: SocketAddr) -> io::Result<bool> {
    Ok(ask(&request(transport, address, None))?.is_some())
}

fn ask(request: &[u8]) -> io::Result<Option<Found>> {
    let kernel = socket(
        AddressFamily::Netlink,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkSockDiag,
    )?;
    send(kernel.as_raw_fd(), request, MsgFlags::empty())?;
    let mut reply = [0; 1024];
    // The kernel has answered before send(2) returns.
    let length = recv(kernel.as_raw_fd(), &mut reply, MsgFlags::MSG_DONTWAIT)?;
    answer(&reply[..length])
}

/// The question for one socket: `struct nlmsghdr`, then `struct inet_diag_req_v2`. Without a remote end it is for the
/// socket that would hear of a stranger.
fn request(transport: Transport, local: SocketAddr, remote: Option<SocketAddr>) -> Vec<u8> {
    let unknown = SocketAddr::new(unspecified(local.ip()), 0);
    let remote = remote.unwrap_or(unknown);
    let (protocol, source, destination) = match transport {
        Transport::Tcp => (libc::IPPROTO_TCP, local, remote),
        // For UDP the two ends are the other way round (udp_dump_one in net/ipv4/udp_diag.c).
        Transport::Udp => (libc::IPPROTO_UDP, remote, local),
    };
    let family = match local {
        SocketAddr::V4(_) => libc::AF_INET,
        SocketAddr::V6(_) => libc::AF_INET6,
    };
    let small = |number: i32| u8::try_from(number).unwrap_or_default();
    let mut bytes = Vec::with_capacity(HEADER + REQUEST);
    let length = u32::try_from(HEADER + REQUEST).unwrap_or_default();
    bytes.extend(length.to_ne_bytes());
    bytes.extend(BY_FAMILY.to_ne_bytes());
    bytes.extend(FLAG_REQUEST.to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend([small(family), small(protocol), 0, 0]);
    bytes.extend(ANY_STATE.to_ne_bytes());
    bytes.extend(source.port().to_be_bytes());
    bytes.extend(destination.port().to_be_bytes());
    bytes.extend(words(source.ip()));
    bytes.extend(words(destination.ip()));
    bytes.extend([0; 4]);
    bytes.extend(NO_COOKIE);
    bytes
}

/// An address in four words of network order, of which IPv4 uses the first.
fn words(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&address.octets());
            bytes
        }
        IpAddr::V6(address) => address.octets(),
    }
}

const fn unspecified(like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED),
    }
}

/// What the kernel answered: a socket, none (`ENOENT`), or why it does not say.
fn answer(reply: &[u8]) -> io::Result<Option<Found>> {
    let broken = || io::Error::from(io::ErrorKind::InvalidData);
    let (header, body) = reply.split_at_checked(HEADER).ok_or_else(broken)?;
    match u16::from_ne_bytes([header[4], header[5]]) {
        BY_FAMILY if body.len() >= ANSWER => Ok(Some(Found {
            state: body[1],
            uid: word(body, 64),
            inode: word(body, 68),
        })),
        ERROR if body.len() >= 4 => match word(body, 0).cast_signed().wrapping_neg() {
            libc::ENOENT => Ok(None),
            errno => Err(io::Error::from_raw_os_error(errno)),
        },
        _ => Err(broken()),
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_ne_bytes(word)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream, UdpSocket};

    use super::*;

    fn our_uid() -> u32 {
        nix::unistd::getuid().as_raw()
    }

    #[test]
    fn a_connection_of_ours_is_ours_by_either_family() {
        for listening in ["127.0.0.1:0", "[::1]:0", "[::]:0"] {
            let listener = TcpListener::bind(listening).expect("a port");
            let port = listener.local_addr().expect("its address").port();
            let host = if listening == "[::1]:0" {
                "[::1]"
            } else {
                "127.0.0.1"
            };
            let client = TcpStream::connect(format!("{host}:{port}")).expect("a connection");
            let (end, other) = (
                client.local_addr().expect("the kernel says"),
                client.peer_addr().expect("the kernel says"),
            );
            assert_eq!(
                owner(end, other).expect("the kernel says"),
                Some(our_uid()),
                "{listening}"
            );
            drop(client);
        }
    }

    #[test]
    fn an_ipv6_socket_that_speaks_ipv4_is_found_by_its_ipv4_ends() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("the kernel says").port();
        let client = TcpStream::connect(format!("[::ffff:127.0.0.1]:{port}")).expect("connected");
        let end = SocketAddr::new(
            [127, 0, 0, 1].into(),
            client.local_addr().expect("the kernel says").port(),
        );
        let other = listener.local_addr().expect("the kernel says");
        assert_eq!(owner(end, other).expect("the kernel says"), Some(our_uid()));
    }

    #[test]
    fn a_socket_no_program_holds_has_no_owner() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let client = TcpStream::connect(listener.local_addr().expect("the kernel says"))
            .expect("a connection");
        let (end, other) = (
            client.local_addr().expect("the kernel says"),
            client.peer_addr().expect("the kernel says"),
        );
        let _accepted = listener.accept().expect("accepted");
        drop(client);
        // It is in FIN_WAIT2 now, with nobody's file; the kernel may well say user 0.
        assert_eq!(owner(end, other).expect("the kernel says"), None);
        assert_eq!(
            owner(other, "127.0.0.1:1".parse().expect("the kernel says")).expect("the kernel says"),
            None,
            "a listener"
        );
    }

    #[test]
    fn who_listens_is_found_by_any_address_it_hears() {
        let named = TcpListener::bind("127.0.0.1:0").expect("the kernel says");
        let all = TcpListener::bind("0.0.0.0:0").expect("the kernel says");
        let both = TcpListener::bind("[::]:0").expect("the kernel says");
        let at = |listener: &TcpListener, host: &str| {
            let port = listener.local_addr().expect("the kernel says").port();
            format!("{host}:{port}").parse().expect("the kernel says")
        };
        let tcp = |address| listener_exists(Transport::Tcp, address).expect("the kernel says");
        assert!(tcp(at(&named, "127.0.0.1")) && !tcp(at(&named, "127.0.0.2")));
        assert!(tcp(at(&all, "127.9.9.9")) && !tcp(at(&all, "[::1]")));
        assert!(tcp(at(&both, "127.0.0.1")) && tcp(at(&both, "[::1]")));
        let udp = UdpSocket::bind("127.0.0.1:0").expect("the kernel says");
        let address = udp.local_addr().expect("the kernel says");
        assert!(listener_exists(Transport::Udp, address).expect("the kernel says"));
        assert!(
            !listener_exists(Transport::Tcp, address).expect("the kernel says") || tcp(address)
        );
        drop(udp);
        assert!(!listener_exists(Transport::Udp, address).expect("the kernel says"));
    }

    #[test]
    fn a_connected_udp_socket_does_not_hear_strangers() {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("the kernel says");
        let address = socket.local_addr().expect("the kernel says");
        socket.connect("127.0.0.1:9").expect("the kernel says");
        assert!(!listener_exists(Transport::Udp, address).expect("the kernel says"));
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        for reply in [&[][..], &[0; HEADER], &[0; HEADER + ANSWER]] {
            assert!(answer(reply).is_err());
        }
        let mut refused = [0; HEADER + 4];
        refused[4..6].copy_from_slice(&ERROR.to_ne_bytes());
        refused[HEADER..].copy_from_slice(&(-libc::EPERM).to_ne_bytes());
        let error = answer(&refused).expect_err("the kernel's");
        assert_eq!(error.raw_os_error(), Some(libc::EPERM));
    }
}
