//! Conversations are put together from packets that come in any order.

use shared::{
    call::Transport,
    conditions::Direction,
    trace::{Derived, DerivedKind},
};

use crate::model::{
    panes::inspector::{
        InspectorCommand, TableMove,
        follow::{Payload, StreamEnd},
        tests::*,
    },
    trace::log::Side,
};

/// The conversation of the first packet, as it stands.
fn followed(lab: &mut Lab) -> Vec<(Side, String)> {
    lab.inspector
        .handle_command(InspectorCommand::MoveRow(TableMove::Home, 1), 0);
    lab.inspector
        .handle_command(InspectorCommand::Follow(true), 0);
    lab.settles();
    payload(lab)
}

fn payload(lab: &Lab) -> Vec<(Side, String)> {
    let follow = lab.inspector.follow.as_ref().expect("a conversation");
    let text = |payload: &Payload| match payload {
        Payload::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Payload::Missing(number) => format!("[{number} missing]"),
        Payload::Unreachable => "[refused]".to_owned(),
    };
    follow
        .chunks
        .iter()
        .map(|chunk| (chunk.side, text(&chunk.payload)))
        .collect()
}

fn told(expected: &[(Side, &str)]) -> Vec<(Side, String)> {
    expected
        .iter()
        .map(|(side, text)| (*side, (*text).to_owned()))
        .collect()
}

use Side::{Client, Server};

impl Lab {
    fn client(&mut self, flags: u8, numbers: [u32; 2], payload_of: &str) {
        self.captures(
            tcp(CLIENT, SERVER, flags, numbers, payload_of.as_bytes()),
            None,
        );
    }

    fn server(&mut self, flags: u8, numbers: [u32; 2], payload_of: &str) {
        self.captures(
            tcp(SERVER, CLIENT, flags, numbers, payload_of.as_bytes()),
            None,
        );
    }

    fn connects(&mut self) {
        self.client(SYN, [99, 0], "");
        self.server(SYN | ACK, [499, 100], "");
        self.client(ACK, [100, 500], "");
    }
}

#[test]
fn a_stream_is_told_in_order_and_each_byte_once() {
    let mut lab = Lab::open();
    lab.connects();
    lab.client(ACK, [100, 500], "hel");
    lab.client(ACK, [105, 500], " wor");
    lab.client(ACK, [103, 500], "lo");
    lab.client(ACK, [100, 500], "hello");
    lab.client(ACK, [107, 500], "orld");
    lab.server(ACK, [500, 111], "HELLO WORLD");
    assert_eq!(
        followed(&mut lab),
        told(&[(Client, "hello world"), (Server, "HELLO WORLD")])
    );
}

#[test]
fn it_goes_on_while_more_comes_until_it_ends() {
    let mut lab = Lab::open();
    lab.connects();
    assert_eq!(followed(&mut lab), []);
    lab.client(ACK, [100, 500], "a");
    lab.settles();
    assert_eq!(payload(&lab), told(&[(Client, "a")]));
    lab.client(FIN | ACK, [101, 500], "");
    lab.settles();
    let end = |lab: &Lab| lab.inspector.follow.as_ref().and_then(|follow| follow.end);
    assert_eq!(end(&lab), None, "the other side may still speak");
    lab.server(FIN | ACK, [500, 102], "A");
    lab.settles();
    assert_eq!(
        (end(&lab), payload(&lab)),
        (
            Some(StreamEnd::Finished),
            told(&[(Client, "a"), (Server, "A")])
        )
    );
    lab.connects();
    lab.settles();
    assert_eq!(
        payload(&lab).len(),
        2,
        "the same ports in another connection are another conversation"
    );
}

#[test]
fn derived_ends_end_it_until_the_same_ports_connect_again() {
    let mut lab = Lab::open();
    let derives = |lab: &mut Lab, kind, from: &str, to: &str| {
        let [from, to] = [from, to].map(|end| end.parse().expect("an address"));
        lab.derives(Derived {
            kind,
            transport: Transport::Tcp,
            from,
            to,
            length: 0,
            because: 11,
            process: None,
        });
        lab.settles();
        let follow = lab.inspector.follow.as_ref();
        follow.and_then(|follow| follow.end)
    };
    derives(&mut lab, DerivedKind::Handshake, CLIENT, SERVER);
    followed(&mut lab);
    let mut told = |kind, from, to| derives(&mut lab, kind, from, to);
    assert_eq!(told(DerivedKind::Fin, CLIENT, SERVER), None);
    let both = told(DerivedKind::Fin, SERVER, CLIENT);
    assert_eq!(both, Some(StreamEnd::Finished));
    assert_eq!(told(DerivedKind::Handshake, CLIENT, SERVER), None);
    assert_eq!(told(DerivedKind::Fin, SERVER, CLIENT), None);
    let reset = told(DerivedKind::Rst, CLIENT, SERVER);
    assert_eq!(reset, Some(StreamEnd::Reset));
}

