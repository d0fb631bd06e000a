//! Upper-casing held to `str::to_uppercase`, over every character, every cut and every kind of broken bytes.

use std::{iter, str, sync::LazyLock};

use proptest::prelude::*;

use super::{UppercaseStream, append_uppercase};

fn upper(input: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    append_uppercase(input, &mut out);
    out
}

/// The same the slow way: std's upper case of all that is UTF-8. Also how long a cut character at the end is.
fn slow_upper(mut input: &[u8]) -> (Vec<u8>, usize) {
    let mut out = Vec::new();
    loop {
        let (valid, broken) = match str::from_utf8(input) {
            Ok(text) => (text, None),
            Err(error) => {
                let valid =
                    str::from_utf8(&input[..error.valid_up_to()]).expect("valid up to here");
                (valid, Some(error.error_len()))
            }
        };
        out.extend_from_slice(valid.to_uppercase().as_bytes());
        let rest = &input[valid.len()..];
        let length = broken.flatten().unwrap_or(rest.len());
        out.extend_from_slice(&rest[..length]);
        match broken {
            Some(Some(_)) => input = &rest[length..],
            Some(None) | None => return (out, length),
        }
    }
}

#[track_caller]
fn assert_as_slow(input: &[u8]) {
    let (expected, _) = slow_upper(input);
    assert!(
        upper(input) == expected,
        "{:?}",
        input.escape_ascii().to_string()
    );
}

/// Upper-cases the pieces as a stream and checks after each that no more is kept than must be.
#[track_caller]
fn assert_stream<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) {
    let mut stream = UppercaseStream::default();
    let mut seen = Vec::new();
    let mut out = Vec::new();
    for piece in pieces {
        stream.push(piece, &mut out);
        seen.extend_from_slice(piece);
        let (mut expected, pending) = slow_upper(&seen);
        expected.truncate(expected.len() - pending);
        assert_eq!(
            stream.pending(),
            pending,
            "after {:?}",
            seen.escape_ascii().to_string()
        );
        assert!(
            out == expected,
            "after {:?}",
            seen.escape_ascii().to_string()
        );
    }
    stream.finish(&mut out);
    assert_eq!(stream.pending(), 0);
    assert!(out == upper(&seen), "{:?}", seen.escape_ascii().to_string());
}

/// The characters that are not their own upper case, as far as this Unicode has any.
static CHANGING: LazyLock<Vec<char>> = LazyLock::new(|| {
    ('\u{80}'..'\u{20000}')
        .filter(|c| !c.to_uppercase().eq(iter::once(*c)))
        .collect()
});

/// Those of them with an upper case longer or shorter.
static RESIZED: LazyLock<Vec<char>> = LazyLock::new(|| {
    let resizes = |c: &char| c.to_uppercase().map(char::len_utf8).sum::<usize>() != c.len_utf8();
    CHANGING.iter().copied().filter(resizes).collect()
});

/// Text, broken text, and what lies between.
const NASTY: &[&[u8]] = &[
    b"",
    b"a",
    "straße".as_bytes(),
    "ΐŉﬃßıɐ".as_bytes(),
    "ὰ στίγμα ς Ω ᾳ ἀᾶ".as_bytes(),
    "日本語 カタカナ ｆｕｌｌ，".as_bytes(),
    "한국어 ქართული ꭰ ⓐⅷ".as_bytes(),
    "a𐐨b𞤢c😀d".as_bytes(),
    b"\x80\xBFx\xBF",
    b"\xC3",
    b"a\xC3b\xC3\xA4",
    b"\xC3\xC3\xA4",
    b"a\xC0\xAFb\xC1\xA1c\xE0\x83\x9Fd\xF0\x81\xA1\xA1e",
    b"\xE1\xBC\xC3\xA4\xE1\xE1\xBC\x80",
    b"a\xED\xA0\x80b\xED\xBF\xBFc\xED\x9F\xBF",
    b"\xF4\x8F\xBF\xBFa\xF4\x90\x80\x80b\xF5\x80\x80\x80c\xFFd\xFE",
    b"\xE4\xB8a\xF0\x9F\x98b\xF0\x90\x90\xC3\xA4\xF0\x90\xE1\xBC\x80",
    b"\xE4\xB8\xF0\x9F\x98",
    b"\xF0\x90\x90",
    b"\xE2\x93\x90\x90\x90\x90",
];

