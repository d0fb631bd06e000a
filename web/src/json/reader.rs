//! The tokens of JSON: texts, whole numbers and punctuation.

use super::{DEPTH, Result, Unreadable};

/// A text and the position in it.
pub(super) struct Reader<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
    pub(super) depth: usize,
}

impl Reader<'_> {
    pub(super) fn next(&mut self) -> Result<u8> {
        let byte = *self.bytes.get(self.at).ok_or(Unreadable)?;
        self.at += 1;
        Ok(byte)
    }

    pub(super) fn space(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    /// The next byte that is not white space.
    pub(super) fn peek(&mut self) -> Result<u8> {
        self.space();
        self.bytes.get(self.at).copied().ok_or(Unreadable)
    }

    pub(super) fn expect(&mut self, byte: u8) -> Result<()> {
        if self.peek()? != byte {
            return Err(Unreadable);
        }
        self.at += 1;
        Ok(())
    }

    pub(super) fn word(&mut self, word: &[u8]) -> Result<()> {
        self.space();
        let is_it = self
            .bytes
            .get(self.at..)
            .is_some_and(|rest| rest.starts_with(word));
        self.at += word.len();
        is_it.then_some(()).ok_or(Unreadable)
    }

    /// Whether another item follows in a list or an object.
    pub(super) fn another(&mut self, end: u8, first: &mut bool) -> Result<bool> {
        let byte = self.peek()?;
        if byte == end {
            self.at += 1;
            return Ok(false);
        }
        if !std::mem::take(first) {
            self.expect(b',')?;
            self.space();
        }
        Ok(true)
    }

    pub(super) fn text(&mut self) -> Result<String> {
        self.expect(b'"')?;
        let mut text = Vec::new();
        loop {
            match self.next()? {
                b'"' => return String::from_utf8(text).map_err(|_| Unreadable),
                b'\\' => {
                    let character = self.escaped()?;
                    text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                }
                0..0x20 => return Err(Unreadable),
                byte => text.push(byte),
            }
        }
    }

    pub(super) fn escaped(&mut self) -> Result<char> {
        Ok(match self.next()? {
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'u' => {
                let high = self.unit()?;
                if !(0xd800..0xdc00).contains(&high) {
                    return char::from_u32(high).ok_or(Unreadable);
                }
                self.word(b"\\u")?;
                let low = self
                    .unit()?
                    .checked_sub(0xdc00)
                    .filter(|low| *low < 0x400)
                    .ok_or(Unreadable)?;
                return char::from_u32(0x10000 + ((high - 0xd800) << 10) + low).ok_or(Unreadable);
            }
            byte @ (b'"' | b'\\' | b'/') => char::from(byte),
            _ => return Err(Unreadable),
        })
    }

    pub(super) fn unit(&mut self) -> Result<u32> {
        let mut unit = 0;
        for _ in 0..4 {
            unit = unit << 4 | char::from(self.next()?).to_digit(16).ok_or(Unreadable)?;
        }
        Ok(unit)
    }

    /// A whole number without its sign.
    pub(super) fn digits(&mut self) -> Result<u64> {
        let begins = self.at;
        let mut number = 0_u64;
        while let Some(byte @ b'0'..=b'9') = self.bytes.get(self.at) {
            number = number
                .checked_mul(10)
                .and_then(|ten| ten.checked_add(u64::from(byte - b'0')))
                .ok_or(Unreadable)?;
            self.at += 1;
        }
        (self.at > begins).then_some(number).ok_or(Unreadable)
    }

    /// Skips a value.
    pub(super) fn skip(&mut self) -> Result<()> {
        let mut open = 0_usize;
        loop {
            match self.peek()? {
                b'"' => drop(self.text()?),
                b'{' | b'[' => {
                    open += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    open = open.checked_sub(1).ok_or(Unreadable)?;
                    self.at += 1;
                }
                b',' | b':' if open > 0 => self.at += 1,
                b'a'..=b'z' | b'0'..=b'9' | b'-' => {
                    while matches!(
                        self.bytes.get(self.at),
                        Some(b'a'..=b'z' | b'0'..=b'9' | b'-' | b'+' | b'.' | b'E')
                    ) {
                        self.at += 1;
                    }
                }
                _ => return Err(Unreadable),
            }
            if open == 0 {
                return Ok(());
            }
        }
    }

    pub(super) fn inside<T>(
        &mut self,
        begin: u8,
        read: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        self.expect(begin)?;
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(Unreadable);
        }
        let inside = read(self);
        self.depth -= 1;
        inside
    }
}
