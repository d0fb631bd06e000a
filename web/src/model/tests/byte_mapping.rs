//! Which bytes ended where.

use super::{
    log::{by_client, from_client},
    *,
};
use crate::model::trace::{
    byte_mapping::{self, Delivery},
    log::{Call, Run},
};

/// A piece of a call: its bytes from and to, and where they went or came from.
type Told = (u64, u64, String);

impl Page {
    fn everything(&self) -> impl Iterator<Item = &Call> {
        self.model
            .log
            .runs()
            .iter()
            .flat_map(|run: &Run| &run.calls)
    }

    fn traces(&self, id: u64) -> Vec<Told> {
        let call = self.everything().find(|call| call.id == id);
        let traced = byte_mapping::of(call.expect("a call"), self.everything());
        let told = |fate: &Delivery<'_>| match fate {
            Delivery::Met(call, bytes) => format!("{} {}..{}", call.id, bytes.start, bytes.end),
            Delivery::UnderWay => "under way".to_owned(),
            Delivery::ThrownAway => "thrown away".to_owned(),
            Delivery::CutOff(call) => format!("cut off by {}", call.id),
            Delivery::Unseen => "unseen".to_owned(),
        };
        let pieces = traced.map(|traced| traced.pieces).unwrap_or_default();
        pieces
            .iter()
            .map(|piece| (piece.bytes.start, piece.bytes.end, told(&piece.fate)))
            .collect()
    }

    /// Another page's call on its connection, from start to return.
    fn does_by_tcp(
        &mut self,
        us: u64,
        call: u64,
        name: CallName,
        offset: Option<u64>,
        outcome: Outcome,
    ) {
        let mut start = started(call, OTHER, name, Some(3), None);
        start.transport = Transport::Tcp;
        if name == CallName::Socket {
            start.fd = None;
        }
        self.starts(us, start);
        let mut end = by_client(returned(call, OTHER, Returned::Nothing));
        (end.peer, end.offset, end.outcome) = (Some(server_address()), offset, outcome);
        self.ended(us + 1, end);
    }

    fn serves_by_tcp(
        &mut self,
        us: u64,
        call: u64,
        name: CallName,
        offset: Option<u64>,
        outcome: Outcome,
    ) {
        self.starts(us, started(call, TCP_SERVER, name, Some(9), None));
        let mut end = from_client(returned(call, TCP_SERVER, Returned::Nothing));
        (end.local, end.offset, end.outcome) = (Some(server_address()), offset, outcome);
        self.ended(us + 1, end);
    }

    fn opens_a_connection(&mut self, us: u64, call: u64) {
        let fd = Outcome::Returned(Returned::Socket { fd: 3 });
        self.does_by_tcp(us, call, CallName::Socket, None, fd);
        self.does_by_tcp(us + 2, call + 1, CallName::Connect, None, done());
    }

    fn sends_so_many(&mut self, us: u64, call: u64, offset: u64, sent: u64) {
        let sent = Outcome::Returned(Returned::Sent { sent });
        self.does_by_tcp(us, call, CallName::Send, Some(offset), sent);
    }

    fn gets(&mut self, us: u64, call: u64, offset: u64, text: &str) {
        let got = Outcome::Returned(chunk(text));
        self.serves_by_tcp(us, call, CallName::Recv, Some(offset), got);
    }
}

/// Another page's process.
const OTHER: ProcessId = 9;

const fn done() -> Outcome {
    Outcome::Returned(Returned::Nothing)
}

fn told(from: u64, to: u64, fate: &str) -> Told {
    (from, to, fate.to_owned())
}

#[test]
fn two_sends_end_in_one_receive() {
    let mut page = Page::open();
    page.opens_a_connection(1, 20);
    page.sends_so_many(10, 22, 0, 5);
    page.sends_so_many(20, 23, 5, 6);
    page.gets(30, 30, 0, "hello world");
    assert_eq!(
        page.traces(30),
        [told(0, 5, "22 0..5"), told(5, 11, "23 0..6")]
    );
    assert_eq!(page.traces(22), [told(0, 5, "30 0..5")]);
    assert_eq!(page.traces(23), [told(0, 6, "30 5..11")]);
}

