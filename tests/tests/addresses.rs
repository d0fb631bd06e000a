//! The addresses of a page's sockets: its own, unless it has the rights of this machine.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    time::Duration,
};

use shared::{
    call::{
        Call, Family, Fd, SocketOption, Target,
        Transport::{self, Tcp, Udp},
    },
    lab::LabKind,
    message::Ask,
    outcome::{FailureSource, Reason, Returned},
    trace::CallName,
};
use socket2::{Domain, Socket, Type};
use tests::{
    address_allocator,
    bridge::Bridge,
    calls::{ExpectReply, start_server},
    page::Page,
    relay::Relay,
    trace::{TCP_SERVER, Trace, UDP_SERVER},
};

/// A name of the relay that is not loopback, so it gives no rights of the machine (RFC 5737).
const ELSEWHERE: &str = "192.0.2.7";

#[tokio::test]
async fn a_visitor_in_the_open_lab_is_at_an_address_of_its_own() {
    let relay = Relay::start(&[]);
    let (mut one, mut other) = (visitor(&relay).await, visitor(&relay).await);
    let hosts = [&one, &other].map(own_host);
    assert_ne!(hosts[0], hosts[1]);
    for (page, host) in [(&mut one, hosts[0]), (&mut other, hosts[1])] {
        for transport in Transport::ALL {
            let fd = page.makes_socket(transport).await;
            let any = SocketAddr::from(([0, 0, 0, 0], 0));
            assert_eq!(page.own_address(fd).await, any, "until it speaks");
            let to = Target::Server;
            page.makes(Call::Connect { fd, to }).await;
            let own = page.own_address(fd).await;
            assert_eq!(own.ip(), host);
            assert_ne!(own.port(), 0);
            page.sends_data(fd, "hello").await;
            let reply = page.makes(Call::Recv { fd, size: 16 }).await;
            assert!(is_reply(&reply, "HELLO"), "{reply:?}");
            page.makes(Call::Close { fd }).await;
        }
        let fd = page.makes_socket(Udp).await;
        page.sends_to_server(fd, "hello").await;
        assert_eq!(page.receives_text(fd).await, "HELLO");
        assert_eq!(
            page.own_address(fd).await.ip(),
            host,
            "not at all addresses"
        );
        page.makes(Call::Close { fd }).await;
    }
    // The same port for both, at either transport.
    let port = free_port(hosts);
    for page in [&mut one, &mut other] {
        for transport in Transport::ALL {
            let fd = page.makes_socket(transport).await;
            page.makes(Call::Bind { fd, port }).await;
            let own = SocketAddr::new(own_host(page), port);
            assert_eq!(page.own_address(fd).await, own);
        }
    }
}

#[tokio::test]
async fn a_visitor_takes_no_port_and_no_datagram_of_a_program_on_the_machine() {
    let relay = Relay::start(&[]);
    let mut page = visitor(&relay).await;
    let program = Socket::new(Domain::IPV4, Type::DGRAM, None).expect("a socket");
    program.set_reuse_address(true).expect("an option");
    let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    program.bind(&local.into()).expect("a port");
    let program = UdpSocket::from(program);
    program
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("a time");
    let theirs = program.local_addr().expect("an address");
    let fd = page.makes_socket(Udp).await;
    let (option, value) = (SocketOption::SoReuseaddr, 1);
    page.makes(Call::SetSockOpt { fd, option, value }).await;
    let port = theirs.port();
    page.makes(Call::Bind { fd, port }).await;
    let friend = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    friend.send_to(b"private", theirs).expect("sent");
    let mut heard = [0; 16];
    let (length, _) = program.recv_from(&mut heard).expect("its own datagram");
    assert_eq!(&heard[..length], b"private");
    let no_wait = Some(0);
    page.sets_timeout(fd, no_wait).await;
    let nothing = page.fails(Call::RecvFrom { fd, size: 16 }).await;
    assert_eq!(nothing.errno, "EAGAIN");
    // A port the visitor had first is still the program's to take.
    let later = page.makes_socket(Tcp).await;
    page.makes(Call::Bind { fd: later, port: 0 }).await;
    let port = page.own_address(later).await.port();
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("free for programs");
}

#[tokio::test]
async fn an_ipv6_socket_of_a_visitor_has_the_own_address_too() {
    let relay = Relay::start(&[]);
    let mut page = visitor(&relay).await;
    let IpAddr::V4(host) = own_host(&page) else {
        panic!("an IPv4 address");
    };
    let mapped = IpAddr::from(host.to_ipv6_mapped());
    let fd = inet6_socket(&mut page).await;
    let any = SocketAddr::from(([0_u16; 8], 0));
    assert_eq!(page.own_address(fd).await, any);
    page.sends_to_server(fd, "hello").await;
    assert_eq!(page.receives_text(fd).await, "HELLO");
    assert_eq!(page.own_address(fd).await.ip(), mapped);
    let fd = inet6_socket(&mut page).await;
    let port = free_port([host.into(); 2]);
    page.makes(Call::Bind { fd, port }).await;
    assert_eq!(page.own_address(fd).await, SocketAddr::new(mapped, port));
}

