//! What the table and the fields of the page say of each packet, beside what another analyser finds in the same.

use shared::{
    call::{
        Call,
        Transport::{Tcp, Udp},
    },
    trace::CallName,
};
use tests::{
    address_allocator,
    browser::Browser,
    capture::Capture,
    inspector::{Arrow, Line, PacketRow},
    page::Page,
    relay::Relay,
    story::{BrowserOptions, story},
    timeout::until,
    trace::{TCP_SERVER, Trace},
};

/// What is asked of tshark, in the order of [`Found::of`].
const FIELDS: [&str; 16] = [
    "frame.len",
    "ip.proto",
    "ip.src",
    "ip.dst",
    "udp.srcport",
    "udp.dstport",
    "udp.length",
    "tcp.srcport",
    "tcp.dstport",
    "tcp.flags",
    "tcp.seq",
    "tcp.ack",
    "tcp.window_size",
    "tcp.len",
    "icmp.type",
    "icmp.code",
];

#[tokio::test]
async fn tshark_agrees_with_the_page_on_sentences_and_refusals() {
    let relay = Relay::start_at(address_allocator::own_host(), &[]);
    if !Page::open(&relay).await.sees_packets() {
        return;
    }
    story(&relay, BrowserOptions::default(), async |browser| {
        browser.exchanges(Udp, "hello 世界", "HELLO 世界").await;
        let rows = agrees(&relay, browser, "a sentence by UDP", |rows| rows.len() == 2).await;
        assert_eq!(infos(&rows), ["Len=12", "Len=12"]);

        browser.exchanges(Tcp, "hello 世界", "HELLO 世界").await;
        let rows = agrees(&relay, browser, "a sentence by TCP", is_over).await;
        assert_eq!(carried(&rows), [12, 12]);

        browser.clicks_label_of("keep").await;
        browser.types("half").await;
        browser.sends().await;
        browser.reads_reply("HALF").await;
        browser.clicks("#end-sending").await;
        let rows = agrees(&relay, browser, "a half-close", is_over).await;
        assert_eq!(carried(&rows), [4, 4]);
        let server = relay.tcp.to_string();
        let first = rows.iter().find(|row| row.cell("info").contains("FIN"));
        let first = first.expect("a FIN").cell("destination");
        assert_eq!(first, server, "the client ends its half first");
        browser.clicks_label_of("keep").await;

        browser.clicks("#server-stop").await;
        browser.sees("#server[data-state=stopped]").await;
        cleared(browser).await;
        browser.sends().await;
        browser
            .sees("#calls [data-call=connect][data-errno=ECONNREFUSED]")
            .await;
        let rows = agrees(&relay, browser, "a refused connection", |rows| {
            rows.len() == 2
        })
        .await;
        assert!(rows[1].cell("info").starts_with("[RST, ACK]"), "{rows:#?}");

        browser.chooses(Udp).await;
        browser.clicks("#server-stop").await;
        browser.sees("#server[data-state=stopped]").await;
        cleared(browser).await;
        browser.sends().await;
        let rows = agrees(&relay, browser, "a closed port", |rows| rows.len() == 2).await;
        let refusal = (rows[1].protocol.as_str(), rows[1].cell("info"));
        assert_eq!(
            refusal,
            ("icmp", "Destination unreachable (Port unreachable)")
        );
        browser.clicks("#cancel").await;
    })
    .await;
}

