//! [`Trust`]: the proxies and users that the relay trusts. It determines the origin of each request.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, OnceLock},
};

use axum::http::{HeaderMap, Version, header};
use ipnet::IpNet;
use tokio::net::TcpStream;

use super::{
    forwarding::{forwarded_address, is_forwarded},
    origin::{ClientOrigin, Denial, OriginEvidence, denial},
    owner::owner_uids,
    quota::quota_address,
};
use crate::sys::socket_owner::{self, Query};

/// The peer of an HTTP connection.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// The relay's address of the connection; `None` if the peer is not on loopback.
    local: Option<SocketAddr>,
    /// Whether the peer's socket belongs to an owner. The kernel is asked at most once per connection.
    is_owner: Arc<OnceLock<bool>>,
}

/// The proxies and users that the relay trusts.
#[derive(Debug)]
pub struct Trust {
    proxies: Vec<IpNet>,
    is_proxy_declared: bool,
    owner_uids: Vec<u32>,
    query: Query,
}

impl Peer {
    /// The peer of an accepted connection.
    #[must_use]
    pub fn new(stream: &TcpStream, address: SocketAddr) -> Self {
        let address = canonical(address);
        let is_loopback = address.ip().is_loopback();
        let local = is_loopback.then(|| stream.local_addr().ok()).flatten();
        Self {
            address,
            local: local.map(canonical),
            is_owner: Arc::default(),
        }
    }
}

impl Trust {
    /// Trusts proxies in these ranges, and the declared users or else the user who starts the relay. `has_other_names`
    /// says whether `--allow-host` declares a proxy.
    #[must_use]
    pub fn new(proxies: Vec<IpNet>, has_other_names: bool, declared_owners: &[u32]) -> Self {
        let environment = |name: &str| std::env::var(name).ok();
        let overflow = socket_owner::overflow_user();
        Self {
            is_proxy_declared: has_other_names || !proxies.is_empty(),
            proxies,
            owner_uids: owner_uids(declared_owners, socket_owner::user(), environment, overflow),
            query: Query::probe(),
        }
    }

    /// The origin of a request.
    #[must_use]
    pub fn origin(&self, peer: &Peer, version: Version, headers: &HeaderMap) -> ClientOrigin {
        let host = headers.get(header::HOST);
        let signs = OriginEvidence {
            peer: peer.address.ip(),
            host: host.and_then(|host| host.to_str().ok()).unwrap_or_default(),
            is_forwarded: is_forwarded(version, headers),
        };
        let is_owner = || *peer.is_owner.get_or_init(|| self.is_owner(peer));
        ClientOrigin {
            denial: denial(self.is_proxy_declared, signs, is_owner),
            ..self.origin_without_rights(peer, headers)
        }
    }

    /// The origin of a request for which the rights of this machine do not matter. The kernel is not asked.
    #[must_use]
    pub fn origin_without_rights(&self, peer: &Peer, headers: &HeaderMap) -> ClientOrigin {
        let address = peer.address.ip();
        let forwarded = || forwarded_address(headers, &self.proxies);
        let visitor = if self.is_trusted_proxy(address) {
            forwarded().unwrap_or(address)
        } else {
            address
        };
        ClientOrigin {
            address: quota_address(visitor),
            denial: Some(Denial::NotRequested),
        }
    }

    /// Whether an address is a trusted proxy's. Many visitors share it, and the forwarded address counts instead.
    #[must_use]
    pub fn is_trusted_proxy(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.proxies.iter().any(|range| range.contains(&address))
    }

    /// A line for the log: who has the rights of this machine.
    #[must_use]
    pub fn log_line(&self) -> String {
        let users = if self.is_proxy_declared {
            "nobody, because a proxy is declared (--allow-host or --trust-proxy)".to_owned()
        } else if !socket_owner::IS_TOLD {
            "everybody who connects directly from a loopback address".to_owned()
        } else if self.query == Query::None {
            "nobody, because this kernel does not report the owner of a connection; use --admin-token".to_owned()
        } else if self.owner_uids.is_empty() {
            "nobody, because the relay's user has no id of its own; use --owner".to_owned()
        } else {
            let uids: Vec<_> = self.owner_uids.iter().map(u32::to_string).collect();
            format!(
                "user {}, connected directly from a loopback address",
                uids.join(", ")
            )
        };
        format!("rights of this machine: {users}")
    }

    fn is_owner(&self, peer: &Peer) -> bool {
        if !socket_owner::IS_TOLD {
            return true;
        }
        let owner = peer
            .local
            .and_then(|local| self.query.owner(peer.address, local));
        owner.is_some_and(|owner| self.owner_uids.contains(&owner))
    }
}

/// Converts an IPv4-mapped IPv6 address to IPv4.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Parses the value of `--trust-proxy`: a range of addresses, or one address.
///
/// # Errors
/// The message for the command line.
pub fn parse_address_range(text: &str) -> Result<IpNet, String> {
    let range = text.parse::<IpNet>().ok();
    let range = range.or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    range.ok_or_else(|| {
        "expected a range such as 10.0.0.0/8 or 2001:db8::/32, or one address".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trust(proxies: &[&str]) -> Trust {
        let parse = |range: &&str| parse_address_range(range).expect("a range");
        Trust::new(proxies.iter().map(parse).collect(), false, &[])
    }

    fn counted(trust: &Trust, peer: &str, forwarded: &str) -> String {
        let peer = Peer {
            address: canonical(peer.parse().expect("an address")),
            local: None,
            is_owner: Arc::default(),
        };
        let headers = [(
            "x-forwarded-for".parse().expect("a name"),
            forwarded.parse().expect("a value"),
        )];
        let headers = HeaderMap::from_iter(headers);
        let origin = trust.origin(&peer, Version::HTTP_11, &headers);
        origin.address.to_string()
    }

    #[test]
    fn the_forwarded_address_counts_only_from_trusted_proxies() {
        let trust = trust(&["10.0.0.0/8", "::1"]);
        assert_eq!(counted(&trust, "10.9.9.9:5", "203.0.113.7"), "203.0.113.7");
        assert_eq!(
            counted(&trust, "[::ffff:10.9.9.9]:5", "203.0.113.7"),
            "203.0.113.7"
        );
        assert_eq!(counted(&trust, "[::1]:5", "203.0.113.7"), "203.0.113.7");
        assert_eq!(counted(&trust, "192.0.2.1:5", "203.0.113.7"), "192.0.2.1");
        assert_eq!(counted(&trust, "10.9.9.9:5", "unknown"), "10.9.9.9");
        assert_eq!(
            counted(&trust, "10.9.9.9:5", "2001:db8:1:2:3:4:5:6"),
            "2001:db8:1:2::"
        );
    }

    #[test]
    fn a_range_is_a_prefix_or_one_address() {
        assert_eq!(
            parse_address_range("10.0.0.0/8").map(|range| range.to_string()),
            Ok("10.0.0.0/8".to_owned())
        );
        assert_eq!(
            parse_address_range("::1").map(|range| range.to_string()),
            Ok("::1/128".to_owned())
        );
        for wrong in ["", "10.0.0.0/33", "proxy.example", "10.0.0.0/8, ::1"] {
            assert!(parse_address_range(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_log_line_names_who_has_the_rights() {
        let line = trust(&["::1"]).log_line();
        assert!(
            line.ends_with("nobody, because a proxy is declared (--allow-host or --trust-proxy)"),
            "{line}"
        );
    }
}
