//! What a message of a bridge carries: bytes or text, and base64 where the visitor chose it as its subprotocol. Pure.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::frames::{write_data, write_text};

/// A subprotocol (RFC 6455 §1.9) of the bridges, as websockify named them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// `binary`, or none: the payload is the bytes.
    #[default]
    Plain,
    /// `base64`: every message is text, and holds the bytes in base64 (RFC 4648 §4).
    Base64,
}

impl Encoding {
    /// The subprotocol of this name; none that a bridge does not know.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
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

    /// The one that is used of those a visitor offers, `binary` before `base64`; none where it offers neither.
    #[must_use]
    pub fn chosen<'a>(offered: impl Iterator<Item = &'a str>) -> Option<Self> {
        offered
            .filter_map(Self::named)
            .min_by_key(|it| *it == Self::Base64)
    }

    /// The bytes that a text message holds.
    ///
    /// # Errors
    /// Where it is not the base64 it should be.
    pub(super) fn decode(self, text: &[u8]) -> Result<Option<Vec<u8>>, NotBase64> {
        match self {
            Self::Plain => Ok(None),
            Self::Base64 => STANDARD.decode(text).map(Some).map_err(|_| NotBase64),
        }
    }
}

/// A text message is not base64, although the visitor chose that.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotBase64;

/// Writes the messages for one visitor: text to who says text, as far as bytes are text, and bytes to who says bytes.
#[derive(Debug)]
pub(super) struct Writer {
    encoding: Encoding,
    /// Whether the visitor's last message was text.
    text: bool,
    /// The first bytes of a character whose others have not come yet.
    held: Vec<u8>,
}

impl Writer {
    pub(super) const fn new(encoding: Encoding) -> Self {
        Self {
            encoding,
            text: false,
            held: Vec::new(),
        }
    }

    /// The visitor said something, as text or as bytes.
    pub(super) const fn heard(&mut self, text: bool) {
        self.text = text;
    }

    /// Appends a datagram as one message.
    pub(super) fn write_datagram(&self, datagram: &[u8], out: &mut Vec<u8>) {
        if self.encoding == Encoding::Base64 {
            write_text(STANDARD.encode(datagram).as_bytes(), out);
        } else if self.text && std::str::from_utf8(datagram).is_ok() {
            write_text(datagram, out);
        } else {
            write_data(datagram, out);
        }
    }

    /// Appends the next bytes of a stream. In text a character that ends in the next chunk waits for it.
    pub(super) fn write_chunk(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        if self.encoding == Encoding::Base64 || (!self.text && self.held.is_empty()) {
            return self.write_datagram(chunk, out);
        }
        let whole = [&std::mem::take(&mut self.held), chunk].concat();
        let end = match std::str::from_utf8(&whole) {
            // No error length: the end came too soon (`Utf8Error::error_len`).
            Err(error) if self.text && error.error_len().is_none() => error.valid_up_to(),
            Ok(_) | Err(_) => whole.len(),
        };
        self.held.extend_from_slice(&whole[end..]);
        if end > 0 {
            self.write_datagram(&whole[..end], out);
        }
    }

    /// Appends what still waits: nothing follows any more.
    pub(super) fn write_rest(&mut self, out: &mut Vec<u8>) {
        let rest = std::mem::take(&mut self.held);
        if !rest.is_empty() {
            write_data(&rest, out);
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
        write_data(data, &mut out);
        out
    }

    /// What these chunks are written as, one after the other, and at the end.
    fn written(writer: &mut Writer, chunks: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        for chunk in chunks {
            writer.write_chunk(chunk, &mut out);
        }
        writer.write_rest(&mut out);
        out
    }

    #[test]
    fn binary_is_chosen_before_base64_and_nothing_else() {
        let chosen = |offered: &[&'static str]| Encoding::chosen(offered.iter().copied());
        assert_eq!(chosen(&["binary"]), Some(Encoding::Plain));
        assert_eq!(chosen(&["base64", "binary"]), Some(Encoding::Plain));
        assert_eq!(chosen(&["chat", "base64"]), Some(Encoding::Base64));
        assert_eq!(chosen(&["chat", "Binary"]), None);
        assert_eq!(chosen(&[]), None);
    }

    #[test]
    fn who_says_text_is_told_text_and_who_says_bytes_is_told_bytes() {
        let mut writer = Writer::new(Encoding::Plain);
        let mut out = Vec::new();
        writer.write_datagram(b"first", &mut out);
        assert_eq!(out, bytes(b"first"), "before anything was said");
        writer.heard(true);
        let mut out = Vec::new();
        writer.write_datagram("世界".as_bytes(), &mut out);
        writer.write_datagram(b"\xff", &mut out);
        writer.write_datagram(b"", &mut out);
        assert_eq!(
            out,
            [text("世界".as_bytes()), bytes(b"\xff"), text(b"")].concat()
        );
        writer.heard(false);
        let mut out = Vec::new();
        writer.write_datagram(b"bytes", &mut out);
        assert_eq!(out, bytes(b"bytes"));
    }

    #[test]
    fn a_character_in_two_chunks_comes_whole() {
        let mut writer = Writer::new(Encoding::Plain);
        writer.heard(true);
        let (a, b) = "a世b".as_bytes().split_at(2);
        let (b, c) = b.split_at(1);
        let out = written(&mut writer, &[a, b, c]);
        assert_eq!(out, [text(b"a"), text("世b".as_bytes())].concat());
    }

    #[test]
    fn what_is_no_text_comes_as_bytes_and_nothing_is_lost() {
        let mut writer = Writer::new(Encoding::Plain);
        writer.heard(true);
        let out = written(&mut writer, &[b"a\xff\xe4", b"b"]);
        assert_eq!(out, [bytes(b"a\xff\xe4"), text(b"b")].concat());
        // The stream ends within a character, or goes on as bytes.
        let out = written(&mut writer, &[b"a\xe4"]);
        assert_eq!(out, [text(b"a"), bytes(b"\xe4")].concat());
        let mut out = Vec::new();
        writer.write_chunk(b"a\xe4", &mut out);
        writer.heard(false);
        writer.write_chunk(b"b", &mut out);
        assert_eq!(out, [text(b"a"), bytes(b"\xe4b")].concat());
    }

    #[test]
    fn base64_goes_both_ways() {
        let mut writer = Writer::new(Encoding::Base64);
        assert_eq!(written(&mut writer, &[b"hello"]), text(b"aGVsbG8="));
        let decoded = Encoding::Base64.decode(b"aGVsbG8=");
        assert_eq!(decoded, Ok(Some(b"hello".to_vec())));
        assert_eq!(Encoding::Base64.decode(b"hello"), Err(NotBase64));
        assert_eq!(Encoding::Plain.decode(b"hello"), Ok(None));
    }
}
