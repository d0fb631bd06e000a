//! The user who owns a socket of this machine, and whether a program listens at an address. Known on Linux only.

use std::net::SocketAddr;

use shared::call::Transport;

/// Whether this system reports which user owns a socket.
pub const IS_TOLD: bool = cfg!(target_os = "linux");

/// The user who started this process, even if it runs with another's rights (getuid(2)). `None` where users have no
/// numbers.
#[must_use]
pub fn user() -> Option<u32> {
    #[cfg(unix)]
    return Some(nix::unistd::getuid().as_raw());
    #[cfg(not(unix))]
    None
}

/// The user number that stands for all users without one in this user namespace, usually 65534 (user_namespaces(7)).
#[must_use]
pub fn overflow_user() -> u32 {
    const USUAL: u32 = 65_534;
    let number = std::fs::read_to_string("/proc/sys/kernel/overflowuid").ok();
    number
        .and_then(|number| number.trim().parse().ok())
        .unwrap_or(USUAL)
}

/// How this kernel is asked about one socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Query {
    /// By netlink: one exact question.
    Exact,
    /// From the list of all sockets under `/proc`: slow where there are many, and all that some containers have.
    List,
    /// Not at all.
    None,
}

impl Query {
    /// Finds out with a socket of its own.
    #[must_use]
    pub fn probe() -> Self {
        #[cfg(target_os = "linux")]
        return linux::probe();
        #[cfg(not(target_os = "linux"))]
        Self::None
    }

    /// The user who holds the connected TCP socket with these two ends on this machine; `None` where that is not
    /// known, or no program holds it any longer.
    #[must_use]
    pub fn owner(self, local: SocketAddr, remote: SocketAddr) -> Option<u32> {
        #[cfg(target_os = "linux")]
        return match self {
            Self::Exact => super::sock_diag::owner(local, remote).ok().flatten(),
            Self::List => linux::owner_from_list(local, remote),
            Self::None => None,
        };
        #[cfg(not(target_os = "linux"))]
        {
            let _: (SocketAddr, SocketAddr) = (local, remote);
            None
        }
    }
}

/// Whether a program of this machine would be given what is sent to this address; `None` where that cannot be known:
/// the address is another machine's, or this system does not tell.
#[must_use]
pub fn listener_exists(transport: Transport, address: SocketAddr) -> Option<bool> {
    #[cfg(target_os = "linux")]
    return linux::listener_exists(transport, address);
    #[cfg(not(target_os = "linux"))]
    {
        let _: (Transport, SocketAddr) = (transport, address);
        None
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::{
        fs,
        net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket},
    };

    use shared::call::Transport;

    use super::Query;
    use crate::sys::{
        sock_diag,
        sockets::{Entry, Listing},
    };

    pub(super) fn probe() -> Query {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let address = listener.as_ref().map(TcpListener::local_addr);
        if let Ok(Ok(address)) = address
            && sock_diag::listener_exists(Transport::Tcp, address).is_ok_and(|found| found)
        {
            return Query::Exact;
        }
        match fs::exists("/proc/net/tcp") {
            Ok(true) => Query::List,
            Ok(false) | Err(_) => Query::None,
        }
    }

    /// Root only if it is told twice: in a line of the list the user and the file are not of one moment, and a socket
    /// nobody holds any longer is said to be root's. Once let go of, a socket is never held again.
    pub(super) fn owner_from_list(local: SocketAddr, remote: SocketAddr) -> Option<u32> {
        let once = held_by(local, remote);
        if once == Some(0) {
            return held_by(local, remote);
        }
        once
    }

    fn held_by(local: SocketAddr, remote: SocketAddr) -> Option<u32> {
        let mut listing = Listing::default();
        for file in ["/proc/net/tcp", "/proc/net/tcp6"] {
            if let Ok(text) = fs::read_to_string(file) {
                listing.add(Transport::Tcp, &text);
            }
        }
        let is_it = |entry: &&Entry| entry.local == local && entry.remote == remote;
        let mut found = listing.at(Transport::Tcp, local);
        let entry = found.find(is_it).filter(|entry| entry.inode != 0);
        entry.map(|entry| entry.uid)
    }

    pub(super) fn listener_exists(transport: Transport, address: SocketAddr) -> Option<bool> {
        let ip = match address.ip().to_canonical() {
            // What is sent to no address in particular goes to this machine.
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
            ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
        };
        let is_found = |address| sock_diag::listener_exists(transport, address).ok();
        // An address that can be bound is this machine's; and a kernel that does not find the socket bound there
        // cannot be asked about others: it says the same of what it does not know and of what is not there.
        let (_tcp, _udp, ours) = match transport {
            Transport::Tcp => {
                let listener = TcpListener::bind((ip, 0)).ok()?;
                let ours = listener.local_addr().ok()?;
                (Some(listener), None, ours)
            }
            Transport::Udp => {
                let socket = UdpSocket::bind((ip, 0)).ok()?;
                let ours = socket.local_addr().ok()?;
                (None, Some(socket), ours)
            }
        };
        is_found(ours).filter(|found| *found)?;
        is_found(SocketAddr::new(ip, address.port()))
    }

    #[cfg(test)]
    mod tests {
        use std::net::TcpStream;

        use super::*;

        #[test]
        fn both_ways_to_ask_say_the_same() {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            let address = listener.local_addr().expect("its address");
            let client = TcpStream::connect(address).expect("a connection");
            let end = client.local_addr().expect("its address");
            for query in [Query::Exact, Query::List] {
                assert_eq!(query.owner(end, address), super::super::user(), "{query:?}");
                // The accepting end is not accepted yet: nobody holds it.
                assert_eq!(query.owner(address, end), None, "{query:?}");
            }
            let _accepted = listener.accept().expect("accepted");
            drop(client);
            for query in [Query::Exact, Query::List, Query::None] {
                assert_eq!(query.owner(end, address), None, "{query:?} of a closed one");
            }
        }

        #[test]
        fn of_another_machine_nothing_is_known() {
            let elsewhere = "192.0.2.1:12000".parse().expect("an address");
            for transport in Transport::ALL {
                assert_eq!(listener_exists(transport, elsewhere), None);
            }
        }

        #[test]
        fn an_address_of_this_machine_is_known() {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            let address = listener.local_addr().expect("its address");
            assert_eq!(listener_exists(Transport::Tcp, address), Some(true));
            let anywhere = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port());
            assert_eq!(listener_exists(Transport::Tcp, anywhere), Some(true));
            drop(listener);
            assert_eq!(listener_exists(Transport::Tcp, address), Some(false));
        }
    }
}
