//! Frames by the rules of RFC 6455, and held to the library the conversation uses.

use proptest::prelude::{Strategy, any, prop, prop_oneof, proptest};
use tokio_tungstenite::tungstenite::protocol::frame::{
    Frame as Theirs, FrameHeader,
    coding::{CloseCode, Control, Data, OpCode},
};

use super::*;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Heard {
    Data(Vec<u8>),
    Text(Vec<u8>),
    Ping(Vec<u8>),
    Close(Option<u16>),
}

/// What is heard of these bytes when they come in pieces of this size.
fn hear(stream: bool, bytes: &[u8], piece: usize) -> (Vec<Heard>, Result<(), Fault>) {
    let mut reader = Reader::new(stream);
    let mut heard = Vec::new();
    let mut bytes = bytes.to_vec();
    for piece in bytes.chunks_mut(piece.max(1)) {
        let result = reader.read(piece, &mut |part| {
            heard.push(match part {
                Part::Data(data) => Heard::Data(data.to_vec()),
                Part::Text(text) => Heard::Text(text.to_vec()),
                Part::Ping(data) => Heard::Ping(data.to_vec()),
                Part::Close(code) => Heard::Close(code),
            });
        });
        if result.is_err() {
            return (heard, result);
        }
    }
    (heard, Ok(()))
}

/// Whole messages, in whatever pieces they come.
fn messages(bytes: &[u8]) -> Result<Vec<Heard>, Fault> {
    let (whole, result) = hear(false, bytes, bytes.len());
    for piece in [1, 2, 3, 7, 64] {
        assert_eq!(
            hear(false, bytes, piece),
            (whole.clone(), result),
            "pieces of {piece}"
        );
    }
    result.map(|()| whole)
}

/// As a client sends it, written by the library.
fn frame(code: OpCode, last: bool, payload: &[u8]) -> Vec<u8> {
    let head = FrameHeader {
        is_final: last,
        opcode: code,
        mask: Some([0x12, 0x34, 0x56, 0x78]),
        ..FrameHeader::default()
    };
    let theirs = Theirs::from_payload(head, payload.to_vec().into());
    let mut bytes = Vec::new();
    theirs.format(&mut bytes).expect("memory has room");
    bytes
}

fn binary(payload: &[u8]) -> Vec<u8> {
    frame(OpCode::Data(Data::Binary), true, payload)
}

fn control(control: Control, payload: &[u8]) -> Vec<u8> {
    frame(OpCode::Control(control), true, payload)
}

#[test]
fn messages_of_all_lengths_are_heard_whole() {
    for length in [0, 1, 125, 126, 65_535, 65_536] {
        let payload: Vec<u8> = (0..length)
            .map(|at| u8::try_from(at % 251).expect("small"))
            .collect();
        let bytes = binary(&payload);
        let (heard, result) = hear(false, &bytes, bytes.len());
        assert_eq!(
            (heard, result),
            (vec![Heard::Data(payload.clone())], Ok(()))
        );
        let (heard, _) = hear(false, &bytes, 1_000);
        assert_eq!(heard, [Heard::Data(payload)]);
    }
}

#[test]
fn a_message_in_fragments_is_one_and_control_frames_may_come_between() {
    let bytes = [
        frame(OpCode::Data(Data::Text), false, "stra".as_bytes()),
        control(Control::Ping, b"there?"),
        frame(OpCode::Data(Data::Continue), false, &"ß".as_bytes()[..1]),
        control(Control::Pong, b"unasked"),
        frame(
            OpCode::Data(Data::Continue),
            true,
            &["ß".as_bytes()[1], b'e'],
        ),
        control(Control::Close, &[0x03, 0xe8]),
    ]
    .concat();
    let heard = [
        Heard::Ping(b"there?".to_vec()),
        Heard::Text("straße".as_bytes().to_vec()),
        Heard::Close(Some(1000)),
    ];
    assert_eq!(messages(&bytes).expect("no fault"), heard);
}

#[test]
fn of_a_stream_bytes_are_passed_on_as_they_come_and_text_once_it_is_whole() {
    let bytes = binary(b"stream");
    let (heard, result) = hear(true, &bytes, 8);
    assert_eq!(result, Ok(()));
    assert_eq!(
        heard,
        [Heard::Data(b"st".to_vec()), Heard::Data(b"ream".to_vec())]
    );
    let bytes = frame(OpCode::Data(Data::Text), true, "straße".as_bytes());
    let (heard, _) = hear(true, &bytes, 3);
    assert_eq!(heard, [Heard::Text("straße".as_bytes().to_vec())]);
    assert_eq!(hear(true, &binary(b""), 1), (Vec::new(), Ok(())));
}