#[test]
fn every_character_alone() {
    for c in '\0'..=char::MAX {
        let mut bytes = [0; 4];
        let input = c.encode_utf8(&mut bytes).as_bytes();
        let expected: String = c.to_uppercase().collect();
        assert!(upper(input) == expected.as_bytes(), "{c:?}");
    }
}

#[test]
fn every_character_between_others() {
    for before in ["", "a", "\u{390}", "𐐨"] {
        let text: String = ('\0'..=char::MAX)
            .flat_map(|c| before.chars().chain([c]))
            .collect();
        assert!(
            upper(text.as_bytes()) == text.to_uppercase().as_bytes(),
            "{before}"
        );
    }
}

#[test]
fn changes_at_every_place_of_a_scanned_chunk() {
    let mut changes = CHANGING.iter().cycle();
    for place in 0..140 {
        let some = changes.by_ref().take(10).map(char::to_string);
        for change in ["z", "é", "ΐ", "ᾶ", "ﬃ", "ꭰ", "𐐨", "éᾀ𐐨"]
            .map(str::to_owned)
            .into_iter()
            .chain(some)
        {
            let text = format!("{:place$}{change}", "");
            assert!(
                upper(text.as_bytes()) == text.to_uppercase().as_bytes(),
                "{change:?} at {place}"
            );
        }
    }
}

#[test]
fn nothing_but_changes() {
    for (characters, times) in [(&CHANGING, 3), (&RESIZED, 1), (&RESIZED, 40)] {
        let text = String::from_iter(characters.iter()).repeat(times);
        assert!(upper(text.as_bytes()) == text.to_uppercase().as_bytes());
    }
}

#[test]
fn what_is_not_utf8_is_upper_cased_as_ascii() {
    for (input, expected) in [
        (&b"a\x80b\xBFc"[..], &b"A\x80B\xBFC"[..]),
        (b"a\xC0\xAFb\xC1\xA1c", b"A\xC0\xAFB\xC1\xA1C"),
        (b"a\xE0\x83\x9Fb", b"A\xE0\x83\x9FB"),
        (b"a\xED\xA0\x80b", b"A\xED\xA0\x80B"),
        (
            b"a\xF4\x90\x80\x80b\xF5\x80\x80\x80c",
            b"A\xF4\x90\x80\x80B\xF5\x80\x80\x80C",
        ),
        (b"a\xE4\xB8b\xF0\x90\x90c", b"A\xE4\xB8B\xF0\x90\x90C"),
        (
            b"\xC3\xC3\xA4\xE1\xBC\xC3\xA4",
            b"\xC3\xC3\x84\xE1\xBC\xC3\x84",
        ),
        (b"a\xC3", b"A\xC3"),
    ] {
        assert_eq!(upper(input), expected);
        assert_eq!(slow_upper(input).0, expected);
    }
}

#[test]
fn all_short_sequences_of_telling_bytes() {
    const TELLING: [u8; 16] = [
        b'a', 0x80, 0x90, 0x9F, 0xA4, 0xBF, 0xC1, 0xC3, 0xDF, 0xE0, 0xE1, 0xED, 0xEF, 0xF0, 0xF4,
        0xFF,
    ];
    for number in 0..1_usize << 16 {
        let bytes = [0, 4, 8, 12].map(|shift| TELLING[number >> shift & 15]);
        assert_as_slow(&bytes);
    }
}

#[test]
fn broken_bytes_at_every_place_of_a_scanned_chunk() {
    for nasty in NASTY {
        for place in 0..140 {
            let input = [&vec![b'x'; place], *nasty, b"yz"].concat();
            assert_as_slow(&input);
            assert_as_slow(&input[..place + nasty.len()]);
        }
    }
}

#[test]
fn appends() {
    let mut out = b"before ".to_vec();
    append_uppercase("\u{390} after".as_bytes(), &mut out);
    assert_eq!(
        str::from_utf8(&out),
        Ok("before \u{399}\u{308}\u{301} AFTER")
    );
}

