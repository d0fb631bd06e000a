//! Every call in every state of a socket: made through the relay, and made directly beside it.
//!
//! Both sockets are brought into the same state with the same server, which here is the test itself. Then each makes
//! the call without blocking, and both have to end alike.

use std::{
    net::{SocketAddr, UdpSocket},
    os::fd::AsRawFd,
};

use nix::{
    errno::Errno,
    sys::socket::{self, MsgFlags, SockaddrIn, SockaddrStorage, sockopt},
};
use shared::{
    call::{
        Call, Fd, How, SocketOption, Target, Transport,
        Transport::{Tcp, Udp},
    },
    outcome::{Outcome, Returned},
};
use socket2::{Domain, Socket, Type};
use tests::{
    address_allocator,
    kernel::{self, state},
    page::Page,
    relay::Relay,
};

/// The states a socket can be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    New,
    Bound,
    Connected,
    Closed,
    Connecting,
    /// Connected, and this much of it shut down.
    Shut(How),
    /// Shut down without a connection: that fails, and has its effect.
    NewShut(How),
    ClosedByPeer,
    Reset,
    AfterFailedConnect,
}

use State as S;

const UDP_STATES: [State; 10] = [
    S::New,
    S::Bound,
    S::Connected,
    S::Shut(How::Read),
    S::Shut(How::Write),
    S::Shut(How::Both),
    S::NewShut(How::Read),
    S::NewShut(How::Write),
    S::NewShut(How::Both),
    S::Closed,
];
const TCP_STATES: [State; 14] = [
    S::New,
    S::Bound,
    S::Connecting,
    S::Connected,
    S::Shut(How::Read),
    S::Shut(How::Write),
    S::Shut(How::Both),
    S::NewShut(How::Read),
    S::NewShut(How::Write),
    S::NewShut(How::Both),
    S::ClosedByPeer,
    S::Reset,
    S::AfterFailedConnect,
    S::Closed,
];

/// Where the relay's documented rules differ from the kernel's, and why: the state, the call, and the reason.
const DIFFERENT: [(Transport, State, &str, &str); 0] = [];

/// A descriptor without a socket: no process has so many.
const NO_FD: i32 = 1 << 30;

#[tokio::test]
async fn a_udp_socket_behaves_through_the_relay_as_without_it() {
    compares(Udp, &UDP_STATES).await;
}

#[tokio::test]
async fn a_tcp_socket_behaves_through_the_relay_as_without_it() {
    compares(Tcp, &TCP_STATES).await;
}

async fn compares(transport: Transport, states: &[State]) {
    let mut different = Vec::new();
    for state in states {
        let mut fixture = Fixture::for_state(*state).await;
        for call in calls(0) {
            let name = format!("{call:?}");
            let excused = DIFFERENT
                .iter()
                .any(|(of, at, call, _)| (*of, at) == (transport, state) && name.starts_with(call));
            let (through, directly) = fixture.both(transport, *state, &call).await;
            if through != directly && !excused {
                different.push(format!(
                    "{transport:?} {state:?} {name}: {through} through the relay, {directly} directly"
                ));
            }
        }
    }
    assert!(different.is_empty(), "{different:#?}");
}

/// The calls, as the socket of this number makes them.
fn calls(fd: Fd) -> Vec<Call> {
    let (to, size) = (Target::Server, 16);
    let data = || "x".into();
    let option = |option, value| Call::SetSockOpt { fd, option, value };
    vec![
        Call::Bind { fd, port: 0 },
        Call::Connect { fd, to },
        Call::Send { fd, data: data() },
        Call::SendTo {
            fd,
            to,
            data: data(),
        },
        Call::Recv { fd, size },
        Call::RecvFrom { fd, size },
        option(SocketOption::SoReuseaddr, 1),
        option(SocketOption::SoRcvbuf, 8192),
        option(SocketOption::SoSndbuf, 8192),
        option(SocketOption::SoLinger, 1),
        option(SocketOption::TcpNodelay, 1),
        option(SocketOption::IpRecverr, 1),
        Call::GetSockName { fd },
        Call::GetPeerName { fd },
        Call::Shutdown { fd, how: How::Read },
        Call::Shutdown {
            fd,
            how: How::Write,
        },
        Call::Shutdown { fd, how: How::Both },
        Call::Close { fd },
    ]
}

/// A relay, and the server its clients talk to: the test's own.
struct Fixture {
    page: Page,
    _relay: Relay,
    server: SocketAddr,
    listener: Option<Socket>,
    _udp: UdpSocket,
    /// The connections' other ends, and what else has to stay open.
    kept: Vec<Socket>,
}

