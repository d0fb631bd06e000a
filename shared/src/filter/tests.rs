//! Filters on real packets and on calls; and random texts, none of which may panic.

use super::*;
use crate::dissect::{Key, Link, Streams, Summary, find};
use std::net::Ipv4Addr;

/// `hello` to port 12000, captured on loopback.
const DATAGRAM: &str = "000000000000000000000000080045000021c98e4000401172ee7f0000017f4d0001cef52ee0000dfe6d68656c6c6f";
/// The ICMP error for such a datagram.
const REFUSED: &str = "000000000000000000000000080045c00049624c0000400119597f4d00017f0000010303071e000000004500002df041400040114c2f7f00\
    00017f4d0001cef52ee00019fe79697320616e79626f64792074686572653f";
/// The first segment of a connection.
const SYN: &str = "00000000000000000000000008004500003c35a64000400606c77f0000017f4d00018ee82ee00c62735600000000a002ffd7fe7d00000204\
    ffd70402080a247c32c9000000000103030a";
/// A datagram over IPv6.
const SIX: &str = "00000000000000000000000086dd6009424d001911400000000000000000000000000000000100000000000000000000000000000001\
    9aeb2ee00019002c697320616e79626f64792074686572653f";

const SAMPLES: [&str; 4] = [DATAGRAM, REFUSED, SYN, SIX];

fn bytes(hex: &str) -> Vec<u8> {
    let byte = |pair: &[u8]| {
        u8::from_str_radix(std::str::from_utf8(pair).expect("digits"), 16).expect("hex")
    };
    hex.as_bytes().chunks(2).map(byte).collect()
}

fn matches(filter: &str, row: &dyn Row) -> bool {
    Filter::parse(filter)
        .unwrap_or_else(|error| panic!("{filter}: {error:?}"))
        .matches(row)
}

fn shows(filter: &str, hex: &str) -> bool {
    let frame = bytes(hex);
    let summary = Summary::of(Link::Ethernet, &frame);
    let analysis = Streams::default().feed(7, &summary);
    matches(filter, &row(&frame, &summary, analysis.as_ref()))
}

fn row<'a>(
    frame: &'a [u8],
    summary: &'a Summary,
    analysis: Option<&'a crate::dissect::Analysis>,
) -> PacketRow<'a> {
    let length = frame.len() as u64;
    PacketRow {
        number: 7,
        length,
        link: Link::Ethernet,
        frame,
        summary,
        analysis,
        process: None,
        side: Some("client"),
    }
}

const CALL: CallRow<'_> = CallRow {
    name: "sendto",
    errno: Some("ECONNREFUSED"),
    blocked: false,
    len: None,
    data: Some(b"hello"),
    truncated: None,
    port: Some(49_152),
    peer: Some("nobody"),
    word: None,
    process: "UDPClient.py",
    side: "client",
    transport: "udp",
};

/// Each filter with whether it shows the datagram, the refusal, the SYN and the datagram over IPv6.
#[test]
fn packets_are_shown_or_hidden() {
    let cases: &[(&str, [bool; 4])] = &[
        ("", [true, true, true, true]),
        ("udp", [true, true, false, true]),
        ("tcp or icmp", [false, true, true, false]),
        (
            "udp.port == 12000 && ip.src == 127.0.0.1 && frame.len > 40",
            [true, true, false, false],
        ),
        ("udp.port == 12000 and not icmp", [true, false, false, true]),
        ("tcp.flags.syn == 1", [false, false, true, false]),
        ("tcp.flags.ack", [false, false, true, false]),
        ("tcp.flags.ack == TRUE", [false, false, false, false]),
        ("tcp.flags & 0x12", [false, false, true, false]),
        ("tcp.options.mss_val", [false, false, true, false]),
        (
            "tcp.options.mss_val in {1460, 65000..65535}",
            [false, false, true, false],
        ),
        ("ip.addr == 127.77.0.0/16", [true, true, true, false]),
        ("ip.addr == 10.0.0.0/8", [false, false, false, false]),
        ("ipv6.addr == ::/0", [false, false, false, true]),
        ("ip.src < 127.1.0.0", [true, true, true, false]),
        ("data contains \"hello\"", [true, false, false, false]),
        ("frame contains 68:65:6C", [true, false, false, false]),
        (
            "udp.payload contains \"any\\x62ody\"",
            [false, true, false, true],
        ),
        ("data == 68-65-6c-6c-6f", [true, false, false, false]),
        ("eth.src == 00:00:00:00:00:00", [true, true, true, true]),
        (
            "frame.number == 7 and lab.side == \"client\"",
            [true, true, true, true],
        ),
        (
            "tcp.seq == 0 and tcp.seq_raw == 0x0c627356",
            [false, false, true, false],
        ),
        (
            "ip.checksum.status == 1 && !(udp.checksum.status eq 1)",
            [true, true, true, false],
        ),
        ("udp.port in {0x2ee0}", [true, true, false, true]),
        ("udp.port not in {12000}", [false, false, true, false]),
        ("tcp[13] & 2", [false, false, true, false]),
        (
            "tcp[13] == 2 && tcp[13] == 0x02",
            [false, false, true, false],
        ),
        ("udp[2:2] == 2e:e0", [true, true, false, true]),
        ("udp[2-3] == 2ee0", [true, true, false, true]),
        ("data[:2,4:] == 68:65:6f", [true, false, false, false]),
        ("ip.src[0] == 7f", [true, true, true, false]),
        (
            "len(data) == 5 and len(ip.src) == 4",
            [true, false, false, false],
        ),
        ("count(ip.addr) > 2", [false, true, false, false]),
        (
            "ip.src == ip.dst or ipv6.src == ipv6.dst",
            [false, true, false, true],
        ),
        ("any ip.addr != 127.0.0.1", [true, true, true, false]),
        ("all udp.port > 20000", [false, false, false, false]),
        (
            "ip.checksum.status == \"good\" && !(udp.checksum.status == Bad)",
            [true, true, true, false],
        ),
        ("len(udp) == 8 or len(tcp) == 40", [true, true, true, true]),
        ("udp[8] or tcp[40]", [false, false, false, false]),
        ("udp[7] and ip[19]", [true, true, false, false]),
        ("not arp and not dns", [true, true, true, true]),
        ("http or tls", [false, false, false, false]),
    ];
    for (filter, expected) in cases {
        assert_eq!(
            SAMPLES.map(|sample| shows(filter, sample)),
            *expected,
            "{filter}"
        );
    }
}

