//! A connection that does not answer pings is closed; a quiet one that does stays open.

use futures_util::future::join_all;
use shared::{
    lab::LabKind,
    message::{Ask, GoodbyeReason},
};
use tests::{
    bridge::{Bridge, Crossed},
    calls::ExpectReply,
    faulty_proxy::{Fault, FaultyProxy},
    http,
    page::Page,
    relay::Relay,
    timeout::{until, within},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpSocket,
    time::{Duration, Instant},
};

/// A number among the relay's metrics.
async fn metric(relay: &Relay, name: &str) -> u64 {
    let metrics = http::get(relay.http, "/metrics").await;
    let start = format!("playground_{name} ");
    let line = metrics
        .text()
        .lines()
        .find_map(|line| line.strip_prefix(&start));
    let value = line.unwrap_or_else(|| panic!("no {name}"));
    value.parse().expect("a number")
}

#[tokio::test]
async fn a_vanished_page_is_closed_and_its_session_kept() {
    let relay = Relay::start(&["--ping-seconds", "2"]);
    let proxy = FaultyProxy::to(relay.http).await;
    let mut page = Page::open_at(proxy.address).await;
    let lab = LabKind::Private;
    page.moves_to(Ask::Enter { lab }).await;
    let token = page.welcome.seat.clone().expect("a seat").token;
    let process = page.welcome.process;
    let _bridges = [
        Bridge::open_at(proxy.address, "/raw/udp").await,
        Bridge::open_at(proxy.address, "/raw/tcp").await,
    ];
    proxy.set_fault(Fault::LoseAll);
    until("all three let go", async || {
        (metric(&relay, "ping_timeouts_total").await == 3).then_some(())
    })
    .await;
    until("nobody there", async || {
        (metric(&relay, "pages").await == 0).then_some(())
    })
    .await;
    let mut page = Page::open(&relay).await;
    let heard = None;
    page.moves_to(Ask::Resume { token, heard }).await;
    assert_eq!(page.welcome.process, process, "all as it was");
}

#[tokio::test]
async fn the_reason_stands_in_the_close_frame() {
    let relay = Relay::start(&["--ping-seconds", "1"]);
    let proxy = FaultyProxy::to(relay.http).await;
    let page = Page::open_at(proxy.address).await;
    let bridges = [
        Bridge::open_at(proxy.address, "/raw/udp").await,
        Bridge::open_at(proxy.address, "/raw/tcp").await,
    ];
    // The pings still arrive, but no answer does.
    proxy.set_fault(Fault::LoseRequests);
    let code = GoodbyeReason::PingTimeout.close_code();
    let ends = bridges.map(async |mut bridge| bridge.receives().await);
    for end in join_all(ends).await {
        assert_eq!(end, Crossed::End(Some(code)));
    }
    let parting = page.receives_close().await;
    assert_eq!(parting.code, Some(code));
    let goodbye = parting.goodbye.expect("a goodbye");
    let reason = GoodbyeReason::PingTimeout;
    assert_eq!((goodbye.reason, goodbye.limit), (reason, Some(1)));
}

#[tokio::test]
async fn a_quiet_connection_that_answers_pings_stays() {
    let relay = Relay::start(&["--ping-seconds", "1"]);
    let visits = ["/ws", "/raw/udp", "/raw/tcp"].map(async |path| {
        let mut bridge = Bridge::open(&relay, path).await;
        bridge.answers_pings(4).await;
        if path != "/ws" {
            bridge.sends_text("still there").await;
            assert_eq!(bridge.receives_bytes(11).await, b"STILL THERE");
        }
    });
    join_all(visits).await;
    assert_eq!(metric(&relay, "ping_timeouts_total").await, 0);
}

#[tokio::test]
async fn answers_to_pings_and_pings_of_ones_own_are_no_activity() {
    let relay = Relay::start(&["--ping-seconds", "1", "--idle-seconds", "3"]);
    let mut page = Page::open(&relay).await;
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(2) {
        page.asks(Ask::Ping).await.returned();
    }
    let parting = page.receives_close().await;
    let goodbye = parting.goodbye.expect("a goodbye");
    assert_eq!(goodbye.reason, GoodbyeReason::Idle);
    assert_eq!(metric(&relay, "ping_timeouts_total").await, 0);
}

#[tokio::test]
async fn a_seat_counts_no_pings() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    let lab = LabKind::Private;
    page.moves_to(Ask::Enter { lab }).await;
    let token = page.welcome.seat.clone().expect("a seat").token;
    let from = 0;
    let whose = None;
    page.asks(Ask::Ping).await.returned();
    page.asks(Ask::Watch { from, whose }).await.returned();
    let ping = page.begins_to_ask(Ask::Ping).await;
    page.waits_for_reply(ping).await.returned();
    page.vanishes();
    let mut page = Page::open(&relay).await;
    let heard = Some(1);
    page.moves_to(Ask::Resume { token, heard }).await;
    let seat = page.welcome.seat.clone().expect("a seat");
    assert_eq!(seat.heard, 1, "the watch");
    assert!(seat.next_id > ping, "no id is given twice");
    assert_eq!(page.unread(), 0);
}

/// A client that never reads, but sends an unsolicited pong now and then.
#[tokio::test]
async fn a_bridge_that_is_there_but_never_reads_has_its_own_limit() {
    let relay = Relay::start(&["--ping-seconds", "1", "--unread-seconds", "4"]);
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    let mut stream = socket.connect(relay.http).await.expect("it listens");
    let handshake = format!(
        "GET /raw/tcp HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        relay.http
    );
    stream.write_all(handshake.as_bytes()).await.expect("sent");
    let mut first = [0; 12];
    stream.read_exact(&mut first).await.expect("an answer");
    assert_eq!(&first, b"HTTP/1.1 101");
    // Masked with zeros: a binary message of 60,000 bytes, and a pong (RFC 6455 §5.2).
    let message = [b"\x82\xfe\xea\x60\0\0\0\0".as_slice(), &[b'x'; 60_000]].concat();
    let pong = b"\x8a\x80\0\0\0\0";
    let start = Instant::now();
    let goes_on = async {
        while stream.write_all(&message).await.is_ok() {
            if stream.write_all(pong).await.is_err() {
                break;
            }
        }
    };
    within("the relay leaving who never reads", goes_on).await;
    assert!(start.elapsed() >= Duration::from_secs(3), "not at once");
    assert_eq!(metric(&relay, "ping_timeouts_total").await, 0);
}