#[tokio::test]
async fn no_client_binds_a_servers_port_or_the_closed_port() {
    let relay = Relay::start(&[]);
    let mut local = Page::open(&relay).await;
    let elsewhere = visitor(&relay).await;
    let mut own = Page::open(&relay).await;
    own.moves_to(PRIVATE).await;
    let mut pages = [elsewhere, own];
    for transport in Transport::ALL {
        local.asks(Ask::KillServer { transport }).await.returned();
        pages[1]
            .asks(Ask::KillServer { transport })
            .await
            .returned();
    }
    for page in pages.iter_mut().chain([&mut local]) {
        let servers = page.welcome.lab.servers.clone();
        for server in &servers {
            for port in [server.address.port(), server.address.port() + 1] {
                for transport in Transport::ALL {
                    let fd = page.makes_socket(transport).await;
                    let (option, value) = (SocketOption::SoReuseaddr, 1);
                    page.makes(Call::SetSockOpt { fd, option, value }).await;
                    let refused = page.fails(Call::Bind { fd, port }).await;
                    assert_eq!(refused.errno, "EADDRINUSE");
                    assert_eq!(refused.source, FailureSource::Relay);
                    assert_eq!(refused.reason, Some(Reason::LabsPort));
                    page.makes(Call::Close { fd }).await;
                }
            }
        }
    }
    for transport in Transport::ALL {
        let start = start_server(transport);
        local.asks(start).await.returned();
    }
    assert_eq!(local.exchanges_by_udp("back").await, "BACK");
}

#[tokio::test]
async fn members_of_a_class_receive_no_datagrams_of_each_other() {
    let relay = Relay::start(&[]);
    let mut teacher = Page::open(&relay).await;
    let (title, admin) = ("Networks".to_owned(), None);
    teacher.moves_to(Ask::CreateClass { title, admin }).await;
    let code = teacher
        .welcome
        .class
        .as_ref()
        .expect("a class")
        .class
        .code
        .clone();
    let mut members = Vec::new();
    for name in ["Ada", "Bob"] {
        let mut page = Page::open(&relay).await;
        let (code, name) = (code.clone(), name.to_owned());
        page.moves_to(Ask::JoinClass {
            code,
            name,
            token: None,
        })
        .await;
        members.push(page);
    }
    let server = teacher.welcome.lab.servers[0].address;
    let hosts = [&members[0], &members[1]].map(own_host);
    assert_ne!(hosts[0], hosts[1]);
    assert!(!hosts.contains(&server.ip()));
    let port = free_port(hosts);
    let mut fds = Vec::new();
    for page in &mut members {
        let fd = page.makes_socket(Udp).await;
        let (option, value) = (SocketOption::SoReuseaddr, 1);
        page.makes(Call::SetSockOpt { fd, option, value }).await;
        page.makes(Call::Bind { fd, port }).await;
        fds.push(fd);
    }
    for (page, fd, sentence) in [(0, fds[0], "ada's"), (1, fds[1], "bob's")] {
        members[page].sends_to_server(fd, sentence).await;
    }
    for (page, fd, sentence) in [(0, fds[0], "ADA'S"), (1, fds[1], "BOB'S")] {
        assert_eq!(members[page].receives_text(fd).await, sentence);
    }
    // No client may take the port of a killed server.
    let transport = Udp;
    teacher.asks(Ask::KillServer { transport }).await.returned();
    let fd = members[0].makes_socket(Udp).await;
    let refused = members[0]
        .fails(Call::Bind {
            fd,
            port: server.port(),
        })
        .await;
    assert_eq!(refused.reason, Some(Reason::LabsPort));
    let (program, task, settings) = Default::default();
    let start = Ask::StartServer {
        transport,
        program,
        task,
        settings,
    };
    teacher.asks(start).await.returned();
    assert_eq!(members[1].exchanges_by_udp("again").await, "AGAIN");
}

