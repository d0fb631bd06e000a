//! The kernel's list of all sockets of this machine: `/proc/net/{tcp,tcp6,udp,udp6}` (proc(5)), which anyone may read.
//! The parser is pure; the reader is three lines.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use shared::{call::Transport, trace::SocketState};

/// One line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// UDP or TCP.
    pub transport: Transport,
    /// Its own address; of an IPv6 socket that speaks IPv4, the IPv4 address.
    pub local: SocketAddr,
    /// The other end's, likewise; without a port where there is none.
    pub remote: SocketAddr,
    /// Its state.
    pub state: SocketState,
    /// Bytes not yet acknowledged.
    pub send_queue: u64,
    /// Bytes that wait to be received; of a listening socket, connections that wait to be accepted.
    pub receive_queue: u64,
    /// TIME_WAIT: milliseconds until it is gone.
    pub ends_in_ms: Option<u64>,
    /// Whose it is.
    pub uid: u32,
    /// The file a program holds it by; 0 where no program does.
    pub inode: u64,
}

/// The list at one moment, found by addresses.
#[derive(Debug, Default)]
pub struct Listing {
    entries: Vec<Entry>,
    at: HashMap<(Transport, SocketAddr), Vec<usize>>,
}

impl Listing {
    /// Whether this system has such a list.
    #[must_use]
    pub fn is_supported() -> bool {
        std::path::Path::new("/proc/net/tcp").exists()
    }

    /// The list as it is now; none where there is no `/proc`. With thousands of sockets it takes
    /// milliseconds.
    #[must_use]
    pub fn read() -> Option<Self> {
        let files = [
            (Transport::Tcp, "/proc/net/tcp"),
            (Transport::Tcp, "/proc/net/tcp6"),
            (Transport::Udp, "/proc/net/udp"),
            (Transport::Udp, "/proc/net/udp6"),
        ];
        let mut listing = Self::default();
        let mut read_any = false;
        for (transport, file) in files {
            // A system without IPv6 has only half of them.
            if let Ok(text) = std::fs::read_to_string(file) {
                read_any = true;
                listing.add(transport, &text);
            }
        }
        read_any.then_some(listing)
    }

    /// Adds the sockets of one of the files. A line that is none, such as the first, is passed over.
    pub fn add(&mut self, transport: Transport, text: &str) {
        for entry in text.lines().filter_map(|line| parse(transport, line)) {
            let number = self.entries.len();
            let mut ends = vec![entry.local];
            ends.extend(Some(entry.remote).filter(|remote| *remote != entry.local));
            for end in ends {
                self.at.entry((transport, end)).or_default().push(number);
            }
            self.entries.push(entry);
        }
    }

    /// The sockets with one end, or both, at this address.
    pub fn at(&self, transport: Transport, address: SocketAddr) -> impl Iterator<Item = &Entry> {
        let found = self.at.get(&(transport, address));
        found
            .into_iter()
            .flatten()
            .filter_map(|number| self.entries.get(*number))
    }
}

/// The timer that stands for TIME_WAIT in the field `tr`.
const TIME_WAIT_TIMER: &str = "03";
/// The list gives times in ticks of 1/100 s, whatever the kernel's own are (USER_HZ).
const TICK_MS: u64 = 10;

/// One line: `sl local remote st tx:rx tr:when retrnsmt uid timeout inode …`, numbers in hexadecimal but for uid,
/// timeout and inode.
fn parse(transport: Transport, line: &str) -> Option<Entry> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let local = address(fields.next()?)?;
    let remote = address(fields.next()?)?;
    let state = state(transport, fields.next()?)?;
    let (send_queue, receive_queue) = fields.next()?.split_once(':')?;
    let (timer, when) = fields.next()?.split_once(':')?;
    let ends_in_ms = (timer == TIME_WAIT_TIMER)
        .then(|| hex(when))
        .flatten()
        .map(|ticks| ticks * TICK_MS);
    let uid = fields.nth(1)?.parse().ok()?;
    let inode = fields.nth(1)?.parse().ok()?;
    Some(Entry {
        transport,
        local,
        remote,
        state,
        send_queue: hex(send_queue)?,
        receive_queue: hex(receive_queue)?,
        ends_in_ms,
        uid,
        inode,
    })
}

