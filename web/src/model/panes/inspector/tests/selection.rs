//! Somebody looks: into one packet, at few of them, at what follows from calls.

use shared::{
    call::Transport,
    outcome::Returned,
    trace::{CallName, Derived, DerivedKind, Fact, Source},
};

use super::{super::*, *};
use crate::model::panes::inspector::tree::LineContent;

/// A sentence by UDP, there and back.
fn sentence() -> Lab {
    let mut lab = Lab::open();
    lab.opens();
    lab.starts(11, ME, CallName::SendTo, Some("hello 世"));
    lab.captures(udp(CLIENT, SERVER, "hello 世".as_bytes()), Some(11));
    lab.returns(11, ME, Returned::Sent { sent: 9 }, Vec::new());
    let ttl = Fact {
        name: "ip.ttl".to_owned(),
        value: "64".to_owned(),
        source: Source::Kernel,
    };
    let from = CLIENT.parse().expect("an address");
    let datagram = Returned::Datagram {
        data: "hello 世".into(),
        from,
        truncated: false,
        length: 9,
    };
    lab.returns(5, UDP_SERVER, datagram, vec![ttl]);
    lab.captures(udp(SERVER, CLIENT, "HELLO 世".as_bytes()), None);
    lab
}

fn fields(lab: &Lab) -> Vec<&str> {
    lab.inspector
        .tree
        .lines
        .iter()
        .map(|line| line.field.as_str())
        .collect()
}

fn chosen(lab: &Lab) -> Option<&str> {
    let tree = &lab.inspector.tree;
    tree.chosen().map(|at| tree.lines[at].field.as_str())
}

#[test]
fn nothing_is_taken_apart_until_somebody_looks() {
    let mut lab = sentence();
    lab.inspector.open = false;
    lab.inspector.handle_command(InspectorCommand::Select(4), 0);
    assert!(!lab.inspector.settle(&lab.log));
    assert!(lab.inspector.opened.is_none());
    assert_eq!(lab.inspector.store.len(), 2, "but all is kept");
}

#[test]
fn a_packet_is_looked_into_with_what_the_kernel_told_its_receiver() {
    let mut lab = sentence();
    let seq = lab.inspector.store.get(1).expect("a packet").seq;
    assert_eq!(
        lab.inspector
            .handle_command(InspectorCommand::Select(seq), 0),
        Some(Some(11)),
        "its call is looked at too"
    );
    lab.settles();
    let fields = fields(&lab);
    for field in [
        "frame",
        "frame.number",
        "ip.src",
        "udp.srcport",
        "data.text",
        "kernel",
    ] {
        assert!(fields.contains(&field), "{field}: {fields:?}");
    }
    assert_eq!(fields.last(), Some(&"ip.ttl"));
    let last = lab.inspector.tree.lines.last().expect("a line");
    assert_eq!(
        (last.source, &last.what),
        (Source::Kernel, &LineContent::Fact("64".to_owned()))
    );
}

#[test]
fn a_byte_and_its_field_are_chosen_together() {
    let mut lab = sentence();
    lab.inspector
        .handle_command(InspectorCommand::MoveRow(TableMove::Home, 10), 0);
    lab.settles();
    lab.inspector.handle_command(InspectorCommand::Byte(22), 0);
    assert_eq!(
        (chosen(&lab), lab.inspector.byte),
        (Some("udp.dstport"), Some(22))
    );
    lab.inspector.handle_command(InspectorCommand::Byte(8), 0);
    assert_eq!(chosen(&lab), Some("ip.ttl"));
    let tree = &lab.inspector.tree;
    assert!(
        tree.chosen().is_some_and(|at| tree.seen()[at]),
        "what it lies in is unfolded"
    );
    lab.inspector.handle_command(InspectorCommand::Byte(35), 0);
    assert_eq!(
        chosen(&lab),
        Some("data.text"),
        "a character has bytes of its own"
    );
    lab.inspector
        .handle_command(InspectorCommand::MoveByte(-10), 0);
    assert_eq!(lab.inspector.byte, Some(25));
    lab.inspector
        .handle_command(InspectorCommand::MoveByte(isize::MAX), 0);
    assert_eq!(lab.inspector.byte, Some(36), "the last");
    lab.inspector
        .handle_command(InspectorCommand::MoveLine(TreeStep::Previous), 0);
    assert_eq!(lab.inspector.byte, None);
}

