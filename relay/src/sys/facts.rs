//! What Linux reports to an unprivileged program about its sockets, as facts of the trace.

use std::{io, mem::offset_of, os::fd::AsRawFd};

use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt,
};
use shared::trace::{Fact, Source};

use super::{Ancillary, Hops, answers, options};

/// Asks the kernel to report with every datagram its arrival time, its remaining hops and the drop count.
/// An option this kernel lacks only means fewer facts.
pub fn ask_of_datagrams(socket: &impl std::os::fd::AsFd, v6: bool) {
    setsockopt(socket, sockopt::ReceiveTimestampns, &true).ok();
    setsockopt(socket, sockopt::RxqOvfl, &1).ok();
    if v6 {
        setsockopt(socket, sockopt::Ipv6RecvHopLimit, &true).ok();
    } else {
        setsockopt(socket, sockopt::Ipv4RecvTtl, &true).ok();
    }
}

/// What came with a datagram.
#[must_use]
pub fn of_datagram(messages: impl Iterator<Item = ControlMessageOwned>) -> Ancillary {
    let mut ancillary = Ancillary::default();
    for message in messages {
        add_message(&mut ancillary, &message);
    }
    ancillary
}

pub(super) fn add_message(ancillary: &mut Ancillary, message: &ControlMessageOwned) {
    if let ControlMessageOwned::ScmTimestampns(at) = message {
        let ns = i128::from(at.tv_sec()) * 1_000_000_000 + i128::from(at.tv_nsec());
        ancillary.received_at_ns = u64::try_from(ns).ok();
    } else if let ControlMessageOwned::Ipv4Ttl(ttl) = message {
        ancillary.hops = Some(Hops::Ttl(*ttl));
    } else if let ControlMessageOwned::Ipv6HopLimit(hops) = message {
        ancillary.hops = Some(Hops::Limit(*hops));
    } else if let ControlMessageOwned::RxqOvfl(dropped) = message {
        ancillary.dropped = *dropped;
    } else if let ControlMessageOwned::Ipv4Tos(class) = message {
        ancillary.is_answer = answers::is_marked(*class);
    } else if let ControlMessageOwned::Ipv6TClass(class) = message {
        ancillary.is_answer = u8::try_from(*class).is_ok_and(answers::is_marked);
    }
}

/// What a UDP socket that hears errors was told of them: the ICMP message's type and code, and who sent it (ip(7),
/// `IP_RECVERR`). The queue is empty afterwards.
#[must_use]
pub fn of_errors(socket: &impl AsRawFd) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut payload = [0; 1];
    let mut buffer = nix::cmsg_space!([u8; 256]);
    loop {
        let mut parts = [io::IoSliceMut::new(&mut payload)];
        let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
        let Ok(message) =
            recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut parts, Some(&mut buffer), flags)
        else {
            return facts;
        };
        for control in message.cmsgs().into_iter().flatten() {
            if let ControlMessageOwned::Ipv4RecvErr(error, offender) = control {
                facts.push(kernel("icmp.type", error.ee_type));
                facts.push(kernel("icmp.code", error.ee_code));
                let from = offender
                    .map(|from| std::net::Ipv4Addr::from(u32::from_be(from.sin_addr.s_addr)));
                facts.extend(from.map(|from| kernel("icmp.from", from)));
            }
        }
    }
}

/// Has the kernel keep the first packet of every connection (tcp(7), `TCP_SAVE_SYN`).
///
/// # Errors
/// The kernel's.
pub fn save_syns(listener: &impl AsRawFd) -> io::Result<()> {
    options::set(listener, libc::IPPROTO_TCP, libc::TCP_SAVE_SYN, 1)
}

