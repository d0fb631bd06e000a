//! Connections as the calls of their ends show them, and the segments that must have been sent.

use DerivedKind::{Fin, Rst};
use Side::{Client, Server};
use shared::{
    outcome::{Failed, Outcome, Returned},
    trace::DerivedKind,
};

use super::*;

const CLIENT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 49152);
const SERVER: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 12000);
const BOTH: TcpOp = TcpOp::Shutdown {
    read: true,
    write: true,
};
const WRITE: TcpOp = TcpOp::Shutdown {
    read: false,
    write: true,
};
const RESET: TcpOp = TcpOp::SetLinger { abrupt: true };

/// A connection between a client and the server, call by call.
#[derive(Default)]
struct Fixture {
    connections: TcpConnections,
    last: CallId,
    /// The derived segments: kind, sender, and the call each follows from.
    derived: Vec<(DerivedKind, Side, CallId)>,
}

impl Fixture {
    /// An accepted connection.
    fn established() -> Self {
        let mut tcp = Self::default();
        tcp.connect();
        tcp.accept(false);
        tcp
    }

    fn connect(&mut self) {
        let call = self.start(Client, TcpOp::Connect);
        self.connections.connect(CLIENT, caller(Client, call));
        self.finish(Client, TcpOp::Connect, Outcome::Returned(Returned::Nothing));
    }

    fn accept(&mut self, is_external: bool) {
        self.start(Server, TcpOp::Accept);
        self.connections.accept(CLIENT, is_external);
        self.finish(Server, TcpOp::Accept, Outcome::Returned(Returned::Nothing));
    }

    fn start(&mut self, side: Side, op: TcpOp) -> CallId {
        self.last += 1;
        let segment = self
            .connections
            .start_call(caller(side, self.last), op, Some(CLIENT));
        self.record(segment);
        self.last
    }

    fn finish(&mut self, side: Side, op: TcpOp, outcome: Outcome) {
        let caller = caller(side, self.last);
        let (client, server) = (Some(CLIENT), Some(SERVER));
        let end = CallEnd::from(&outcome);
        let segment = self
            .connections
            .finish_call(caller, op, end, client, server);
        self.record(segment);
    }

    fn record(&mut self, segment: Option<DerivedSegment>) {
        let derived = segment.map(|segment| {
            let by = if segment.from == CLIENT {
                Client
            } else {
                Server
            };
            let to = if by == Client { SERVER } else { CLIENT };
            assert_eq!(segment.to, to);
            (segment.kind, by, segment.because)
        });
        self.derived.extend(derived);
    }

    fn make(&mut self, side: Side, op: TcpOp) -> CallId {
        let call = self.start(side, op);
        self.finish(side, op, Outcome::Returned(Returned::Nothing));
        call
    }

    fn fail(&mut self, side: Side, op: TcpOp, errno: &str) -> CallId {
        let call = self.start(side, op);
        self.finish(side, op, failed(errno));
        call
    }

    fn send(&mut self, side: Side, sent: u64) {
        self.start(side, TcpOp::Send);
        self.finish(
            side,
            TcpOp::Send,
            Outcome::Returned(Returned::Sent { sent }),
        );
    }

    fn receive(&mut self, side: Side, length: usize) -> CallId {
        let call = self.start(side, TcpOp::Receive);
        let data = vec![0; length].as_slice().into();
        let chunk = Outcome::Returned(Returned::Chunk { data });
        self.finish(side, TcpOp::Receive, chunk);
        call
    }

    /// Receives an end of stream.
    fn receive_end(&mut self, side: Side) -> CallId {
        let call = self.start(side, TcpOp::Receive);
        let end = Outcome::Returned(Returned::EndOfStream);
        self.finish(side, TcpOp::Receive, end);
        call
    }

    fn transfer(&mut self, from: Side, length: usize) {
        self.send(from, length as u64);
        self.receive(from.other(), length);
    }

    /// Closes its socket by a call.
    fn close(&mut self, side: Side) -> CallId {
        let call = self.make(side, TcpOp::Close);
        self.connections.close_end(side, CLIENT);
        call
    }
}

fn caller(side: Side, call: CallId) -> Caller {
    let process = if side == Server { 2 } else { 7 };
    Caller {
        call,
        side,
        socket: Some((process, 3)),
    }
}

fn failed(errno: &str) -> Outcome {
    Outcome::Failed(Failed {
        errno: errno.to_owned(),
        message: String::new(),
        source: FailureSource::Kernel,
        reason: None,
        limit: None,
    })
}

