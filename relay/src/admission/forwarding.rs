//! What proxies write into the requests they pass on: that they did, and for whom.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, Version, header};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Parts of header names that only proxies, load balancers and tunnels write.
const TRACES: [&str; 7] = [
    "forwarded",
    "client-ip",
    "clientip",
    "connecting-ip",
    "real-ip",
    "user-ip",
    "remote-addr",
];
/// Beginnings of such names.
const PREFIXES: [&str; 7] = [
    "cf-",
    "cloudfront-",
    "tailscale-",
    "x-amzn-",
    "x-azure-",
    "x-envoy-",
    "x-original-",
];

/// Whether a request bears a sign of having been passed on: a header that proxies write (`Forwarded`, RFC 7239; `Via`,
/// RFC 9110 §7.6.3; `X-Forwarded-*`, `X-Real-IP` and their like), or HTTP/1.0, which nginx speaks unless told
/// otherwise, and no browser and no `curl` does.
pub(super) fn is_forwarded(version: Version, headers: &HeaderMap) -> bool {
    let is_trace = |name: &HeaderName| {
        let name = name.as_str();
        name == "via"
            || TRACES.iter().any(|part| name.contains(part))
            || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
    };
    version < Version::HTTP_11 || headers.keys().any(is_trace)
}

/// The visitor's address, of a request that came from a trusted proxy.
///
/// Each proxy appends the address it was connected from, so the list is read from its end: the first address that is
/// no trusted proxy's is the visitor's, and all before it the visitor may have written itself. Where all are
/// trusted, it is the first. `None` where that address is no address (`unknown`, a hidden name), where there is no
/// list, or where `X-Forwarded-For` and `Forwarded` say different things: a proxy writes one of them, and
/// passes the other on as the visitor wrote it.
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

/// The rightmost address that is not trusted.
fn visitor(hops: &[Option<IpAddr>], trusted: &[IpNet]) -> Option<IpAddr> {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|range| range.contains(address));
    let from_the_end = hops.iter().rev();
    let untrusted = from_the_end
        .clone()
        .find(|hop| !hop.as_ref().is_some_and(is_trusted));
    *untrusted.or(hops.first())?
}

/// The elements of a line of `X-Forwarded-For`.
fn plain_hops(line: &str) -> Vec<Option<IpAddr>> {
    line.split(',').map(|hop| address(hop.trim())).collect()
}

/// The `for` of each element of a line of `Forwarded` (RFC 7239 §4); `None` where the line is not of that grammar.
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

/// A token or a quoted string (RFC 9110 §5.6), and what follows it.
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

/// An address as proxies write it: bare, with a port, IPv6 in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let address = bare.or_else(with_port).or_else(in_brackets)?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests;
