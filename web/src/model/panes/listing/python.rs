//! Values and exceptions as Python 3 prints them.

use std::net::SocketAddr;

use shared::{call::Fd, outcome::Failed};

use crate::model::text::visible;

/// Maximum length of a value; a longer one is truncated.
const MOST: usize = 160;

/// The errors a socket's call ends with in these programs: errno(3), its number on Linux, Python's class for it.
const ERRORS: [(&str, &str, &str); 12] = [
    ("ECONNREFUSED", "111", "ConnectionRefusedError"),
    ("ECONNRESET", "104", "ConnectionResetError"),
    ("ECONNABORTED", "103", "ConnectionAbortedError"),
    ("EPIPE", "32", "BrokenPipeError"),
    ("ETIMEDOUT", "110", "TimeoutError"),
    ("EACCES", "13", "PermissionError"),
    ("EPERM", "1", "PermissionError"),
    ("EADDRINUSE", "98", OTHER),
    ("EADDRNOTAVAIL", "99", OTHER),
    ("EMSGSIZE", "90", OTHER),
    ("ENETUNREACH", "101", OTHER),
    ("EHOSTUNREACH", "113", OTHER),
];
const OTHER: &str = "OSError";

/// `'hello'`
pub(crate) fn text(text: &str) -> String {
    let quote = quote_for(text.contains('\''), text.contains('"'));
    let mut said = String::from(quote);
    for character in text.chars().take(MOST) {
        match u8::try_from(character) {
            Ok(byte) if character.is_control() || character == quote || byte == b'\\' => {
                escape(&mut said, byte);
            }
            _ if visible::is_unseen(character) => said.push_str(&visible::escape(character)),
            _ => said.push(character),
        }
    }
    visible::isolated(end(said, quote, text.chars().count()))
}

/// `b'\xe4\xb8\x96'`
pub(crate) fn bytes(bytes: &[u8]) -> String {
    let quote = quote_for(bytes.contains(&b'\''), bytes.contains(&b'"'));
    let mut said = String::from("b");
    said.push(quote);
    for byte in bytes.iter().take(MOST) {
        let character = char::from(*byte);
        if (b' '..=b'~').contains(byte) && character != quote && *byte != b'\\' {
            said.push(character);
        } else {
            escape(&mut said, *byte);
        }
    }
    end(said, quote, bytes.len())
}

/// Python uses double quotes only if that avoids a backslash.
const fn quote_for(single: bool, double: bool) -> char {
    if single && !double { '"' } else { '\'' }
}

fn escape(said: &mut String, byte: u8) {
    said.push('\\');
    match byte {
        b'\n' => said.push('n'),
        b'\r' => said.push('r'),
        b'\t' => said.push('t'),
        b'\\' | b'\'' | b'"' => said.push(char::from(byte)),
        _ => {
            said.push('x');
            said.push_str(&hex(byte));
        }
    }
}

fn hex(byte: u8) -> String {
    crate::model::text::format_call::hex(&[byte])
}

fn end(mut said: String, quote: char, length: usize) -> String {
    said.push(quote);
    if length > MOST {
        said.push('…');
    }
    said
}

/// `('127.0.0.1', 12000)`
pub(crate) fn address(address: SocketAddr) -> String {
    [
        "('",
        &address.ip().to_string(),
        "', ",
        &address.port().to_string(),
        ")",
    ]
    .concat()
}

/// A socket, without the parts that never differ here.
pub(crate) fn socket(
    fd: Fd,
    local: Option<SocketAddr>,
    peer: Option<SocketAddr>,
    closed: bool,
) -> String {
    if closed {
        return "<socket [closed]>".to_owned();
    }
    let mut said = ["<socket fd=", &fd.to_string()].concat();
    for (name, end) in [(", laddr=", local), (", raddr=", peer)] {
        if let Some(end) = end {
            said.push_str(name);
            said.push_str(&address(end));
        }
    }
    said.push('>');
    said
}

/// `ConnectionRefusedError: [Errno 111] Connection refused`; without the number on another system than Linux.
pub(crate) fn error(errno: &str, message: &str, on_linux: bool) -> String {
    let known = ERRORS.iter().find(|(name, ..)| *name == errno);
    let (number, class) = known.map_or(("", OTHER), |(_, number, class)| (*number, *class));
    if number.is_empty() || !on_linux {
        return [class, ": ", message].concat();
    }
    [class, ": [Errno ", number, "] ", message].concat()
}

