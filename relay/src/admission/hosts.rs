//! Host names and origins: which the relay answers to, and which mean its own machine.

use std::net::IpAddr;

/// Whether a request's `Host` means the machine that asks.
#[must_use]
pub fn is_loopback_host(host: &str) -> bool {
    let name = without_port(host);
    let literal = name.trim_start_matches('[').trim_end_matches(']');
    match literal.parse::<IpAddr>() {
        Ok(named) => named.to_canonical().is_loopback(),
        Err(_) => name.eq_ignore_ascii_case("localhost"),
    }
}

/// Whether a request's `Host` is one the relay answers to: an address, `localhost`, or a name it was told.
///
/// A page of another site can make its own name resolve to this machine (DNS rebinding); it cannot make a
/// browser send an address or a name it does not own.
#[must_use]
pub fn is_allowed_host(host: &str, allowed: &[String]) -> bool {
    let name = without_port(host);
    let literal = name.trim_start_matches('[').trim_end_matches(']');
    literal.parse::<IpAddr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || allowed
            .iter()
            .any(|allowed| name.eq_ignore_ascii_case(allowed))
}

/// Whether a request comes from the relay's own page: its `Origin` names the same host and port (RFC 6454).
#[must_use]
pub fn is_same_origin(origin: &str, host: &str) -> bool {
    let authority = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"));
    authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
}

/// `host:port`, `host` or `[address]:port` without the port.
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
    fn only_addresses_and_known_names_are_hosts() {
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
    fn only_the_relays_own_page_is_an_origin() {
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