#[test]
fn calls_are_shown_or_hidden() {
    assert!(matches(
        "call.name == \"sendto\" && call.errno == \"ECONNREFUSED\"",
        &CALL
    ));
    assert!(matches("call and process.name contains \"Client\"", &CALL));
    assert!(matches("lab.side in {\"client\", \"server\"}", &CALL));
    assert!(!matches(
        "call.errno",
        &CallRow {
            errno: None,
            ..CALL
        }
    ));
    assert!(!matches("udp or frame.len >= 0", &CALL));
}

#[test]
fn calls_are_filtered_by_their_outcome() {
    for (filter, expected) in [
        ("call.data contains \"ell\" && call.port >= 1024", true),
        ("call.peer == \"nobody\" && lab.transport == \"udp\"", true),
        ("call.blocked == 0 && !call.len && !call.word", true),
        ("call.blocked == 1 or call.truncated", false),
        ("edge.fate or edge.direction or lab.server", false),
    ] {
        assert_eq!(matches(filter, &CALL), expected, "{filter}");
    }
    let cut = CallRow {
        name: "recvfrom",
        errno: None,
        blocked: true,
        len: Some(4),
        truncated: Some(true),
        word: Some("SHUT_WR"),
        ..CALL
    };
    let filter =
        "call.blocked == 1 && call.len < 5 && call.truncated == 1 && call.word == \"SHUT_WR\"";
    assert!(matches(filter, &cut));
}

#[test]
fn edge_and_server_events_are_filtered() {
    let lost = EventRow {
        fate: Some("lost"),
        direction: Some("reply"),
        server: None,
        transport: "udp",
    };
    let dead = EventRow {
        server: Some("dead"),
        transport: "tcp",
        ..EventRow::default()
    };
    for (filter, expected) in [
        (
            "edge.fate == \"lost\" && edge.direction == \"reply\"",
            [true, false],
        ),
        (
            "lab.server == \"dead\" && lab.transport == \"tcp\"",
            [false, true],
        ),
        ("call or frame", [false, false]),
        ("lab.transport", [true, true]),
    ] {
        assert_eq!(
            [matches(filter, &lost), matches(filter, &dead)],
            expected,
            "{filter}"
        );
    }
}

/// `!=` is true if there is a value and all values differ; `not` negates the result.
#[test]
fn not_equal_is_about_all_values() {
    assert!(!shows("ip.addr != 127.0.0.1", DATAGRAM));
    assert!(shows("ip.addr != 10.0.0.1", DATAGRAM));
    assert!(
        !shows("ip.addr != 10.0.0.1", SIX),
        "no address differs where there is none"
    );
    assert!(shows("!(ip.addr == 10.0.0.1)", SIX));
}

#[test]
fn and_binds_closer_than_or() {
    assert!(shows("udp || tcp && icmp", DATAGRAM));
    assert!(!shows("(udp || tcp) && icmp", DATAGRAM));
    assert!(shows("not tcp and udp", DATAGRAM));
}

