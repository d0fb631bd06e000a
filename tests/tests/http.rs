//! The page and the other HTTP resources: bytes, caching, and security headers.

use std::net::SocketAddr;

use shared::{PROTOCOL_V1, call::Transport, message::Ask};
use tests::{
    address_allocator,
    calls::{ExpectReply, start_server},
    http::{Answer, get, get_with, raw, websocket_handshake},
    page::Page,
    relay::Relay,
};

#[tokio::test]
async fn the_page_is_there_and_never_stale() {
    let relay = Relay::start(&[]);
    let page = get(relay.http, "/").await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(page.header("cache-control"), "no-cache");
    assert!(
        page.text().contains("id=\"sentence\""),
        "the real page, readable before any script runs"
    );
    let tag = page.header("etag");
    assert!(tag.starts_with('"') && tag.ends_with('"'), "{tag}");
    let again = get_with(relay.http, "/", &[("If-None-Match", tag)]).await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    let other = get_with(relay.http, "/", &[("If-None-Match", "\"another\"")]).await;
    assert_eq!(other.status, 200);
}

#[tokio::test]
async fn it_comes_compressed_as_the_browser_likes() {
    let relay = Relay::start(&[]);
    let plain = get(relay.http, "/").await;
    assert_eq!(plain.header("content-encoding"), "");
    for (accepted, expected) in [
        ("br", "br"),
        ("gzip, deflate, br", "br"),
        ("gzip, deflate", "gzip"),
        ("zstd", ""),
    ] {
        let answer = get_with(relay.http, "/", &[("Accept-Encoding", accepted)]).await;
        assert_eq!(
            (answer.status, answer.header("content-encoding")),
            (200, expected),
            "for {accepted}"
        );
        assert!(
            answer
                .header("vary")
                .to_lowercase()
                .contains("accept-encoding"),
            "caches must know"
        );
        if !expected.is_empty() {
            assert!(
                answer.body.len() < plain.body.len(),
                "{expected} is smaller"
            );
        }
    }
    let refused = get_with(relay.http, "/", &[("Accept-Encoding", "br;q=0, gzip;q=0")]).await;
    assert_eq!(refused.header("content-encoding"), "", "q=0 means no");
}

#[tokio::test]
async fn everything_the_page_names_is_there_for_ever() {
    let relay = Relay::start(&[]);
    let page = get(relay.http, "/").await;
    let assets = named_in(page.text());
    let styles = assets.iter().filter(|path| path.ends_with(".css"));
    assert_eq!(styles.count(), 1, "first paint waits once: {assets:?}");
    assert!(
        assets.iter().any(|path| path.ends_with(".js")),
        "{assets:?}"
    );
    for path in &assets {
        let asset = get(relay.http, path).await;
        assert_eq!(asset.status, 200, "{path}");
        assert!(!asset.header("content-type").is_empty(), "{path}");
        assert_eq!(asset.header("x-content-type-options"), "nosniff", "{path}");
        let caching = asset.header("cache-control");
        assert!(
            caching.contains("immutable") && caching.contains("max-age=31536000"),
            "{path}: {caching}"
        );
    }
}

#[tokio::test]
async fn the_headers_keep_strangers_out() {
    let relay = Relay::start(&[]);
    let page = get(relay.http, "/").await;
    let policy = page.header("content-security-policy");
    for part in [
        "default-src 'none'",
        "'wasm-unsafe-eval'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action",
    ] {
        assert!(policy.contains(part), "{part} in {policy}");
    }
    for never in ["'unsafe-inline'", "'unsafe-eval'", "http:", "https:", "*"] {
        assert!(!policy.contains(never), "{never} in {policy}");
    }
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    assert_eq!(page.header("cross-origin-opener-policy"), "same-origin");
}

#[tokio::test]
async fn the_keepers_of_the_relay_can_ask_how_it_is() {
    let relay = Relay::start(&[]);
    for path in ["/healthz", "/readyz"] {
        assert_eq!(get(relay.http, path).await.status, 200, "{path}");
    }
    let page = Page::open(&relay).await;
    let metrics = get(relay.http, "/metrics").await;
    assert_eq!(metrics.status, 200);
    assert!(
        metrics.header("content-type").starts_with("text/plain"),
        "{}",
        metrics.header("content-type")
    );
    let lines: Vec<_> = metrics
        .text()
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    assert!(!lines.is_empty());
    for line in lines {
        let (name, value) = line.rsplit_once(' ').expect("a name and a value");
        assert!(value.parse::<f64>().is_ok(), "{line}");
        assert!(
            name.starts_with(|first: char| first.is_ascii_alphabetic()),
            "{line}"
        );
    }
    page.closes().await;
}

