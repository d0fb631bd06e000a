//! The targets other than the server that a client may use, and the names it may resolve.

use std::net::{Ipv6Addr, SocketAddr, TcpListener};

use shared::{
    call::{
        Call, Family, Fd, SocketOption, Target,
        Transport::{self, Tcp, Udp},
    },
    outcome::{Failed, FailureSource, Reason, Returned},
    trace::CallName,
};
use tests::{address_allocator, page::Page, relay::Relay, trace::Trace};

#[tokio::test]
async fn a_connection_to_a_closed_port_is_refused_and_can_be_retried() {
    let relay = Relay::start_at(address_allocator::own_host(), &[]);
    let mut page = Page::open(&relay).await;
    let fd = page.makes_socket(Tcp).await;
    for _ in 0..2 {
        let refused = page.fails(connect(fd, Target::Nobody)).await;
        assert_eq!(by_kernel(&refused), "ECONNREFUSED");
    }
    page.makes(connect(fd, Target::Server)).await;
    page.sends_data(fd, "after all").await;
    assert_eq!(page.reads(fd, 9).await, "AFTER ALL");
}

#[tokio::test]
async fn a_datagram_to_a_closed_port_is_answered_with_unreachable() {
    let relay = Relay::start_at(address_allocator::own_host(), &[]);
    let mut page = Page::open(&relay).await;
    let fd = page.makes_socket(Udp).await;
    page.makes(connect(fd, Target::Nobody)).await;
    page.sends_data(fd, "anybody?").await;
    let refused = page.fails(Call::Recv { fd, size: 16 }).await;
    assert_eq!(by_kernel(&refused), "ECONNREFUSED");
    let reply = page.calls(Call::GetPeerName { fd }).await;
    let nobody = SocketAddr::new(relay.udp.ip(), relay.udp.port() + 1);
    assert_eq!(reply.peer, Some(nobody));
}

#[tokio::test]
async fn a_port_in_use_is_not_the_closed_port() {
    let relay = Relay::start_at(address_allocator::own_host(), &[]);
    let mut page = Page::open(&relay).await;
    let beside = SocketAddr::new(relay.tcp.ip(), relay.tcp.port() + 1);
    let theirs = TcpListener::bind(beside).expect("a port of this story's own host");
    let fd = page.makes_socket(Tcp).await;
    let refused = page.fails(connect(fd, Target::Nobody)).await;
    assert_eq!(refused.reason, Some(Reason::NotNobody));
    theirs.set_nonblocking(true).expect("a socket");
    theirs.accept().expect_err("nobody has come to them");
    drop(theirs);
    let refused = page.fails(connect(fd, Target::Nobody)).await;
    assert_eq!(by_kernel(&refused), "ECONNREFUSED");
    page.makes(Call::Close { fd }).await;
    TcpListener::bind(beside).expect("it is given back");
}

#[tokio::test]
async fn a_page_may_send_to_its_own_socket_which_names_the_sender() {
    let relay = Relay::start_at(address_allocator::own_host(), &[]);
    let mut page = Page::open(&relay).await;
    let (victim, other) = (page.makes_socket(Udp).await, page.makes_socket(Udp).await);
    let refused = page.fails(fakes(other, victim)).await;
    assert_eq!(
        refused.reason,
        Some(Reason::NoAddress),
        "it has no port yet"
    );
    page.sends_to_server(victim, "hello").await;
    assert_eq!(page.receives_text(victim).await, "HELLO");
    page.makes(fakes(other, victim)).await;
    let fake = page.receives(victim, 16).await;
    assert_eq!(fake.data.as_text(), Some("FAKE"));
    let sender = page.own_address(other).await;
    assert_eq!(fake.from.port(), sender.port());
    assert_ne!(fake.from, relay.udp);
    // A connected socket receives from its server only; the kernel drops other datagrams.
    page.makes(connect(victim, Target::Server)).await;
    page.makes(fakes(other, victim)).await;
    page.sends_data(victim, "again").await;
    assert_eq!(page.receives_text(victim).await, "AGAIN");
}

#[tokio::test]
async fn only_the_pages_own_sockets_are_targets() {
    let relay = Relay::start_at(address_allocator::own_host(), &[]);
    let (mut page, mut stranger) = (Page::open(&relay).await, Page::open(&relay).await);
    let theirs = stranger.makes_socket(Udp).await;
    let theirs_too = stranger.makes_socket(Udp).await;
    for fd in [theirs, theirs_too] {
        stranger.sends_to_server(fd, "hello").await;
    }
    let own = page.makes_socket(Udp).await;
    let no_address = async |page: &mut Page, call| {
        let refused = page.fails(call).await;
        assert_eq!(refused.reason, Some(Reason::NoAddress), "{refused:?}");
    };
    // The descriptor of another page's socket does not exist here.
    no_address(&mut page, fakes(own, theirs_too)).await;
    let other = page.makes_socket(Udp).await;
    page.sends_to_server(other, "hello").await;
    // It would still send there when another process has that port.
    no_address(&mut page, connect(own, Target::Fd(other))).await;
    page.makes(Call::Close { fd: other }).await;
    no_address(&mut page, fakes(own, other)).await;
    // Another program might have its port as well.
    let shared = page.makes_socket(Udp).await;
    let (option, value) = (SocketOption::SoReuseaddr, 1);
    let fd = shared;
    page.makes(Call::SetSockOpt { fd, option, value }).await;
    page.makes(Call::Bind { fd, port: 0 }).await;
    no_address(&mut page, fakes(own, shared)).await;
    let tcp = [page.connects(Tcp).await, page.makes_socket(Tcp).await];
    no_address(&mut page, connect(tcp[1], Target::Fd(tcp[0]))).await;
    no_address(&mut page, fakes(own, tcp[0])).await;
}

