//! How a bridge closes, and which kind of messages it sends: the kind that its client sends.

use std::{io, net::SocketAddr, time::Duration};

use shared::{
    call::Transport::{Tcp, Udp},
    lab::{Program, Settings},
    message::Ask,
    trace::CallName,
};
use socket2::{Domain, Socket, Type};
use tests::{
    address_allocator,
    bridge::{Bridge, Crossed},
    calls::ExpectReply,
    http::websocket_handshake,
    page::Page,
    relay::Relay,
    timeout::within,
    trace::Trace,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    time::timeout,
};

/// A relay whose servers think for 0.3 s.
async fn thinking_servers() -> (Relay, Page) {
    let relay = Relay::start_at(address_allocator::own_host(), &[]);
    let mut page = Page::open(&relay).await;
    for transport in [Udp, Tcp] {
        page.asks(Ask::StopServer { transport }).await.returned();
        let settings = Settings {
            backlog: 16,
            receive_size: 2048,
            think_ms: 300,
            reuse_address: true,
        };
        let start = Ask::StartServer {
            transport,
            program: Some(Program::Sturdy),
            task: None,
            settings: Some(settings),
        };
        page.asks(start).await.returned();
    }
    (relay, page)
}

/// A relay before servers of the story's own.
async fn own_servers() -> (Relay, TcpListener, UdpSocket) {
    let host = address_allocator::own_host();
    let mut servers = None;
    // A port that was free for one may be taken for the other: both are held from the beginning.
    for _ in 0..100 {
        let tcp = TcpListener::bind((host, 0)).await.expect("a free port");
        let server = tcp.local_addr().expect("an address");
        if let Ok(udp) = UdpSocket::bind(server).await {
            servers = Some((server, tcp, udp));
            break;
        }
    }
    let (server, tcp, udp) = servers.expect("a port that is free for both");
    let http = SocketAddr::new(server.ip(), 0).to_string();
    let relay = Relay::launch(&http, &server.to_string(), &["--external-server"]);
    (relay, tcp, udp)
}

async fn accepts(listener: &TcpListener) -> TcpStream {
    let accepted = within("a connection", listener.accept()).await;
    accepted.expect("a connection").0
}

async fn reads_to_the_end(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut read = Vec::new();
    within("the end of the stream", stream.read_to_end(&mut read)).await?;
    Ok(read)
}

#[tokio::test]
async fn a_message_just_before_a_close_frame_is_answered() {
    let (relay, mut page) = thinking_servers().await;
    for path in ["/raw/udp", "/raw/tcp"] {
        let mut bridge = Bridge::open(&relay, path).await;
        bridge.sends_bytes(*b"hello").await;
        bridge.closes().await;
        assert_eq!(
            bridge.receives_to_the_end().await,
            (b"HELLO".to_vec(), None)
        );
    }
    let mut bridge = Bridge::open(&relay, "/raw/udp").await;
    bridge
        .sends_at_once([b"one".to_vec(), b"two".to_vec()])
        .await;
    bridge.closes_with(4000).await;
    let heard = bridge.receives_to_the_end().await;
    assert_eq!(heard, (b"ONETWO".to_vec(), Some(4000)));
    let shut = |trace: &Trace| {
        let mut events = trace.events.iter();
        events.any(|event| is_shutdown(&event.what))
    };
    Trace::watched(&mut page, shut).await;
}

fn is_shutdown(what: &shared::trace::What) -> bool {
    matches!(what, shared::trace::What::CallStarted(call) if call.name == CallName::Shutdown)
}

#[tokio::test]
async fn a_close_frame_ends_the_stream_to_the_server_and_not_the_one_back() {
    let (relay, tcp, _udp) = own_servers().await;
    let mut bridge = Bridge::open(&relay, "/raw/tcp").await;
    let mut server = accepts(&tcp).await;
    bridge.sends_bytes(*b"a question").await;
    bridge.closes().await;
    // Only the end of the stream shows that the request is complete.
    let question = reads_to_the_end(&mut server).await.expect("an end");
    assert_eq!(question, b"a question");
    for part in [b"an ", b"ans", b"wer"] {
        server.write_all(part).await.expect("an open connection");
    }
    drop(server);
    assert_eq!(
        bridge.receives_to_the_end().await,
        (b"an answer".to_vec(), None)
    );
}

#[tokio::test]
async fn the_end_of_the_servers_stream_does_not_end_the_one_to_it() {
    let (relay, tcp, _udp) = own_servers().await;
    let mut bridge = Bridge::open(&relay, "/raw/tcp").await;
    let mut server = accepts(&tcp).await;
    server.write_all(b"bye").await.expect("an open connection");
    server.shutdown().await.expect("an open connection");
    assert_eq!(
        bridge.receives_to_the_end().await,
        (b"bye".to_vec(), Some(1000))
    );
    // The close frame is not answered yet.
    bridge.sends_raw(b"\x82\x84\0\0\0\0late").await;
    bridge.closes().await;
    let late = reads_to_the_end(&mut server).await.expect("an end");
    assert_eq!(late, b"late");
}

#[tokio::test]
async fn a_connection_that_is_reset_is_the_servers_fault() {
    let (relay, tcp, _udp) = own_servers().await;
    let mut bridge = Bridge::open(&relay, "/raw/tcp").await;
    let server = accepts(&tcp).await;
    let at_once = Some(Duration::ZERO);
    let reset = socket2::SockRef::from(&server).set_linger(at_once);
    reset.expect("a connection");
    drop(server);
    assert_eq!(bridge.receives().await, Crossed::End(Some(1011)));
}

