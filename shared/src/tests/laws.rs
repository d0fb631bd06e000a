//! Round trips, mutations, and what a wrong message is told.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value;

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

/// All that a JSON value becomes when one key more stands in one of its objects.
fn with_surplus(value: &Value) -> Vec<Value> {
    let Value::Object(object) = value else {
        return Vec::new();
    };
    let mut all = Vec::new();
    let mut more = object.clone();
    more.insert("surplus".to_owned(), Value::from(1));
    all.push(Value::Object(more));
    for (key, inner) in object {
        for inner in with_surplus(inner) {
            let mut changed = object.clone();
            changed.insert(key.clone(), inner);
            all.push(Value::Object(changed));
        }
    }
    all
}

#[test]
fn an_unknown_key_is_refused_by_name_wherever_it_stands() {
    let mut count = 0;
    for (name, message) in client_samples() {
        let value: Value = serde_json::from_str(&encode_client(&message)).expect("JSON");
        for changed in with_surplus(&value) {
            let (id, reason, message) = explain(&changed.to_string());
            assert_eq!(id, value["id"].as_u64(), "{changed}");
            assert_eq!(reason, Reason::UnknownKey, "{name}: {message}");
            assert!(message.contains("surplus"), "{name}: {message}");
            count += 1;
        }
    }
    assert!(count > client_samples().len(), "nested ones too");
}

#[test]
fn a_key_of_another_call_is_refused() {
    let keys: BTreeMap<String, Value> = client_samples()
        .iter()
        .flat_map(|(_, message)| {
            let value = serde_json::from_str(&encode_client(message)).expect("JSON");
            let Value::Object(object) = value else {
                panic!("an object")
            };
            object
        })
        .filter(|(key, _)| !["id", "call", "ask"].contains(&key.as_str()))
        .collect();
    for (name, message) in client_samples() {
        let text = encode_client(&message);
        let Ok(Value::Object(object)) = serde_json::from_str(&text) else {
            panic!("an object")
        };
        for (key, value) in keys.iter().filter(|(key, _)| !object.contains_key(*key)) {
            let mut changed = object.clone();
            changed.insert(key.clone(), value.clone());
            // What may be left out may be there as well.
            if let Err(error) = decode_client(&Value::Object(changed).to_string()) {
                let DecodeError::NotAMessage {
                    reason, message, ..
                } = error
                else {
                    panic!("{name} {key}")
                };
                assert_eq!(reason, Reason::UnknownKey, "{name}: {message}");
                assert!(message.contains(&format!("{key:?}")), "{name}: {message}");
            } else {
                let optional = [
                    "family",
                    "milliseconds",
                    "program",
                    "task",
                    "settings",
                    "heard",
                    "whose",
                    "admin",
                    "token",
                    "events",
                    "days",
                ];
                assert!(optional.contains(&key.as_str()), "{name} takes {key}");
            }
        }
    }
    let (_, reason, message) = explain(r#"{"id":7,"call":"recv","fd":3,"size":9,"port":80}"#);
    assert_eq!(reason, Reason::UnknownKey);
    assert_eq!(message, r#"unknown key "port": recv has fd, size"#);
}

#[test]
fn an_unknown_call_comes_before_its_unknown_keys() {
    let (id, reason, _) = explain(r#"{"id":7,"call":"fork","pid":1}"#);
    assert_eq!((id, reason), (Some(7), Reason::UnknownCall));
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
