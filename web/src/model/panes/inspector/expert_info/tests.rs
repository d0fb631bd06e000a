//! What deserves a word gets one, and nothing else does.

use shared::{
    call::Transport,
    outcome::Returned,
    trace::{CallName, Derived, DerivedKind},
};

use crate::{
    i18n::{Language, Texts},
    model::panes::inspector::{InspectorCommand, TableMove, tests::*},
};

/// What is said of the last packet.
fn said(lab: &mut Lab) -> Vec<&'static str> {
    lab.inspector
        .handle_command(InspectorCommand::MoveRow(TableMove::End, 1), 0);
    lab.settles();
    let texts = Texts::new(Language::English);
    let remarks = &lab.inspector.opened.as_ref().expect("a packet").expert_info;
    for remark in remarks {
        let values: Vec<(&str, &str)> = remark
            .values
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let text = texts.fill(remark.key, &values);
        assert!(!text.contains('{') && text != remark.key, "{text}");
    }
    remarks.iter().map(|remark| remark.key).collect()
}

fn after(packets: &[Vec<u8>]) -> Vec<&'static str> {
    let mut lab = Lab::open();
    for packet in packets {
        lab.captures(packet.clone(), None);
    }
    said(&mut lab)
}

#[test]
fn an_ordinary_packet_deserves_none() {
    assert_eq!(after(&[udp(CLIENT, SERVER, b"x")]), [""; 0]);
}

#[test]
fn checksums_are_told_apart() {
    let mut unfinished = udp(CLIENT, SERVER, b"x");
    unfinished[26..28].copy_from_slice(&[0xfe, 0x1c]);
    let mut wrong = unfinished.clone();
    wrong[26] = 1;
    assert_eq!(after(&[unfinished]), ["remark.unfinished"]);
    assert_eq!(after(&[wrong]), ["remark.wrong"]);
}

#[test]
fn a_fragment_says_which_of_how_many_it_is() {
    let piece = |at: u16, more: bool| {
        let mut frame = udp(CLIENT, SERVER, &[b'x'; 16]);
        frame.truncate(20 + 16);
        let word = at | if more { 0x2000 } else { 0 };
        frame[2..4].copy_from_slice(&36_u16.to_be_bytes());
        frame[4..8].copy_from_slice(&[[0, 7], word.to_be_bytes()].concat());
        frame[10..12].copy_from_slice(&[0, 0]);
        let words = frame[..20].chunks(2);
        let sum: u32 = words
            .map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])))
            .sum();
        let sum = u16::try_from((sum & 0xffff) + (sum >> 16)).expect("folded once");
        frame[10..12].copy_from_slice(&(!sum).to_be_bytes());
        frame
    };
    let all = [piece(0, true), piece(2, true), piece(4, false)];
    assert_eq!(after(&all), ["remark.fragment"]);
    assert_eq!(after(&all[1..]), ["remark.fragment_alone"]);
    assert_eq!(after(&all[..2]), ["remark.fragment_alone"]);
    let mut lab = Lab::open();
    for piece in all {
        lab.captures(piece, None);
    }
    said(&mut lab);
    let remarks = &lab.inspector.opened.as_ref().expect("a packet").expert_info;
    let value = |wanted: &str| {
        let mut values = remarks[0].values.iter();
        values
            .find(|(name, _)| *name == wanted)
            .map(|(_, value)| value.clone())
    };
    let told = ["n", "count", "first", "last", "length", "numbers"].map(value);
    let expected = ["3", "3", "32", "47", "48", "1, 2, 3"];
    assert_eq!(told, expected.map(|word| Some(word.to_owned())));
}

#[test]
fn a_refused_datagram_says_where_nobody_is() {
    let sent = udp(CLIENT, SERVER, b"x");
    assert_eq!(
        after(&[sent.clone(), refusal(SERVER, CLIENT, &sent)]),
        ["remark.refused_udp"]
    );
}