#[test]
fn the_same_field_stays_chosen_in_the_next_packet() {
    let mut lab = sentence();
    lab.inspector
        .handle_command(InspectorCommand::MoveRow(TableMove::Home, 10), 0);
    lab.settles();
    lab.inspector.handle_command(InspectorCommand::Byte(20), 0);
    lab.inspector
        .handle_command(InspectorCommand::MoveRow(TableMove::Down, 10), 0);
    lab.settles();
    assert_eq!(
        (chosen(&lab), lab.inspector.byte),
        (Some("udp.srcport"), None)
    );
}

#[test]
fn a_call_has_its_packet_and_a_packet_its_call() {
    let mut lab = sentence();
    lab.inspector.select_call(Some(11), &lab.log);
    assert_eq!(
        lab.inspector.record().map(|(number, _)| number),
        Some(1),
        "what it sent"
    );
    lab.inspector.select_call(Some(5), &lab.log);
    assert_eq!(
        lab.inspector.record().map(|(number, _)| number),
        Some(1),
        "what it received"
    );
    lab.inspector.select_call(Some(10), &lab.log);
    assert_eq!(lab.inspector.selected, None, "socket() sends nothing");
}

#[test]
fn what_is_selected_stays_where_it_is() {
    let mut lab = sentence();
    assert!(lab.inspector.tail, "at first the newest is shown");
    lab.inspector
        .handle_command(InspectorCommand::MoveRow(TableMove::Home, 10), 0);
    assert!(!lab.inspector.tail);
    lab.inspector
        .handle_command(InspectorCommand::MoveRow(TableMove::End, 10), 0);
    assert!(lab.inspector.tail);
    lab.inspector
        .handle_command(InspectorCommand::Scrolled(false), 0);
    assert!(!lab.inspector.tail);
    lab.inspector.handle_command(InspectorCommand::Newest, 0);
    assert!(lab.inspector.tail);
}

#[test]
fn a_filter_shows_what_it_lets_through_and_what_comes_later() {
    let mut lab = sentence();
    lab.inspector.handle_command(
        InspectorCommand::Filter(FilterInput::Typed("lab.side == \"server\"".to_owned(), 0)),
        0,
    );
    lab.settles();
    assert_eq!(lab.shown(), [2]);
    lab.captures(udp(SERVER, CLIENT, b"X"), None);
    lab.captures(udp(CLIENT, SERVER, b"x"), None);
    lab.settles();
    assert_eq!(lab.shown(), [2, 3]);
    lab.inspector.handle_command(
        InspectorCommand::Filter(FilterInput::Typed("call.name == \"sendto\"".to_owned(), 0)),
        0,
    );
    lab.settles();
    assert_eq!(lab.shown(), [1], "a packet is of its call");
    lab.inspector.handle_command(
        InspectorCommand::Filter(FilterInput::Typed("call.name ==".to_owned(), 0)),
        0,
    );
    lab.settles();
    assert_eq!(lab.shown(), [1], "what cannot be read changes nothing");
    lab.inspector.handle_command(
        InspectorCommand::Filter(FilterInput::Typed(String::new(), 0)),
        0,
    );
    assert_eq!(lab.shown(), [1, 2, 3, 4]);
}

#[test]
fn one_can_look_at_the_packets_of_one_process_only() {
    let mut lab = sentence();
    lab.inspector.display_filter.restrict(Some(ME));
    lab.settles();
    assert_eq!(lab.shown(), [1, 2]);
    let filter = "lab.side == \"client\"".to_owned();
    lab.inspector
        .handle_command(InspectorCommand::Filter(FilterInput::Typed(filter, 0)), 0);
    lab.settles();
    assert_eq!(lab.shown(), [1], "and filter them");
    lab.inspector.display_filter.restrict(Some(ME + 1));
    lab.settles();
    assert_eq!(lab.shown(), [0; 0]);
}

