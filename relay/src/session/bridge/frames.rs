//! WebSocket frames at a server (RFC 6455 §5): parsed from pieces of any size, and written. Pure.
//!
//! A page's connection leaves framing to a library, see [`ws`](crate::session::ws). For a bridge, the library's buffer
//! per connection, its message per frame and its flush per message would be most of the cost.

/// The longest message of a client. Larger than a datagram: the payload may be the next bytes of a stream.
const MAX_MESSAGE_BYTES: u64 = 16 << 20;
/// The longest payload of a control frame (§5.5).
const MAX_CONTROL_BYTES: usize = 125;
/// The longest header of a client's frame (§5.2).
const MAX_HEADER_BYTES: usize = 14;
/// A message buffer with more capacity than this is freed once the message is complete.
const MAX_KEPT_CAPACITY: usize = 4 << 10;

/// A message or a control frame from the client.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ClientFrame<'a> {
    /// A complete binary message; for a stream, the bytes of one that have arrived.
    Binary(&'a [u8]),
    /// A complete text message. Its bytes are valid UTF-8.
    Text(&'a [u8]),
    /// A ping; the pong carries the same bytes.
    Ping(&'a [u8]),
    /// A close frame, with its code if it has one.
    Close(Option<u16>),
}

/// Why the connection cannot be read any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameError {
    /// The client breaks this rule of the protocol.
    Violation(&'static str),
    /// A message is longer than [`MAX_MESSAGE_BYTES`].
    TooLong,
    /// A text message or a close reason is not UTF-8.
    InvalidUtf8,
}

/// Parses the frames of one client.
#[derive(Debug)]
pub(super) struct FrameReader {
    /// Whether the payloads are a byte stream: then binary payload is passed on before its message is complete.
    is_stream: bool,
    /// The first bytes of a header that is not complete.
    header: Vec<u8>,
    frame: Option<OpenFrame>,
    /// The type of the message whose frames are arriving, and its length so far.
    message_start: Option<(MessageType, u64)>,
    /// The payload of that message so far, where it is not passed on at once.
    message: Vec<u8>,
    control: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MessageType {
    Text,
    Binary,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opcode {
    Data,
    Close,
    Ping,
    Pong,
}

/// A frame whose payload is arriving.
#[derive(Clone, Copy, Debug)]
struct OpenFrame {
    opcode: Opcode,
    is_final: bool,
    remaining: u64,
    mask: [u8; 4],
}

impl FrameReader {
    pub(super) const fn new(is_stream: bool) -> Self {
        Self {
            is_stream,
            header: Vec::new(),
            frame: None,
            message_start: None,
            message: Vec::new(),
            control: Vec::new(),
        }
    }

    /// Parses these bytes, unmasking them in place, and calls `handle` with each message and control frame.
    pub(super) fn read(
        &mut self,
        mut bytes: &mut [u8],
        handle: &mut impl FnMut(ClientFrame<'_>),
    ) -> Result<(), FrameError> {
        loop {
            let Some(frame) = &mut self.frame else {
                let Some((header, used)) = self.next_header(bytes) else {
                    return Ok(());
                };
                bytes = &mut bytes[used..];
                self.begin_frame(&header)?;
                continue;
            };
            let remaining = usize::try_from(frame.remaining).unwrap_or(usize::MAX);
            let (payload, rest) = bytes.split_at_mut(remaining.min(bytes.len()));
            let is_end = payload.len() as u64 == frame.remaining;
            if payload.is_empty() && !is_end {
                return Ok(());
            }
            unmask(payload, &mut frame.mask);
            frame.remaining -= payload.len() as u64;
            let frame = *frame;
            if is_end {
                self.frame = None;
            }
            self.handle_payload(frame, payload, is_end, handle)?;
            bytes = rest;
        }
    }

    /// The next header once it is complete, and how many of these bytes belong to it.
    fn next_header(&mut self, bytes: &[u8]) -> Option<([u8; MAX_HEADER_BYTES], usize)> {
        let before = self.header.len();
        let mut header = [0; MAX_HEADER_BYTES];
        header[..before].copy_from_slice(&self.header);
        let more = bytes.len().min(MAX_HEADER_BYTES - before);
        header[before..before + more].copy_from_slice(&bytes[..more]);
        let (available, length) = (before + more, header_length(header[1]));
        if available < 2 || available < length {
            self.header.extend_from_slice(bytes);
            return None;
        }
        // Freed, not cleared: an idle connection holds no buffer.
        self.header = Vec::new();
        Some((header, length - before))
    }

    fn begin_frame(&mut self, header: &[u8; MAX_HEADER_BYTES]) -> Result<(), FrameError> {
        let (is_final, length) = (header[0] & 0x80 != 0, payload_length(header));
        if header[0] & 0x70 != 0 {
            return Err(FrameError::Violation("a reserved bit is set"));
        }
        if header[1] & 0x80 == 0 {
            return Err(FrameError::Violation("a client's frame is not masked"));
        }
        let opcode = match (header[0] & 0x0f, self.message_start) {
            (0, Some(_)) | (1 | 2, None) => Opcode::Data,
            (0, None) => return Err(FrameError::Violation("a continuation of no message")),
            (1 | 2, Some(_)) => return Err(FrameError::Violation("a message within another")),
            (8, _) => Opcode::Close,
            (9, _) => Opcode::Ping,
            (10, _) => Opcode::Pong,
            _ => return Err(FrameError::Violation("an unknown opcode")),
        };
        if opcode == Opcode::Data {
            let message_type = match header[0] & 0x0f {
                1 => MessageType::Text,
                _ => MessageType::Binary,
            };
            let (message_type, before) = self.message_start.unwrap_or((message_type, 0));
            let message_length = before.saturating_add(length);
            if message_length > MAX_MESSAGE_BYTES {
                return Err(FrameError::TooLong);
            }
            self.message_start = Some((message_type, message_length));
        } else if !is_final || length > MAX_CONTROL_BYTES as u64 {
            return Err(FrameError::Violation(
                "a control frame is fragmented or too long",
            ));
        }
        let mut mask = [0; 4];
        let end = header_length(header[1]);
        mask.copy_from_slice(&header[end - 4..end]);
        self.frame = Some(OpenFrame {
            opcode,
            is_final,
            remaining: length,
            mask,
        });
        Ok(())
    }

    /// Handles the next payload bytes of a frame; `is_end` if they are its last.
    fn handle_payload(
        &mut self,
        frame: OpenFrame,
        payload: &[u8],
        is_end: bool,
        handle: &mut impl FnMut(ClientFrame<'_>),
    ) -> Result<(), FrameError> {
        if frame.opcode != Opcode::Data {
            return self.handle_control(frame.opcode, payload, is_end, handle);
        }
        let is_text = matches!(self.message_start, Some((MessageType::Text, _)));
        let is_complete = is_end && frame.is_final;
        if is_complete {
            self.message_start = None;
        }
        if self.is_stream && !is_text {
            if !payload.is_empty() {
                handle(ClientFrame::Binary(payload));
            }
            return Ok(());
        }
        if !is_complete {
            self.message.extend_from_slice(payload);
            return Ok(());
        }
        let mut buffer = std::mem::take(&mut self.message);
        let message = if buffer.is_empty() {
            payload
        } else {
            buffer.extend_from_slice(payload);
            &buffer
        };
        if is_text && std::str::from_utf8(message).is_err() {
            return Err(FrameError::InvalidUtf8);
        }
        if self.is_stream && message.is_empty() {
            // An empty message adds nothing to a stream.
        } else if is_text {
            handle(ClientFrame::Text(message));
        } else {
            handle(ClientFrame::Binary(message));
        }
        buffer.clear();
        if buffer.capacity() <= MAX_KEPT_CAPACITY {
            self.message = buffer;
        }
        Ok(())
    }

    fn handle_control(
        &mut self,
        opcode: Opcode,
        payload: &[u8],
        is_end: bool,
        handle: &mut impl FnMut(ClientFrame<'_>),
    ) -> Result<(), FrameError> {
        self.control.extend_from_slice(payload);
        if !is_end {
            return Ok(());
        }
        let payload = std::mem::take(&mut self.control);
        match opcode {
            Opcode::Ping => handle(ClientFrame::Ping(&payload)),
            Opcode::Close => handle(ClientFrame::Close(close_code(&payload)?)),
            Opcode::Pong | Opcode::Data => {}
        }
        Ok(())
    }
}

/// The length of a header, by its second byte.
const fn header_length(second: u8) -> usize {
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    match second & 0x7f {
        126 => 4 + mask,
        127 => 10 + mask,
        _ => 2 + mask,
    }
}

const fn payload_length(header: &[u8; MAX_HEADER_BYTES]) -> u64 {
    let [_, second, extended @ ..] = *header;
    match second & 0x7f {
        126 => u16::from_be_bytes([extended[0], extended[1]]) as u64,
        127 => {
            let [a, b, c, d, e, f, g, h, ..] = extended;
            u64::from_be_bytes([a, b, c, d, e, f, g, h])
        }
        length => length as u64,
    }
}

/// Unmasks payload bytes, and rotates the mask for those that follow (§5.3).
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

/// The code of a close frame, if it has one (§5.5.1, §7.4).
fn close_code(payload: &[u8]) -> Result<Option<u16>, FrameError> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return if payload.is_empty() {
            Ok(None)
        } else {
            Err(FrameError::Violation("half a close code"))
        };
    };
    let code = u16::from_be_bytes(*code);
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(FrameError::Violation("an invalid close code"));
    }
    if std::str::from_utf8(reason).is_err() {
        return Err(FrameError::InvalidUtf8);
    }
    Ok(Some(code))
}

/// Appends a binary message.
pub(super) fn write_binary(data: &[u8], out: &mut Vec<u8>) {
    write(2, data, out);
}

/// Appends a text message. `text` must be UTF-8.
pub(super) fn write_text(text: &[u8], out: &mut Vec<u8>) {
    write(1, text, out);
}

/// Appends a ping.
pub(super) fn write_ping(out: &mut Vec<u8>) {
    write(9, &[], out);
}

/// Appends a pong with the payload of its ping.
pub(super) fn write_pong(data: &[u8], out: &mut Vec<u8>) {
    write(10, data, out);
}

/// Appends a close frame. A reason that is too long is cut between characters.
pub(super) fn write_close(code: Option<u16>, reason: &str, out: &mut Vec<u8>) {
    let Some(code) = code else {
        return write(8, &[], out);
    };
    let mut end = reason.len().min(MAX_CONTROL_BYTES - 2);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    let payload = [&code.to_be_bytes(), &reason.as_bytes()[..end]].concat();
    write(8, &payload, out);
}

fn write(opcode: u8, payload: &[u8], out: &mut Vec<u8>) {
    out.reserve(MAX_HEADER_BYTES + payload.len());
    out.push(0x80 | opcode);
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