/// The exception of a call that failed.
pub(crate) fn failure(failed: &Failed, on_linux: bool) -> String {
    error(&failed.errno, &failed.message, on_linux)
}

/// The exception that `decode` raises for these bytes; `None` if they are UTF-8.
pub(crate) fn undecodable(bytes: &[u8]) -> Option<String> {
    let wrong = std::str::from_utf8(bytes).err()?;
    let start = wrong.valid_up_to();
    let length = wrong.error_len();
    let end = length.map_or(bytes.len(), |length| start + length);
    let begins = matches!(bytes[start], 0xc2..=0xf4);
    let why = match length {
        None => "unexpected end of data",
        Some(_) if begins => "invalid continuation byte",
        Some(_) => "invalid start byte",
    };
    let place = start.to_string();
    let place = if end - start == 1 {
        ["byte 0x", &hex(bytes[start]), " in position ", &place].concat()
    } else {
        ["bytes in position ", &place, "-", &(end - 1).to_string()].concat()
    };
    Some(
        [
            "UnicodeDecodeError: 'utf-8' codec can't decode ",
            &place,
            ": ",
            why,
        ]
        .concat(),
    )
}

/// The traceback of an uncaught exception.
pub(crate) fn traceback(file: &str, number: usize, line: &str, exception: &str) -> String {
    [
        "Traceback (most recent call last):\n  File \"",
        file,
        "\", line ",
        &number.to_string(),
        ", in <module>\n    ",
        line.trim(),
        "\n",
        exception,
        "\n",
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_printed_as_python_does() {
        assert_eq!(text("it's"), "\"it's\"");
        assert_eq!(text("a\"'b\\\n\u{1}\u{85}"), r#"'a"\'b\\\n\x01\x85'"#);
        assert_eq!(text("世界"), "'世界'");
        assert_eq!(
            bytes("it's\n\u{7f}世".as_bytes()),
            r#"b"it's\n\x7f\xe4\xb8\x96""#
        );
        assert_eq!(bytes(b""), "b''");
        let long = "a".repeat(MOST + 1);
        assert!(text(&long).ends_with("a'…"));
    }

    /// Checked against Python 3.
    #[test]
    fn what_cannot_be_decoded_is_told_as_python_does() {
        for (bytes, place, why) in [
            (
                &b"ab\xff"[..],
                "byte 0xff in position 2",
                "invalid start byte",
            ),
            (
                b"ab\xc3",
                "byte 0xc3 in position 2",
                "unexpected end of data",
            ),
            (
                b"\xe4\xb8A",
                "bytes in position 0-1",
                "invalid continuation byte",
            ),
            (
                b"\xe4A",
                "byte 0xe4 in position 0",
                "invalid continuation byte",
            ),
            (
                b"\xe4\xb8",
                "bytes in position 0-1",
                "unexpected end of data",
            ),
            (
                b"\xed\xa0\x80",
                "byte 0xed in position 0",
                "invalid continuation byte",
            ),
            (b"\xf5", "byte 0xf5 in position 0", "invalid start byte"),
            (b"\xc0\x80", "byte 0xc0 in position 0", "invalid start byte"),
            (
                b"\xf0\x9f\x98",
                "bytes in position 0-2",
                "unexpected end of data",
            ),
            (
                b"\xf4\x90\x80\x80",
                "byte 0xf4 in position 0",
                "invalid continuation byte",
            ),
        ] {
            let said = format!("UnicodeDecodeError: 'utf-8' codec can't decode {place}: {why}");
            assert_eq!(undecodable(bytes), Some(said));
        }
        assert_eq!(undecodable("世界".as_bytes()), None);
    }

    #[test]
    fn errors_have_pythons_class_and_the_systems_number() {
        let refused = |on_linux| error("ECONNREFUSED", "Connection refused", on_linux);
        assert_eq!(
            refused(true),
            "ConnectionRefusedError: [Errno 111] Connection refused"
        );
        assert_eq!(refused(false), "ConnectionRefusedError: Connection refused");
        assert_eq!(
            error("EMSGSIZE", "Message too long", true),
            "OSError: [Errno 90] Message too long"
        );
    }
}
