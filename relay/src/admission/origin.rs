//! [`ClientOrigin`]: the address of a visitor, and the one rule that decides whether it has the rights of this machine.
//!
//! These rights are: reading the open lab's whole trace, controlling its servers and network, and creating classes
//! without the admin token. A visitor has them only if all five conditions hold; see [`Denial`]:
//!
//! 1. no proxy is declared (`--allow-host`, `--trust-proxy`), because all visitors have the proxy's address;
//! 2. the connection comes from a loopback address;
//! 3. the request has no sign of having been forwarded, see [`is_forwarded`](super::forwarding::is_forwarded);
//! 4. its `Host` is a loopback address or `localhost`: another site can make its own name resolve to this machine (DNS
//!    rebinding);
//! 5. on Linux, the peer's socket belongs to the user who runs the relay, see
//!    [`owner_uids`](super::owner::owner_uids). A proxy's socket belongs to the proxy's user. If the kernel does not know
//!    the user, the rights are denied.
//!
//! Conditions 2 and 5 do not depend on what a visitor sends; 1, 3 and 4 can only deny rights. One case cannot be
//! detected: an undeclared proxy that the same user runs and that adds nothing to a request (`ssh -R`, `socat`). Its
//! connection looks like the user's own, so it must be declared.

use std::net::IpAddr;

use super::hosts::is_loopback_host;

/// The origin of a visitor's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientOrigin {
    /// The address by which quotas count the visitor; see [`quota_address`](super::quota_address).
    pub address: IpAddr,
    /// Why the visitor does not have the rights of this machine; `None` if it has them.
    pub denial: Option<Denial>,
}

/// The condition that is not met for the rights of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// A proxy is declared.
    ProxyDeclared,
    /// The connection comes from another machine.
    OtherAddress,
    /// A proxy has forwarded the request.
    Forwarded,
    /// The `Host` header is not a loopback host.
    OtherHost,
    /// The connection belongs to another user of this machine, or to an unknown one.
    OtherUser,
    /// The rights were not checked: bridges have no use for them.
    NotRequested,
}

/// What a request and its connection reveal about their origin.
#[derive(Clone, Copy, Debug)]
pub(super) struct OriginEvidence<'r> {
    /// The peer's IP address.
    pub(super) peer: IpAddr,
    /// The header `Host`.
    pub(super) host: &'r str,
    /// Whether the request has a sign of having been forwarded.
    pub(super) is_forwarded: bool,
}

/// Returns the first condition that is not met. `is_owner` asks the kernel, so it is called last.
pub(super) fn denial(
    is_proxy_declared: bool,
    signs: OriginEvidence<'_>,
    is_owner: impl FnOnce() -> bool,
) -> Option<Denial> {
    if is_proxy_declared {
        Some(Denial::ProxyDeclared)
    } else if !signs.peer.to_canonical().is_loopback() {
        Some(Denial::OtherAddress)
    } else if signs.is_forwarded {
        Some(Denial::Forwarded)
    } else if !is_loopback_host(signs.host) {
        Some(Denial::OtherHost)
    } else if !is_owner() {
        Some(Denial::OtherUser)
    } else {
        None
    }
}

impl ClientOrigin {
    /// Whether the visitor has the rights of this machine.
    #[must_use]
    pub const fn is_this_machine(&self) -> bool {
        self.denial.is_none()
    }
}

impl Denial {
    /// The reason, and what to do about it, to be used after a colon.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::ProxyDeclared => {
                "a proxy is declared (--allow-host or --trust-proxy), so no connection has the rights of this machine"
            }
            Self::OtherAddress | Self::NotRequested => "this connection comes from another machine",
            Self::Forwarded => {
                "a proxy has forwarded this request; connect directly to the address that the relay printed when it started"
            }
            Self::OtherHost => {
                "use localhost or a loopback address in the URL, such as the one that the relay printed when it started"
            }
            Self::OtherUser => {
                "this connection belongs to another user than the one who started the relay; use that account, or start \
                 the relay with --owner UID"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL_HOSTS: [&str; 5] = [
        "localhost",
        "LOCALHOST:8080",
        "127.0.0.1:8080",
        "127.3.2.1",
        "[::1]:80",
    ];

    fn rule(
        declared: bool,
        peer: &str,
        forwarded: bool,
        host: &str,
        owned: bool,
    ) -> Option<Denial> {
        let signs = OriginEvidence {
            peer: peer.parse().expect("an address"),
            host,
            is_forwarded: forwarded,
        };
        denial(declared, signs, || owned)
    }

    #[test]
    fn the_owner_at_a_loopback_address_has_the_rights() {
        for host in LOCAL_HOSTS {
            for peer in ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"] {
                assert_eq!(rule(false, peer, false, host, true), None, "{peer} {host}");
            }
        }
    }

    #[test]
    fn each_condition_alone_denies() {
        for host in LOCAL_HOSTS {
            for (denied, why) in [
                (
                    rule(true, "127.0.0.1", false, host, true),
                    Denial::ProxyDeclared,
                ),
                (
                    rule(false, "192.168.1.5", false, host, true),
                    Denial::OtherAddress,
                ),
                (
                    rule(false, "::ffff:192.168.1.5", false, host, true),
                    Denial::OtherAddress,
                ),
                (
                    rule(false, "127.0.0.1", true, host, true),
                    Denial::Forwarded,
                ),
                (
                    rule(false, "127.0.0.1", false, host, false),
                    Denial::OtherUser,
                ),
            ] {
                assert_eq!(denied, Some(why), "{host}");
            }
        }
        for host in [
            "lab.example",
            "192.168.1.5:8080",
            "127.0.0.1.lab.example",
            "",
        ] {
            let denied = rule(false, "127.0.0.1", false, host, true);
            assert_eq!(denied, Some(Denial::OtherHost), "{host}");
        }
    }

    #[test]
    fn the_kernel_is_asked_last() {
        for (declared, peer, forwarded, host) in [
            (true, "127.0.0.1", false, "localhost"),
            (false, "192.168.1.5", false, "localhost"),
            (false, "127.0.0.1", true, "localhost"),
            (false, "127.0.0.1", false, "lab.example"),
        ] {
            let signs = OriginEvidence {
                peer: peer.parse().expect("an address"),
                host,
                is_forwarded: forwarded,
            };
            let denied = denial(declared, signs, || panic!("asked for {signs:?}"));
            assert_ne!(denied, None);
        }
    }
}
