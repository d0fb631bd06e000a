//! Allocates addresses that no other story uses.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    sync::atomic::{AtomicU32, Ordering},
};

/// A loopback address of this story's own, so that no other program takes a port that the story has closed.
///
/// On Linux all of 127.0.0.0/8 is loopback; on other systems this is always 127.0.0.1.
#[must_use]
pub fn own_host() -> IpAddr {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    if !cfg!(target_os = "linux") {
        return Ipv4Addr::LOCALHOST.into();
    }
    let story = NEXT.fetch_add(1, Ordering::Relaxed);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let [.., story] = story.to_be_bytes();
    Ipv4Addr::new(127, 64 | high & 63, low, story).into()
}

/// An address of `host` with a port that is free for both UDP and TCP.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn free_address(host: IpAddr) -> SocketAddr {
    let free = |_| {
        let tcp = TcpListener::bind((host, 0)).ok()?;
        let address = tcp.local_addr().ok()?;
        UdpSocket::bind(address).ok().map(|_| address)
    };
    (0..100)
        .find_map(free)
        .expect("a port that is free for both UDP and TCP")
}
