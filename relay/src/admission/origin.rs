//! Where a visitor comes from, and the one rule that decides who has the rights of this machine.
//!
//! Rights of this machine are: the open lab's whole trace, control of its servers and network, and classes without
//! the admin token. A visitor has them only if all of this holds; see [`Denial`] for each step:
//!
//! 1. no proxy was declared (`--allow-host`, `--trust-proxy`): behind one, everybody has the proxy's address;
//! 2. the connection comes from a loopback address;
//! 3. the request bears no sign of having been passed on, see [`is_forwarded`](super::forwarding::is_forwarded);
//! 4. its `Host` means loopback: a page of another site can make its own name resolve to this machine (DNS
//!    rebinding);
//! 5. on Linux, the kernel says that the connection's other end is held by the user who runs the relay, see
//!    [`owner_uids`](super::owner::owner_uids): a proxy's is held by the proxy's user. What is not known is denied.
//!
//! Steps 2 and 5 do not depend on what a visitor sends. Steps 1, 3 and 4 can only take rights away. What remains is
//! a proxy run by the same user, not declared, that adds nothing to what it passes on (`ssh -R`, `socat`): its
//! connection is like the user's own in everything the kernel knows, so it has to be declared.

use std::net::IpAddr;

use super::hosts::is_loopback_host;

/// Where a visitor comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientOrigin {
    /// The address its limits are counted by; see [`quota_address`](super::quota_address).
    pub address: IpAddr,
    /// Why it has not the rights of this machine; `None` where it has.
    pub denial: Option<Denial>,
}

/// The step of the rule that denies the rights of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// A proxy was declared.
    ProxyDeclared,
    /// The connection comes from another machine's address.
    OtherAddress,
    /// The request was passed on by a proxy.
    Forwarded,
    /// The `Host` does not mean loopback.
    OtherHost,
    /// The connection is held by another user of this machine, or it is not known by whom.
    OtherUser,
    /// Nobody asked for them: a bridge has no use for them.
    NotRequested,
}

/// What a request and its connection tell of where it comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct OriginEvidence<'r> {
    /// The other end of the connection.
    pub(super) peer: IpAddr,
    /// The header `Host`.
    pub(super) host: &'r str,
    /// Whether the request bears a sign of having been passed on.
    pub(super) is_forwarded: bool,
}

/// The rule. `is_owner` asks the kernel, and is called only where all else holds.
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
    /// Whether it has the rights of this machine.
    #[must_use]
    pub const fn is_this_machine(&self) -> bool {
        self.denial.is_none()
    }
}

impl Denial {
    /// Why, and what to do about it, as the end of a sentence.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::ProxyDeclared => {
                "a proxy is declared (--allow-host or --trust-proxy), so no connection counts as this machine's own"
            }
            Self::OtherAddress | Self::NotRequested => "this connection comes from another machine",
            Self::Forwarded => {
                "a proxy has passed this request on: connect directly to the address the relay printed at its start"
            }
            Self::OtherHost => {
                "use a loopback address or localhost in the URL, such as the one the relay printed"
            }
            Self::OtherUser => {
                "this connection is not of the user who started the relay: use that account, or start the relay with \
                 --owner UID"
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
        passed_on: bool,
        host: &str,
        owned: bool,
    ) -> Option<Denial> {
        let signs = OriginEvidence {
            peer: peer.parse().expect("an address"),
            host,
            is_forwarded: passed_on,
        };
        denial(declared, signs, || owned)
    }

    #[test]
    fn the_owner_at_a_loopback_address_is_this_machine() {
        for host in LOCAL_HOSTS {
            for peer in ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"] {
                assert_eq!(rule(false, peer, false, host, true), None, "{peer} {host}");
            }
        }
    }

    #[test]
    fn each_step_alone_denies() {
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
    fn the_kernel_is_asked_only_where_all_else_holds() {
        for (declared, peer, passed_on, host) in [
            (true, "127.0.0.1", false, "localhost"),
            (false, "192.168.1.5", false, "localhost"),
            (false, "127.0.0.1", true, "localhost"),
            (false, "127.0.0.1", false, "lab.example"),
        ] {
            let signs = OriginEvidence {
                peer: peer.parse().expect("an address"),
                host,
                is_forwarded: passed_on,
            };
            let denied = denial(declared, signs, || panic!("asked for {signs:?}"));
            assert_ne!(denied, None);
        }
    }
}
