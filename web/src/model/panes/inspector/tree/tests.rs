//! Lines say what stands in the bytes, in words, and fold.

use shared::trace::Source;

use crate::{
    i18n::{Language, Texts, fields::meaning},
    model::panes::inspector::{
        InspectorCommand, TableMove, TreeStep,
        tests::*,
        tree::{LineText, Tree, line_text},
    },
};

/// The packet one looks into; folded or not.
fn looked_into(bytes: Vec<u8>) -> Lab {
    let mut lab = Lab::open();
    lab.captures(bytes, None);
    lab.inspector
        .handle_command(InspectorCommand::MoveRow(TableMove::Home, 1), 0);
    lab.settles();
    lab
}

fn said(lab: &Lab, field: &str) -> LineText {
    let line = lab
        .inspector
        .tree
        .lines
        .iter()
        .find(|line| line.field == field);
    line_text(
        line.unwrap_or_else(|| panic!("no {field}")),
        &Texts::new(Language::English),
    )
}

fn seen(tree: &Tree) -> Vec<&str> {
    let lines = tree.lines.iter().zip(tree.seen());
    lines
        .filter(|(_, seen)| *seen)
        .map(|(line, _)| line.field.as_str())
        .collect()
}

#[test]
fn values_are_shown_as_they_are_meant_and_as_they_stand() {
    let lab = looked_into(tcp(CLIENT, SERVER, SYN | ACK, [99, 1], b"hi"));
    let values = |field| {
        let LineText { value, raw, .. } = said(&lab, field);
        (value.replace('\u{202f}', "_"), raw.replace('\u{202f}', "_"))
    };
    let pair = |value: &str, raw: &str| (value.to_owned(), raw.to_owned());
    assert_eq!(values("ip.proto"), pair("6 (TCP)", ""));
    assert_eq!(values("tcp.hdr_len"), pair("20_B", "5 × 4"));
    assert_eq!(values("tcp.seq"), pair("0", "99"));
    assert_eq!(
        values("tcp.flags"),
        pair("0x012 (SYN, ACK)", ".... 0000 0001 0010")
    );
    assert_eq!(values("tcp.flags.syn"), pair("1", ".... .... .... ..1."));
    assert_eq!(values("tcp.checksum").1, "correct");
    assert_eq!(values("data.data"), pair("\"hi\"", "2_B"));
}

#[test]
fn a_checksum_says_how_it_is_and_what_it_should_be() {
    let mut bytes = udp(CLIENT, SERVER, b"hi");
    bytes[27] ^= 1;
    let LineText { raw, state, .. } = said(&looked_into(bytes), "udp.checksum");
    assert_eq!(state, Some("wrong"));
    assert!(raw.starts_with("wrong: it should be 0x"), "{raw}");
}

#[test]
fn what_is_computed_is_not_said_to_be_captured() {
    let lab = looked_into(tcp(CLIENT, SERVER, ACK, [99, 1], b"hi"));
    let source = |field: &str| {
        lab.inspector
            .tree
            .lines
            .iter()
            .find(|line| line.field == field)
            .map(|line| line.source)
    };
    assert_eq!(source("tcp.seq"), Some(Source::Computed), "relative");
    assert_eq!(source("tcp.seq_raw"), Some(Source::Captured));
    assert_eq!(source("tcp.len"), Some(Source::Computed));
    assert_eq!(source("frame.time_relative"), Some(Source::Kernel));
}

#[test]
fn every_line_of_every_packet_has_a_sentence_in_both_languages() {
    let datagram = udp(CLIENT, SERVER, "世".as_bytes());
    for bytes in [
        refusal(SERVER, CLIENT, &datagram),
        tcp(CLIENT, SERVER, SYN, [1, 0], b"x"),
        datagram,
    ] {
        for line in &looked_into(bytes).inspector.tree.lines {
            for language in [Language::English, Language::Chinese] {
                assert!(!meaning(&line.field, language).is_empty(), "{}", line.field);
            }
        }
    }
}

#[test]
fn paths_are_the_lines_own() {
    let datagram = udp(CLIENT, SERVER, b"x");
    let lab = looked_into(refusal(SERVER, CLIENT, &datagram));
    let mut paths: Vec<&str> = lab
        .inspector
        .tree
        .lines
        .iter()
        .map(|line| line.path.as_str())
        .collect();
    let all = paths.len();
    paths.sort_unstable();
    paths.dedup();
    assert_eq!(paths.len(), all);
}

#[test]
fn one_walks_through_the_tree_by_keys() {
    let mut lab = looked_into(udp(CLIENT, SERVER, b"x"));
    assert_eq!(
        seen(&lab.inspector.tree)[..4],
        ["frame", "ip", "udp", "udp.srcport"],
        "the lower layers are folded"
    );
    let mut walk = |steps: &[TreeStep]| {
        for step in steps {
            lab.inspector
                .handle_command(InspectorCommand::MoveLine(*step), 0);
        }
        let tree = &lab.inspector.tree;
        tree.chosen()
            .map(|at| tree.lines[at].field.clone())
            .unwrap_or_default()
    };
    assert_eq!(walk(&[TreeStep::Next]), "frame");
    assert_eq!(
        walk(&[TreeStep::In, TreeStep::In]),
        "frame.number",
        "unfolds, then goes in"
    );
    assert_eq!(walk(&[TreeStep::Out]), "frame");
    assert_eq!(
        walk(&[TreeStep::Out, TreeStep::Next]),
        "ip",
        "folds, so the next is beside it"
    );
    assert_eq!(walk(&[TreeStep::Toggle, TreeStep::Next]), "ip.version");
    assert_eq!(walk(&[TreeStep::Last]), "data.len");
    assert_eq!(walk(&[TreeStep::First, TreeStep::Previous]), "frame");
}

#[test]
fn lines_know_their_places() {
    let lab = looked_into(udp(CLIENT, SERVER, b"x"));
    let tree = &lab.inspector.tree;
    let places = tree.places();
    let place = |field: &str| {
        tree.lines
            .iter()
            .position(|line| line.field == field)
            .map(|at| places[at])
    };
    assert_eq!(
        (place("frame"), place("udp"), place("data")),
        (Some((1, 4)), Some((3, 4)), Some((4, 4)))
    );
    assert_eq!(place("udp.dstport"), Some((2, 5)));
}

#[test]
fn the_first_syn_is_taken_apart_though_nobody_captured_it() {
    use shared::{
        outcome::Returned,
        trace::{CallName, Fact},
    };
    let mut lab = Lab::open();
    lab.opens();
    lab.starts(11, ME, CallName::SendTo, Some("x"));
    lab.captures(udp(CLIENT, SERVER, b"x"), Some(11));
    let syn: String = tcp(CLIENT, SERVER, SYN, [1, 0], b"")
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let fact = Fact {
        name: "tcp.saved_syn".to_owned(),
        value: syn,
        source: Source::Kernel,
    };
    lab.returns(11, ME, Returned::Sent { sent: 1 }, vec![fact]);
    lab.inspector
        .handle_command(InspectorCommand::MoveRow(TableMove::Home, 1), 0);
    lab.settles();
    let flag = lab
        .inspector
        .tree
        .lines
        .iter()
        .find(|line| line.field == "tcp.flags.syn");
    assert_eq!(
        flag.map(|line| (line.source, line.range.clone())),
        Some((Source::Kernel, 0..0))
    );
}