#[test]
fn a_refused_connection_is_no_broken_one() {
    let syn = tcp(CLIENT, SERVER, SYN, [99, 0], b"");
    assert_eq!(
        after(&[syn.clone(), tcp(SERVER, CLIENT, RST | ACK, [0, 100], b"")]),
        ["remark.refused_tcp"]
    );
    let accepted = tcp(SERVER, CLIENT, SYN | ACK, [499, 100], b"");
    assert_eq!(
        after(&[syn, accepted, tcp(CLIENT, SERVER, RST, [100, 0], b"")]),
        ["remark.reset"]
    );
}

#[test]
fn what_is_sent_again_is_said_to_be() {
    let open = [
        tcp(CLIENT, SERVER, SYN, [99, 0], b""),
        tcp(SERVER, CLIENT, SYN | ACK, [499, 100], b""),
        tcp(CLIENT, SERVER, ACK, [100, 500], b"abc"),
    ];
    let again = [&open[..], &[tcp(CLIENT, SERVER, ACK, [100, 500], b"abc")]].concat();
    assert_eq!(after(&again), ["remark.retransmission"], "and not doubled");
    let gap = [&open[..], &[tcp(CLIENT, SERVER, ACK, [110, 500], b"abc")]].concat();
    assert_eq!(after(&gap), ["remark.lost_segment"]);
}

#[test]
fn a_doubled_datagram_and_an_empty_one_are_noticed() {
    let one = udp(CLIENT, SERVER, b"x");
    assert_eq!(after(&[one.clone(), one]), ["remark.twin"]);
    assert_eq!(after(&[udp(CLIENT, SERVER, b"")]), ["remark.empty"]);
}

#[test]
fn a_datagram_that_did_not_fit_is_noticed_by_its_receiver() {
    let mut lab = Lab::open();
    lab.opens();
    lab.starts(11, ME, CallName::SendTo, Some("hello"));
    lab.captures(udp(CLIENT, SERVER, b"hello"), Some(11));
    lab.returns(11, ME, Returned::Sent { sent: 5 }, Vec::new());
    assert_eq!(said(&mut lab), [""; 0]);
    let from = CLIENT.parse().expect("an address");
    lab.returns(
        5,
        UDP_SERVER,
        Returned::Datagram {
            data: "hell".into(),
            from,
            truncated: true,
            length: 5,
        },
        Vec::new(),
    );
    assert_eq!(said(&mut lab), ["remark.truncated"], "though it came later");
}

#[test]
fn somebody_who_waits_is_noticed_until_something_comes() {
    let mut lab = Lab::open();
    lab.opens();
    lab.starts(11, ME, CallName::SendTo, Some("hello"));
    lab.captures(udp(CLIENT, SERVER, b"hello"), Some(11));
    lab.returns(11, ME, Returned::Sent { sent: 5 }, Vec::new());
    lab.starts(12, ME, CallName::RecvFrom, None);
    assert_eq!(said(&mut lab), ["remark.blocked"]);
    let from = SERVER.parse().expect("an address");
    lab.returns(
        12,
        ME,
        Returned::Datagram {
            data: "HELLO".into(),
            from,
            truncated: false,
            length: 5,
        },
        Vec::new(),
    );
    assert_eq!(said(&mut lab), [""; 0]);
}

#[test]
fn what_was_derived_deserves_its_word_too() {
    let mut lab = Lab::open();
    let [from, to] = [SERVER, CLIENT].map(|end| end.parse().expect("an address"));
    let (transport, process) = (Transport::Udp, Some(ME));
    let kind = DerivedKind::Unreachable;
    lab.derives(Derived {
        kind,
        transport,
        from,
        to,
        length: 0,
        because: 11,
        process,
    });
    assert_eq!(said(&mut lab), ["remark.refused_udp"]);
}

#[test]
fn a_frame_that_was_cut_says_so() {
    let mut lab = Lab::open();
    let mut bytes = udp(CLIENT, SERVER, b"a long datagram");
    bytes.truncate(36);
    lab.captures(bytes, None);
    assert!(said(&mut lab).contains(&"tree.fault_truncated"));
}
