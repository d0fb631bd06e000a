//! Conversations as the calls of their ends tell of them, and what must have gone out.

use DerivedKind::{Fin, Rst};
use Side::{Client, Server};
use shared::outcome::{Failed, Returned};

use super::*;

const CLIENT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 49152);
const SERVER: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 12000);
const BOTH: Act = Act::Shut {
    read: true,
    write: true,
};
const WRITE: Act = Act::Shut {
    read: false,
    write: true,
};
const RESET: Act = Act::Linger { abrupt: true };

/// What goes on between a client and the server, call by call.
#[derive(Default)]
struct Wire {
    endings: Endings,
    last: CallId,
    /// What went out: its kind, who sent it, and the call it follows from.
    seen: Vec<(DerivedKind, Side, CallId)>,
}

impl Wire {
    /// A connection that stands, accepted.
    fn stands() -> Self {
        let mut wire = Self::default();
        wire.connects();
        wire.accepts(false);
        wire
    }

    fn connects(&mut self) {
        let call = self.starts(Client, Act::Connect);
        self.endings.begins(CLIENT, caller(Client, call));
        self.ends(Client, Act::Connect, Outcome::Returned(Returned::Nothing));
    }

    fn accepts(&mut self, stranger: bool) {
        self.starts(Server, Act::Accept);
        self.endings.accepted(CLIENT, stranger);
        self.ends(Server, Act::Accept, Outcome::Returned(Returned::Nothing));
    }

    fn starts(&mut self, side: Side, act: Act) -> CallId {
        self.last += 1;
        let ending = self
            .endings
            .starts(caller(side, self.last), act, Some(CLIENT));
        self.sees(ending);
        self.last
    }

    fn ends(&mut self, side: Side, act: Act, outcome: Outcome) {
        let caller = caller(side, self.last);
        let (client, server) = (Some(CLIENT), Some(SERVER));
        let ending = self.endings.returns(caller, act, &outcome, client, server);
        self.sees(ending);
    }

    fn sees(&mut self, sent: Option<Sent>) {
        let told = sent.map(|sent| {
            let by = if sent.from == CLIENT { Client } else { Server };
            let to = if by == Client { SERVER } else { CLIENT };
            assert_eq!(sent.to, to);
            (sent.kind, by, sent.because)
        });
        self.seen.extend(told);
    }

    fn does(&mut self, side: Side, act: Act) -> CallId {
        let call = self.starts(side, act);
        self.ends(side, act, Outcome::Returned(Returned::Nothing));
        call
    }

    fn fails(&mut self, side: Side, act: Act, errno: &str) -> CallId {
        let call = self.starts(side, act);
        self.ends(side, act, failed(errno));
        call
    }

    fn sends(&mut self, side: Side, sent: u64) {
        self.starts(side, Act::Send);
        self.ends(side, Act::Send, Outcome::Returned(Returned::Sent { sent }));
    }

    fn receives(&mut self, side: Side, length: usize) -> CallId {
        let call = self.starts(side, Act::Receive);
        let data = vec![0; length].as_slice().into();
        let chunk = Outcome::Returned(Returned::Chunk { data });
        self.ends(side, Act::Receive, chunk);
        call
    }

    /// Receives an end of stream.
    fn hears_end(&mut self, side: Side) -> CallId {
        let call = self.starts(side, Act::Receive);
        let end = Outcome::Returned(Returned::EndOfStream);
        self.ends(side, Act::Receive, end);
        call
    }

    fn passes(&mut self, from: Side, length: usize) {
        self.sends(from, length as u64);
        self.receives(from.other(), length);
    }