#[test]
fn the_way_through_a_filtered_table_knows_where_it_was() {
    let mut lab = sentence();
    for _ in 0..4 {
        lab.captures(udp(SERVER, CLIENT, b"X"), None);
    }
    lab.inspector
        .handle_command(InspectorCommand::MoveRow(TableMove::Home, 10), 0);
    lab.inspector.handle_command(
        InspectorCommand::Filter(FilterInput::Typed("frame.number > 2".to_owned(), 0)),
        0,
    );
    lab.settles();
    assert_eq!(lab.inspector.row(), None, "the selected packet is hidden");
    lab.inspector
        .handle_command(InspectorCommand::MoveRow(TableMove::PageDown, 2), 0);
    assert_eq!(lab.inspector.record().map(|(number, _)| number), Some(5));
    lab.inspector
        .handle_command(InspectorCommand::MoveRow(TableMove::PageUp, 2), 0);
    lab.inspector
        .handle_command(InspectorCommand::MoveRow(TableMove::Up, 2), 0);
    assert_eq!(
        lab.inspector.record().map(|(number, _)| number),
        Some(3),
        "not before the first"
    );
}

#[test]
fn what_was_derived_says_so_and_can_be_asked_for() {
    let mut lab = Lab::open();
    lab.starts(11, ME, CallName::SendTo, Some("hello"));
    lab.returns(11, ME, Returned::Sent { sent: 5 }, Vec::new());
    let [from, to] = [CLIENT, SERVER].map(|end| end.parse().expect("an address"));
    let (kind, transport, process) = (DerivedKind::Datagram, Transport::Udp, Some(ME));
    lab.derives(Derived {
        kind,
        transport,
        from,
        to,
        length: 5,
        because: 11,
        process,
    });
    lab.inspector
        .handle_command(InspectorCommand::MoveRow(TableMove::End, 10), 0);
    lab.settles();
    let is_derived = lab
        .inspector
        .tree
        .lines
        .iter()
        .find(|line| line.field == "udp.dstport");
    assert_eq!(is_derived.map(|line| line.source), Some(Source::Derived));
    assert_eq!(fields(&lab).first(), Some(&"derived"));
    for (filter, shows) in [
        ("udp.port == 12000 && udp.length == 13", true),
        ("ip.src == 127.0.0.1 && call.name == \"sendto\"", true),
        ("lab.side == \"client\" && frame.number == 1", true),
        ("frame.len > 0", false),
        ("tcp", false),
    ] {
        lab.inspector.handle_command(
            InspectorCommand::Filter(FilterInput::Typed(filter.to_owned(), 0)),
            0,
        );
        lab.settles();
        assert_eq!(lab.shown().len(), usize::from(shows), "{filter}");
    }
}

#[test]
fn an_event_that_comes_twice_is_one() {
    let mut lab = Lab::open();
    lab.captures(udp(CLIENT, SERVER, b"x"), None);
    lab.seq -= 1;
    lab.captures(udp(CLIENT, SERVER, b"x"), None);
    assert_eq!(lab.inspector.store.len(), 1);
}

#[test]
fn all_is_wiped_but_the_filter_and_the_numbers_of_conversations() {
    let mut lab = sentence();
    lab.inspector.handle_command(
        InspectorCommand::Filter(FilterInput::Typed("udp".to_owned(), 3)),
        0,
    );
    lab.inspector.clear();
    assert_eq!((lab.inspector.store.len(), lab.inspector.open), (0, true));
    lab.captures(udp(CLIENT, SERVER, b"x"), None);
    lab.captures(tcp(CLIENT, SERVER, SYN, [1, 0], b""), None);
    lab.settles();
    assert_eq!(lab.shown(), [1]);
}
