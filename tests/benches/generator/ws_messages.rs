//! The messages of `/ws`, written and parsed by hand: a sentence is one call to send and one to receive.
//!
//! Id 0 opens a UDP socket, which gets descriptor 3; id 1 is a request to the lab; from id 2 each sentence has two.

use std::io::{self, Write};

use super::{frame, sentence::Sentences};

const FIRST: u64 = 2;

/// A message of the relay.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum RelayMessage<'a> {
    /// A welcome, or a reply to ids 0 and 1.
    Opening,
    /// All bytes of a sentence were sent.
    Sent,
    /// An answer: its number, and its text with the bytes that follow.
    Received(u64, &'a [u8]),
    /// An event of the trace.
    Event,
    /// A batch of events.
    Events,
    /// Events are missing.
    Gap,
}

/// Writes the first messages of a connection.
pub(crate) fn write_opening(watching: bool, out: &mut Vec<u8>) {
    write_text(br#"{"id":0,"call":"socket","transport":"udp"}"#, out);
    if !watching {
        write_text(br#"{"id":1,"ask":"unwatch"}"#, out);
    }
}

/// Writes the two calls of a sentence.
pub(crate) fn write_sentence(
    sentences: &Sentences,
    sender: u32,
    seq: u64,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    let (send, receive) = (FIRST + 2 * seq, FIRST + 2 * seq + 1);
    let mut text = Vec::with_capacity(128 + sentences.size());
    write!(
        text,
        r#"{{"id":{send},"call":"sendto","fd":3,"to":"server","data":{{"text":""#
    )?;
    sentences.write(sender, seq, &mut text);
    text.extend_from_slice(br#""}}"#);
    write_text(&text, out);
    text.clear();
    write!(
        text,
        r#"{{"id":{receive},"call":"recvfrom","fd":3,"size":2048}}"#
    )?;
    write_text(&text, out);
    Ok(())
}

fn write_text(text: &[u8], out: &mut Vec<u8>) {
    frame::question_head(frame::Kind::Text, text.len(), out);
    let start = out.len();
    out.extend_from_slice(text);
    frame::mask(&mut out[start..]);
}

/// Parses a message of the relay.
///
/// # Errors
/// Any message that is not expected, such as a failed call.
pub(crate) fn read(message: &[u8]) -> io::Result<RelayMessage<'_>> {
    let parts = [
        (&b"{\"trace\":"[..], RelayMessage::Event),
        (b"{\"traces\":", RelayMessage::Events),
        (b"{\"gap\":", RelayMessage::Gap),
        (b"{\"welcome\":", RelayMessage::Opening),
    ];
    for (start, part) in parts {
        if message.starts_with(start) {
            return Ok(part);
        }
    }
    read_reply(message).ok_or_else(|| {
        let said = String::from_utf8_lossy(message);
        io::Error::other(format!("the relay said {said:.300}"))
    })
}

fn read_reply(message: &[u8]) -> Option<RelayMessage<'_>> {
    let rest = message.strip_prefix(b"{\"id\":")?;
    let (id, rest) = number(rest);
    let rest = rest.strip_prefix(b",\"returned\":")?;
    if id < FIRST {
        return Some(RelayMessage::Opening);
    }
    if id % 2 == 0 {
        return rest
            .starts_with(b"{\"sent\":")
            .then_some(RelayMessage::Sent);
    }
    let text = rest.strip_prefix(b"{\"data\":{\"text\":\"")?;
    Some(RelayMessage::Received((id - FIRST) / 2, text))
}

/// The number at the start of `bytes`, and the bytes after it.
pub(crate) fn number(bytes: &[u8]) -> (u64, &[u8]) {
    let digits = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let (digits, rest) = bytes.split_at(digits);
    let number = digits.iter().fold(0_u64, |number, digit| {
        number
            .wrapping_mul(10)
            .wrapping_add(u64::from(digit - b'0'))
    });
    (number, rest)
}