#[tokio::test]
async fn tshark_agrees_with_the_page_where_one_recv_is_not_one_send() {
    let relay = Relay::start_at(address_allocator::own_host(), &["--program", "book"]);
    let mut first = Page::open(&relay).await;
    if !first.sees_packets() {
        return;
    }
    story(&relay, BrowserOptions::default(), async |browser| {
        browser.chooses(Tcp).await;
        browser.pastes(&"a".repeat(3_000)).await;
        browser.sends().await;
        let is_reset = |rows: &[PacketRow]| rows.iter().any(|row| row.cell("info").contains("RST"));
        let rows = agrees(&relay, browser, "3,000 bytes into recv(1024)", is_reset).await;
        assert_eq!(carried(&rows), [3_000, 1_024]);
        browser
            .waits_until("!document.getElementById('reply-note').textContent.match(/^\\s*$/)")
            .await;

        // The book's server serves one client at a time: the second client's sends wait together.
        let busy = first.connects(Tcp).await;
        let mut second = Page::open(&relay).await;
        let fd = second.connects(Tcp).await;
        second.sends_data(fd, "two ").await;
        second.sends_data(fd, "sends").await;
        let both = |rows: &[PacketRow]| carried(rows) == [4, 5];
        shows(browser, "both sends", both).await;
        first.sends_data(busy, "free").await;
        assert_eq!(first.reads_to_the_end(busy).await, "FREE");
        first.makes(Call::Close { fd: busy }).await;
        assert_eq!(second.reads_to_the_end(fd).await, "TWO SENDS");
        second.makes(Call::Close { fd }).await;
        let received = |trace: &Trace| trace.results(TCP_SERVER, CallName::Recv).len() == 3;
        let trace = Trace::watched(&mut second, received).await;
        let last = trace.results(TCP_SERVER, CallName::Recv).pop();
        let offset = last.and_then(|recv| recv.offset);
        assert_eq!(offset, Some(0), "one recv took it all");
        let two_over = |rows: &[PacketRow]| {
            let ends = rows.iter().filter(|row| row.cell("info").contains("FIN"));
            ends.count() == 4
                && rows
                    .last()
                    .is_some_and(|last| last.cell("info").starts_with("[ACK]"))
        };
        let rows = agrees(&relay, browser, "two sends in one recv", two_over).await;
        assert_eq!(carried(&rows), [4, 5, 4, 4, 9]);
    })
    .await;
}

/// The table as it is once a case is complete; then each row and its fields beside what tshark finds, in both forms of
/// the capture file. Ends with the page cleared for the next case.
async fn agrees(
    relay: &Relay,
    browser: &Browser,
    case: &str,
    is_complete: impl Fn(&[PacketRow]) -> bool,
) -> Vec<PacketRow> {
    let walked = shows(browser, case, is_complete).await;
    for (button, form) in [
        ("#pcapng-captured", "captured"),
        ("#pcapng-completed", "completed"),
    ] {
        let taken = browser.downloads_capture(button).await;
        let capture = Capture::new(relay, &taken.bytes);
        let found = capture.fields(&FIELDS, "");
        assert_eq!(found.len(), walked.len(), "{case}, {form}: {walked:#?}");
        for ((row, lines), found) in walked.iter().zip(&found) {
            let found = Found::of(found);
            assert_eq!(
                found,
                Found::shown(row),
                "{case}, {form}, the row: {row:#?}"
            );
            assert_eq!(
                found,
                Found::told(lines),
                "{case}, {form}, the fields: {lines:#?}"
            );
        }
        if form == "completed" {
            assert_eq!(capture.broken(), [""; 0], "{case}");
        }
    }
    let rows: Vec<&PacketRow> = walked.iter().map(|(row, _)| row).collect();
    is_in_the_ladder(browser, case, &rows).await;
    cleared(browser).await;
    walked.into_iter().map(|(row, _)| row).collect()
}

/// The ladder of the last conversation has all of its packets, each as the table has it, and no other.
async fn is_in_the_ladder(browser: &Browser, case: &str, rows: &[&PacketRow]) {
    let arrows = browser.arrows().await;
    let ends = |row: &PacketRow| {
        let mut ends = [row.cell("source"), row.cell("destination")].map(str::to_owned);
        ends.sort();
        ends
    };
    let of_arrow = |arrow: &Arrow| rows.iter().find(|row| row.seq == arrow.seq);
    let first = arrows
        .first()
        .and_then(of_arrow)
        .expect("a packet with an arrow");
    let talk = ends(first);
    let is_of_it = |row: &&&PacketRow| ends(row) == talk || row.protocol == "icmp";
    let expected: Vec<(&str, String)> =
        rows.iter().filter(is_of_it).map(|row| label(row)).collect();
    let shown: Vec<(&str, String)> = arrows
        .iter()
        .map(|arrow| (&*arrow.seq, arrow.label.replace('\u{202f}', " ")))
        .collect();
    assert_eq!(shown, expected, "{case}: the ladder beside the table");
}