impl Fixture {
    async fn for_state(state: State) -> Self {
        let server = address_allocator::free_address(address_allocator::own_host());
        let udp = UdpSocket::bind(server).expect("a free port");
        let http = SocketAddr::new(server.ip(), 0).to_string();
        let relay = Relay::launch(&http, &server.to_string(), &["--external-server"]);
        let mut fixture = Self {
            page: Page::open(&relay).await,
            _relay: relay,
            server,
            listener: None,
            _udp: udp,
            kept: Vec::new(),
        };
        if state != S::AfterFailedConnect {
            let listener = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
            listener.bind(&server.into()).expect("a free port");
            // With no room to wait one waits all the same; the next one's SYN has no answer.
            let backlog = if state == S::Connecting { 0 } else { 16 };
            listener.listen(backlog).expect("a bound socket");
            fixture.listener = Some(listener);
        }
        if state == S::Connecting {
            let first = tcp();
            first.connect(&server.into()).expect("room for one");
            fixture.kept.push(first);
        }
        fixture
    }

    /// How the call ends, through the relay and directly.
    async fn both(&mut self, transport: Transport, state: State, call: &Call) -> (String, String) {
        let fd = self.relayed(transport, state).await;
        let same_call = calls(fd)
            .into_iter()
            .find(|same_call| unnumbered(same_call) == unnumbered(call));
        let reply = self.page.calls(same_call.expect("the same call")).await;
        let through = told(transport, reply.outcome);
        if state != S::Closed && !matches!(call, Call::Close { .. }) {
            self.page.makes(Call::Close { fd }).await;
        }
        let socket = self.direct(transport, state).await;
        let number = socket.as_ref().map_or(NO_FD, AsRawFd::as_raw_fd);
        let directly = if let Call::Close { .. } = call {
            // Given back by its owner: as every open socket can be.
            socket.map_or("EBADF", |_| "nothing").to_owned()
        } else {
            let made = makes(call, number, socket.as_ref(), self.server);
            made.unwrap_or_else(|error| format!("{error:?}"))
        };
        (through, directly)
    }

    /// A socket of the relay's in that state.
    async fn relayed(&mut self, transport: Transport, state: State) -> Fd {
        let to = Target::Server;
        let page = &mut self.page;
        let fd = page.makes_socket(transport).await;
        let zero = Call::SetTimeout {
            fd,
            milliseconds: Some(0),
        };
        match state {
            S::New => {}
            S::Bound => drop(page.makes(Call::Bind { fd, port: 0 }).await),
            S::Closed => drop(page.makes(Call::Close { fd }).await),
            S::Connecting => {
                page.makes(zero.clone()).await;
                let begun = page.fails(Call::Connect { fd, to }).await;
                assert_eq!(begun.errno, "EINPROGRESS");
            }
            S::AfterFailedConnect => {
                let refused = page.fails(Call::Connect { fd, to }).await;
                assert_eq!(refused.errno, "ECONNREFUSED");
            }
            S::NewShut(how) => {
                let failed = page.fails(Call::Shutdown { fd, how }).await;
                assert_eq!(failed.errno, "ENOTCONN");
            }
            S::Connected | S::Shut(_) | S::ClosedByPeer | S::Reset => {
                page.makes(Call::Connect { fd, to }).await;
                if let S::Shut(how) = state {
                    page.makes(Call::Shutdown { fd, how }).await;
                }
                if transport == Tcp {
                    let client = page.own_address(fd).await;
                    self.meets(client, state).await;
                }
            }
        }
        if state != S::Closed {
            self.page.makes(zero).await;
        }
        fd
    }

    /// A socket of the test's own in that state; none where it is closed.
    async fn direct(&mut self, transport: Transport, state: State) -> Option<Socket> {
        let socket = match transport {
            Udp => Socket::new(Domain::IPV4, Type::DGRAM, None).expect("a socket"),
            Tcp => tcp(),
        };
        let server = self.server.into();
        match state {
            S::New => {}
            S::Bound => {
                let any = SocketAddr::new(self.server.ip(), 0);
                socket.bind(&any.into()).expect("a free port");
            }
            S::Closed => return None,
            S::Connecting => {
                socket.set_nonblocking(true).expect("a socket");
                socket.connect(&server).expect_err("it has only begun");
            }
            S::AfterFailedConnect => {
                socket.connect(&server).expect_err("nobody listens");
            }
            S::NewShut(how) => {
                socket.shutdown(direction(how)).expect_err("no connection");
            }
            S::Connected | S::Shut(_) | S::ClosedByPeer | S::Reset => {
                socket.connect(&server).expect("a server");
                if let S::Shut(how) = state {
                    socket.shutdown(direction(how)).expect("a connection");
                }
                if transport == Tcp {
                    let client = socket.local_addr().expect("an address");
                    let client = client.as_socket().expect("of the internet");
                    self.meets(client, state).await;
                }
            }
        }
        socket.set_nonblocking(true).expect("a socket");
        Some(socket)
    }

    /// The server accepts that connection and does what brings it into the state; waits until the kernel says so.
    async fn meets(&mut self, client: SocketAddr, wanted: State) {
        let listener = self.listener.as_ref().expect("a server");
        let (peer, from) = listener.accept().expect("a connection");
        assert_eq!(from.as_socket(), Some(client));
        let becomes = match wanted {
            S::ClosedByPeer => {
                drop(peer);
                Some(state::CLOSE_WAIT)
            }
            S::Reset => {
                let at_once = Some(std::time::Duration::ZERO);
                peer.set_linger(at_once).expect("a connection");
                drop(peer);
                None
            }
            S::Shut(How::Write | How::Both) => {
                self.kept.push(peer);
                Some(state::FIN_WAIT_2)
            }
            S::New
            | S::NewShut(_)
            | S::Bound
            | S::Connected
            | S::Shut(How::Read)
            | S::Closed
            | S::Connecting
            | S::AfterFailedConnect => {
                self.kept.push(peer);
                Some(state::ESTABLISHED)
            }
        };
        kernel::waits_for_state(client, self.server, becomes).await;
    }
}

