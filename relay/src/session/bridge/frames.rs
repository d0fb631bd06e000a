//! WebSocket frames as a server meets and sends them (RFC 6455 §5), taken apart in whatever pieces they come. Pure.
//!
//! The conversation leaves them to a library. A bridge has so little else to do that the library's buffer per
//! connection, its message per frame and its flush per message would be most of its cost.

/// The longest message a bridge takes: a stream may come in larger pieces than a datagram.
const LONGEST_MESSAGE: u64 = 16 << 20;
/// A control frame carries at most so many bytes (§5.5).
const LONGEST_CONTROL: usize = 125;
/// A frame's header has at most so many bytes when a client sends it (§5.2).
const LONGEST_HEAD: usize = 14;
/// Room that a message has left behind is given back beyond this.
const KEPT_ROOM: usize = 4 << 10;

/// What a visitor says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// A whole message of bytes; of a stream also what has come of one.
    Data(&'a [u8]),
    /// A whole message of text, which is UTF-8.
    Text(&'a [u8]),
    /// To be answered with the same bytes.
    Ping(&'a [u8]),
    /// It says no more, with this code if it names one.
    Close(Option<u16>),
}

/// What cannot be gone on after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It breaks a rule of the protocol.
    Broken(&'static str),
    /// A message is far too long.
    TooLong,
    /// Text is not UTF-8.
    NotText,
}

/// Takes apart what one visitor sends.
#[derive(Debug)]
pub(super) struct Reader {
    /// Whether bytes count and messages do not: then they are passed on as they come, text apart.
    stream: bool,
    head: Vec<u8>,
    frame: Option<Frame>,
    /// The message that has begun, and how long it is so far.
    begun: Option<(Kind, u64)>,
    /// What had to be kept of it.
    message: Vec<u8>,
    control: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Binary,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Code {
    Data,
    Close,
    Ping,
    Pong,
}

/// A frame whose payload is coming.
#[derive(Clone, Copy, Debug)]
struct Frame {
    code: Code,
    last: bool,
    left: u64,
    mask: [u8; 4],
}

impl Reader {
    pub(super) const fn new(stream: bool) -> Self {
        Self {
            stream,
            head: Vec::new(),
            frame: None,
            begun: None,
            message: Vec::new(),
            control: Vec::new(),
        }
    }

    /// Takes what has come, which is unmasked in place; `hear` is told of each part.
    pub(super) fn read(
        &mut self,
        mut bytes: &mut [u8],
        hear: &mut impl FnMut(Part<'_>),
    ) -> Result<(), Fault> {
        loop {
            let Some(frame) = &mut self.frame else {
                let Some((head, used)) = self.next_head(bytes) else {
                    return Ok(());
                };
                bytes = &mut bytes[used..];
                self.begin(&head)?;
                continue;
            };
            let now = usize::try_from(frame.left).unwrap_or(usize::MAX);
            let (payload, rest) = bytes.split_at_mut(now.min(bytes.len()));
            let whole = payload.len() as u64 == frame.left;
            if payload.is_empty() && !whole {
                return Ok(());
            }
            unmask(payload, &mut frame.mask);
            frame.left -= payload.len() as u64;
            let frame = *frame;
            if whole {
                self.frame = None;
            }
            self.take(frame, payload, whole, hear)?;
            bytes = rest;
        }
    }

    /// The next header, once all of it has come, and how many of these bytes belong to it.
    fn next_head(&mut self, bytes: &[u8]) -> Option<([u8; LONGEST_HEAD], usize)> {
        let before = self.head.len();
        let mut head = [0; LONGEST_HEAD];
        head[..before].copy_from_slice(&self.head);
        let more = bytes.len().min(LONGEST_HEAD - before);
        head[before..before + more].copy_from_slice(&bytes[..more]);
        let (have, length) = (before + more, head_length(head[1]));
        if have < 2 || have < length {
            self.head.extend_from_slice(bytes);
            return None;
        }
        // What an idle visitor needs is next to nothing.
        self.head = Vec::new();
        Some((head, length - before))
    }

    fn begin(&mut self, head: &[u8; LONGEST_HEAD]) -> Result<(), Fault> {
        let (last, length) = (head[0] & 0x80 != 0, payload_length(head));
        if head[0] & 0x70 != 0 {
            return Err(Fault::Broken("a reserved bit is set"));
        }
        if head[1] & 0x80 == 0 {
            return Err(Fault::Broken("a visitor masks its frames"));
        }
        let code = match (head[0] & 0x0f, self.begun) {
            (0, Some(_)) | (1 | 2, None) => Code::Data,
            (0, None) => return Err(Fault::Broken("nothing to go on with")),
            (1 | 2, Some(_)) => return Err(Fault::Broken("a message within another")),
            (8, _) => Code::Close,
            (9, _) => Code::Ping,
            (10, _) => Code::Pong,
            _ => return Err(Fault::Broken("an unknown kind of frame")),
        };
        if code == Code::Data {
            let kind = match head[0] & 0x0f {
                1 => Kind::Text,
                _ => Kind::Binary,
            };
            let (kind, before) = self.begun.unwrap_or((kind, 0));
            let so_far = before.saturating_add(length);
            if so_far > LONGEST_MESSAGE {
                return Err(Fault::TooLong);
            }
            self.begun = Some((kind, so_far));
        } else if !last || length > LONGEST_CONTROL as u64 {
            return Err(Fault::Broken("a control frame is short and whole"));
        }
        let mut mask = [0; 4];
        let end = head_length(head[1]);
        mask.copy_from_slice(&head[end - 4..end]);
        self.frame = Some(Frame {
            code,
            last,
            left: length,
            mask,
        });
        Ok(())
    }

    /// Some payload of a frame; `whole` when it was the last.
    fn take(
        &mut self,
        frame: Frame,
        payload: &[u8],
        whole: bool,
        hear: &mut impl FnMut(Part<'_>),
    ) -> Result<(), Fault> {
        if frame.code != Code::Data {
            return self.take_control(frame.code, payload, whole, hear);
        }
        let text = matches!(self.begun, Some((Kind::Text, _)));
        let complete = whole && frame.last;
        if complete {
            self.begun = None;
        }
        if self.stream && !text {
            if !payload.is_empty() {
                hear(Part::Data(payload));
            }
            return Ok(());
        }
        if !complete {
            self.message.extend_from_slice(payload);
            return Ok(());
        }
        let mut kept = std::mem::take(&mut self.message);
        let message = if kept.is_empty() {
            payload
        } else {
            kept.extend_from_slice(payload);
            &kept
        };
        if text && std::str::from_utf8(message).is_err() {
            return Err(Fault::NotText);
        }
        if self.stream && message.is_empty() {
            // Nothing was said.
        } else if text {
            hear(Part::Text(message));
        } else {
            hear(Part::Data(message));
        }
        kept.clear();
        if kept.capacity() <= KEPT_ROOM {
            self.message = kept;
        }
        Ok(())
    }

    fn take_control(
        &mut self,
        code: Code,
        payload: &[u8],
        whole: bool,
        hear: &mut impl FnMut(Part<'_>),
    ) -> Result<(), Fault> {
        self.control.extend_from_slice(payload);
        if !whole {
            return Ok(());
        }
        let payload = std::mem::take(&mut self.control);
        match code {
            Code::Ping => hear(Part::Ping(&payload)),
            Code::Close => hear(Part::Close(close_code(&payload)?)),
            Code::Pong | Code::Data => {}
        }
        Ok(())
    }
}

/// How long a header is, by its second byte.
const fn head_length(second: u8) -> usize {
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    match second & 0x7f {
        126 => 4 + mask,
        127 => 10 + mask,
        _ => 2 + mask,
    }
}

const fn payload_length(head: &[u8; LONGEST_HEAD]) -> u64 {
    match head[1] & 0x7f {
        126 => u16::from_be_bytes([head[2], head[3]]) as u64,
        127 => u64::from_be_bytes([
            head[2], head[3], head[4], head[5], head[6], head[7], head[8], head[9],
        ]),
        length => length as u64,
    }
}

/// Undoes the mask, and turns it for the bytes that follow.
fn unmask(payload: &mut [u8], mask: &mut [u8; 4]) {
    let [a, b, c, d] = *mask;
    let eight = [a, b, c, d, a, b, c, d];
    let mut words = payload.chunks_exact_mut(8);
    for word in &mut words {
        for (byte, mask) in word.iter_mut().zip(eight) {
            *byte ^= mask;
        }
    }
    let rest = words.into_remainder();
    for (byte, mask) in rest.iter_mut().zip(eight) {
        *byte ^= mask;
    }
    mask.rotate_left(rest.len() % 4);
}

/// The code of a close frame, if it has one (§7.4).
fn close_code(payload: &[u8]) -> Result<Option<u16>, Fault> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return if payload.is_empty() {
            Ok(None)
        } else {
            Err(Fault::Broken("half a close code"))
        };
    };
    let code = u16::from_be_bytes(*code);
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(Fault::Broken("no close code one may send"));
    }
    if std::str::from_utf8(reason).is_err() {
        return Err(Fault::NotText);
    }
    Ok(Some(code))
}

/// Appends a binary message.
pub(super) fn write_data(data: &[u8], out: &mut Vec<u8>) {
    write(2, data, out);
}

/// Appends a text message, which has to be UTF-8.
pub(super) fn write_text(text: &[u8], out: &mut Vec<u8>) {
    write(1, text, out);
}

/// Appends a ping.
pub(super) fn write_ping(out: &mut Vec<u8>) {
    write(9, &[], out);
}

/// Appends the answer to a ping.
pub(super) fn write_pong(data: &[u8], out: &mut Vec<u8>) {
    write(10, data, out);
}

/// Appends the end: a code, if there is one, and as much of a reason as there is room for.
pub(super) fn write_close(code: Option<u16>, reason: &str, out: &mut Vec<u8>) {
    let Some(code) = code else {
        return write(8, &[], out);
    };
    let mut end = reason.len().min(LONGEST_CONTROL - 2);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    let payload = [&code.to_be_bytes(), &reason.as_bytes()[..end]].concat();
    write(8, &payload, out);
}

fn write(code: u8, payload: &[u8], out: &mut Vec<u8>) {
    out.reserve(LONGEST_HEAD + payload.len());
    out.push(0x80 | code);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ ..126), _) => out.push(length),
        (_, Ok(length)) => {
            out.push(126);
            out.extend(length.to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend((payload.len() as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
}

#[cfg(test)]
mod tests;