#[test]
fn ascii_needs_no_more_capacity_than_its_length() {
    let mut out = Vec::with_capacity(100);
    append_uppercase(&[b'a'; 100], &mut out);
    append_uppercase(b"", &mut out);
    assert_eq!(out.capacity(), 100);
}

#[test]
fn every_way_to_cut_in_three() {
    for nasty in NASTY {
        for second in 0..=nasty.len() {
            for first in 0..=second {
                assert_stream([&nasty[..first], &nasty[first..second], &nasty[second..]]);
            }
        }
        assert_stream(nasty.chunks(1));
    }
    let all = NASTY.concat();
    for cut in 0..all.len() {
        assert_stream([&all[..cut], &all[cut..]]);
    }
    assert_stream(all.chunks(1));
}

#[test]
fn a_stream_keeps_only_what_may_become_a_character() {
    let mut stream = UppercaseStream::default();
    let mut out = Vec::new();
    for (chunk, expected, pending) in [
        (&b"a\xC3"[..], &b"A"[..], 1),
        (b"", b"", 1),
        (b"\xA4\xE1", b"\xC3\x84", 1),
        (b"\xBC", b"", 2),
        (b"z", b"\xE1\xBCZ", 0),
        (b"\xF0\x90\x90", b"", 3),
        (b"\xA8\xE0", b"\xF0\x90\x90\x80", 1),
        (b"\x9F", b"\xE0\x9F", 0),
        (b"\xED\x9F", b"", 2),
        (b"\xED", b"\xED\x9F", 1),
        (b"\xA0", b"\xED\xA0", 0),
        (b"\xF5", b"\xF5", 0),
        (b"\xC1", b"\xC1", 0),
        (b"\x80\xF4", b"\x80", 1),
        (b"\x90", b"\xF4\x90", 0),
    ] {
        out.clear();
        stream.push(chunk, &mut out);
        assert_eq!((&out[..], stream.pending()), (expected, pending));
    }
    stream.push(b"\xE4\xB8", &mut out);
    out.clear();
    stream.finish(&mut out);
    assert_eq!((&out[..], stream.pending()), (&b"\xE4\xB8"[..], 0));
    stream.finish(&mut out);
    assert_eq!(out.len(), 2);
}

/// Characters as texts have them, more often those that change their length.
fn character() -> impl Strategy<Value = char> {
    prop_oneof![
        any::<char>(),
        proptest::char::range(' ', '~'),
        proptest::char::range('\u{80}', '\u{58F}'),
        proptest::char::range('\u{1E00}', '\u{2200}'),
        proptest::char::range('\u{3000}', '\u{D7A3}'),
        proptest::sample::select(&RESIZED[..]),
        proptest::sample::select(&CHANGING[..]),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(character(), 0..100).prop_map(String::from_iter)
}

/// Bytes of text with some of them broken, so that every rule of UTF-8 is broken too.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let breaks = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20);
    (text(), breaks).prop_map(|(text, breaks)| {
        let mut bytes = text.into_bytes();
        if !bytes.is_empty() {
            for (at, byte) in breaks {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
        }
        bytes
    })
}

proptest! {
    #[test]
    fn text_as_std_has_it(text in text()) {
        prop_assert_eq!(upper(text.as_bytes()), text.to_uppercase().into_bytes());
    }

    #[test]
    fn long_text_as_std_has_it(text in text(), times in 1..100_usize) {
        let text = text.repeat(times);
        prop_assert!(upper(text.as_bytes()) == text.to_uppercase().as_bytes());
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert_eq!(upper(&bytes), slow_upper(&bytes).0);
    }

    #[test]
    fn broken_text(bytes in bytes(), times in 1..50_usize) {
        let bytes = bytes.repeat(times);
        prop_assert!(upper(&bytes) == slow_upper(&bytes).0);
    }

    #[test]
    fn cut_anyhow(bytes in bytes(), cuts in prop::collection::vec(0..40_usize, 1..40)) {
        let mut rest = &bytes[..];
        let mut pieces = Vec::new();
        for length in cuts {
            let (piece, after) = rest.split_at(length.min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        pieces.push(rest);
        assert_stream(pieces);
    }
}