#[tokio::test]
async fn an_ipv4_socket_cannot_speak_to_an_ipv6_address() {
    let relay = Relay::start_at(address_allocator::own_host(), &[]);
    let mut page = Page::open(&relay).await;
    for transport in [Udp, Tcp] {
        let fd = socket(&mut page, transport, Family::Inet).await;
        let refused = page.fails(connect(fd, Target::Localhost6)).await;
        assert_eq!(by_kernel(&refused), "EAFNOSUPPORT");
    }
}

#[tokio::test]
async fn no_server_is_at_localhost_by_ipv6() {
    let localhost = (Ipv6Addr::LOCALHOST, 0);
    if TcpListener::bind(localhost).is_err() {
        eprintln!("this system has no IPv6: not told");
        return;
    }
    let relay = Relay::start_at(address_allocator::own_host(), &[]);
    let mut page = Page::open(&relay).await;
    let fd = socket(&mut page, Tcp, Family::Inet6).await;
    let refused = page.fails(connect(fd, Target::Localhost6)).await;
    assert_eq!(by_kernel(&refused), "ECONNREFUSED");
    let refused = page.fails(connect(fd, Target::Server)).await;
    assert_eq!(by_kernel(&refused), "EINVAL", "an IPv4 address, for TCP");
    let fd = socket(&mut page, Udp, Family::Inet6).await;
    page.makes(connect(fd, Target::Localhost6)).await;
    page.sends_data(fd, "anybody?").await;
    let refused = page.fails(Call::Recv { fd, size: 16 }).await;
    assert_eq!(by_kernel(&refused), "ECONNREFUSED");
}

#[tokio::test]
async fn a_few_names_have_addresses() {
    let relay = Relay::start_at(address_allocator::own_host(), &[]);
    let mut page = Page::open(&relay).await;
    let own = page.welcome.lab.host_name.clone();
    assert_eq!(resolved(&mut page, &own).await, [relay.tcp.ip()]);
    let literal = resolved(&mut page, "::1").await;
    assert_eq!(literal, [Ipv6Addr::LOCALHOST]);
    let localhost = resolved(&mut page, "localhost").await;
    assert!(!localhost.is_empty() && localhost.iter().all(std::net::IpAddr::is_loopback));
    let unknown = page.fails(asks("example.org")).await;
    assert_eq!(unknown.errno, "EAI_NONAME");
    assert_eq!(unknown.reason, Some(Reason::UnknownName));
    let endless = page.fails(asks(&"x".repeat(254))).await;
    assert_eq!(endless.reason, Some(Reason::DataTooLarge));
    let process = page.welcome.process;
    let all = |trace: &Trace| trace.returns(process, CallName::GetAddrInfo).len() == 4;
    let trace = Trace::watched(&mut page, all).await;
    let who: Vec<_> = trace
        .results(process, CallName::GetAddrInfo)
        .into_iter()
        .map(|call| call.facts.first().map(|fact| fact.value.clone()))
        .collect();
    let said = |who: &str| Some(who.to_owned());
    assert_eq!(who, [said("lab"), None, said("system"), None]);
}

fn connect(fd: Fd, to: Target) -> Call {
    Call::Connect { fd, to }
}

/// One socket of a page sends to another.
fn fakes(from: Fd, to: Fd) -> Call {
    Call::SendTo {
        fd: from,
        to: Target::Fd(to),
        data: "FAKE".into(),
    }
}

fn asks(name: &str) -> Call {
    Call::GetAddrInfo {
        name: name.to_owned(),
        transport: Tcp,
    }
}

async fn socket(page: &mut Page, transport: Transport, family: Family) -> Fd {
    let family = Some(family);
    let returned = page.makes(Call::Socket { transport, family }).await;
    let Returned::Socket { fd } = returned else {
        panic!("socket() returned {returned:?}");
    };
    fd
}

async fn resolved(page: &mut Page, name: &str) -> Vec<std::net::IpAddr> {
    let returned = page.makes(asks(name)).await;
    let Returned::Resolved { addresses } = returned else {
        panic!("getaddrinfo() returned {returned:?}");
    };
    addresses
}

#[track_caller]
fn by_kernel(failed: &Failed) -> &str {
    assert_eq!(failed.source, FailureSource::Kernel, "{failed:?}");
    &failed.errno
}