    /// Closes its socket by a call.
    fn closes(&mut self, side: Side) -> CallId {
        let call = self.does(side, Act::Close);
        self.endings.left(side, CLIENT);
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
fn each_side_ends_once_whoever_closes_first() {
    let mut wire = Wire::stands();
    wire.passes(Client, 5);
    wire.passes(Server, 5);
    let first = wire.closes(Client);
    wire.hears_end(Server);
    wire.hears_end(Server);
    let second = wire.closes(Server);
    assert_eq!(wire.seen, [(Fin, Client, first), (Fin, Server, second)]);
    assert!(wire.endings.connections.is_empty(), "and is forgotten");

    let mut book = Wire::stands();
    book.passes(Client, 5);
    book.sends(Server, 5);
    let first = book.closes(Server);
    book.receives(Client, 5);
    let second = book.closes(Client);
    assert_eq!(book.seen, [(Fin, Server, first), (Fin, Client, second)]);
    assert!(book.endings.connections.is_empty());
}

#[test]
fn a_half_close_ends_one_side_and_closing_does_not_end_it_again() {
    let mut wire = Wire::stands();
    wire.passes(Client, 5);
    let shut = wire.does(Client, WRITE);
    wire.does(Client, BOTH);
    wire.fails(Client, Act::Send, "EPIPE");
    wire.hears_end(Server);
    wire.passes(Server, 5);
    let closed = wire.closes(Server);
    wire.hears_end(Client);
    wire.closes(Client);
    assert_eq!(wire.seen, [(Fin, Client, shut), (Fin, Server, closed)]);
}

#[test]
fn an_end_of_stream_of_ones_own_making_proves_nothing() {
    let mut wire = Wire::stands();
    let read = Act::Shut {
        read: true,
        write: false,
    };
    wire.does(Client, read);
    wire.hears_end(Client);
    assert_eq!(wire.seen, []);
}

#[test]
fn a_close_with_bytes_unread_or_on_their_way_tells_nothing_until_the_other_end_does() {
    for reset in [false, true] {
        let mut wire = Wire::stands();
        wire.sends(Client, 3000);
        wire.receives(Server, 1024);
        wire.sends(Server, 1024);
        wire.closes(Server);
        wire.receives(Client, 1024);
        assert_eq!(wire.seen, []);
        let (call, kind) = if reset {
            (wire.fails(Client, Act::Receive, "ECONNRESET"), Rst)
        } else {
            (wire.hears_end(Client), Fin)
        };
        wire.hears_end(Client);
        wire.fails(Client, Act::Send, "EPIPE");
        wire.closes(Client);
        assert_eq!(wire.seen[0], (kind, Server, call));
        let then: &[_] = if reset { &[] } else { &[Rst] };
        let kinds = wire.seen[1..].iter().map(|(kind, ..)| *kind);
        assert!(kinds.eq(then.iter().copied()), "{:?}", wire.seen);
    }
}

#[test]
fn what_was_sent_to_one_who_is_gone_may_have_been_answered_by_a_reset() {
    let mut wire = Wire::stands();
    let first = wire.closes(Server);
    wire.sends(Client, 5);
    wire.closes(Client);
    assert_eq!(wire.seen, [(Fin, Server, first)]);
}

#[test]
fn a_send_that_has_not_returned_or_failed_leaves_it_open() {
    let mut wire = Wire::stands();
    wire.starts(Server, Act::Send);
    wire.closes(Client);
    assert_eq!(wire.seen, []);
    let mut wire = Wire::stands();
    wire.fails(Server, Act::Send, "EINTR");
    wire.closes(Client);
    assert_eq!(wire.seen, []);
}

#[test]
fn a_fin_waits_behind_bytes_that_have_no_room() {
    let mut wire = Wire::stands();
    wire.sends(Server, 100_000);
    let closed = wire.closes(Server);
    wire.receives(Client, 60_000);
    assert_eq!(wire.seen, []);
    wire.receives(Client, 40_000);
    assert_eq!(wire.seen, [(Fin, Server, closed)]);
    wire.hears_end(Client);
    wire.closes(Client);
    assert_eq!(wire.seen.len(), 2, "{:?}", wire.seen);

    let mut given_up = Wire::stands();
    given_up.sends(Server, 100_000);
    given_up.closes(Server);
    given_up.closes(Client);
    assert_eq!(given_up.seen, [], "who reset whom nobody knows");
    assert!(given_up.endings.connections.is_empty());
}

#[test]
fn lingering_for_no_time_resets() {
    for before in [false, true] {
        let mut wire = Wire::default();
        if before {
            wire.last += 1;
            let set = caller(Client, wire.last);
            let done = Outcome::Returned(Returned::Nothing);
            wire.endings.returns(set, RESET, &done, None, None);
        }
        wire.connects();
        wire.accepts(false);
        if !before {
            wire.does(Client, RESET);
        }
        wire.passes(Client, 5);
        let closed = wire.closes(Client);
        wire.fails(Server, Act::Receive, "ECONNRESET");
        wire.closes(Server);
        assert_eq!(wire.seen, [(Rst, Client, closed)]);
        assert!(wire.endings.abrupt.is_empty());
    }
    let mut over = Wire::stands();
    over.does(Client, RESET);
    let first = over.does(Client, WRITE);
    over.hears_end(Server);
    let second = over.closes(Server);
    over.closes(Client);
    assert_eq!(
        over.seen,
        [(Fin, Client, first), (Fin, Server, second)],
        "what both have ended cannot be reset"
    );
}

#[test]
fn who_ends_without_a_call_is_known_by_the_other_end_alone() {
    let mut wire = Wire::stands();
    wire.passes(Client, 5);
    wire.endings.left(Server, CLIENT);
    assert_eq!(wire.seen, []);
    let heard = wire.hears_end(Client);
    let closed = wire.closes(Client);
    assert_eq!(wire.seen, [(Fin, Server, heard), (Fin, Client, closed)]);
    assert!(wire.endings.connections.is_empty());

    let mut unheard = Wire::stands();
    unheard.sends(Client, 5);
    unheard.endings.left(Server, CLIENT);
    unheard.closes(Client);
    assert_eq!(unheard.seen, [], "it may have been reset");
}

#[test]
fn one_that_ended_before_it_was_accepted_ends_once_too() {
    let mut wire = Wire::default();
    wire.connects();
    let shut = wire.does(Client, WRITE);
    wire.closes(Client);
    assert_eq!(wire.endings.connections.len(), 1);
    wire.accepts(false);
    wire.hears_end(Server);
    let closed = wire.closes(Server);
    assert_eq!(wire.seen, [(Fin, Client, shut), (Fin, Server, closed)]);
    assert!(wire.endings.connections.is_empty());
}

#[test]
fn of_those_nobody_accepts_only_so_many_are_kept() {
    let mut endings = Endings::default();
    let ports = 1024..1024 + MOST_UNACCEPTED as u16 + 10;
    for port in ports {
        let client = SocketAddr::new(CLIENT.ip(), port);
        endings.begins(client, caller(Client, 1));
        endings.left(Client, client);
    }
    assert_eq!(endings.connections.len(), MOST_UNACCEPTED);
}

#[test]
fn of_a_stranger_only_what_came_from_it_is_told() {
    let mut wire = Wire::default();
    wire.accepts(true);
    wire.receives(Server, 5);
    wire.sends(Server, 5);
    let heard = wire.hears_end(Server);
    wire.closes(Server);
    assert_eq!(wire.seen, [(Fin, Client, heard)]);
    assert!(wire.endings.connections.is_empty());
}

#[test]
fn a_server_that_is_not_seen_is_known_by_what_the_client_receives() {
    let mut wire = Wire::default();
    wire.connects();
    wire.sends(Client, 5);
    wire.receives(Client, 5);
    let heard = wire.hears_end(Client);
    wire.closes(Client);
    assert_eq!(wire.seen, [(Fin, Server, heard)]);
}

#[test]
fn what_was_refused_has_no_end() {
    let mut wire = Wire::default();
    let call = wire.starts(Client, Act::Connect);
    wire.endings.begins(CLIENT, caller(Client, call));
    wire.ends(Client, Act::Connect, failed("ECONNREFUSED"));
    wire.fails(Client, BOTH, "ENOTCONN");
    wire.closes(Client);
    assert_eq!(wire.seen, []);
    assert!(wire.endings.connections.is_empty());
}

#[test]
fn a_port_taken_again_is_another_connection() {
    let mut wire = Wire::stands();
    wire.passes(Client, 5);
    wire.closes(Server);
    wire.closes(Client);
    wire.connects();
    wire.accepts(false);
    wire.closes(Server);
    wire.closes(Client);
    assert_eq!(wire.seen.len(), 4, "{:?}", wire.seen);
    let mut muddled = Wire::stands();
    muddled.passes(Client, 5);
    muddled.closes(Client);
    muddled.connects();
    muddled.fails(Server, Act::Receive, "ECONNRESET");
    muddled.closes(Client);
    assert_eq!(muddled.seen.len(), 1, "whose reset it is nobody knows");
}