/// Each text with its wrong part and the key of the reason.
#[test]
fn errors_carry_their_range() {
    let cases = [
        ("udp.prot == 1", "udp.prot", "filter.unknown_field_nearest"),
        ("weather == 1", "weather", "filter.unknown_field"),
        ("udp = 1", "=", "filter.single"),
        ("udp | tcp", "|", "filter.single"),
        ("udp.port == 70000", "70000", "filter.too_large"),
        ("udp.port == hello", "hello", "filter.wrong_value"),
        ("udp.port ==", "", "filter.expected_value"),
        ("udp.port == &&", "&&", "filter.expected_value"),
        ("udp.port contains 5", "contains", "filter.wrong_operator"),
        ("tcp.flags.syn < 1", "<", "filter.wrong_operator"),
        ("data & 1", "&", "filter.wrong_operator"),
        ("ip.src == 300.1.1.1", "300.1.1.1", "filter.wrong_value"),
        ("ip.src == 10.0.0.0/33", "10.0.0.0/33", "filter.wrong_value"),
        ("call.name == sendto", "sendto", "filter.wrong_value"),
        ("call.name == \"send", "\"send", "filter.unclosed_quote"),
        ("call.name == \"\\q\"", "\"\\q\"", "filter.bad_escape"),
        ("udp.port in 5", "5", "filter.expected_set"),
        ("udp.port in {5, 6", "{", "filter.unclosed_set"),
        ("tcp[x] == 1", "x", "filter.bad_slice"),
        ("tcp[1", "[", "filter.bad_slice"),
        ("udp.port[0] == 1", "[", "filter.wrong_operator"),
        ("len(udp.port) == 2", "len", "filter.wrong_operator"),
        ("len(data)", "", "filter.expected_value"),
        ("any ip.addr", "", "filter.expected_value"),
        ("ip.src == ipv6.src", "ipv6.src", "filter.wrong_value"),
        ("udp.port in {9..5}", "..", "filter.backward_range"),
        ("udp.port not == 5", "==", "filter.expected_set"),
        ("(udp", "(", "filter.unclosed_parenthesis"),
        ("udp tcp", "tcp", "filter.expected_connection"),
        ("udp)", ")", "filter.expected_connection"),
        ("udp and", "", "filter.expected_field"),
        ("12000 == udp.port", "12000", "filter.expected_field"),
        ("udp 你", "你", "filter.unexpected_character"),
        ("“hello”", "“", "filter.unexpected_character"),
    ];
    for (text, part, key) in cases {
        let error = Filter::parse(text).expect_err(text);
        assert_eq!(
            (&text[error.range.clone()], error.reason.key()),
            (part, key),
            "{text}"
        );
    }
}

#[test]
fn an_error_has_the_arguments_of_its_text() {
    let arguments = |text: &str| {
        let arguments = Filter::parse(text).expect_err(text).arguments(text);
        arguments
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        arguments("tcp or udp.prot"),
        ["part=udp.prot", "field=udp.port", "type=number"]
    );
    assert_eq!(
        arguments("udp.port == 70000"),
        ["part=70000", "field=udp.port", "type=number", "most=65535"]
    );
    assert_eq!(
        arguments("data & 1"),
        ["part=&", "field=data", "type=protocol"]
    );
}

#[test]
fn nesting_is_limited() {
    let deep = |levels: usize| format!("{}udp{}", "(".repeat(levels), ")".repeat(levels));
    assert!(Filter::parse(&deep(60)).is_ok());
    assert_eq!(
        Filter::parse(&deep(100_000)).expect_err("too deep").reason,
        Reason::TooDeep
    );
    assert_eq!(
        Filter::parse(&"!".repeat(100_000))
            .expect_err("too deep")
            .reason,
        Reason::TooDeep
    );
    assert!(
        Filter::parse(&["udp"; 10_000].join(" or ")).is_ok(),
        "a long chain is not deep"
    );
    assert!(Filter::parse(&"1..".repeat(100_000)).is_err());
}

#[test]
fn fields_are_offered_where_they_may_stand() {
    let offered = |text: &str| {
        let cursor = text.find('|').expect("a cursor");
        let completion = complete(&text.replace('|', ""), cursor);
        completion
            .candidates
            .iter()
            .map(|candidate| candidate.name)
            .collect::<Vec<_>>()
    };
    assert_eq!(offered("udp.p|"), ["udp.port", "udp.payload"]);
    assert_eq!(offered("tcp && UDP.P|"), ["udp.port", "udp.payload"]);
    assert_eq!(offered("!(call.n|"), ["call.name"]);
    assert_eq!(offered("mss|"), ["tcp.options.mss", "tcp.options.mss_val"]);
    assert_eq!(offered("any udp.p|"), ["udp.port", "udp.payload"]);
    assert_eq!(offered("tcp or all udp.p|"), ["udp.port", "udp.payload"]);
    assert_eq!(
        offered("len(udp.p|"),
        ["udp.payload"],
        "a port has no bytes"
    );
    assert_eq!(offered("count(udp.p|"), ["udp.port", "udp.payload"]);
    assert_eq!(offered("udp any |"), [] as [&str; 0]);
    assert_eq!(offered("udp.port|"), [] as [&str; 0]);
    assert_eq!(offered("udp.port == |"), [] as [&str; 0]);
    assert_eq!(offered("udp |"), [] as [&str; 0]);
    assert_eq!(offered("call.name == \"ud|"), [] as [&str; 0]);
    assert_eq!(offered("call.p|"), [] as [&str; 0], "no packet has it");
    assert!(offered("|").len() + 5 == Field::ALL.len());
    assert_eq!(complete("tcp && udp.xx", 9).replace, 7..13);
}

