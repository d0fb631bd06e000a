//! Headers as proxies write them, and as visitors would like them to be read.

use axum::http::HeaderValue;

use super::*;

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    let header = |(name, value): &(&'static str, &str)| {
        let value = HeaderValue::from_str(value).expect("a value");
        (HeaderName::from_static(name), value)
    };
    lines.iter().map(header).collect()
}

fn read(lines: &[(&'static str, &str)]) -> Option<String> {
    let trusted = ["127.0.0.0/8", "10.0.0.0/8", "2001:db8:1::/48"];
    let trusted = trusted.map(|range| range.parse().expect("a range"));
    forwarded_address(&headers(lines), &trusted).map(|address| address.to_string())
}

fn plain(value: &str) -> Option<String> {
    read(&[("x-forwarded-for", value)])
}

fn standard(value: &str) -> Option<String> {
    read(&[("forwarded", value)])
}

fn is(address: &str) -> Option<String> {
    Some(address.to_owned())
}

#[test]
fn headers_of_proxies_are_signs_of_forwarding() {
    for name in [
        "forwarded",
        "via",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-forwarded",
        "x-original-forwarded-for",
        "x-real-ip",
        "x-client-ip",
        "true-client-ip",
        "x-cluster-client-ip",
        "cf-connecting-ip",
        "cf-ray",
        "fastly-client-ip",
        "x-azure-clientip",
        "x-envoy-external-address",
        "x-appengine-user-ip",
        "tailscale-user-login",
        "x-amzn-trace-id",
    ] {
        let headers = headers(&[("host", "localhost"), (name, "")]);
        assert!(is_forwarded(Version::HTTP_11, &headers), "{name}");
    }
    assert!(is_forwarded(
        Version::HTTP_10,
        &headers(&[("host", "localhost")])
    ));
}

#[test]
fn headers_of_browsers_and_curl_are_not() {
    let names = [
        "host",
        "user-agent",
        "accept",
        "accept-encoding",
        "accept-language",
        "authorization",
        "cache-control",
        "connection",
        "cookie",
        "dnt",
        "if-none-match",
        "origin",
        "pragma",
        "referer",
        "sec-fetch-site",
        "sec-websocket-key",
        "sec-websocket-protocol",
        "upgrade",
        "upgrade-insecure-requests",
    ];
    let headers = headers(&names.map(|name| (name, "x")));
    assert!(!is_forwarded(Version::HTTP_11, &headers));
}

#[test]
fn the_rightmost_address_that_is_not_trusted_counts() {
    assert_eq!(plain("203.0.113.7"), is("203.0.113.7"));
    assert_eq!(plain("6.6.6.6, 203.0.113.7"), is("203.0.113.7"));
    assert_eq!(
        plain("6.6.6.6,203.0.113.7 , 10.1.2.3, 127.0.0.1"),
        is("203.0.113.7")
    );
    assert_eq!(plain("nonsense, 203.0.113.7"), is("203.0.113.7"));
    assert_eq!(
        plain("10.1.2.3, 10.1.2.4"),
        is("10.1.2.3"),
        "all are trusted"
    );
    let lines = [
        ("x-forwarded-for", "6.6.6.6"),
        ("x-forwarded-for", "203.0.113.7"),
    ];
    assert_eq!(
        read(&lines),
        is("203.0.113.7"),
        "a header of two lines is one list"
    );
}

#[test]
fn ports_and_brackets_are_read() {
    for (written, meant) in [
        ("203.0.113.7:4711", "203.0.113.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
    ] {
        assert_eq!(plain(written), is(meant), "{written}");
        assert_eq!(
            standard(&format!("for=\"{written}\"")),
            is(meant),
            "{written}"
        );
    }
    assert_eq!(standard("for=203.0.113.7"), is("203.0.113.7"));
    assert_eq!(
        standard("proto=http;For=203.0.113.7;by=10.0.0.1"),
        is("203.0.113.7")
    );
    assert_eq!(
        standard("for=6.6.6.6, for=203.0.113.7;proto=https, for=10.0.0.9"),
        is("203.0.113.7")
    );
    assert_eq!(standard("for=\"\\[2001:db8::7\\]\""), is("2001:db8::7"));
}

#[test]
fn elements_that_are_not_addresses_yield_none() {
    for hidden in [
        "unknown",
        "_hidden",
        "",
        "203.0.113.7, unknown",
        "203.0.113.7, ",
        "203.0.113.7, 300.1.1.1",
    ] {
        assert_eq!(plain(hidden), None, "{hidden}");
    }
    for hidden in [
        "for=unknown",
        "for=_gazonk",
        "proto=https",
        "for=203.0.113.7, for=unknown",
        "",
        "nonsense",
    ] {
        assert_eq!(standard(hidden), None, "{hidden}");
    }
    assert_eq!(read(&[]), None);
}

#[test]
fn a_visitor_cannot_hide_what_its_proxy_appends() {
    for written in [
        "for=6.6.6.6;x=\"",
        "for=6.6.6.6, for=\"",
        "for=6.6.6.6;x=\"\\",
        "for=6.6.6.6, for",
    ] {
        for appended in [
            "for=203.0.113.7",
            "for=\"[2001:db8::7]:80\"",
            "for=\"[2001:db8::7]\";by=\"[::1]\"",
        ] {
            let line = format!("{written}, {appended}");
            assert_ne!(standard(&line), is("6.6.6.6"), "{line}");
        }
    }
}

#[test]
fn a_visitor_cannot_forge_the_header_that_its_proxy_does_not_set() {
    let own = ("forwarded", "for=6.6.6.6");
    assert_eq!(read(&[("x-forwarded-for", "203.0.113.7"), own]), None);
    let agreed = ("forwarded", "for=203.0.113.7");
    assert_eq!(
        read(&[("x-forwarded-for", "203.0.113.7"), agreed]),
        is("203.0.113.7")
    );
    let own = ("x-forwarded-for", "6.6.6.6");
    assert_eq!(read(&[own, agreed]), None);
}
