//! The kernel's own view of a connection: `/proc/net/tcp`.

use std::net::{IpAddr, SocketAddr};

use crate::timeout;

/// The numbers of TCP's states in the kernel's list.
pub mod state {
    /// An open connection.
    pub const ESTABLISHED: &str = "01";
    /// A SYN without an answer.
    pub const SYN_SENT: &str = "02";
    /// The peer has acknowledged this side's FIN.
    pub const FIN_WAIT_2: &str = "05";
    /// Closed by both sides; the kernel waits for late segments.
    pub const TIME_WAIT: &str = "06";
    /// The peer has sent its FIN.
    pub const CLOSE_WAIT: &str = "08";
}

/// The state of the socket with these two ends; none where the kernel has no such socket.
///
/// # Panics
/// Where there is no `/proc`, or the addresses are not of IPv4.
#[must_use]
pub fn tcp_state(local: SocketAddr, remote: SocketAddr) -> Option<String> {
    let ends = [local, remote].map(hex);
    let list = std::fs::read_to_string("/proc/net/tcp").expect("a list of sockets");
    list.lines().find_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let found = [fields.next()?, fields.next()?];
        let state = fields.next()?;
        (found == ends).then(|| state.to_owned())
    })
}

/// Whether a connection of this server is in TIME_WAIT.
///
/// # Panics
/// As [`tcp_state`].
#[must_use]
pub fn holds_in_time_wait(server: SocketAddr) -> bool {
    let (local, list) = (hex(server), std::fs::read_to_string("/proc/net/tcp"));
    let list = list.expect("a list of sockets");
    list.lines().any(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        fields.next() == Some(&local) && fields.nth(1) == Some(state::TIME_WAIT)
    })
}

/// Waits until the socket with these two ends is in this state, or there is none.
pub async fn waits_for_state(local: SocketAddr, remote: SocketAddr, state: Option<&str>) {
    let what = format!("{local} to {remote} becoming {state:?}");
    timeout::until(&what, async || {
        (tcp_state(local, remote).as_deref() == state).then_some(())
    })
    .await;
}

fn hex(address: SocketAddr) -> String {
    let IpAddr::V4(ip) = address.ip() else {
        panic!("{address} is not of IPv4");
    };
    let word = u32::from_ne_bytes(ip.octets());
    format!("{word:08X}:{:04X}", address.port())
}