const fn direction(how: How) -> std::net::Shutdown {
    match how {
        How::Read => std::net::Shutdown::Read,
        How::Write => std::net::Shutdown::Write,
        How::Both => std::net::Shutdown::Both,
    }
}

fn tcp() -> Socket {
    Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket")
}

/// The call without the number of its socket.
fn unnumbered(call: &Call) -> String {
    let named = format!("{call:?}");
    let Some(fd) = call.fd() else { return named };
    named.replacen(&format!("fd: {fd}"), "fd", 1)
}

/// How a call ended, in a word: its errno, or what kind of thing it returned.
fn told(transport: Transport, outcome: Outcome) -> String {
    match outcome {
        Outcome::Failed(failed) => failed.errno,
        Outcome::Returned(returned) => match returned {
            Returned::Nothing => "nothing".to_owned(),
            Returned::Sent { sent } => format!("{sent} sent"),
            Returned::EndOfStream => "0 received".to_owned(),
            Returned::Chunk { data } => format!("{} received", data.len()),
            Returned::Datagram { length, .. } => format!("{length} received by {transport:?}"),
            Returned::Address { address } => address_told(address),
            Returned::Socket { .. }
            | Returned::Accepted { .. }
            | Returned::Resolved { .. }
            | Returned::Saved { .. } => {
                panic!("no call here returns {returned:?}")
            }
        },
    }
}

fn address_told(address: SocketAddr) -> String {
    let port = if address.port() == 0 { "no" } else { "a" };
    format!("{} and {port} port", address.ip())
}

/// The call, made directly.
fn makes(
    call: &Call,
    fd: i32,
    socket: Option<&Socket>,
    server: SocketAddr,
) -> Result<String, Errno> {
    let SocketAddr::V4(server) = server else {
        panic!("a server at an IPv4 address");
    };
    let to = SockaddrIn::from(server);
    let own = SockaddrIn::from(std::net::SocketAddrV4::new(*server.ip(), 0));
    let nothing = |()| "nothing".to_owned();
    let sent = |sent| format!("{sent} sent");
    let received = |received| format!("{received} received");
    let quietly = MsgFlags::MSG_NOSIGNAL;
    let mut buffer = [0; 16];
    match call {
        Call::Bind { .. } => socket::bind(fd, &own).map(nothing),
        Call::Connect { .. } => socket::connect(fd, &to).map(nothing),
        Call::Send { data, .. } => socket::send(fd, &data.0, quietly).map(sent),
        Call::SendTo { data, .. } => socket::sendto(fd, &data.0, &to, quietly).map(sent),
        Call::Recv { .. } => socket::recv(fd, &mut buffer, MsgFlags::empty()).map(received),
        Call::RecvFrom { .. } => {
            let from = socket::recvfrom::<SockaddrStorage>(fd, &mut buffer);
            from.map(|(length, _)| received(length))
        }
        Call::SetSockOpt { option, .. } => {
            let socket = socket.ok_or(Errno::EBADF)?;
            let one = Some(std::time::Duration::from_secs(1));
            let set = match option {
                SocketOption::SoReuseaddr => socket.set_reuse_address(true),
                SocketOption::SoRcvbuf => socket.set_recv_buffer_size(8192),
                SocketOption::SoSndbuf => socket.set_send_buffer_size(8192),
                SocketOption::SoLinger => socket.set_linger(one),
                SocketOption::TcpNodelay => socket.set_tcp_nodelay(true),
                SocketOption::IpRecverr => {
                    return socket::setsockopt(socket, sockopt::Ipv4RecvErr, &true).map(nothing);
                }
            };
            set.map(nothing).map_err(|error| errno(&error))
        }
        Call::GetSockName { .. } => {
            let own = socket::getsockname::<SockaddrIn>(fd)?;
            Ok(address_told(std::net::SocketAddrV4::from(own).into()))
        }
        Call::GetPeerName { .. } => {
            let peer = socket::getpeername::<SockaddrIn>(fd)?;
            Ok(address_told(std::net::SocketAddrV4::from(peer).into()))
        }
        Call::Shutdown { how, .. } => {
            let how = match how {
                How::Read => socket::Shutdown::Read,
                How::Write => socket::Shutdown::Write,
                How::Both => socket::Shutdown::Both,
            };
            socket::shutdown(fd, how).map(nothing)
        }
        Call::Socket { .. }
        | Call::GetAddrInfo { .. }
        | Call::SetTimeout { .. }
        | Call::Close { .. }
        | Call::Cancel { .. } => panic!("{call:?} is not made here"),
    }
}

fn errno(error: &std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().expect("the kernel's error"))
}
