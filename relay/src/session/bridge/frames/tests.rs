//! Frames by the rules of RFC 6455, compared with the library that pages' connections use.

use proptest::prelude::{Strategy, any, prop, prop_oneof, proptest};
use tokio_tungstenite::tungstenite::protocol::frame::{
    Frame as Theirs, FrameHeader,
    coding::{CloseCode, Control, Data, OpCode},
};

use super::*;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Received {
    Binary(Vec<u8>),
    Text(Vec<u8>),
    Ping(Vec<u8>),
    Close(Option<u16>),
}

/// What a reader receives from these bytes in pieces of this size.
fn receive(is_stream: bool, bytes: &[u8], piece: usize) -> (Vec<Received>, Result<(), FrameError>) {
    let mut reader = FrameReader::new(is_stream);
    let mut received = Vec::new();
    let mut bytes = bytes.to_vec();
    for piece in bytes.chunks_mut(piece.max(1)) {
        let result = reader.read(piece, &mut |frame| {
            received.push(match frame {
                ClientFrame::Binary(data) => Received::Binary(data.to_vec()),
                ClientFrame::Text(text) => Received::Text(text.to_vec()),
                ClientFrame::Ping(data) => Received::Ping(data.to_vec()),
                ClientFrame::Close(code) => Received::Close(code),
            });
        });
        if result.is_err() {
            return (received, result);
        }
    }
    (received, Ok(()))
}

/// The messages, which are the same for pieces of any size.
fn messages(bytes: &[u8]) -> Result<Vec<Received>, FrameError> {
    let (whole, result) = receive(false, bytes, bytes.len());
    for piece in [1, 2, 3, 7, 64] {
        assert_eq!(
            receive(false, bytes, piece),
            (whole.clone(), result),
            "pieces of {piece}"
        );
    }
    result.map(|()| whole)
}

/// A client's frame, written by the library.
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
fn messages_of_all_lengths_are_received_whole() {
    for length in [0, 1, 125, 126, 65_535, 65_536] {
        let payload: Vec<u8> = (0..length)
            .map(|at| u8::try_from(at % 251).expect("small"))
            .collect();
        let bytes = binary(&payload);
        let (received, result) = receive(false, &bytes, bytes.len());
        assert_eq!(
            (received, result),
            (vec![Received::Binary(payload.clone())], Ok(()))
        );
        let (received, _) = receive(false, &bytes, 1_000);
        assert_eq!(received, [Received::Binary(payload)]);
    }
}

#[test]
fn fragments_join_into_one_message_with_control_frames_between_them() {
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
    let received = [
        Received::Ping(b"there?".to_vec()),
        Received::Text("straße".as_bytes().to_vec()),
        Received::Close(Some(1000)),
    ];
    assert_eq!(messages(&bytes).expect("no error"), received);
}

#[test]
fn a_stream_passes_on_binary_payload_at_once_and_text_when_it_is_complete() {
    let bytes = binary(b"stream");
    let (received, result) = receive(true, &bytes, 8);
    assert_eq!(result, Ok(()));
    assert_eq!(
        received,
        [
            Received::Binary(b"st".to_vec()),
            Received::Binary(b"ream".to_vec())
        ]
    );
    let bytes = frame(OpCode::Data(Data::Text), true, "straße".as_bytes());
    let (received, _) = receive(true, &bytes, 3);
    assert_eq!(received, [Received::Text("straße".as_bytes().to_vec())]);
    assert_eq!(receive(true, &binary(b""), 1), (Vec::new(), Ok(())));
}

#[test]
fn a_close_frame_has_a_code_or_none() {
    assert_eq!(
        messages(&control(Control::Close, b"")),
        Ok(vec![Received::Close(None)])
    );
    let close = control(Control::Close, b"\x0f\xa1because");
    assert_eq!(messages(&close), Ok(vec![Received::Close(Some(4001))]));
}

#[test]
fn a_violation_of_the_protocol_is_an_error() {
    let masked = |first: u8, second: u8| [&[first, second | 0x80][..], &[0; 4]].concat();
    let violations = [
        ("reserved bit", masked(0xc2, 0)),
        ("unknown data", masked(0x83, 0)),
        ("unknown control", masked(0x8b, 0)),
        ("no mask", vec![0x82, 0]),
        ("a continuation of no message", masked(0x80, 0)),
        (
            "a message within another",
            [masked(0x02, 0), masked(0x82, 0)].concat(),
        ),
        ("a ping in fragments", masked(0x09, 0)),
        ("a long ping", [masked(0x89, 126), vec![0; 200]].concat()),
        ("half a code", control(Control::Close, b"\x03")),
        (
            "a reserved code",
            control(Control::Close, &1005_u16.to_be_bytes()),
        ),
        (
            "an undefined code",
            control(Control::Close, &999_u16.to_be_bytes()),
        ),
    ];
    for (what, bytes) in violations {
        assert!(
            matches!(messages(&bytes), Err(FrameError::Violation(_))),
            "{what}"
        );
    }
    let invalid = frame(OpCode::Data(Data::Text), true, b"\xff");
    assert_eq!(messages(&invalid), Err(FrameError::InvalidUtf8));
    assert_eq!(
        messages(&control(Control::Close, b"\x03\xe8\xff")),
        Err(FrameError::InvalidUtf8)
    );
}

#[test]
fn a_message_that_is_too_long_is_refused_by_its_header() {
    let mut long = vec![0x82, 0xff];
    long.extend((MAX_MESSAGE_BYTES + 1).to_be_bytes());
    long.extend([0; 4]);
    assert_eq!(messages(&long), Err(FrameError::TooLong));
    let length = (u32::try_from(MAX_MESSAGE_BYTES).expect("small")).to_be_bytes();
    let start = [&[0x02, 0xff, 0, 0, 0, 0][..], &length, &[0; 4]].concat();
    let mut reader = FrameReader::new(true);
    let mut start = start;
    assert_eq!(reader.read(&mut start, &mut |_| {}), Ok(()));
    let mut payload = vec![0; usize::try_from(MAX_MESSAGE_BYTES).expect("small")];
    assert_eq!(reader.read(&mut payload, &mut |_| {}), Ok(()));
    let mut one_more = frame(OpCode::Data(Data::Continue), true, b"!");
    assert_eq!(
        reader.read(&mut one_more, &mut |_| {}),
        Err(FrameError::TooLong)
    );
}

#[test]
fn frames_are_written_as_the_library_writes_them() {
    for length in [0, 125, 126, 65_535, 65_536] {
        let payload = vec![7; length];
        let mut ours = Vec::new();
        write_binary(&payload, &mut ours);
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
    fn any_bytes_parse_the_same_in_pieces_of_any_size_and_never_panic(
        bytes in anything(),
        piece in 1_usize..50,
    ) {
        assert_eq!(receive(false, &bytes, piece), receive(false, &bytes, bytes.len()));
    }
}