#[test]
fn one_send_ends_in_two_receives() {
    let mut page = Page::open();
    page.opens_a_connection(1, 20);
    page.sends_so_many(10, 22, 0, 8);
    page.gets(30, 30, 0, "hello");
    page.gets(40, 31, 5, "you");
    assert_eq!(
        page.traces(22),
        [told(0, 5, "30 0..5"), told(5, 8, "31 0..3")]
    );
    assert_eq!(page.traces(31), [told(0, 3, "22 5..8")]);
}

#[test]
fn what_is_not_received_is_under_way_until_the_connection_breaks() {
    let mut page = Page::open();
    page.opens_a_connection(1, 20);
    page.sends_so_many(10, 22, 0, 8);
    page.gets(30, 30, 0, "hello");
    assert_eq!(page.traces(22)[1], told(5, 8, "under way"));
    page.does_by_tcp(
        40,
        24,
        CallName::Recv,
        None,
        Outcome::Failed(failed("ECONNRESET")),
    );
    assert_eq!(page.traces(22)[1], told(5, 8, "thrown away"));
}

#[test]
fn what_the_other_side_closed_over_is_thrown_away() {
    let mut page = Page::open();
    page.opens_a_connection(1, 20);
    page.sends_so_many(10, 22, 0, 8);
    page.gets(30, 30, 0, "hello");
    page.serves_by_tcp(40, 31, CallName::Close, None, done());
    assert_eq!(page.traces(22)[1], told(5, 8, "thrown away"));
}

#[test]
fn a_send_nobody_saw_leaves_a_gap() {
    let mut page = Page::open();
    page.opens_a_connection(1, 20);
    page.sends_so_many(10, 22, 0, 3);
    page.sends_so_many(20, 23, 6, 3);
    page.gets(30, 30, 0, "abcdefghij");
    assert_eq!(
        page.traces(30),
        [
            told(0, 3, "22 0..3"),
            told(3, 6, "unseen"),
            told(6, 9, "23 0..3"),
            told(9, 10, "unseen")
        ]
    );
}

#[test]
fn the_next_connection_of_the_same_addresses_is_another() {
    let mut page = Page::open();
    page.opens_a_connection(1, 20);
    page.sends_so_many(10, 22, 0, 3);
    page.gets(20, 30, 0, "abc");
    page.opens_a_connection(30, 40);
    page.sends_so_many(40, 42, 0, 3);
    page.gets(50, 50, 0, "def");
    assert_eq!(page.traces(30), [told(0, 3, "22 0..3")]);
    assert_eq!(page.traces(42), [told(0, 3, "50 0..3")]);
}

#[test]
fn a_datagram_comes_whole_and_in_its_order() {
    let mut page = Page::open();
    page.sees_a_sentence();
    assert_eq!(page.traces(11), [told(0, 5, "5 0..5")]);
    assert_eq!(page.traces(5), [told(0, 5, "11 0..5")]);
    assert_eq!(
        page.traces(12),
        [told(0, 5, "14 0..5")],
        "and the answer too"
    );
    assert_eq!(page.traces(10), [], "a socket carries nothing");
}

#[test]
fn a_lost_datagram_is_passed_over() {
    let mut page = Page::open();
    page.sees_a_sentence();
    for (call, text) in [(20, "lost"), (21, "there")] {
        let mut sendto = started(call, ME, CallName::SendTo, Some(3), None);
        sendto.arguments.data = Some(text.into());
        page.starts(call * 100, sendto);
        let sent = text.len() as u64;
        page.ended(
            call * 100 + 1,
            by_client(returned(call, ME, Returned::Sent { sent })),
        );
    }
    let mut got = from_client(returned(30, UDP_SERVER, datagram("the")));
    if let Outcome::Returned(Returned::Datagram { length, .. }) = &mut got.outcome {
        *length = 5;
    }
    page.ended(3_000, got);
    assert_eq!(page.traces(20), [told(0, 4, "under way")]);
    assert_eq!(
        page.traces(21),
        [told(0, 3, "30 0..3"), told(3, 5, "cut off by 30")]
    );
    assert_eq!(page.traces(30), [told(0, 3, "21 0..3")]);
}

#[test]
fn an_empty_datagram_is_traced_too() {
    let mut page = Page::open();
    page.ended(1, from_client(returned(5, UDP_SERVER, datagram(""))));
    assert_eq!(page.traces(5), [told(0, 0, "unseen")]);
}