/// What stands at a packet's arrow.
fn label(row: &PacketRow) -> (&str, String) {
    let info = row.cell("info");
    let flags = info
        .split_once(']')
        .map(|(flags, _)| flags.replace(['[', ','], ""));
    let length = number(info, "Len=").unwrap_or(0);
    let label = match (row.protocol.as_str(), flags) {
        ("tcp", Some(flags)) if length == 0 => flags,
        ("tcp", Some(flags)) => format!("{flags} {length} B"),
        ("udp", _) => format!("UDP {length} B"),
        _ => "ICMP unreachable".to_owned(),
    };
    (&row.seq, label)
}

/// Goes through the table until it is complete.
async fn shows(
    browser: &Browser,
    case: &str,
    is_complete: impl Fn(&[PacketRow]) -> bool,
) -> Vec<(PacketRow, Vec<Line>)> {
    browser.opens_packets().await;
    let complete = async || {
        let walked = browser.walks_through_packets().await;
        let rows: Vec<PacketRow> = walked.iter().map(|(row, _)| row.clone()).collect();
        is_complete(&rows).then_some(walked)
    };
    let walked = until(&format!("{case} in the table"), complete).await;
    browser.opens_calls().await;
    walked
}

async fn cleared(browser: &Browser) {
    browser.clicks("#clear").await;
    browser
        .waits_until("document.getElementById('packets-number').textContent === '0'")
        .await;
}

/// Both sides have ended the stream, and that was acknowledged.
fn is_over(rows: &[PacketRow]) -> bool {
    let fins = rows.iter().filter(|row| row.cell("info").contains("FIN"));
    fins.count() == 2
        && rows
            .last()
            .is_some_and(|last| last.cell("info").starts_with("[ACK]"))
}

/// How many bytes of a stream each segment carried that carried any.
fn carried(rows: &[PacketRow]) -> Vec<u64> {
    let lengths = rows
        .iter()
        .filter_map(|row| number(row.cell("info"), "Len="));
    lengths.filter(|length| *length > 0).collect()
}

fn infos(rows: &[PacketRow]) -> Vec<&str> {
    rows.iter().map(|row| row.cell("info")).collect()
}

/// The facts of a packet from any source.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    length: String,
    protocol: &'static str,
    source: String,
    destination: String,
    transport: Transport,
}

#[derive(Debug, PartialEq, Eq)]
enum Transport {
    Udp {
        length: u64,
    },
    Tcp {
        flags: String,
        seq: u64,
        ack: Option<u64>,
        window: u64,
        length: u64,
    },
    Unreachable,
}

impl Found {
    /// By tshark.
    fn of(fields: &[String]) -> Self {
        let field = |name: &str| {
            let at = FIELDS.iter().position(|field| *field == name);
            fields[at.expect("one of them")].as_str()
        };
        let count = |name: &str| -> u64 { field(name).parse().expect("a number") };
        let end = |ip: &str, port: &str| format!("{}:{}", field(ip), field(port));
        let (protocol, ports, transport) = match field("ip.proto") {
            "17" => (
                "UDP",
                ["udp.srcport", "udp.dstport"],
                Transport::Udp {
                    length: count("udp.length") - 8,
                },
            ),
            "6" => {
                let flags = field("tcp.flags").trim_start_matches("0x");
                let flags = u16::from_str_radix(flags, 16).expect("flags in hex");
                (
                    "TCP",
                    ["tcp.srcport", "tcp.dstport"],
                    Transport::Tcp {
                        flags: names(flags),
                        seq: count("tcp.seq"),
                        ack: (flags & 0x10 != 0).then(|| count("tcp.ack")),
                        window: count("tcp.window_size"),
                        length: count("tcp.len"),
                    },
                )
            }
            _ => {
                assert_eq!((field("icmp.type"), field("icmp.code")), ("3", "3"));
                ("ICMP", ["", ""], Transport::Unreachable)
            }
        };
        let ends = if ports[0].is_empty() {
            ["ip.src", "ip.dst"].map(|ip| field(ip).to_owned())
        } else {
            [end("ip.src", ports[0]), end("ip.dst", ports[1])]
        };
        let [source, destination] = ends;
        let length = field("frame.len").to_owned();
        Self {
            length,
            protocol,
            source,
            destination,
            transport,
        }
    }

