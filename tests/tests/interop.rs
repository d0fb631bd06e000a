//! The book's programs in Python with the relay's servers and client sockets.

use shared::{
    call::{
        Call,
        Target::Server,
        Transport::{Tcp, Udp},
    },
    lab::{Program, ServerState},
    outcome::Returned,
};
use tests::{
    address_allocator,
    page::Page,
    process::Process,
    python::{client_says, program},
    relay::Relay,
};

const SENTENCE: &str = "hello 世界 straße";
const SHOUTED: &str = "HELLO 世界 STRASSE";

#[test]
fn the_books_clients_are_answered_by_the_sturdy_servers() {
    let relay = Relay::start(&[]);
    assert_eq!(client_says("UDPClient.py", relay.udp, SENTENCE), SHOUTED);
    assert_eq!(
        client_says("TCPClient.py", relay.tcp, SENTENCE),
        format!("From Server: {SHOUTED}")
    );
}

#[test]
fn the_books_clients_are_answered_by_the_books_servers() {
    let relay = Relay::start(&["--program", "book"]);
    for _ in 0..2 {
        assert_eq!(client_says("UDPClient.py", relay.udp, SENTENCE), SHOUTED);
        assert_eq!(
            client_says("TCPClient.py", relay.tcp, SENTENCE),
            format!("From Server: {SHOUTED}")
        );
    }
}

#[tokio::test]
async fn our_client_sockets_are_answered_by_the_books_servers_in_python() {
    let at = address_allocator::free_address(address_allocator::own_host());
    let _servers = [ready("UDPServer.py", at), ready("TCPServer.py", at)];
    let relay = Relay::launch("127.0.0.1:0", &at.to_string(), &["--external-server"]);
    assert_eq!(
        (relay.udp, relay.tcp),
        (at, at),
        "the ready line names the servers it leads to"
    );
    let mut page = Page::open(&relay).await;
    for server in &page.welcome.lab.servers {
        assert_eq!(
            (server.program, &server.state),
            (Program::External, &ServerState::External)
        );
    }
    assert_eq!(page.exchanges_by_udp(SENTENCE).await, SHOUTED);
    for _ in 0..2 {
        let fd = page.connects(Tcp).await;
        page.sends_data(fd, SENTENCE).await;
        assert_eq!(
            page.reads_to_the_end(fd).await,
            SHOUTED,
            "and then the server closed"
        );
        page.makes(Call::Close { fd }).await;
    }
}

#[tokio::test]
async fn a_python_server_that_dies_is_missed_as_any_other() {
    let at = address_allocator::free_address(address_allocator::own_host());
    let mut server = ready("UDPServer.py", at);
    let relay = Relay::launch("127.0.0.1:0", &at.to_string(), &["--external-server"]);
    let mut page = Page::open(&relay).await;
    let fd = page.connects(Udp).await;
    page.sends_data(fd, &b"\xff"[..]).await;
    assert!(!server.ends_within(tests::timeout::TIMEOUT).success());
    assert!(
        server.output().contains("UnicodeDecodeError"),
        "{}",
        server.output()
    );
    page.sends_data(fd, "hello?").await;
    assert_eq!(
        page.fails(Call::Recv { fd, size: 2048 }).await.errno,
        "ECONNREFUSED"
    );
    let tcp = page.makes_socket(Tcp).await;
    assert_eq!(
        page.fails(Call::Connect {
            fd: tcp,
            to: Server
        })
        .await
        .errno,
        "ECONNREFUSED"
    );
}

#[tokio::test]
async fn python_and_a_page_share_one_server() {
    let relay = Relay::start(&["--program", "book"]);
    let mut page = Page::open(&relay).await;
    let first = page.connects(Tcp).await;
    let mut python = program("TCPClient.py", relay.tcp);
    python.types("i wait for the page");
    page.sends_data(first, "i am the page").await;
    assert_eq!(page.reads_to_the_end(first).await, "I AM THE PAGE");
    assert!(
        python.ends_within(tests::timeout::TIMEOUT).success(),
        "{}",
        python.output()
    );
    assert!(
        python.output().contains("From Server: I WAIT FOR THE PAGE"),
        "{}",
        python.output()
    );
    assert_eq!(
        page.makes(Call::Close { fd: first }).await,
        Returned::Nothing
    );
}

fn ready(name: &str, at: std::net::SocketAddr) -> Process {
    let server = program(name, at);
    assert_eq!(
        server.next_line().as_deref(),
        Some("The server is ready to receive")
    );
    server
}
