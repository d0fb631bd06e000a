//! WebSocket frames (RFC 6455 §5), as far as the load and the floors need them.

use std::io;

/// The key with which the client masks its frames. A fixed one costs the server the same work as a random one.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
/// Bits of the first two bytes of a frame.
const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;

/// The kind of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A continuation of the message before.
    Continuation,
    /// Text.
    Text,
    /// Bytes.
    Binary,
    /// Close.
    Close,
    /// Ping.
    Ping,
    /// Pong.
    Pong,
}

impl Kind {
    const fn opcode(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }

    fn of(opcode: u8) -> io::Result<Self> {
        let all = [
            Self::Continuation,
            Self::Text,
            Self::Binary,
            Self::Close,
            Self::Ping,
            Self::Pong,
        ];
        let found = all.into_iter().find(|kind| kind.opcode() == opcode);
        found.ok_or_else(|| io::Error::other(format!("a WebSocket frame of kind {opcode}")))
    }
}

/// A complete frame without its mask.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    /// Its kind.
    pub(crate) kind: Kind,
    /// Whether it is the last of its message.
    pub(crate) last: bool,
    /// Its payload.
    pub(crate) payload: &'a mut [u8],
}

/// Writes the head of a client's frame of `length` bytes; the payload has to follow masked.
pub(crate) fn question_head(kind: Kind, length: usize, out: &mut Vec<u8>) {
    write_head(kind, length, MASKED, out);
    out.extend_from_slice(&MASK);
}

/// Writes the head of a server's frame of `length` bytes; the payload has to follow.
pub(crate) fn answer_head(kind: Kind, length: usize, out: &mut Vec<u8>) {
    write_head(kind, length, 0, out);
}

fn write_head(kind: Kind, length: usize, masked: u8, out: &mut Vec<u8>) {
    out.push(FIN | kind.opcode());
    match length {
        0..126 => out.push(masked | length as u8),
        126..65_536 => {
            out.push(masked | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            out.push(masked | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

/// Masks what stands at a multiple of four bytes behind a [`question_head`].
pub(crate) fn mask(bytes: &mut [u8]) {
    apply(MASK, bytes);
}

/// Adds or removes a mask; both are the same operation.
fn apply(key: [u8; 4], bytes: &mut [u8]) {
    let (fours, rest) = bytes.as_chunks_mut::<4>();
    for four in fours {
        *four = (u32::from_ne_bytes(*four) ^ u32::from_ne_bytes(key)).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key) {
        *byte ^= key;
    }
}

/// Parses frames from parts of a stream.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    rest: Vec<u8>,
}

impl Parser {
    /// Adds bytes, and passes on every frame that is complete now.
    pub(crate) fn feed(
        &mut self,
        bytes: &mut [u8],
        heard: impl FnMut(Frame<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        if self.rest.is_empty() {
            let taken = take(bytes, heard)?;
            self.rest.extend_from_slice(&bytes[taken..]);
        } else {
            self.rest.extend_from_slice(bytes);
            let taken = take(&mut self.rest, heard)?;
            self.rest.drain(..taken);
        }
        Ok(())
    }
}

/// Passes on all complete frames, and returns their number of bytes.
fn take(bytes: &mut [u8], mut heard: impl FnMut(Frame<'_>) -> io::Result<()>) -> io::Result<usize> {
    let mut taken = 0;
    while let Some(head) = Head::read(&bytes[taken..]) {
        let Some(payload) = bytes.get_mut(taken + head.start..taken + head.end) else {
            break;
        };
        if let Some(key) = head.key {
            apply(key, payload);
        }
        heard(Frame {
            kind: Kind::of(head.opcode)?,
            last: head.last,
            payload,
        })?;
        taken += head.end;
    }
    Ok(taken)
}

/// The head of a frame, with the range of its payload.
struct Head {
    opcode: u8,
    last: bool,
    key: Option<[u8; 4]>,
    start: usize,
    end: usize,
}

impl Head {
    /// `None` if it is incomplete.
    fn read(bytes: &[u8]) -> Option<Self> {
        let [first, second, rest @ ..] = bytes else {
            return None;
        };
        let (length, at) = match second & !MASKED {
            126 => (u64::from(u16::from_be_bytes(*rest.first_chunk()?)), 4),
            127 => (u64::from_be_bytes(*rest.first_chunk()?), 10),
            length => (length.into(), 2),
        };
        let masked = second & MASKED != 0;
        let key = if masked {
            Some(*bytes.get(at..)?.first_chunk()?)
        } else {
            None
        };
        let start = if masked { at + MASK.len() } else { at };
        let end = start.checked_add(usize::try_from(length).ok()?)?;
        Some(Self {
            opcode: first & 15,
            last: first & FIN != 0,
            key,
            start,
            end,
        })
    }
}