#[tokio::test]
async fn ready_means_that_a_sentence_would_be_answered() {
    let relay = Relay::start_at(address_allocator::own_host(), &[]);
    let mut page = Page::open(&relay).await;
    let transport = Transport::Tcp;
    page.asks(Ask::StopServer { transport }).await.returned();
    let unready = get(relay.http, "/readyz").await;
    assert_eq!(unready.status, 503);
    assert!(unready.text().contains("TCP"), "{}", unready.text());
    assert_eq!(get(relay.http, "/healthz").await.status, 200);
    let start = start_server(transport);
    page.asks(start).await.returned();
    assert_eq!(get(relay.http, "/readyz").await.status, 200);
}

#[tokio::test]
async fn unknown_paths_are_not_found() {
    let relay = Relay::start(&[]);
    for path in [
        "/nothing",
        "/index.php",
        "/labs/open/nothing",
        "/../Cargo.toml",
        "/%2e%2e/Cargo.toml",
        "//",
    ] {
        assert_eq!(get(relay.http, path).await.status, 404, "{path}");
    }
    let headers = format!(
        "Host: {}\r\nContent-Length: 0\r\nConnection: close",
        relay.http
    );
    assert_eq!(
        raw(relay.http, &format!("POST / HTTP/1.1\r\n{headers}\r\n\r\n"))
            .await
            .status,
        405
    );
}

#[tokio::test]
async fn a_name_that_is_not_ours_is_turned_away() {
    let relay = Relay::start(&[]);
    for path in ["/", "/metrics", "/healthz"] {
        for host in [
            "evil.example",
            &format!("evil.example:{}", relay.http.port()),
            "127.0.0.1.evil.example",
        ] {
            let answer = get_with(relay.http, path, &[("Host", host)]).await;
            assert!(
                [403, 421].contains(&answer.status),
                "{path} as {host}: {}",
                answer.status
            );
        }
    }
    let local = format!("localhost:{}", relay.http.port());
    assert_eq!(
        get_with(relay.http, "/", &[("Host", &local)]).await.status,
        200
    );
}

/// Reads `/readyz` without connecting to the server: an iterative server would serve that connection.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn ready_means_that_an_external_server_listens() {
    let at = address_allocator::free_address(address_allocator::own_host());
    let relay = Relay::launch("127.0.0.1:0", &at.to_string(), &["--external-server"]);
    let ready = async || {
        let answer = get(relay.http, "/readyz").await;
        (answer.status, answer.text().to_owned())
    };
    let nobody = |who| {
        let text = format!("no server listens at {at} for {who}: start your server there\n");
        (503, text)
    };
    assert_eq!(ready().await, nobody("UDP and TCP"));
    let tcp = std::net::TcpListener::bind(at).expect("its port");
    tcp.set_nonblocking(true).expect("a socket");
    assert_eq!(ready().await, nobody("UDP"));
    let udp = std::net::UdpSocket::bind(at).expect("its port");
    assert_eq!(ready().await, (200, "ready\n".to_owned()));
    let metrics = get(relay.http, "/metrics").await;
    assert!(
        metrics
            .text()
            .contains("playground_server_up{transport=\"udp\"} 1")
    );
    assert_eq!(
        tcp.accept().map(|_| ()).map_err(|error| error.kind()),
        Err(std::io::ErrorKind::WouldBlock),
        "nobody has connected to find out"
    );
    drop((tcp, udp));
    assert_eq!(ready().await, nobody("UDP and TCP"));
}