#[test]
fn a_reset_ends_it() {
    let mut lab = Lab::open();
    lab.connects();
    lab.client(ACK, [100, 500], "abc");
    lab.server(RST, [500, 0], "");
    followed(&mut lab);
    assert_eq!(
        lab.inspector.follow.as_ref().and_then(|follow| follow.end),
        Some(StreamEnd::Reset)
    );
}

#[test]
fn what_was_never_captured_is_said_to_be_missing() {
    let mut lab = Lab::open();
    lab.connects();
    lab.client(ACK, [100, 500], "abc");
    lab.client(ACK, [110, 500], "xyz");
    assert_eq!(
        followed(&mut lab),
        told(&[(Client, "abc")]),
        "it may still come"
    );
    lab.server(ACK, [500, 113], "");
    lab.settles();
    assert_eq!(
        payload(&lab),
        told(&[(Client, "abc"), (Client, "[7 missing]"), (Client, "xyz")])
    );
}

#[test]
fn an_acknowledged_end_of_stream_is_no_missing_byte() {
    let mut lab = Lab::open();
    lab.connects();
    lab.client(FIN | ACK, [100, 500], "");
    lab.server(ACK, [500, 101], "bye");
    assert_eq!(followed(&mut lab), told(&[(Server, "bye")]));
}

#[test]
fn numbers_go_round() {
    let mut lab = Lab::open();
    lab.client(SYN, [u32::MAX - 1, 0], "");
    lab.client(ACK, [u32::MAX, 1], "ab");
    lab.client(ACK, [1, 1], "cd");
    assert_eq!(followed(&mut lab), told(&[(Client, "abcd")]));
}

#[test]
fn datagrams_stay_apart_and_an_empty_one_is_one() {
    let mut lab = Lab::open();
    for text in ["one", "two", ""] {
        lab.captures(udp(CLIENT, SERVER, text.as_bytes()), None);
    }
    let sent = udp(CLIENT, SERVER, b"three");
    lab.captures(sent.clone(), None);
    lab.captures(refusal(SERVER, CLIENT, &sent), None);
    lab.captures(udp("127.0.0.1:50000", SERVER, b"somebody else"), None);
    let expected = [
        (Client, "one"),
        (Client, "two"),
        (Client, ""),
        (Client, "three"),
        (Server, "[refused]"),
    ];
    assert_eq!(followed(&mut lab), told(&expected));
}

#[test]
fn a_long_talk_keeps_its_end_and_whole_characters() {
    let mut lab = Lab::open();
    lab.connects();
    let mut seq = 100;
    for _ in 0..400 {
        let text = "世".repeat(333) + "x";
        lab.client(ACK, [seq, 500], &text);
        seq += 1000;
    }
    let payload = followed(&mut lab);
    let follow = lab.inspector.follow.as_ref().expect("a conversation");
    let kept: usize = payload.iter().map(|(_, text)| text.len()).sum();
    assert_eq!(kept as u64 + follow.dropped_bytes, 400_000);
    assert!(kept <= 256 << 10 && kept > 200 << 10 && follow.dropped > 0);
    assert!(
        payload.iter().all(|(_, text)| !text.contains('\u{fffd}')),
        "no character was cut"
    );
}

#[test]
fn a_udp_port_that_another_has_now_is_another_conversation() {
    let mut lab = Lab::open();
    let request = Some(Direction::Request);
    lab.captures_of(ME, udp(CLIENT, SERVER, b"one"), None, request);
    lab.captures_of(ME + 1, udp(CLIENT, SERVER, b"two"), None, request);
    assert_eq!(followed(&mut lab), told(&[(Client, "one")]));
}

#[test]
fn the_side_is_the_packets_own_where_no_server_is_known() {
    let mut lab = Lab::open();
    for (from, to, way) in [
        (CLIENT, "127.0.0.1:12345", Direction::Request),
        ("127.0.0.1:12345", CLIENT, Direction::Reply),
    ] {
        lab.captures_of(ME, udp(from, to, b"x"), None, Some(way));
    }
    assert_eq!(followed(&mut lab), told(&[(Client, "x"), (Server, "x")]));
}
