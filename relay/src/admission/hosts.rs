//! Checks of the `Host` and `Origin` headers.

use std::net::IpAddr;

/// Whether a `Host` is a loopback address or `localhost`.
#[must_use]
pub fn is_loopback_host(host: &str) -> bool {
    match ip_literal(host) {
        Some(address) => address.to_canonical().is_loopback(),
        None => without_port(host).eq_ignore_ascii_case("localhost"),
    }
}

/// Whether the relay accepts a `Host`: an IP address, `localhost`, or a name from `--allow-host`.
///
/// Another site can make its own name resolve to this machine (DNS rebinding), but it cannot make a browser send an
/// address or another name.
#[must_use]
pub fn is_allowed_host(host: &str, allowed: &[String]) -> bool {
    let name = without_port(host);
    ip_literal(host).is_some()
        || name.eq_ignore_ascii_case("localhost")
        || allowed
            .iter()
            .any(|allowed| name.eq_ignore_ascii_case(allowed))
}

/// Whether an `Origin` has the same host and port as the request's `Host` (RFC 6454).
#[must_use]
pub fn is_same_origin(origin: &str, host: &str) -> bool {
    let authority = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"));
    authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
}

/// The IP address in a `Host`, if it is one.
fn ip_literal(host: &str) -> Option<IpAddr> {
    let name = without_port(host);
    let literal = name.trim_start_matches('[').trim_end_matches(']');
    literal.parse().ok()
}

/// Removes the port from `host:port`, `host` or `[address]:port`.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port))
            if port.bytes().all(|byte| byte.is_ascii_digit()) && !is_bare_v6(name) =>
        {
            name
        }
        _ => host,
    }
}

fn is_bare_v6(name: &str) -> bool {
    name.contains(':') && !name.starts_with('[')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_and_allowed_names_are_accepted() {
        let allowed = ["lab.example".to_owned()];
        for ours in [
            "127.0.0.1:8080",
            "localhost",
            "LOCALHOST:1",
            "[::1]:8080",
            "192.168.1.5",
            "lab.example:443",
        ] {
            assert!(is_allowed_host(ours, &allowed), "{ours}");
        }
        for other in [
            "evil.example:8080",
            "",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "[evil]:80",
        ] {
            assert!(!is_allowed_host(other, &allowed), "{other}");
        }
    }

    #[test]
    fn only_the_relays_own_page_has_the_same_origin() {
        assert!(is_same_origin("http://127.0.0.1:8080", "127.0.0.1:8080"));
        assert!(is_same_origin("https://lab.example", "lab.example"));
        for other in [
            "null",
            "http://127.0.0.1:8081",
            "http://evil.example",
            "file://",
            "",
        ] {
            assert!(!is_same_origin(other, "127.0.0.1:8080"), "{other}");
        }
    }
}
