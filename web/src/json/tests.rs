//! Comparison with `shared::codec`: what it writes is read the same; any other text is harmless.

use std::{fs, path::Path};

use shared::{
    codec::{decode_server, encode_server},
    message::Reply,
    message::{Gap, ServerMessage},
    outcome::{Outcome, Returned},
};

/// Reads a message of the relay.
fn read(text: &str) -> Option<ServerMessage> {
    super::read(text)
}

/// Every message of the relay in the golden files, one a line.
fn goldens() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/goldens/server");
    let mut lines = Vec::new();
    for entry in fs::read_dir(folder).expect("the golden files").flatten() {
        let text = fs::read_to_string(entry.path()).unwrap_or_default();
        lines.extend(
            text.lines()
                .filter(|line| line.starts_with('{'))
                .map(str::to_owned),
        );
    }
    lines
}

#[test]
fn it_reads_what_the_codec_reads() {
    let mut read_any = 0;
    for line in goldens() {
        assert_eq!(read(&line), decode_server(&line).ok(), "{line}");
        read_any += usize::from(read(&line).is_some());
    }
    assert!(
        read_any > 20,
        "only {read_any} golden messages: this test looks in the wrong place"
    );
}

#[test]
fn all_text_survives() {
    for text in [
        "",
        "hello 世界 straße",
        "\"\\\n\r\t\u{8}\u{c}\u{1}/",
        "\u{1f600}\u{ffff}",
    ] {
        let outcome = Outcome::Returned(Returned::Chunk { data: text.into() });
        let message = ServerMessage::Reply(Reply {
            id: Some(u64::MAX),
            outcome,
            took_ns: 0,
            local: None,
            peer: None,
        });
        assert_eq!(read(&encode_server(&message)), Some(message));
    }
    let escaped = r#"{"id":1,"returned":{"data":{"text":"\u4e16\ud83d\ude00\/"}},"took_ns":0}"#;
    assert_eq!(read(escaped), decode_server(escaped).ok());
    assert!(read(escaped).is_some());
}

#[test]
fn what_it_does_not_know_is_passed_over() {
    let text = r#" { "new" : [ { "a" : -1.5e+3 , "b" : "]}" } , true, null ] , "gap" : { "from" : 1 , "to" : 2 , "x": {} } } "#;
    assert_eq!(read(text), Some(ServerMessage::Gap(Gap { from: 1, to: 2 })));
}

#[test]
fn no_text_makes_it_panic_or_read_what_is_not_there() {
    for line in goldens() {
        for at in 0..line.len() {
            if line.is_char_boundary(at) {
                assert_eq!(read(&line[..at]), None, "{}", &line[..at]);
                for other in ["\"", "{", "]", "9", "\\", "x"] {
                    let changed =
                        [&line[..at], other, line.get(at + 1..).unwrap_or_default()].concat();
                    if let Some(message) = read(&changed) {
                        assert_eq!(decode_server(&changed).ok(), Some(message), "{changed}");
                    }
                }
            }
        }
    }
    let deep = ["{\"gap\":", &"[".repeat(100_000)].concat();
    assert_eq!(read(&deep), None);
    assert_eq!(read(&["{\"x\":", &"[".repeat(100_000)].concat()), None);
}