/// A repeatable random number generator (Marsaglia's xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).expect("64 bits") % sides
    }
}

const PIECES: [&str; 52] = [
    "[",
    "]",
    "any",
    "all",
    "len",
    "count",
    "0:2",
    "-1",
    "udp.port",
    "tcp",
    "ip.addr",
    "ipv6.addr",
    "data",
    "call.name",
    "tcp.flags.syn",
    "eth.src",
    "frame.len",
    "==",
    "!=",
    "<",
    ">=",
    "&&",
    "and",
    "or",
    "||",
    "!",
    "not",
    "in",
    "contains",
    "(",
    ")",
    "{",
    "}",
    ",",
    "..",
    "5",
    "0x2ee0",
    "127.0.0.0/8",
    "::1/64",
    "48:45",
    "\"hello\"",
    "\"\\x4",
    "\"",
    "\\",
    "你",
    "=",
    "&",
    "0",
    "0x",
    "1..",
    " ",
    "\u{a0}",
];

#[test]
fn no_text_panics() {
    let mut dice = Dice(0x5eed);
    let frame = bytes(DATAGRAM);
    let summary = Summary::of(Link::Ethernet, &frame);
    for _ in 0..20_000 {
        let pieces = 1 + dice.roll(12);
        let text: Vec<&str> = (0..pieces)
            .map(|_| PIECES[dice.roll(PIECES.len())])
            .collect();
        let text = text.join(if dice.roll(2) == 0 { " " } else { "" });
        let _ = complete(&text, dice.roll(text.len() + 3));
        match Filter::parse(&text) {
            Ok(filter) => {
                let _ = filter.matches(&row(&frame, &summary, None)) || filter.matches(&CALL);
            }
            Err(error) => {
                assert!(text.get(error.range.clone()).is_some(), "{text}: {error:?}");
                assert!(!error.reason.key().is_empty());
                let _ = error.arguments(&text);
            }
        }
    }
}

/// The summary has the same values as the dissected bytes, for damaged packets too.
#[test]
fn summary_and_dissection_agree() {
    let mut dice = Dice(0xbeef);
    for _ in 0..400 {
        let mut frame = bytes(SAMPLES[dice.roll(SAMPLES.len())]);
        for _ in 0..dice.roll(4) {
            let at = dice.roll(frame.len());
            frame[at] = u8::try_from(dice.roll(256)).expect("a byte");
        }
        if dice.roll(4) == 0 {
            frame.truncate(dice.roll(frame.len()));
        }
        let summary = Summary::of(Link::Ethernet, &frame);
        let row = row(&frame, &summary, None);
        let only_row = [Key::FrameNumber, Key::TcpStream, Key::TcpWindowSize];
        for key in Key::ALL.iter().filter(|key| !only_row.contains(key)) {
            let (mut short, mut long) = (Vec::new(), Vec::new());
            row.values(Field::Packet(*key), &mut |value| {
                short.push(format!("{value:?}"))
            });
            find(Link::Ethernet, &frame, *key, &mut |value, _| {
                long.push(format!("{:?}", row::borrowed(value, &frame)))
            });
            assert_eq!(short, long, "{} of {frame:?}", key.name());
            assert_eq!(
                row.has(Field::Packet(*key)),
                !long.is_empty(),
                "{}",
                key.name()
            );
        }
    }
}

#[test]
fn addresses_compare_as_numbers() {
    struct AddressRow(Ipv4Addr);
    impl Row for AddressRow {
        fn values(&self, _: Field, found: &mut dyn FnMut(Value<'_>)) {
            found(Value::Ip(self.0.into()));
        }
    }
    assert!(matches(
        "ip.src < 10.0.0.10",
        &AddressRow(Ipv4Addr::new(10, 0, 0, 9))
    ));
    assert!(matches(
        "ip.src in {10.0.0.2..10.0.0.9, 192.168.0.0/16}",
        &AddressRow(Ipv4Addr::new(192, 168, 3, 4))
    ));
}
