//! Where a visitor comes from.

use std::net::{IpAddr, SocketAddr};

use super::hosts::is_of_this_machine;

/// Where a visitor comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientOrigin {
    /// The address of its connection.
    pub address: IpAddr,
    /// Whether it sits at the relay's own machine.
    pub is_this_machine: bool,
}

impl ClientOrigin {
    /// As the connection and the request's `Host` tell. What a proxy on this machine passes on comes from here too,
    /// but was meant for another name.
    #[must_use]
    pub fn of(peer: SocketAddr, host: &str) -> Self {
        let address = peer.ip().to_canonical();
        Self {
            address,
            is_this_machine: address.is_loopback() && is_of_this_machine(host),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_comes_through_a_proxy_is_not_here() {
        let here = |peer: &str, host| {
            ClientOrigin::of(peer.parse().expect("an address"), host).is_this_machine
        };
        for host in [
            "localhost",
            "LOCALHOST:8080",
            "127.0.0.1:8080",
            "127.3.2.1",
            "[::1]:80",
        ] {
            assert!(here("127.0.0.1:5", host), "{host}");
            assert!(
                here("[::1]:5", host) && here("[::ffff:127.0.0.1]:5", host),
                "{host}"
            );
            assert!(!here("192.168.1.5:5", host), "{host}");
        }
        for host in [
            "lab.example",
            "192.168.1.5:8080",
            "127.0.0.1.lab.example",
            "",
        ] {
            assert!(!here("127.0.0.1:5", host), "{host}");
        }
    }
}
