//! The conversation on `/ws`, written and read by hand: a sentence is one call to send and one to receive.
//!
//! Message 0 opens a UDP socket, which is number 3; 1 is for asking; from 2 on two ids belong to every sentence.

use std::io::{self, Write};

use super::{frame, sentence::Sentences};

const FIRST: u64 = 2;

/// What the relay said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Letter<'a> {
    /// A welcome, or the reply to what opened the conversation.
    Opening,
    /// A sentence was sent, all of its bytes.
    Sent,
    /// A sentence came back: its number, and its text with what follows.
    Received(u64, &'a [u8]),
    /// An event of the trace.
    Event,
    /// Events are missing.
    Gap,
}

/// Opens the conversation.
pub(crate) fn write_opening(watching: bool, out: &mut Vec<u8>) {
    write_text(br#"{"id":0,"call":"socket","transport":"udp"}"#, out);
    if !watching {
        write_text(br#"{"id":1,"ask":"unwatch"}"#, out);
    }
}

/// Writes the two calls of a sentence.
pub(crate) fn write_sentence(
    sentences: &Sentences,
    sayer: u32,
    seq: u64,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    let (send, receive) = (FIRST + 2 * seq, FIRST + 2 * seq + 1);
    let mut text = Vec::with_capacity(128 + sentences.size());
    write!(
        text,
        r#"{{"id":{send},"call":"sendto","fd":3,"to":"server","data":{{"text":""#
    )?;
    sentences.write(sayer, seq, &mut text);
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

/// Reads what the relay said.
///
/// # Errors
/// What is no part of a conversation that goes well, such as a failed call.
pub(crate) fn read(letter: &[u8]) -> io::Result<Letter<'_>> {
    let parts = [
        (&b"{\"trace\":"[..], Letter::Event),
        (b"{\"gap\":", Letter::Gap),
        (b"{\"welcome\":", Letter::Opening),
    ];
    for (start, part) in parts {
        if letter.starts_with(start) {
            return Ok(part);
        }
    }
    read_reply(letter).ok_or_else(|| {
        let said = String::from_utf8_lossy(letter);
        io::Error::other(format!("the relay said {said:.300}"))
    })
}

fn read_reply(letter: &[u8]) -> Option<Letter<'_>> {
    let rest = letter.strip_prefix(b"{\"id\":")?;
    let (id, rest) = number(rest);
    let rest = rest.strip_prefix(b",\"returned\":")?;
    if id < FIRST {
        return Some(Letter::Opening);
    }
    if id % 2 == 0 {
        return rest.starts_with(b"{\"sent\":").then_some(Letter::Sent);
    }
    let text = rest.strip_prefix(b"{\"data\":{\"text\":\"")?;
    Some(Letter::Received((id - FIRST) / 2, text))
}

/// The number the bytes start with, and what follows it.
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