#[tokio::test]
async fn of_another_machines_server_nothing_is_claimed() {
    let relay = Relay::launch("127.0.0.1:0", "192.0.2.1:12000", &["--external-server"]);
    let answer = get(relay.http, "/readyz").await;
    assert_eq!(answer.status, 200);
    assert!(
        answer
            .text()
            .contains("it is unknown whether a server listens"),
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn the_relay_answers_to_an_allowed_host_name() {
    let relay = Relay::start(&["--allow-host", "lab.example"]);
    assert_eq!(
        get_with(relay.http, "/", &[("Host", "lab.example")])
            .await
            .status,
        200
    );
    let answer = at_the_door(
        relay.http,
        "/ws",
        &[("Host", "lab.example"), ("Origin", "https://lab.example")],
    )
    .await;
    assert_eq!(answer.status, 101);
}

#[tokio::test]
async fn a_page_of_another_site_may_not_talk() {
    let relay = Relay::start(&[]);
    for path in ["/ws", "/raw/udp", "/raw/tcp"] {
        for origin in [
            "http://evil.example",
            "null",
            "http://127.0.0.1:1",
            "file://",
        ] {
            let answer = at_the_door(relay.http, path, &[("Origin", origin)]).await;
            assert_eq!(answer.status, 403, "{path} from {origin}");
        }
        let host = ("Host", "evil.example");
        let answer =
            at_the_door(relay.http, path, &[host, ("Origin", "http://evil.example")]).await;
        assert!(
            [403, 421].contains(&answer.status),
            "{path} by DNS rebinding: {}",
            answer.status
        );
    }
}

#[tokio::test]
async fn our_own_page_may_talk_under_each_of_our_names() {
    let relay = Relay::start(&[]);
    for host in [
        relay.http.to_string(),
        format!("localhost:{}", relay.http.port()),
    ] {
        let answer = at_the_door(
            relay.http,
            "/ws",
            &[("Host", &host), ("Origin", &format!("http://{host}"))],
        )
        .await;
        assert_eq!(answer.status, 101, "as {host}");
        assert_eq!(answer.header("sec-websocket-protocol"), PROTOCOL_V1);
    }
}

#[tokio::test]
async fn an_unknown_subprotocol_is_told_the_known_one() {
    let relay = Relay::start(&[]);
    let other = [("Sec-WebSocket-Protocol", "socket-playground.v0")];
    let answer = websocket_handshake(relay.http, "/ws", &other).await;
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains(PROTOCOL_V1), "{}", answer.text());
    let both = [("Sec-WebSocket-Protocol", "chat, socket-playground.v1")];
    let answer = websocket_handshake(relay.http, "/ws", &both).await;
    assert_eq!(
        (answer.status, answer.header("sec-websocket-protocol")),
        (101, PROTOCOL_V1)
    );
    let none = websocket_handshake(relay.http, "/ws", &[]).await;
    assert_eq!(
        (none.status, none.header("sec-websocket-protocol")),
        (101, ""),
        "a name nobody offered is not chosen"
    );
}

#[tokio::test]
async fn a_request_without_upgrade_is_told_to_upgrade() {
    let relay = Relay::start(&[]);
    for path in ["/ws", "/raw/udp", "/raw/tcp"] {
        let answer = get(relay.http, path).await;
        assert!(
            [400, 426].contains(&answer.status),
            "{path}: {}",
            answer.status
        );
    }
}

/// What refuses a page's handshake refuses the plain request by which it asks why.
#[tokio::test]
async fn a_page_without_a_websocket_can_ask_why() {
    let relay = Relay::start(&[]);
    let host = relay.http.to_string();
    let ask = async |host: &str, origin: &str| {
        let request = format!(
            "POST /ws HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        raw(relay.http, &request).await
    };
    let plain = ask(&host, &format!("http://{host}")).await;
    assert_eq!(plain.status, 400);
    assert!(
        plain.text().starts_with("No WebSocket: "),
        "{}",
        plain.text()
    );
    let other = ask(&host, "https://lab.example").await;
    assert_eq!(other.status, 403);
    assert!(
        other.text().contains("https://lab.example"),
        "{}",
        other.text()
    );
    let name = ask("lab.example", "https://lab.example").await;
    assert_eq!(name.status, 421);
}

async fn at_the_door(server: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut all = headers.to_vec();
    if path == "/ws" {
        all.push(("Sec-WebSocket-Protocol", PROTOCOL_V1));
    }
    websocket_handshake(server, path, &all).await
}

/// The paths of the page's own parts: whatever stands in `src` or `href` and is no fragment.
fn named_in(html: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for attribute in ["src=\"", "href=\""] {
        let values = html
            .split(attribute)
            .skip(1)
            .filter_map(|rest| rest.split('"').next());
        let own = values.filter(|value| !value.contains(':') && !value.starts_with('#'));
        paths.extend(
            own.map(|value| format!("/{}", value.trim_start_matches('/')))
                .filter(|path| path.contains('.')),
        );
    }
    paths
}
