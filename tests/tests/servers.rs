//! The two server programs, robust and the book's, from plain sockets.

use std::{
    io::{ErrorKind, Read, Write},
    net::{IpAddr, Shutdown, SocketAddr, TcpStream, UdpSocket},
};

use shared::{
    call::{
        Call,
        Target::Server,
        Transport::{Tcp, Udp},
    },
    lab::{Program, Task},
    message::Ask,
    outcome::{Outcome, Returned},
    trace::CallName,
};
use tests::{
    address_allocator,
    calls::{ExpectReply, start_server},
    page::Page,
    relay::Relay,
    timeout::TIMEOUT,
    trace::{TCP_SERVER, Trace},
};

#[test]
fn a_stream_is_answered_with_or_without_newlines() {
    let relay = Relay::start(&[]);
    let mut stream = connect(relay.tcp);
    assert_eq!(exchange(&mut stream, b"no newline", 10), b"NO NEWLINE");
    assert_eq!(exchange(&mut stream, b"two\nlines\n", 10), b"TWO\nLINES\n");
    assert_eq!(exchange(&mut stream, b"x", 1), b"X");
}

#[test]
fn a_character_cut_in_two_is_put_together() {
    let relay = Relay::start(&[]);
    let mut stream = connect(relay.tcp);
    let sentence = "straße 世界".as_bytes();
    let in_sharp_s = 5;
    assert_eq!(
        exchange(&mut stream, &sentence[..in_sharp_s], 4),
        b"STRA",
        "half a character waits for the rest"
    );
    let rest = exchange(&mut stream, &sentence[in_sharp_s..], 10);
    assert_eq!(String::from_utf8(rest).as_deref(), Ok("SSE 世界"));
}

#[test]
fn half_a_character_at_the_end_returns_unchanged() {
    let relay = Relay::start(&[]);
    let mut stream = connect(relay.tcp);
    stream.write_all(b"stra\xc3").expect("an open connection");
    assert_eq!(read_to_the_end_after_our_end(&mut stream), b"STRA\xc3");
}

#[test]
fn a_half_closed_connection_is_served_to_its_end() {
    let relay = Relay::start(&[]);
    let mut stream = connect(relay.tcp);
    let long = "all of this ".repeat(10_000);
    let mut writer = stream.try_clone().expect("the same connection");
    let text = long.clone();
    let writing = std::thread::spawn(move || {
        writer
            .write_all(text.as_bytes())
            .expect("an open connection");
        writer
            .shutdown(Shutdown::Write)
            .expect("an open connection");
    });
    let mut reply = String::new();
    stream
        .read_to_string(&mut reply)
        .expect("the end of the stream, not an error");
    writing.join().expect("all was written");
    assert_eq!(reply, long.to_uppercase());
}

#[test]
fn bytes_that_are_no_text_pass_and_ascii_around_them_is_raised() {
    let relay = Relay::start(&[]);
    let mut stream = connect(relay.tcp);
    assert_eq!(
        exchange(&mut stream, b"a\xff\xfeb\x00c", 6),
        b"A\xff\xfeB\x00C"
    );
    let socket = udp_client(relay.udp);
    assert_eq!(datagram(&socket, b"a\xff\xfeb\x00c"), b"A\xff\xfeB\x00C");
}

#[test]
fn many_connections_are_served_at_once() {
    let relay = Relay::start(&[]);
    let mut streams: Vec<_> = (0..100).map(|_| connect(relay.tcp)).collect();
    for (number, stream) in streams.iter_mut().enumerate().rev() {
        assert_eq!(
            exchange(stream, format!("no {number:03}").as_bytes(), 6),
            format!("NO {number:03}").as_bytes()
        );
    }
}

#[test]
fn a_client_that_resets_affects_no_other_client() {
    let relay = Relay::start(&[]);
    for _ in 0..20 {
        let mut rude = connect(relay.tcp);
        rude.write_all(b"never read").expect("an open connection");
        socket2::SockRef::from(&rude)
            .set_linger(Some(std::time::Duration::ZERO))
            .expect("SO_LINGER");
    }
    assert_eq!(exchange(&mut connect(relay.tcp), b"fine", 4), b"FINE");
}