#[test]
fn an_end_says_why_or_does_not() {
    assert_eq!(
        messages(&control(Control::Close, b"")),
        Ok(vec![Heard::Close(None)])
    );
    let told = control(Control::Close, b"\x0f\xa1because");
    assert_eq!(messages(&told), Ok(vec![Heard::Close(Some(4001))]));
}

#[test]
fn what_breaks_a_rule_is_a_fault() {
    let masked = |first: u8, second: u8| [&[first, second | 0x80][..], &[0; 4]].concat();
    let faults = [
        ("reserved bit", masked(0xc2, 0)),
        ("unknown data", masked(0x83, 0)),
        ("unknown control", masked(0x8b, 0)),
        ("no mask", vec![0x82, 0]),
        ("nothing begun", masked(0x80, 0)),
        (
            "one within another",
            [masked(0x02, 0), masked(0x82, 0)].concat(),
        ),
        ("a ping in fragments", masked(0x09, 0)),
        ("a long ping", [masked(0x89, 126), vec![0; 200]].concat()),
        ("half a code", control(Control::Close, b"\x03")),
        (
            "a code nobody sends",
            control(Control::Close, &1005_u16.to_be_bytes()),
        ),
        (
            "a code nobody knows",
            control(Control::Close, &999_u16.to_be_bytes()),
        ),
    ];
    for (what, bytes) in faults {
        assert!(matches!(messages(&bytes), Err(Fault::Broken(_))), "{what}");
    }
    let no_text = frame(OpCode::Data(Data::Text), true, b"\xff");
    assert_eq!(messages(&no_text), Err(Fault::NotText));
    assert_eq!(
        messages(&control(Control::Close, b"\x03\xe8\xff")),
        Err(Fault::NotText)
    );
}

#[test]
fn what_is_far_too_long_is_refused_by_its_header() {
    let mut long = vec![0x82, 0xff];
    long.extend((LONGEST_MESSAGE + 1).to_be_bytes());
    long.extend([0; 4]);
    assert_eq!(messages(&long), Err(Fault::TooLong));
    let most = (u32::try_from(LONGEST_MESSAGE).expect("small")).to_be_bytes();
    let begun = [&[0x02, 0xff, 0, 0, 0, 0][..], &most, &[0; 4]].concat();
    let mut reader = Reader::new(true);
    let mut begun = begun;
    assert_eq!(reader.read(&mut begun, &mut |_| {}), Ok(()));
    let mut payload = vec![0; usize::try_from(LONGEST_MESSAGE).expect("small")];
    assert_eq!(reader.read(&mut payload, &mut |_| {}), Ok(()));
    let mut one_more = frame(OpCode::Data(Data::Continue), true, b"!");
    assert_eq!(reader.read(&mut one_more, &mut |_| {}), Err(Fault::TooLong));
}

#[test]
fn what_is_written_is_what_the_library_writes() {
    for length in [0, 125, 126, 65_535, 65_536] {
        let payload = vec![7; length];
        let mut ours = Vec::new();
        write_data(&payload, &mut ours);
        let theirs = Theirs::message(payload, OpCode::Data(Data::Binary), true);
        assert_eq!(ours, formatted(theirs), "{length}");
    }
    let mut pong = Vec::new();
    write_pong(b"there", &mut pong);
    assert_eq!(pong, formatted(Theirs::pong(b"there".to_vec())));
    let mut close = Vec::new();
    write_close(Some(1000), "the end", &mut close);
    let frame = tokio_tungstenite::tungstenite::protocol::CloseFrame {
        code: CloseCode::Normal,
        reason: "the end".into(),
    };
    assert_eq!(close, formatted(Theirs::close(Some(frame))));
    let mut long = Vec::new();
    write_close(Some(1000), &"界".repeat(60), &mut long);
    assert_eq!(
        long.len(),
        2 + 2 + 123,
        "a reason is cut between characters"
    );
}

fn formatted(frame: Theirs) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame.format(&mut bytes).expect("memory has room");
    bytes
}

fn anything() -> impl Strategy<Value = Vec<u8>> {
    let frames = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300).prop_map(|payload| binary(&payload)),
        prop::collection::vec(any::<u8>(), 0..60).prop_map(|bytes| bytes),
        prop::collection::vec(any::<u8>(), 0..100)
            .prop_map(|payload| control(Control::Ping, &payload)),
    ];
    prop::collection::vec(frames, 0..6).prop_map(|frames| frames.concat())
}

proptest! {
    #[test]
    fn whatever_comes_in_whatever_pieces_is_the_same_and_never_a_panic(
        bytes in anything(),
        piece in 1_usize..50,
    ) {
        assert_eq!(hear(false, &bytes, piece), hear(false, &bytes, bytes.len()));
    }
}