fn hex(digits: &str) -> Option<u64> {
    u64::from_str_radix(digits, 16).ok()
}

/// `ADDRESS:PORT`; the address is printed as words of 32 bits in the machine's own order.
fn address(field: &str) -> Option<SocketAddr> {
    let (ip, port) = field.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| {
        let digits = ip.get(at..at + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    let ip: IpAddr = match ip.len() {
        8 => Ipv4Addr::from(word(0)?).into(),
        32 => {
            let mut bytes = [0; 16];
            for (part, at) in bytes.chunks_exact_mut(4).zip([0, 8, 16, 24]) {
                part.copy_from_slice(&word(at)?);
            }
            Ipv6Addr::from(bytes).to_canonical()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// The numbers are those of the kernel's tcp_states.h; UDP uses two of them.
fn state(transport: Transport, field: &str) -> Option<SocketState> {
    use SocketState as S;
    Some(match (transport, field) {
        (Transport::Udp, "01") => S::Connected,
        (Transport::Udp, _) => S::Bound,
        (Transport::Tcp, "01") => S::Established,
        (Transport::Tcp, "02") => S::SynSent,
        (Transport::Tcp, "03" | "0C") => S::SynReceived,
        (Transport::Tcp, "04") => S::FinWait1,
        (Transport::Tcp, "05") => S::FinWait2,
        (Transport::Tcp, "06") => S::TimeWait,
        (Transport::Tcp, "07") => S::Closed,
        (Transport::Tcp, "08") => S::CloseWait,
        (Transport::Tcp, "09") => S::LastAck,
        (Transport::Tcp, "0A") => S::Listen,
        (Transport::Tcp, "0B") => S::Closing,
        (Transport::Tcp, _) => return None,
    })
}

#[cfg(all(test, target_endian = "little"))]
mod tests {
    use super::*;

    /// Lines of a Linux 6.18: a server that listens with `listen(1)`, two connections nobody has accepted, a third
    /// whose SYN is not answered, and one that waits in TIME_WAIT.
    const TCP: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode                                                     
   0: 0909097F:BFC9 00000000:0000 0A 00000000:00000002 00:00000000 00000000     0        0 6342293 3 00000000b8754102 100 0 0 10 0
   3: 0909097F:BFC9 0909097F:B6C7 01 00000000:00000000 00:00000000 00000000     0        0 0 1 000000002c377040 20 0 0 10 -1
   4: 0909097F:8A55 0909097F:BFC9 02 00000001:00000000 01:00000059 00000000     0        0 6342296 2 000000008c9aed61 100 0 0 10 -1
   5: 0909097F:8E2B 0909097F:BFC9 01 00000000:00000000 00:00000000 00000000  1000        0 6342294 2 00000000855a81d4 20 0 0 10 -1
   1: 0100007F:E08A 0100007F:9653 06 00000000:00000000 03:000002AB 00000000     0        0 0 3 00000000da953cc0
";
    const UDP: &str = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops            
10447: 0100007F:A183 0909097F:EB20 01 00000000:00000000 00:00000000 00000000     0        0 6342301 2 00000000288b7807 0
12908: 0909097F:EB20 00000000:0000 07 00000000:00000D00 00:00000000 00000000     0        0 6342300 2 000000004b50d97f 0
";
    const UDP6: &str = "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  300: 00000000000000000000000001000000:2EE0 00000000000000000000000001000000:2EE0 01 00000000:00000000 00:00000000 00000000     0        0 71 2 00000000288b7807 0
  301: 0000000000000000FFFF00000100007F:A184 0000000000000000FFFF00000909097F:EB20 01 00000000:00000000 00:00000000 00000000     0        0 72 2 00000000288b7807 0
";

    fn listing() -> Listing {
        let mut listing = Listing::default();
        listing.add(Transport::Tcp, TCP);
        listing.add(Transport::Udp, UDP);
        listing.add(Transport::Udp, UDP6);
        listing
    }

    fn at(address: &str) -> SocketAddr {
        address.parse().expect("an address")
    }

    #[test]
    fn a_listening_socket_tells_how_many_wait() {
        let entry = &listing().entries[0];
        let expected = Entry {
            transport: Transport::Tcp,
            local: at("127.9.9.9:49097"),
            remote: at("0.0.0.0:0"),
            state: SocketState::Listen,
            send_queue: 0,
            receive_queue: 2,
            ends_in_ms: None,
            uid: 0,
            inode: 6_342_293,
        };
        assert_eq!(*entry, expected);
    }

    #[test]
    fn nobody_holds_a_connection_that_was_not_accepted() {
        let listing = listing();
        let of = |number: usize| {
            let Entry {
                state, inode, uid, ..
            } = listing.entries[number];
            (state, inode, uid)
        };
        assert_eq!(of(1), (SocketState::Established, 0, 0));
        assert_eq!(of(3), (SocketState::Established, 6_342_294, 1000));
    }

    #[test]
    fn a_syn_without_an_answer_waits_and_its_timer_is_not_the_end() {
        let entry = &listing().entries[2];
        assert_eq!(entry.state, SocketState::SynSent);
        assert_eq!((entry.send_queue, entry.ends_in_ms), (1, None));
    }

    #[test]
    fn time_wait_tells_when_it_ends() {
        let entry = &listing().entries[4];
        assert_eq!(entry.state, SocketState::TimeWait);
        assert_eq!(entry.ends_in_ms, Some(6830));
    }

    #[test]
    fn sockets_are_found_by_either_end() {
        let listing = listing();
        let found = |transport, address| listing.at(transport, at(address)).count();
        assert_eq!(found(Transport::Tcp, "127.9.9.9:49097"), 4);
        assert_eq!(found(Transport::Udp, "127.9.9.9:49097"), 0);
        assert_eq!(found(Transport::Udp, "127.9.9.9:60192"), 3);
        assert_eq!(
            found(Transport::Udp, "[::1]:12000"),
            1,
            "both ends are there, and it is one socket"
        );
    }

    #[test]
    fn udp_sockets_have_a_port_or_also_a_peer() {
        let listing = listing();
        let states: Vec<_> = listing.entries[5..]
            .iter()
            .map(|entry| (entry.local, entry.state))
            .collect();
        assert_eq!(
            states,
            [
                (at("127.0.0.1:41347"), SocketState::Connected),
                (at("127.9.9.9:60192"), SocketState::Bound),
                (at("[::1]:12000"), SocketState::Connected),
                (at("127.0.0.1:41348"), SocketState::Connected),
            ]
        );
        assert_eq!(listing.entries[6].receive_queue, 3328);
    }

    #[test]
    fn what_is_no_line_is_passed_over() {
        let mut listing = Listing::default();
        for text in [
            "",
            "  sl  local_address rem_address st",
            "0: 0909097F:BFC9",
            "0: 0909097F 0 0A 0:0 0:0 0 0 0 0",
            "0: ZZ09097F:BFC9 00000000:0000 0A 0:0 0:0 0 0 0 0",
            "0: 0909097F:BFC9 00000000:0000 FF 0:0 0:0 0 0 0 0",
            "0: é909097F:BFC9 00000000:0000 0A 0:0 0:0 0 0 0 0",
        ] {
            listing.add(Transport::Tcp, text);
        }
        assert_eq!(listing.entries, []);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_kernel_lists_a_socket_of_ours() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let address = socket.local_addr().expect("its address");
        let listing = Listing::read().expect("there is a /proc");
        let mut found = listing.at(Transport::Udp, address);
        let entry = found.next().expect("it is listed");
        assert_eq!((entry.local, entry.state), (address, SocketState::Bound));
        assert_ne!(entry.inode, 0);
    }
}