#[tokio::test]
async fn a_server_that_never_answers_does_not_keep_a_bridge_open() {
    let (relay, tcp, _udp) = own_servers().await;
    let mut by_udp = Bridge::open(&relay, "/raw/udp").await;
    let mut by_tcp = Bridge::open(&relay, "/raw/tcp").await;
    let _server = accepts(&tcp).await;
    for bridge in [&mut by_udp, &mut by_tcp] {
        bridge.sends_bytes(*b"anybody?").await;
        bridge.closes_with(1000).await;
    }
    for bridge in [&mut by_udp, &mut by_tcp] {
        assert_eq!(bridge.receives().await, Crossed::End(Some(1000)));
    }
}

/// A relay before a server whose accept queue is full, so that further connections stay in SYN_SENT.
async fn relay_before_a_full_accept_queue() -> (Relay, Socket, Vec<TcpStream>) {
    let server = address_allocator::free_address(address_allocator::own_host());
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    listener.bind(&server.into()).expect("a free port");
    listener.listen(0).expect("a listening socket");
    let mut queued = Vec::new();
    while let Ok(connected) = timeout(Duration::from_millis(500), TcpStream::connect(server)).await
    {
        queued.push(connected.expect("a connection"));
        assert!(queued.len() < 16, "the accept queue is never full");
    }
    let http = SocketAddr::new(server.ip(), 0).to_string();
    let relay = Relay::launch(&http, &server.to_string(), &["--external-server"]);
    (relay, listener, queued)
}

#[tokio::test]
async fn a_connection_that_does_not_open_is_given_up() {
    let (relay, _listener, _queued) = relay_before_a_full_accept_queue().await;
    let mut bridge = Bridge::open(&relay, "/raw/tcp").await;
    // The client is not read before the connection is open.
    bridge.sends_bytes(vec![b'x'; 20_000]).await;
    bridge.closes_with(1000).await;
    assert_eq!(bridge.receives().await, Crossed::End(Some(1011)));
}

#[tokio::test]
async fn a_connection_that_does_not_open_does_not_keep_the_relay_from_ending() {
    let (relay, _listener, _queued) = relay_before_a_full_accept_queue().await;
    let mut bridge = Bridge::open(&relay, "/raw/tcp").await;
    relay.terminate();
    assert_eq!(bridge.receives().await, Crossed::End(Some(1001)));
    relay.ends_within(Duration::from_secs(2));
}

#[tokio::test]
async fn a_bridge_chooses_a_subprotocol_that_it_speaks() {
    let relay = Relay::start(&[]);
    for path in ["/raw/udp", "/raw/tcp"] {
        for (offered, chosen) in [
            ("binary", "binary"),
            ("base64", "base64"),
            ("base64, binary", "binary"),
            ("chat, base64", "base64"),
            ("chat", ""),
            ("Binary", ""),
        ] {
            let answer =
                websocket_handshake(relay.http, path, &[("Sec-WebSocket-Protocol", offered)]).await;
            assert_eq!(answer.status, 101, "{offered}");
            assert_eq!(answer.header("sec-websocket-protocol"), chosen, "{offered}");
        }
    }
}

#[tokio::test]
async fn base64_is_text_both_ways() {
    let relay = Relay::start(&[]);
    for path in ["/raw/udp", "/raw/tcp"] {
        let mut bridge = Bridge::offering(&relay, path, Some("base64")).await;
        bridge.sends_text("aGVsbG8=").await;
        assert_eq!(
            bridge.receives().await,
            Crossed::Text("SEVMTE8=".to_owned())
        );
        bridge.sends_text("no base64").await;
        assert_eq!(bridge.receives().await, Crossed::End(Some(1007)));
    }
}

#[tokio::test]
async fn text_is_answered_with_text_and_bytes_with_bytes() {
    let relay = Relay::start(&[]);
    for path in ["/raw/udp", "/raw/tcp"] {
        let mut bridge = Bridge::offering(&relay, path, Some("binary")).await;
        bridge.sends_text("hello 世界").await;
        assert_eq!(
            bridge.receives().await,
            Crossed::Text("HELLO 世界".to_owned())
        );
        bridge.sends_bytes(*b"bytes").await;
        assert_eq!(bridge.receives().await, Crossed::Bytes(b"BYTES".to_vec()));
        bridge.sends_text("text").await;
        assert_eq!(bridge.receives().await, Crossed::Text("TEXT".to_owned()));
    }
}

#[tokio::test]
async fn a_character_in_two_messages_is_one_in_text() {
    let (relay, tcp, udp) = own_servers().await;
    let mut bridge = Bridge::open(&relay, "/raw/tcp").await;
    let mut server = accepts(&tcp).await;
    let mut asked = [0; 1];
    for part in ["世".as_bytes().split_at(1).0, "世".as_bytes().split_at(1).1] {
        bridge.sends_text("?").await;
        let asking = within("a question", server.read_exact(&mut asked)).await;
        asking.expect("an open connection");
        server.write_all(part).await.expect("an open connection");
    }
    assert_eq!(bridge.receives().await, Crossed::Text("世".to_owned()));
    server
        .write_all(b"a\xff")
        .await
        .expect("an open connection");
    assert_eq!(bridge.receives().await, Crossed::Bytes(b"a\xff".to_vec()));
    // A datagram is what it is.
    let mut bridge = Bridge::open(&relay, "/raw/udp").await;
    bridge.sends_text("?").await;
    let (_, visitor) = within("a question", udp.recv_from(&mut asked))
        .await
        .expect("a datagram");
    udp.send_to(b"\xe4", visitor).await.expect("an address");
    assert_eq!(bridge.receives().await, Crossed::Bytes(b"\xe4".to_vec()));
}