#[tokio::test]
async fn the_books_exercise_binds_a_port_of_ones_own_lab() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    page.moves_to(PRIVATE).await;
    let lab = page.welcome.lab.servers[0].address.ip();
    let fd = page.makes_socket(Udp).await;
    page.makes(Call::Bind { fd, port: 5432 }).await;
    assert_eq!(page.own_address(fd).await, SocketAddr::new(lab, 5432));
    page.sends_to_server(fd, "hello").await;
    let answer = page.receives(fd, 16).await;
    assert_eq!(answer.data.as_text(), Some("HELLO"));
    let unbound = page.makes_socket(Udp).await;
    page.sends_to_server(unbound, "hello").await;
    assert_eq!(page.own_address(unbound).await.ip(), lab);
    assert_eq!(page.welcome.lab.client_source, Some(lab));
}

#[tokio::test]
async fn the_user_of_the_relays_machine_stays_at_its_address() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    assert_eq!(own_host(&page), relay.udp.ip());
    let fd = page.makes_socket(Udp).await;
    page.sends_to_server(fd, "hello").await;
    assert_eq!(page.receives_text(fd).await, "HELLO");
    assert!(page.own_address(fd).await.ip().is_unspecified());
    let port = free_port([relay.udp.ip(); 2]);
    let fd = page.makes_socket(Udp).await;
    page.makes(Call::Bind { fd, port }).await;
    assert_eq!(
        page.own_address(fd).await,
        SocketAddr::new(relay.udp.ip(), port)
    );
}

#[tokio::test]
async fn at_an_ipv6_server_a_visitor_has_ports_of_the_kernels_choice() {
    if UdpSocket::bind("[::1]:0").is_err() {
        eprintln!("this system has no IPv6: not told");
        return;
    }
    let relay = Relay::launch("127.0.0.1:0", "[::1]:0", &[]);
    let mut page = visitor(&relay).await;
    let fd = page.makes_socket(Udp).await;
    let refused = page.fails(Call::Bind { fd, port: 5432 }).await;
    assert_eq!(refused.reason, Some(Reason::OnlyPortZero));
    assert_eq!(refused.errno, "EACCES");
    page.sends_to_server(fd, "hello").await;
    assert_eq!(page.receives_text(fd).await, "HELLO");
    assert_eq!(
        page.own_address(fd).await.ip(),
        relay.udp.ip(),
        "not at all addresses"
    );
    assert_eq!(page.exchanges_by_tcp("hello").await, "HELLO");
}

#[tokio::test]
async fn a_bridge_is_not_at_the_machines_address() {
    let relay = Relay::start(&[]);
    let mut local = Page::open(&relay).await;
    let mut hosts = Vec::new();
    for path in ["/raw/udp", "/raw/tcp"] {
        let mut bridge = Bridge::open(&relay, path).await;
        bridge.sends_bytes("hello").await;
        assert_eq!(bridge.receives_bytes(5).await, b"HELLO");
        let trace = Trace::watched(&mut local, |trace| !clients(trace, path).is_empty());
        hosts.extend(clients(&trace.await, path));
    }
    for host in hosts {
        assert!(host.is_loopback() && host != relay.udp.ip(), "{host}");
    }
}

/// The addresses from which the server received the bridge's clients.
fn clients(trace: &Trace, path: &str) -> Vec<IpAddr> {
    let (server, name) = match path {
        "/raw/udp" => (UDP_SERVER, CallName::RecvFrom),
        _ => (TCP_SERVER, CallName::Accept),
    };
    let results = trace.results(server, name).into_iter();
    results.filter_map(|call| Some(call.peer?.ip())).collect()
}

const PRIVATE: Ask = Ask::Enter {
    lab: LabKind::Private,
};

async fn visitor(relay: &Relay) -> Page {
    let page = Page::open_under(relay.http, ELSEWHERE).await;
    let page = page.expect("a welcome");
    let host = own_host(&page);
    assert!(host.is_loopback() && host != IpAddr::from(Ipv4Addr::LOCALHOST));
    page
}

fn own_host(page: &Page) -> IpAddr {
    page.welcome.lab.client_host
}

/// A port that is free at these hosts, for both transports.
fn free_port(hosts: [IpAddr; 2]) -> u16 {
    loop {
        let port = address_allocator::free_address(hosts[0]).port();
        let at = (hosts[1], port);
        if hosts[0] == hosts[1] || (TcpListener::bind(at).is_ok() && UdpSocket::bind(at).is_ok()) {
            return port;
        }
    }
}

async fn inet6_socket(page: &mut Page) -> Fd {
    let (transport, family) = (Udp, Some(Family::Inet6));
    let Returned::Socket { fd } = page.makes(Call::Socket { transport, family }).await else {
        panic!("a socket");
    };
    fd
}

fn is_reply(returned: &Returned, text: &str) -> bool {
    let (Returned::Datagram { data, .. } | Returned::Chunk { data }) = returned else {
        return false;
    };
    data.as_text() == Some(text)
}