#[test]
fn each_end_sends_one_fin_in_either_order() {
    let mut tcp = Fixture::established();
    tcp.transfer(Client, 5);
    tcp.transfer(Server, 5);
    let first = tcp.close(Client);
    tcp.receive_end(Server);
    tcp.receive_end(Server);
    let second = tcp.close(Server);
    assert_eq!(tcp.derived, [(Fin, Client, first), (Fin, Server, second)]);
    assert!(
        tcp.connections.connections.is_empty(),
        "the connection is removed"
    );

    let mut book = Fixture::established();
    book.transfer(Client, 5);
    book.send(Server, 5);
    let first = book.close(Server);
    book.receive(Client, 5);
    let second = book.close(Client);
    assert_eq!(book.derived, [(Fin, Server, first), (Fin, Client, second)]);
    assert!(book.connections.connections.is_empty());
}

#[test]
fn a_close_after_a_half_close_sends_no_second_fin() {
    let mut tcp = Fixture::established();
    tcp.transfer(Client, 5);
    let shut = tcp.make(Client, WRITE);
    tcp.make(Client, BOTH);
    tcp.fail(Client, TcpOp::Send, "EPIPE");
    tcp.receive_end(Server);
    tcp.transfer(Server, 5);
    let closed = tcp.close(Server);
    tcp.receive_end(Client);
    tcp.close(Client);
    assert_eq!(tcp.derived, [(Fin, Client, shut), (Fin, Server, closed)]);
}

#[test]
fn an_end_of_stream_after_shut_rd_proves_nothing() {
    let mut tcp = Fixture::established();
    let read = TcpOp::Shutdown {
        read: true,
        write: false,
    };
    tcp.make(Client, read);
    tcp.receive_end(Client);
    assert_eq!(tcp.derived, []);
}

#[test]
fn a_close_with_unread_bytes_is_decided_by_the_other_end() {
    for reset in [false, true] {
        let mut tcp = Fixture::established();
        tcp.send(Client, 3000);
        tcp.receive(Server, 1024);
        tcp.send(Server, 1024);
        tcp.close(Server);
        tcp.receive(Client, 1024);
        assert_eq!(tcp.derived, []);
        let (call, kind) = if reset {
            (tcp.fail(Client, TcpOp::Receive, "ECONNRESET"), Rst)
        } else {
            (tcp.receive_end(Client), Fin)
        };
        tcp.receive_end(Client);
        tcp.fail(Client, TcpOp::Send, "EPIPE");
        tcp.close(Client);
        assert_eq!(tcp.derived[0], (kind, Server, call));
        let then: &[_] = if reset { &[] } else { &[Rst] };
        let kinds = tcp.derived[1..].iter().map(|(kind, ..)| *kind);
        assert!(kinds.eq(then.iter().copied()), "{:?}", tcp.derived);
    }
}

#[test]
fn bytes_sent_to_a_closed_end_may_be_answered_by_a_reset() {
    let mut tcp = Fixture::established();
    let first = tcp.close(Server);
    tcp.send(Client, 5);
    tcp.close(Client);
    assert_eq!(tcp.derived, [(Fin, Server, first)]);
}

#[test]
fn an_open_or_failed_send_leaves_the_fin_uncertain() {
    let mut tcp = Fixture::established();
    tcp.start(Server, TcpOp::Send);
    tcp.close(Client);
    assert_eq!(tcp.derived, []);
    let mut tcp = Fixture::established();
    tcp.fail(Server, TcpOp::Send, "EINTR");
    tcp.close(Client);
    assert_eq!(tcp.derived, []);
}

#[test]
fn a_fin_waits_behind_bytes_without_room() {
    let mut tcp = Fixture::established();
    tcp.send(Server, 100_000);
    let closed = tcp.close(Server);
    tcp.receive(Client, 60_000);
    assert_eq!(tcp.derived, []);
    tcp.receive(Client, 40_000);
    assert_eq!(tcp.derived, [(Fin, Server, closed)]);
    tcp.receive_end(Client);
    tcp.close(Client);
    assert_eq!(tcp.derived.len(), 2, "{:?}", tcp.derived);

    let mut aborted = Fixture::established();
    aborted.send(Server, 100_000);
    aborted.close(Server);
    aborted.close(Client);
    assert_eq!(aborted.derived, [], "either end may have reset it");
    assert!(aborted.connections.connections.is_empty());
}

