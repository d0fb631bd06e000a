//! The mark by which a UDP server recognises another server's answer, so that no two answer each other forever.
//!
//! An answer carries a mark in the six bits of its IP header that name its class of service: one of those left to
//! local use (RFC 2474 §6, pool 2), which no program sets by chance and no network treats in any way. It is set once
//! for the socket, so it costs no answer anything.

/// The mark, where the header has it: code point 3 (DSCP), without the two bits for congestion (RFC 3168).
#[cfg(target_os = "linux")]
const ANSWER: u8 = 3 << 2;

#[cfg(target_os = "linux")]
const CONGESTION: u8 = 0b11;

/// Marks what this socket sends, and reports marks on what it receives. Where the kernel lacks an option, this socket
/// answers answers.
#[cfg(target_os = "linux")]
pub fn mark(socket: &impl std::os::fd::AsFd, v6: bool) {
    use nix::sys::socket::{setsockopt, sockopt};

    // An IPv6 socket speaks IPv4 as well.
    setsockopt(socket, sockopt::Ipv4Tos, &i32::from(ANSWER)).ok();
    setsockopt(socket, sockopt::IpRecvTos, &true).ok();
    if v6 {
        setsockopt(socket, sockopt::Ipv6TClass, &i32::from(ANSWER)).ok();
        setsockopt(socket, sockopt::Ipv6RecvTClass, &true).ok();
    }
}

/// Other systems are not asked.
#[cfg(not(target_os = "linux"))]
pub const fn mark<S>(_socket: &S, _v6: bool) {}

/// Whether this byte of an IP header marks an answer.
#[cfg(target_os = "linux")]
pub(super) const fn is_marked(class: u8) -> bool {
    class & !CONGESTION == ANSWER
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn only_the_mark_is_the_mark_however_congested_the_way() {
        for congestion in 0..=CONGESTION {
            assert!(is_marked(ANSWER | congestion));
        }
        for class in [0, 1, 4, 8, 0x10, 0x2c, 0xb8, 0x8c] {
            assert!(!is_marked(class), "{class:#x}");
        }
    }
}
