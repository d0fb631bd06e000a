//! Round trips, mutations, and what a wrong message is told.

use proptest::prelude::*;

use crate::{
    codec::{DecodeError, decode_client, decode_server, encode_client, encode_server},
    data::Data,
    outcome::Reason,
    tests::goldens::{client_samples, server_samples},
};

fn explain(text: &str) -> (Option<u64>, Reason, String) {
    match decode_client(text) {
        Err(DecodeError::NotAMessage {
            id,
            reason,
            message,
        }) => (id, reason, message),
        other => panic!("{text} gave {other:?}"),
    }
}

#[test]
fn a_missing_argument_is_named() {
    let (id, reason, message) = explain(r#"{"id":7,"call":"recv","fd":3}"#);
    assert_eq!((id, reason), (Some(7), Reason::Malformed));
    assert!(message.starts_with(r#"recv needs "size""#), "{message}");
}

#[test]
fn an_unknown_call_is_told_apart() {
    let (id, reason, message) = explain(r#"{"id":7,"call":"fly"}"#);
    assert_eq!((id, reason), (Some(7), Reason::UnknownCall));
    assert!(message.contains("fly"), "{message}");
}

#[test]
fn a_wrong_type_keeps_the_id() {
    let (id, reason, _) = explain(r#"{"id":8,"call":"recv","fd":"three","size":1}"#);
    assert_eq!((id, reason), (Some(8), Reason::Malformed));
}

#[test]
fn an_id_that_is_no_number_is_answered_without_one() {
    assert_eq!(
        explain(r#"{"id":-1,"call":"socket","transport":"udp"}"#).0,
        None
    );
}

#[test]
fn what_is_no_object_is_no_conversation() {
    for text in ["", "hello", "[1]", "[1,2]", "{", "7", "null", "\"x\""] {
        assert_eq!(
            decode_client(text),
            Err(DecodeError::NotAConversation),
            "{text}"
        );
    }
}

#[test]
fn text_is_text_and_other_bytes_are_base64() {
    for (bytes, json) in [
        (&b"hello"[..], r#"{"text":"hello"}"#),
        (b"", r#"{"text":""}"#),
        (b"\xff\x00", r#"{"base64":"/wA="}"#),
        ("世界".as_bytes(), r#"{"text":"世界"}"#),
    ] {
        let data = Data::from(bytes);
        assert_eq!(serde_json::to_string(&data).expect("encodes"), json);
        assert_eq!(serde_json::from_str::<Data>(json).expect("decodes"), data);
    }
    for wrong in [
        r#"{"base64":"?"}"#,
        r#"{"text":"a","base64":"YQ=="}"#,
        "{}",
        "[1,2]",
    ] {
        assert!(serde_json::from_str::<Data>(wrong).is_err(), "{wrong}");
    }
}

/// Any change of a few bytes: cut, overwrite, repeat.
fn mutate(text: &str, at: usize, byte: u8, cut: bool) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let at = at % bytes.len().max(1);
    if cut {
        bytes.truncate(at)
    } else {
        bytes[at] = byte
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

proptest! {
    #[test]
    fn any_data_survives_the_wire(bytes: Vec<u8>) {
        let data = Data(bytes);
        let json = serde_json::to_string(&data).expect("encodes");
        prop_assert_eq!(serde_json::from_str::<Data>(&json).expect("decodes"), data);
    }

    #[test]
    fn no_text_makes_it_panic(text: String) {
        let _ = decode_client(&text);
        let _ = decode_server(&text);
    }

    #[test]
    fn no_mutation_makes_it_panic(which: usize, at: usize, byte: u8, cut: bool) {
        let clients = client_samples();
        let text = encode_client(&clients[which % clients.len()].1);
        let _ = decode_client(&mutate(&text, at, byte, cut));
        let servers = server_samples();
        let text = encode_server(&servers[which % servers.len()].1);
        let _ = decode_server(&mutate(&text, at, byte, cut));
    }

    #[test]
    fn what_is_understood_is_said_again_the_same(which: usize, at: usize, byte: u8) {
        let clients = client_samples();
        let text = mutate(&encode_client(&clients[which % clients.len()].1), at, byte, false);
        if let Ok(message) = decode_client(&text) {
            prop_assert_eq!(decode_client(&encode_client(&message)), Ok(message));
        }
    }
}