#[test]
fn a_client_that_never_reads_delays_no_other_client() {
    let relay = Relay::start(&[]);
    let mut stuffed = connect(relay.tcp);
    stuffed
        .set_nonblocking(true)
        .expect("a non-blocking socket");
    let chunk = [b'x'; 64 << 10];
    let mut sent = 0;
    while sent < 1 << 30 {
        match stuffed.write(&chunk) {
            Ok(count) => sent += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(exchange(&mut connect(relay.tcp), b"fine", 4), b"FINE");
}

#[test]
fn every_datagram_has_its_answer_also_the_empty_one() {
    let relay = Relay::start(&[]);
    let socket = udp_client(relay.udp);
    assert_eq!(
        datagram(&socket, "hello 世界 straße".as_bytes()),
        "HELLO 世界 STRASSE".as_bytes()
    );
    assert_eq!(datagram(&socket, b""), b"");
    assert_eq!(datagram(&socket, &[b'x'; 65_507]), [b'X'; 65_507]);
}

#[test]
fn an_answer_too_long_for_a_datagram_is_reported() {
    let relay = Relay::start(&[]);
    let socket = udp_client(relay.udp);
    let grows_by_half = "ŉ".repeat(65_506 / 2);
    let answer = datagram(&socket, grows_by_half.as_bytes());
    let answer = String::from_utf8_lossy(&answer);
    assert!(
        answer.len() < 500 && answer.contains("65"),
        "it says so and names the limit: {answer:.200}"
    );
    assert_eq!(datagram(&socket, b"and goes on"), b"AND GOES ON");
}

/// Two servers that answered each other would never stop.
#[cfg(target_os = "linux")]
#[test]
fn a_datagram_from_a_servers_port_is_not_answered() {
    let relay = Relay::start(&[]);
    let host = address_allocator::own_host();
    let servers: Vec<_> = [12_000, relay.udp.port()]
        .map(|port| udp_client_at(host, port, relay.udp))
        .into();
    for server in &servers {
        server
            .send(b"are you a server, too?")
            .expect("a running server");
    }
    let client = udp_client(relay.udp);
    assert_eq!(datagram(&client, b"i am a client"), b"I AM A CLIENT");
    for server in &servers {
        server.set_nonblocking(true).expect("a non-blocking socket");
        assert_eq!(
            server.recv(&mut [0; 100]).expect_err("silence").kind(),
            ErrorKind::WouldBlock
        );
    }
}

#[test]
fn the_exercise_counts_a_letter() {
    let relay = Relay::start(&["--task", "count:s"]);
    let socket = udp_client(relay.udp);
    assert_eq!(datagram(&socket, b"Mississippi, SOS"), b"6");
    assert_eq!(datagram(&socket, b"no"), b"0");
    let mut stream = connect(relay.tcp);
    stream
        .write_all(b"Mississippi")
        .expect("an open connection");
    let reply = read_to_the_end_after_our_end(&mut stream);
    assert_eq!(String::from_utf8_lossy(&reply).trim(), "4");
}

#[tokio::test]
async fn a_servers_program_and_task_change_when_it_is_started_again() {
    let relay = Relay::start_at(address_allocator::own_host(), &[]);
    let mut page = Page::open(&relay).await;
    page.asks(Ask::StopServer { transport: Udp })
        .await
        .returned();
    let ask = Ask::StartServer {
        transport: Udp,
        program: Some(Program::Book),
        task: Some(Task::Count('l')),
        settings: None,
    };
    page.asks(ask).await.returned();
    assert_eq!(page.exchanges_by_udp("hello").await, "2");
    let seen = Page::open(&relay).await.welcome.lab.servers[0].clone();
    assert_eq!((seen.program, seen.task), (Program::Book, Task::Count('l')));
}

#[tokio::test]
async fn the_books_server_takes_one_client_at_a_time() {
    let relay = Relay::start(&["--program", "book"]);
    let mut page = Page::open(&relay).await;
    let first = page.connects(Tcp).await;
    let second = page.connects(Tcp).await;
    page.sends_data(second, "i was second").await;
    page.sends_data(first, "i was first").await;
    assert_eq!(page.reads_to_the_end(first).await, "I WAS FIRST");
    assert_eq!(page.reads_to_the_end(second).await, "I WAS SECOND");
    let served = |trace: &Trace| trace.returns(TCP_SERVER, CallName::Close).len() == 2;
    let trace = Trace::watched(&mut page, served).await;
    let accepted = trace.returns(TCP_SERVER, CallName::Accept);
    let closed = trace.returns(TCP_SERVER, CallName::Close);
    assert!(
        closed[0] < accepted[1],
        "the second is accepted after the first was closed"
    );
    let clients: Vec<_> = trace
        .results(TCP_SERVER, CallName::Accept)
        .into_iter()
        .map(|call| call.peer)
        .collect();
    assert_eq!(
        clients[..2],
        [
            Some(page.own_address(first).await),
            Some(page.own_address(second).await)
        ]
    );
}

#[tokio::test]
async fn the_books_server_reads_1024_bytes_once() {
    let relay = Relay::start(&["--program", "book"]);
    let mut page = Page::open(&relay).await;
    let fd = page.connects(Tcp).await;
    page.sends_data(fd, "x".repeat(3000).as_str()).await;
    assert_eq!(page.reads(fd, 1024).await, "X".repeat(1024));
    let failed = page.fails(Call::Recv { fd, size: 1024 }).await;
    assert_eq!(
        failed.errno, "ECONNRESET",
        "unread bytes at close reset the connection"
    );
}

#[tokio::test]
async fn the_books_udp_server_reads_2048_bytes_of_a_datagram() {
    let relay = Relay::start(&["--program", "book"]);
    let mut page = Page::open(&relay).await;
    let fd = page.makes_socket(Udp).await;
    page.sends_to_server(fd, "x".repeat(3000).as_str()).await;
    assert_eq!(page.receives(fd, 4096).await.length, 2048);
}

#[tokio::test]
async fn the_books_servers_die_of_invalid_text_and_can_be_restarted() {
    let relay = Relay::start_at(address_allocator::own_host(), &["--program", "book"]);
    let mut page = Page::open(&relay).await;
    let udp = page.makes_socket(Udp).await;
    page.sends_to_server(udp, &b"\xff"[..]).await;
    let tcp = page.connects(Tcp).await;
    page.sends_data(tcp, &b"\xff"[..]).await;
    let trace = Trace::watched(&mut page, |trace| {
        trace.death(Udp).is_some() && trace.death(Tcp).is_some()
    })
    .await;
    for why in [trace.death(Udp), trace.death(Tcp)] {
        let why = why.unwrap_or_default().to_lowercase();
        assert!(why.contains("utf-8"), "it died of {why}");
    }
    let again = page.makes_socket(Tcp).await;
    assert_eq!(
        page.fails(Call::Connect {
            fd: again,
            to: Server
        })
        .await
        .errno,
        "ECONNREFUSED"
    );
    for transport in [Udp, Tcp] {
        page.asks(start_server(transport)).await.returned();
    }
    assert_eq!(page.exchanges_by_udp("alive").await, "ALIVE");
    assert_eq!(page.exchanges_by_tcp("alive").await, "ALIVE");
}

#[tokio::test]
async fn the_books_server_waits_for_ever_for_a_silent_client_that_sent_nothing() {
    let relay = Relay::start(&["--program", "book"]);
    let mut page = Page::open(&relay).await;
    let fd = page.connects(Tcp).await;
    page.sends_data(fd, "").await;
    let waits = |trace: &Trace| !trace.starts(TCP_SERVER, CallName::Recv).is_empty();
    let mut trace = Trace::watched(&mut page, waits).await;
    assert!(trace.returns(TCP_SERVER, CallName::Recv).is_empty());
    page.makes(Call::Close { fd }).await;
    trace
        .continues(&mut page, |trace| {
            !trace.returns(TCP_SERVER, CallName::Recv).is_empty()
        })
        .await;
    let ended = Outcome::Returned(Returned::EndOfStream);
    assert_eq!(trace.results(TCP_SERVER, CallName::Recv)[0].outcome, ended);
    assert_eq!(
        page.exchanges_by_tcp("next").await,
        "NEXT",
        "an end of stream is no reason to die"
    );
}

fn connect(server: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(server).expect("a running server");
    stream
        .set_read_timeout(Some(TIMEOUT))
        .expect("a read timeout");
    stream
}

fn exchange(stream: &mut TcpStream, sentence: &[u8], length: usize) -> Vec<u8> {
    stream.write_all(sentence).expect("an open connection");
    let mut reply = vec![0; length];
    stream.read_exact(&mut reply).expect("the whole reply");
    reply
}

fn read_to_the_end_after_our_end(stream: &mut TcpStream) -> Vec<u8> {
    stream
        .shutdown(Shutdown::Write)
        .expect("an open connection");
    let mut reply = Vec::new();
    stream
        .read_to_end(&mut reply)
        .expect("the end of the stream, not an error");
    reply
}

fn udp_client(server: SocketAddr) -> UdpSocket {
    udp_client_at(server.ip(), 0, server)
}

fn udp_client_at(host: IpAddr, port: u16, server: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind((host, port)).expect("a socket of our own");
    socket.connect(server).expect("an address");
    socket
        .set_read_timeout(Some(TIMEOUT))
        .expect("a read timeout");
    socket
}

fn datagram(socket: &UdpSocket, sentence: &[u8]) -> Vec<u8> {
    socket.send(sentence).expect("a running server");
    let mut reply = vec![0; 65_536];
    let length = socket.recv(&mut reply).expect("an answer");
    reply.truncate(length);
    reply
}
