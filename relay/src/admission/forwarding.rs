//! The headers that proxies add to forwarded requests: whether a request was forwarded, and the visitor's address.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, Version, header};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Substrings of header names that only proxies, load balancers and tunnels add.
const NAME_PARTS: [&str; 7] = [
    "forwarded",
    "client-ip",
    "clientip",
    "connecting-ip",
    "real-ip",
    "user-ip",
    "remote-addr",
];
/// Prefixes of such names.
const NAME_PREFIXES: [&str; 7] = [
    "cf-",
    "cloudfront-",
    "tailscale-",
    "x-amzn-",
    "x-azure-",
    "x-envoy-",
    "x-original-",
];

/// Whether a request has a sign of having been forwarded: a header that proxies add (`Forwarded`, RFC 7239; `Via`, RFC
/// 9110 §7.6.3; `X-Forwarded-*`, `X-Real-IP` and others), or HTTP/1.0, which is nginx's default and which neither browsers
/// nor `curl` use.
pub(super) fn is_forwarded(version: Version, headers: &HeaderMap) -> bool {
    let is_proxy_header = |name: &HeaderName| {
        let name = name.as_str();
        name == "via"
            || NAME_PARTS.iter().any(|part| name.contains(part))
            || NAME_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
    };
    version < Version::HTTP_11 || headers.keys().any(is_proxy_header)
}

/// Returns the visitor's address from the headers of a trusted proxy.
///
/// Each proxy appends the address of its peer, so the list is read from its end. The first address that is not a trusted
/// proxy's is the visitor's; the visitor may have written those before it. If all are trusted, the first one counts.
/// Returns `None` if that element is not an address (`unknown`, an obfuscated name), if there is no list, or if
/// `X-Forwarded-For` and `Forwarded` differ: a proxy adds one of them and forwards the other as the visitor wrote it.
pub(super) fn forwarded_address(headers: &HeaderMap, trusted: &[IpNet]) -> Option<IpAddr> {
    let by_name = |name: &HeaderName, hops: fn(&str) -> Option<Vec<Option<IpAddr>>>| {
        let lines = headers.get_all(name).iter();
        let lines: Vec<_> = lines
            .map(|line| line.to_str().unwrap_or_default())
            .collect();
        (!lines.is_empty()).then(|| {
            let parsed: Option<Vec<_>> = lines.into_iter().map(hops).collect();
            visitor(&parsed?.concat(), trusted)
        })
    };
    let plain = by_name(&X_FORWARDED_FOR, |line| Some(plain_hops(line)));
    let standard = by_name(&header::FORWARDED, standard_hops);
    match (plain, standard) {
        (Some(plain), Some(standard)) => plain.filter(|plain| Some(*plain) == standard),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => None,
    }
}

/// Returns the last address that is not trusted, or else the first one.
fn visitor(hops: &[Option<IpAddr>], trusted: &[IpNet]) -> Option<IpAddr> {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|range| range.contains(address));
    let from_the_end = hops.iter().rev();
    let untrusted = from_the_end
        .clone()
        .find(|hop| !hop.as_ref().is_some_and(is_trusted));
    *untrusted.or(hops.first())?
}

/// Parses the elements of an `X-Forwarded-For` line.
fn plain_hops(line: &str) -> Vec<Option<IpAddr>> {
    line.split(',').map(|hop| address(hop.trim())).collect()
}

/// Parses the `for` parameter of each element of a `Forwarded` line (RFC 7239 §4); `None` if the syntax is wrong.
fn standard_hops(line: &str) -> Option<Vec<Option<IpAddr>>> {
    let mut hops = Vec::new();
    let mut hop = None;
    let mut rest = line.trim_start();
    loop {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = value(after)?;
        if name.trim().eq_ignore_ascii_case("for") {
            hop = address(&value);
        }
        let after = after.trim_start();
        match after.chars().next() {
            None => {
                hops.push(hop);
                return Some(hops);
            }
            Some(';') => {}
            Some(',') => hops.push(hop.take()),
            Some(_) => return None,
        }
        rest = after[1..].trim_start();
    }
}

/// Parses a token or a quoted string (RFC 9110 §5.6). Returns it with the rest of the text.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ';', ' ', '\t', '"']).unwrap_or(text.len());
        return Some((text[..end].to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut letters = quoted.char_indices();
    loop {
        match letters.next()? {
            (at, '"') => return Some((value, &quoted[at + 1..])),
            (_, '\\') => value.push(letters.next()?.1),
            (_, letter) => value.push(letter),
        }
    }
}

/// Parses an address as proxies write it: alone, with a port, or IPv6 in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let address = bare.or_else(with_port).or_else(in_brackets)?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests;