#[test]
fn so_linger_0_resets() {
    for before in [false, true] {
        let mut tcp = Fixture::default();
        if before {
            tcp.last += 1;
            let set = caller(Client, tcp.last);
            tcp.connections
                .finish_call(set, RESET, CallEnd::Done, None, None);
        }
        tcp.connect();
        tcp.accept(false);
        if !before {
            tcp.make(Client, RESET);
        }
        tcp.transfer(Client, 5);
        let closed = tcp.close(Client);
        tcp.fail(Server, TcpOp::Receive, "ECONNRESET");
        tcp.close(Server);
        assert_eq!(tcp.derived, [(Rst, Client, closed)]);
        assert!(tcp.connections.abrupt.is_empty());
    }
    let mut over = Fixture::established();
    over.make(Client, RESET);
    let first = over.make(Client, WRITE);
    over.receive_end(Server);
    let second = over.close(Server);
    over.close(Client);
    assert_eq!(
        over.derived,
        [(Fin, Client, first), (Fin, Server, second)],
        "a connection that both ends have finished cannot be reset"
    );
}

#[test]
fn an_end_closed_without_a_call_is_noticed_by_the_other_end() {
    let mut tcp = Fixture::established();
    tcp.transfer(Client, 5);
    tcp.connections.close_end(Server, CLIENT);
    assert_eq!(tcp.derived, []);
    let noticed = tcp.receive_end(Client);
    let closed = tcp.close(Client);
    assert_eq!(tcp.derived, [(Fin, Server, noticed), (Fin, Client, closed)]);
    assert!(tcp.connections.connections.is_empty());

    let mut unnoticed = Fixture::established();
    unnoticed.send(Client, 5);
    unnoticed.connections.close_end(Server, CLIENT);
    unnoticed.close(Client);
    assert_eq!(unnoticed.derived, [], "it may have been reset");
}

#[test]
fn a_connection_closed_before_its_accept_has_one_fin() {
    let mut tcp = Fixture::default();
    tcp.connect();
    let shut = tcp.make(Client, WRITE);
    tcp.close(Client);
    assert_eq!(tcp.connections.connections.len(), 1);
    tcp.accept(false);
    tcp.receive_end(Server);
    let closed = tcp.close(Server);
    assert_eq!(tcp.derived, [(Fin, Client, shut), (Fin, Server, closed)]);
    assert!(tcp.connections.connections.is_empty());
}

#[test]
fn the_number_of_unaccepted_connections_is_bounded() {
    let mut connections = TcpConnections::default();
    let ports = 1024..1024 + MAX_UNACCEPTED as u16 + 10;
    for port in ports {
        let client = SocketAddr::new(CLIENT.ip(), port);
        connections.connect(client, caller(Client, 1));
        connections.close_end(Client, client);
    }
    assert_eq!(connections.connections.len(), MAX_UNACCEPTED);
}

#[test]
fn of_an_external_client_only_its_own_fin_is_derived() {
    let mut tcp = Fixture::default();
    tcp.accept(true);
    tcp.receive(Server, 5);
    tcp.send(Server, 5);
    let noticed = tcp.receive_end(Server);
    tcp.close(Server);
    assert_eq!(tcp.derived, [(Fin, Client, noticed)]);
    assert!(tcp.connections.connections.is_empty());
}

#[test]
fn the_fin_of_an_external_server_follows_from_the_clients_recv() {
    let mut tcp = Fixture::default();
    tcp.connect();
    tcp.send(Client, 5);
    tcp.receive(Client, 5);
    let noticed = tcp.receive_end(Client);
    tcp.close(Client);
    assert_eq!(tcp.derived, [(Fin, Server, noticed)]);
}

#[test]
fn a_refused_connection_has_no_fin() {
    let mut tcp = Fixture::default();
    let call = tcp.start(Client, TcpOp::Connect);
    tcp.connections.connect(CLIENT, caller(Client, call));
    tcp.finish(Client, TcpOp::Connect, failed("ECONNREFUSED"));
    tcp.fail(Client, BOTH, "ENOTCONN");
    tcp.close(Client);
    assert_eq!(tcp.derived, []);
    assert!(tcp.connections.connections.is_empty());
}

#[test]
fn a_reused_port_is_another_connection() {
    let mut tcp = Fixture::established();
    tcp.transfer(Client, 5);
    tcp.close(Server);
    tcp.close(Client);
    tcp.connect();
    tcp.accept(false);
    tcp.close(Server);
    tcp.close(Client);
    assert_eq!(tcp.derived.len(), 4, "{:?}", tcp.derived);
    let mut reused = Fixture::established();
    reused.transfer(Client, 5);
    reused.close(Client);
    reused.connect();
    reused.fail(Server, TcpOp::Receive, "ECONNRESET");
    reused.close(Client);
    assert_eq!(
        reused.derived.len(),
        1,
        "the reset may belong to either connection"
    );
}
