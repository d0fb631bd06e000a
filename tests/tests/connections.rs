//! HTTP connections that are slow, half open, too many, or do not read.

use std::{
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use tests::{
    http::{get, raw},
    kernel,
    page::Page,
    relay::Relay,
    timeout::{until, within},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

/// SIGTERM to exit is promised within a second; a loaded machine is given another.
const PROMPT_END: Duration = Duration::from_secs(2);

#[tokio::test]
async fn a_connection_that_never_reads_its_answers_is_closed() {
    let relay = Relay::start(&["--unread-seconds", "1"]);
    let mut deaf = connect_with_little_room(&relay).await;
    let request = request(&relay, "GET", "/", &[]);
    deaf.write_all(request.repeat(400).as_bytes()).await.ok();
    is_closed(&relay, &deaf).await;
    assert_eq!(get(relay.http, "/healthz").await.text(), "ok\n");
    assert_eq!(metric(&relay, "connections").await, 1, "the one that asks");
}

#[tokio::test]
async fn a_peer_that_reads_slowly_gets_all_of_it() {
    let unread = Duration::from_secs(3);
    let relay = Relay::start(&["--unread-seconds", "3"]);
    let mut slow = connect_with_little_room(&relay).await;
    let requests = request(&relay, "GET", "/", &[]).repeat(39)
        + &request(&relay, "GET", "/", &["Connection: close"]);
    slow.write_all(requests.as_bytes()).await.expect("it reads");
    let began = Instant::now();
    let (mut answers, mut portion) = (Vec::new(), 0);
    let listen = async {
        loop {
            match slow.read_buf(&mut answers).await.expect("no reset") {
                0 => return,
                bytes => portion += bytes,
            }
            if portion >= 32 << 10 {
                portion = 0;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    };
    within("all answers", listen).await;
    let pages = String::from_utf8_lossy(&answers).matches("</html>").count();
    assert_eq!(pages, 40);
    assert!(began.elapsed() > unread, "slower than one write may wait");
}

#[tokio::test]
async fn a_bridge_that_never_reads_is_closed() {
    let relay = Relay::start(&["--unread-seconds", "1", "--max-queued-bytes", "65536"]);
    for path in ["/raw/udp", "/raw/tcp"] {
        let mut deaf = connect_with_little_room(&relay).await;
        let handshake = request(&relay, "GET", path, &HANDSHAKE);
        deaf.write_all(handshake.as_bytes())
            .await
            .expect("it reads");
        let frame = binary_frame(&[b'x'; 1000]);
        let flood = async { while deaf.write_all(&frame).await.is_ok() {} };
        within("the end of a bridge that does not read", flood).await;
        is_closed(&relay, &deaf).await;
    }
}

#[tokio::test]
async fn the_relay_does_not_wait_for_a_request_byte_by_byte() {
    let relay = Relay::start(&["--handshake-seconds", "1"]);
    let mut dribbling = TcpStream::connect(relay.http).await.expect("it listens");
    let endless = "GET / HTTP/1.1\r\nX-Long: ".to_owned() + &"x".repeat(4000);
    let dribble = async {
        for byte in endless.bytes() {
            if dribbling.write_all(&[byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("all of it was taken");
    };
    within("the end of a request without an end", dribble).await;
}

#[tokio::test]
async fn the_relay_does_not_wait_for_an_unexpected_body() {
    let relay = Relay::start(&["--handshake-seconds", "1"]);
    let mut sending = TcpStream::connect(relay.http).await.expect("it listens");
    let head = request(&relay, "POST", "/healthz", &["Content-Length: 1000000"]);
    sending.write_all(head.as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    // Its end may be a reset: part of the body was never read.
    within("the end", sending.read_to_string(&mut answer))
        .await
        .ok();
    assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
}

#[tokio::test]
async fn a_connection_kept_for_the_next_request_is_not_kept_for_ever() {
    let relay = Relay::start(&["--handshake-seconds", "1"]);
    let mut idle = TcpStream::connect(relay.http).await.expect("it listens");
    let asked = request(&relay, "GET", "/healthz", &[]);
    idle.write_all(asked.as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    let end = within("the end", idle.read_to_string(&mut answer)).await;
    end.expect("an orderly end");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok\n"));
}

#[tokio::test]
async fn headers_have_sixteen_kibibytes_and_no_more() {
    let relay = Relay::start(&[]);
    let with = |bytes: usize| {
        let long = format!("X-Long: {}", "x".repeat(bytes));
        request(&relay, "GET", "/healthz", &[&long, "Connection: close"])
    };
    assert_eq!(raw(relay.http, &with(15 << 10)).await.status, 200);
    assert_eq!(raw(relay.http, &with(17 << 10)).await.status, 431);
    let many: Vec<String> = (0..200).map(|nth| format!("X-{nth}: x")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let asked = request(&relay, "GET", "/healthz", &many);
    assert_eq!(raw(relay.http, &asked).await.status, 431);
    let unfinished = with(380_000);
    let mut connection = TcpStream::connect(relay.http).await.expect("it listens");
    connection
        .write_all(unfinished.trim_end().as_bytes())
        .await
        .ok();
    is_closed(&relay, &connection).await;
}

#[tokio::test]
async fn one_address_may_not_have_all_connections() {
    let relay = Relay::start(&[
        "--handshake-seconds",
        "600",
        "--max-connections-per-address",
        "3",
        "--max-connections",
        "5",
    ]);
    let one: IpAddr = [127, 0, 0, 11].into();
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(connect_from(one, &relay).await);
    }
    let refused = answer_from(one, &relay, "/healthz").await;
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
    assert!(
        refused.contains("Your address already has 3 connections"),
        "{refused}"
    );
    let (other, third): (IpAddr, IpAddr) = ([127, 0, 0, 12].into(), [127, 0, 0, 13].into());
    let served = answer_from(other, &relay, "/healthz").await;
    assert!(served.starts_with("HTTP/1.1 200"), "{served}");
    for _ in 0..2 {
        held.push(connect_from(other, &relay).await);
    }
    let full = answer_from(third, &relay, "/healthz").await;
    assert!(
        full.contains("This relay already has 5 connections"),
        "{full}"
    );
    drop(held);
    until("room again", async || {
        let answer = answer_from(one, &relay, "/healthz").await;
        answer.starts_with("HTTP/1.1 200").then_some(())
    })
    .await;
    let metrics = get(relay.http, "/metrics").await;
    for line in [
        "playground_connections_refused_total{limit=\"address\"} 1\n",
        "playground_connections_refused_total{limit=\"descriptors\"} 0\n",
    ] {
        assert!(metrics.text().contains(line), "{}", metrics.text());
    }
}

#[tokio::test]
async fn traces_on_their_way_to_one_address_are_few() {
    let relay = Relay::start(&["--max-level", "l0", "--unread-seconds", "600"]);
    let mut page = Page::open(&relay).await;
    // More than both kernels buffer, so that the rest waits in the relay.
    for _ in 0..20 {
        page.exchanges_by_tcp(&"x".repeat(100_000)).await;
    }
    let path = "/labs/open/trace.json";
    let mut deaf = Vec::new();
    for _ in 0..4 {
        let mut reader = connect_with_little_room(&relay).await;
        let asked = request(&relay, "GET", path, &[]);
        reader.write_all(asked.as_bytes()).await.expect("it reads");
        assert_eq!(reader.read_u8().await.expect("an answer"), b'H');
        deaf.push(reader);
    }
    let fifth = get(relay.http, path).await;
    assert_eq!(fifth.status, 503);
    assert!(fifth.text().contains("Too many traces"), "{}", fifth.text());
    assert_eq!(get(relay.http, "/healthz").await.status, 200);
    drop(deaf);
    until("room for the next", async || {
        (get(relay.http, path).await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn pages_are_no_connections_that_count() {
    let relay = Relay::start(&["--max-connections-per-address", "1"]);
    let mut pages = Vec::new();
    for _ in 0..3 {
        // The place of the one before is free once its handshake is done.
        let page = until("a page", async || Page::try_open(&relay).await.ok()).await;
        pages.push(page);
    }
    assert_eq!(pages[0].exchanges_by_udp("here").await, "HERE");
}

#[tokio::test]
async fn half_open_connections_do_not_hold_up_the_end() {
    let relay = Relay::start(&[]);
    let before = relay.holdings().0;
    let silent = TcpStream::connect(relay.http).await.expect("it listens");
    let mut half = TcpStream::connect(relay.http).await.expect("it listens");
    half.write_all(b"GET / HTTP/1.1\r\nHo").await.expect("read");
    let mut deaf = connect_with_little_room(&relay).await;
    let asked = request(&relay, "GET", "/", &[]);
    deaf.write_all(asked.repeat(400).as_bytes()).await.ok();
    let mut idle = TcpStream::connect(relay.http).await.expect("it listens");
    let asked = request(&relay, "GET", "/healthz", &[]);
    idle.write_all(asked.as_bytes()).await.expect("read");
    idle.read_u8().await.expect("an answer");
    let mut body = TcpStream::connect(relay.http).await.expect("it listens");
    let asked = request(&relay, "POST", "/", &["Content-Length: 1000000"]);
    body.write_all(asked.as_bytes()).await.expect("read");
    let mut bridge = connect_with_little_room(&relay).await;
    let asked = request(&relay, "GET", "/raw/udp", &HANDSHAKE);
    bridge.write_all(asked.as_bytes()).await.expect("read");
    let page = Page::open_with_little_room(&relay).await;
    until("all of them there", async || {
        // The bridge and the page have two descriptors more between them.
        (relay.holdings().0 >= before + 6).then_some(())
    })
    .await;
    relay.terminate();
    relay.ends_within(PROMPT_END);
    drop((silent, half, deaf, idle, body, bridge, page));
}

const HANDSHAKE: [&str; 4] = [
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

fn request(relay: &Relay, method: &str, path: &str, headers: &[&str]) -> String {
    let mut lines = vec![
        format!("{method} {path} HTTP/1.1"),
        format!("Host: {}", relay.http),
    ];
    lines.extend(headers.iter().map(|&header| header.to_owned()));
    lines.join("\r\n") + "\r\n\r\n"
}

/// A client's frame (RFC 6455 §5.2) under a mask of zeros.
fn binary_frame(payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).expect("a short one");
    let mut frame = vec![0x82, 0x80 | 126];
    frame.extend(length.to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

async fn connect_with_little_room(relay: &Relay) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small one");
    socket.connect(relay.http).await.expect("it listens")
}

async fn connect_from(host: IpAddr, relay: &Relay) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::new(host, 0)).expect("its address");
    socket.connect(relay.http).await.expect("it listens")
}

async fn answer_from(host: IpAddr, relay: &Relay, path: &str) -> String {
    let mut stream = connect_from(host, relay).await;
    let asked = request(relay, "GET", path, &["Connection: close"]);
    stream.write_all(asked.as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    let reading = stream.read_to_string(&mut answer);
    within("an answer", reading).await.expect("text");
    answer
}

/// The relay's socket is gone from the kernel's list: neither open, nor still offering what was not read.
async fn is_closed(relay: &Relay, stream: &TcpStream) {
    let peer = stream.local_addr().expect("an address");
    kernel::waits_for_state(relay.http, peer, None).await;
}

async fn metric(relay: &Relay, name: &str) -> u64 {
    let metrics = get(relay.http, "/metrics").await;
    let name = format!("playground_{name} ");
    let value = metrics
        .text()
        .lines()
        .find_map(|line| line.strip_prefix(&name));
    value.expect("a metric").parse().expect("a number")
}
