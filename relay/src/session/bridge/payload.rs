//! The payload of a bridge's messages: bytes, text, or base64 if the client chose that subprotocol. Pure.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::frames::{write_binary, write_text};

/// A subprotocol (RFC 6455 §1.9) of the bridges, by websockify's names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// `binary`, or none: the payload is the bytes.
    #[default]
    Plain,
    /// `base64`: every message is text, and holds the bytes in base64 (RFC 4648 §4).
    Base64,
}

impl Encoding {
    /// The subprotocol of this name; `None` for an unknown one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "binary" => Some(Self::Plain),
            "base64" => Some(Self::Base64),
            _ => None,
        }
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "binary",
            Self::Base64 => "base64",
        }
    }

    /// Chooses from those a client offers, `binary` before `base64`; `None` if it offers neither.
    #[must_use]
    pub fn choose<'a>(offered: impl Iterator<Item = &'a str>) -> Option<Self> {
        offered
            .filter_map(Self::from_name)
            .min_by_key(|encoding| *encoding == Self::Base64)
    }

    /// The bytes of a text message; `None` where they are the text itself.
    ///
    /// # Errors
    /// [`NotBase64`] where the client chose base64 and the text is none.
    pub(super) fn decode(self, text: &[u8]) -> Result<Option<Vec<u8>>, NotBase64> {
        match self {
            Self::Plain => Ok(None),
            Self::Base64 => STANDARD.decode(text).map(Some).map_err(|_| NotBase64),
        }
    }
}

/// A text message that is not base64.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotBase64;

/// Writes the messages for one client, of the same type as its last one. Bytes that are not UTF-8 go as binary.
#[derive(Debug)]
pub(super) struct MessageWriter {
    encoding: Encoding,
    /// Whether the client's last message was text.
    is_text: bool,
    /// The first bytes of a character whose last byte is not there yet.
    partial_character: Vec<u8>,
}

impl MessageWriter {
    pub(super) const fn new(encoding: Encoding) -> Self {
        Self {
            encoding,
            is_text: false,
            partial_character: Vec::new(),
        }
    }

    /// Records the type of the client's last message.
    pub(super) const fn set_text(&mut self, is_text: bool) {
        self.is_text = is_text;
    }

    /// Appends a datagram as one message.
    pub(super) fn write_datagram(&self, datagram: &[u8], out: &mut Vec<u8>) {
        if self.encoding == Encoding::Base64 {
            write_text(STANDARD.encode(datagram).as_bytes(), out);
        } else if self.is_text && std::str::from_utf8(datagram).is_ok() {
            write_text(datagram, out);
        } else {
            write_binary(datagram, out);
        }
    }

    /// Appends the next bytes of a stream. As text, a character is held back until its last byte is there.
    pub(super) fn write_chunk(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        if self.encoding == Encoding::Base64 || (!self.is_text && self.partial_character.is_empty())
        {
            return self.write_datagram(chunk, out);
        }
        let bytes = [&std::mem::take(&mut self.partial_character), chunk].concat();
        let end = match std::str::from_utf8(&bytes) {
            // No error length means that a character is cut off by the end (`Utf8Error::error_len`).
            Err(error) if self.is_text && error.error_len().is_none() => error.valid_up_to(),
            Ok(_) | Err(_) => bytes.len(),
        };
        self.partial_character.extend_from_slice(&bytes[end..]);
        if end > 0 {
            self.write_datagram(&bytes[..end], out);
        }
    }

    /// Appends the bytes that are held back, at the end of the stream.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        let rest = std::mem::take(&mut self.partial_character);
        if !rest.is_empty() {
            write_binary(&rest, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(data: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        write_text(data, &mut out);
        out
    }

    fn bytes(data: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        write_binary(data, &mut out);
        out
    }

    /// The messages that these chunks and the end of the stream are written as.
    fn written(writer: &mut MessageWriter, chunks: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        for chunk in chunks {
            writer.write_chunk(chunk, &mut out);
        }
        writer.finish(&mut out);
        out
    }

    #[test]
    fn binary_is_chosen_before_base64() {
        let choose = |offered: &[&'static str]| Encoding::choose(offered.iter().copied());
        assert_eq!(choose(&["binary"]), Some(Encoding::Plain));
        assert_eq!(choose(&["base64", "binary"]), Some(Encoding::Plain));
        assert_eq!(choose(&["chat", "base64"]), Some(Encoding::Base64));
        assert_eq!(choose(&["chat", "Binary"]), None);
        assert_eq!(choose(&[]), None);
    }

    #[test]
    fn messages_have_the_type_of_the_clients_last_one() {
        let mut writer = MessageWriter::new(Encoding::Plain);
        let mut out = Vec::new();
        writer.write_datagram(b"first", &mut out);
        assert_eq!(out, bytes(b"first"), "before the first message");
        writer.set_text(true);
        let mut out = Vec::new();
        writer.write_datagram("世界".as_bytes(), &mut out);
        writer.write_datagram(b"\xff", &mut out);
        writer.write_datagram(b"", &mut out);
        assert_eq!(
            out,
            [text("世界".as_bytes()), bytes(b"\xff"), text(b"")].concat()
        );
        writer.set_text(false);
        let mut out = Vec::new();
        writer.write_datagram(b"bytes", &mut out);
        assert_eq!(out, bytes(b"bytes"));
    }

    #[test]
    fn a_character_in_two_chunks_is_sent_whole() {
        let mut writer = MessageWriter::new(Encoding::Plain);
        writer.set_text(true);
        let (a, b) = "a世b".as_bytes().split_at(2);
        let (b, c) = b.split_at(1);
        let out = written(&mut writer, &[a, b, c]);
        assert_eq!(out, [text(b"a"), text("世b".as_bytes())].concat());
    }

    #[test]
    fn bytes_that_are_not_utf8_are_sent_as_binary() {
        let mut writer = MessageWriter::new(Encoding::Plain);
        writer.set_text(true);
        let out = written(&mut writer, &[b"a\xff\xe4", b"b"]);
        assert_eq!(out, [bytes(b"a\xff\xe4"), text(b"b")].concat());
        // The stream ends within a character, or goes on as binary.
        let out = written(&mut writer, &[b"a\xe4"]);
        assert_eq!(out, [text(b"a"), bytes(b"\xe4")].concat());
        let mut out = Vec::new();
        writer.write_chunk(b"a\xe4", &mut out);
        writer.set_text(false);
        writer.write_chunk(b"b", &mut out);
        assert_eq!(out, [text(b"a"), bytes(b"\xe4b")].concat());
    }

    #[test]
    fn base64_is_encoded_and_decoded() {
        let mut writer = MessageWriter::new(Encoding::Base64);
        assert_eq!(written(&mut writer, &[b"hello"]), text(b"aGVsbG8="));
        let decoded = Encoding::Base64.decode(b"aGVsbG8=");
        assert_eq!(decoded, Ok(Some(b"hello".to_vec())));
        assert_eq!(Encoding::Base64.decode(b"hello"), Err(NotBase64));
        assert_eq!(Encoding::Plain.decode(b"hello"), Ok(None));
    }
}