/// The first packet of an accepted connection from its IP header on: the kernel gives it once.
#[must_use]
pub fn saved_syn(accepted: &impl AsRawFd) -> Option<Fact> {
    let mut bytes = [0; 128];
    let length = options::get(accepted, libc::IPPROTO_TCP, libc::TCP_SAVED_SYN, &mut bytes).ok()?;
    let syn = bytes.get(..length).filter(|syn| !syn.is_empty())?;
    let hex: String = syn.iter().map(|byte| format!("{byte:02x}")).collect();
    Some(kernel("tcp.saved_syn", hex))
}

/// How many connections a listening socket lets wait: what `listen` was given, cut to net.core.somaxconn. Linux
/// tells it where `TCP_INFO` of a connection has its selective acknowledgements; /proc/net/tcp does not tell it.
#[must_use]
pub fn backlog(listener: &impl AsRawFd) -> Option<u32> {
    let mut bytes = [0; size_of::<libc::tcp_info>()];
    let length = options::get(listener, libc::IPPROTO_TCP, libc::TCP_INFO, &mut bytes).ok()?;
    let at = offset_of!(libc::tcp_info, tcpi_sacked);
    let word = bytes.get(..length)?.get(at..at + 4)?.try_into().ok()?;
    Some(u32::from_ne_bytes(word)).filter(|_| bytes[0] == LISTEN)
}

/// The number of the state LISTEN.
const LISTEN: u8 = 10;

/// The state of a TCP socket and what its connection has seen (tcp(7), `TCP_INFO`). Fields this kernel does not
/// report are left out.
#[must_use]
pub fn of_connection(socket: &impl AsRawFd) -> Vec<Fact> {
    let mut bytes = [0; size_of::<libc::tcp_info>()];
    let Ok(length) = options::get(socket, libc::IPPROTO_TCP, libc::TCP_INFO, &mut bytes) else {
        return Vec::new();
    };
    let info = &bytes[..length.min(bytes.len())];
    let mut facts: Vec<Fact> = info
        .first()
        .map(|state| kernel("tcp_info.state", state_name(*state)))
        .into_iter()
        .collect();
    for (name, offset) in WORDS {
        let word = info
            .get(offset..offset + 4)
            .and_then(|word| word.try_into().ok())
            .map(u32::from_ne_bytes);
        facts.extend(word.map(|word| kernel(name, word)));
    }
    facts
}

/// The 32-bit fields that teach something, and where they are.
const WORDS: [(&str, usize); 8] = [
    ("tcp_info.rtt_us", offset_of!(libc::tcp_info, tcpi_rtt)),
    ("tcp_info.rto_us", offset_of!(libc::tcp_info, tcpi_rto)),
    ("tcp_info.snd_mss", offset_of!(libc::tcp_info, tcpi_snd_mss)),
    (
        "tcp_info.snd_cwnd",
        offset_of!(libc::tcp_info, tcpi_snd_cwnd),
    ),
    ("tcp_info.unacked", offset_of!(libc::tcp_info, tcpi_unacked)),
    (
        "tcp_info.total_retrans",
        offset_of!(libc::tcp_info, tcpi_total_retrans),
    ),
    ("tcp_info.pmtu", offset_of!(libc::tcp_info, tcpi_pmtu)),
    (
        "tcp_info.rcv_space",
        offset_of!(libc::tcp_info, tcpi_rcv_space),
    ),
];

/// A TCP state by its name in RFC 9293 §3.3.2; the numbers are those of the kernel's tcp_states.h.
const fn state_name(state: u8) -> &'static str {
    match state {
        1 => "ESTABLISHED",
        2 => "SYN-SENT",
        3 | 12 => "SYN-RECEIVED",
        4 => "FIN-WAIT-1",
        5 => "FIN-WAIT-2",
        6 => "TIME-WAIT",
        7 => "CLOSED",
        8 => "CLOSE-WAIT",
        9 => "LAST-ACK",
        10 => "LISTEN",
        11 => "CLOSING",
        _ => "unknown",
    }
}

fn kernel(name: &str, value: impl ToString) -> Fact {
    Fact {
        name: name.to_owned(),
        value: value.to_string(),
        source: Source::Kernel,
    }
}
