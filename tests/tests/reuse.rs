//! A client's port that is used again: each packet belongs to whoever had the port then, and says which way it went.

use std::net::{SocketAddr, UdpSocket};

use shared::{
    call::{
        Call,
        Transport::{self, Tcp, Udp},
    },
    conditions::Direction,
    dissect::{Summary, TcpFlags},
    trace::{Packet, ProcessId, Role, What},
};
use tests::{page::Page, relay::Relay, timeout::within, trace::Trace};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpSocket,
};

/// The client of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Client {
    /// The page that watches.
    Page,
    /// Another page.
    OtherPage,
    /// A program of the machine's.
    Program,
}

#[tokio::test]
async fn a_port_that_is_used_again_is_another_socket() {
    use Client::{OtherPage, Page, Program};

    for transport in [Tcp, Udp] {
        for clients in [
            [Page, Page],
            [Page, OtherPage],
            [Page, Program],
            [Program, Page],
        ] {
            is_told_apart(transport, clients).await;
        }
    }
    // For UDP, external programs cannot be distinguished.
    is_told_apart(Tcp, [Program, Program]).await;
}

/// One client after the other from the same port.
async fn is_told_apart(transport: Transport, clients: [Client; 2]) {
    println!("{transport:?} {clients:?}");
    // The book's server closes first, so the client's port is free at once.
    let relay = Relay::start(&["--program", "book"]);
    let mut page = Page::open(&relay).await;
    let mut other = Page::open(&relay).await;
    if !page.sees_packets() {
        return;
    }
    let port = free_port();
    for (client, text) in clients.into_iter().zip(["one", "two"]) {
        match client {
            Client::Page => visits(&mut page, transport, port, text).await,
            Client::OtherPage => visits(&mut other, transport, port, text).await,
            Client::Program => program_visits(&relay, transport, port, text).await,
        }
    }
    let all_there = |trace: &Trace| {
        let data = |text: &str| packets(trace).any(|packet| carries(packet, text));
        ["one", "ONE", "two", "TWO"].into_iter().all(data)
    };
    let trace = Trace::watched(&mut page, all_there).await;
    let by = |is_it: &dyn Fn(&Packet, &Summary) -> bool| -> Vec<ProcessId> {
        let its = packets(&trace).filter(|packet| {
            let summary = Summary::of(packet.link, &packet.bytes);
            is_it(packet, &summary)
        });
        its.filter_map(|packet| packet.process).collect()
    };
    let text = |text: &'static str| by(&move |packet, _| carries(packet, text));
    let [first, second] = [text("one"), text("two")].map(|processes| processes[0]);
    let expected = |client: Client, process: ProcessId| match client {
        Client::Page => process == page.welcome.process,
        Client::OtherPage => process == other.welcome.process,
        Client::Program => is_terminal(&trace, process),
    };
    assert!(expected(clients[0], first), "one is of {first}");
    assert!(expected(clients[1], second), "two is of {second}");
    assert_eq!(first == second, clients == [Client::Page; 2]);
    assert_eq!((text("ONE"), text("TWO")), (vec![first], vec![second]));
    if transport == Tcp {
        let opening = |acks: bool| {
            by(&move |_, summary| {
                summary.tcp.is_some_and(|segment| {
                    let flags = segment.flags;
                    flags.has(TcpFlags::SYN) && flags.has(TcpFlags::ACK) == acks
                })
            })
        };
        assert_eq!(opening(false), [first, second], "each its own SYN");
        assert_eq!(opening(true), [first, second], "each its own SYN-ACK");
    }
    let server = SocketAddr::from((page.welcome.lab.client_host, server_port(&relay, transport)));
    for packet in packets(&trace) {
        let summary = Summary::of(packet.link, &packet.bytes);
        let to_server = summary.destination == Some(server);
        let direction = if to_server {
            Direction::Request
        } else {
            Direction::Reply
        };
        assert_eq!(packet.direction, Some(direction), "{packet:?}");
    }
}

/// A page talks from this port, and closes.
async fn visits(page: &mut Page, transport: Transport, port: u16, text: &str) {
    let fd = page.makes_socket(transport).await;
    page.makes(Call::Bind { fd, port }).await;
    match transport {
        Tcp => {
            let to = shared::call::Target::Server;
            page.makes(Call::Connect { fd, to }).await;
            page.sends_data(fd, text).await;
            assert_eq!(page.reads(fd, text.len()).await, text.to_uppercase());
            // Its end of the stream, so that the server has closed first.
            page.makes(Call::Recv { fd, size: 1 }).await;
        }
        Udp => {
            page.sends_to_server(fd, text).await;
            assert_eq!(page.receives_text(fd).await, text.to_uppercase());
        }
    }
    page.makes(Call::Close { fd }).await;
}

/// A program outside does.
async fn program_visits(relay: &Relay, transport: Transport, port: u16, text: &str) {
    let own = SocketAddr::from(([127, 0, 0, 1], port));
    match transport {
        Tcp => {
            let socket = TcpSocket::new_v4().expect("a socket");
            socket.set_reuseaddr(true).expect("an option");
            socket.bind(own).expect("its port");
            let connecting = socket.connect(relay.tcp);
            let mut stream = within("to connect", connecting).await.expect("it stands");
            stream.write_all(text.as_bytes()).await.expect("sent");
            let mut reply = String::new();
            let reading = stream.read_to_string(&mut reply);
            within("the reply", reading).await.expect("all of it");
            assert_eq!(reply, text.to_uppercase());
        }
        Udp => {
            let socket = UdpSocket::bind(own).expect("its port");
            let wait = std::time::Duration::from_secs(20);
            socket.set_read_timeout(Some(wait)).expect("an option");
            socket.send_to(text.as_bytes(), relay.udp).expect("sent");
            let mut reply = [0; 64];
            let length = socket.recv(&mut reply).expect("a reply");
            assert_eq!(reply[..length], *text.to_uppercase().as_bytes());
        }
    }
}

fn packets(trace: &Trace) -> impl Iterator<Item = &Packet> {
    trace.events.iter().filter_map(|event| {
        if let What::Packet(packet) = &event.what {
            return Some(&**packet);
        }
        None
    })
}

fn carries(packet: &Packet, text: &str) -> bool {
    let summary = Summary::of(packet.link, &packet.bytes);
    packet.bytes.get(summary.payload) == Some(text.as_bytes())
}

fn is_terminal(trace: &Trace, process: ProcessId) -> bool {
    trace.events.iter().any(|event| {
        matches!(&event.what, What::Process(came)
            if came.process == process && came.role == Role::Terminal)
    })
}

const fn server_port(relay: &Relay, transport: Transport) -> u16 {
    match transport {
        Udp => relay.udp.port(),
        Tcp => relay.tcp.port(),
    }
}

/// A port that is free for both transports.
fn free_port() -> u16 {
    loop {
        let datagrams = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let port = datagrams.local_addr().expect("its address").port();
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