    /// By the table.
    fn shown(row: &PacketRow) -> Self {
        let info = row.cell("info");
        let (protocol, transport) = match row.cell("protocol") {
            "UDP" => (
                "UDP",
                Transport::Udp {
                    length: number(info, "Len=").expect("a length"),
                },
            ),
            "TCP" => {
                let flags = info.strip_prefix('[').and_then(|info| info.split_once(']'));
                let part = |name: &str| number(info, name);
                (
                    "TCP",
                    Transport::Tcp {
                        flags: flags.expect("flags").0.to_owned(),
                        seq: part("Seq=").expect("a sequence number"),
                        ack: part("Ack="),
                        window: part("Win=").expect("a window"),
                        length: part("Len=").expect("a length"),
                    },
                )
            }
            "ICMP" => {
                assert_eq!(info, "Destination unreachable (Port unreachable)");
                ("ICMP", Transport::Unreachable)
            }
            other => panic!("{other}: {row:?}"),
        };
        Self {
            length: row.cell("length").to_owned(),
            protocol,
            source: row.cell("source").to_owned(),
            destination: row.cell("destination").to_owned(),
            transport,
        }
    }

    /// The fields of the packet; a quoted packet follows the one that quotes it.
    fn told(lines: &[Line]) -> Self {
        let plain = |name: &str| {
            let line = lines.iter().find(|line| line.field == name);
            let line = line.unwrap_or_else(|| panic!("{name} among {lines:#?}"));
            assert!(
                ["captured", "computed"].contains(&&*line.source),
                "{line:?}"
            );
            line.value
                .replace('\u{202f}', "")
                .trim_end_matches('B')
                .to_owned()
        };
        let count = |name: &str| -> u64 {
            let value = plain(name);
            value.parse().unwrap_or_else(|_| panic!("{name}: {value}"))
        };
        let end = |ip: &str, port: &str| format!("{}:{}", plain(ip), plain(port));
        let protocol = plain("ip.proto");
        let (protocol, [source, destination], transport) = match protocol.split_once(' ') {
            Some(("17", _)) => {
                let ends = [end("ip.src", "udp.srcport"), end("ip.dst", "udp.dstport")];
                (
                    "UDP",
                    ends,
                    Transport::Udp {
                        length: count("udp.length") - 8,
                    },
                )
            }
            Some(("6", _)) => {
                let ends = [end("ip.src", "tcp.srcport"), end("ip.dst", "tcp.dstport")];
                let flags = plain("tcp.flags");
                let flags = flags
                    .trim_start_matches("0x")
                    .split(' ')
                    .next()
                    .unwrap_or_default();
                let flags = u16::from_str_radix(flags, 16).expect("flags in hex");
                (
                    "TCP",
                    ends,
                    Transport::Tcp {
                        flags: names(flags),
                        seq: count("tcp.seq"),
                        ack: (flags & 0x10 != 0).then(|| count("tcp.ack")),
                        window: count("tcp.window_size"),
                        length: count("tcp.len"),
                    },
                )
            }
            _ => {
                let code = [plain("icmp.type"), plain("icmp.code")];
                assert!(code.iter().all(|code| code.starts_with('3')), "{code:?}");
                (
                    "ICMP",
                    [plain("ip.src"), plain("ip.dst")],
                    Transport::Unreachable,
                )
            }
        };
        let length = count("frame.len").to_string();
        Self {
            length,
            protocol,
            source,
            destination,
            transport,
        }
    }
}

/// The number behind a name in a row's last cell.
fn number(info: &str, name: &str) -> Option<u64> {
    let (_, rest) = info.split_once(name)?;
    let digits = rest.split(|character: char| !character.is_ascii_digit());
    digits.into_iter().next()?.parse().ok()
}

/// Flags as the table writes them (RFC 9293 §3.1).
fn names(flags: u16) -> String {
    let names = ["FIN", "SYN", "RST", "PSH", "ACK", "URG"]
        .into_iter()
        .enumerate();
    let set = names.filter(|(bit, _)| flags >> bit & 1 == 1);
    set.map(|(_, name)| name).collect::<Vec<_>>().join(", ")
}
