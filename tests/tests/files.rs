//! A trace as a file: JSON, and a capture file that tshark reads.

use std::{
    net::{Ipv6Addr, UdpSocket},
    process::Command,
};

use shared::{
    call::{Call, Transport::Udp},
    message::Ask,
    saved::{AS_DATA, Form, Saved, pcapng},
    trace::{CallName, Event, Link, Packet, What},
};
use tests::{
    calls::ExpectReply,
    capture::Capture,
    folder::Folder,
    http::get,
    page::Page,
    relay::Relay,
    trace::{TCP_SERVER, Trace},
};

#[tokio::test]
async fn the_saved_trace_is_the_one_the_page_saw() {
    let relay = Relay::start(&["--max-level", "l0"]);
    let mut page = Page::open(&relay).await;
    let seen = two_sentences(&mut page).await;
    let answer = get(relay.http, "/labs/open/trace.json").await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, "application/json")
    );
    assert!(answer.header("content-disposition").contains("trace.json"));
    let saved: Saved = serde_json::from_str(answer.text()).expect("a saved trace");
    assert_eq!(saved.events[..seen.events.len()], seen.events);
    assert_eq!(saved.head.truth, page.welcome.truth);
    assert_eq!(saved.head.lab.servers, page.welcome.lab.servers);
}

#[tokio::test]
async fn packets_that_were_not_captured_are_in_no_capture_file() {
    let relay = Relay::start(&["--max-level", "l0"]);
    let answer = get(relay.http, "/labs/open/trace.pcapng").await;
    assert_eq!(answer.status, 409);
    assert!(
        answer.text().contains("CAP_NET_RAW"),
        "it says what to do: {}",
        answer.text()
    );
}

#[tokio::test]
async fn another_analyser_reads_the_capture_file() {
    is_read_by_another_analyser(Relay::start(&[])).await;
}

#[tokio::test]
async fn another_analyser_reads_packets_of_ipv6() {
    if UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        eprintln!("this system has no IPv6: not told");
        return;
    }
    is_read_by_another_analyser(Relay::launch("127.0.0.1:0", "[::1]:0", &[])).await;
}

/// The port of the labs, which other analysers know as another protocol's.
#[test]
fn the_capture_file_names_the_option_that_shows_its_datagrams() {
    let packet = Packet {
        interface: "lo".to_owned(),
        link: Link::Raw,
        bytes: datagram(40_000, 12_000, b"hello"),
        length: 33,
        kernel_s: 1_700_000_000,
        kernel_ns: 0,
        checksum_unfinished: false,
        burst: None,
        process: None,
        call: None,
        direction: None,
    };
    let event = Event {
        seq: 1,
        mono_ns: 0,
        wall_us: 0,
        what: What::Packet(Box::new(packet)),
    };
    let (bytes, packets) = pcapng([event].iter(), Form::Captured);
    assert_eq!(packets, 1);
    let folder = Folder::new();
    let file = folder.keeps("packets.pcapng", &bytes);
    let protocols = |options: &[&str]| {
        let mut tshark = Command::new("tshark");
        tshark.args(["-n", "-T", "fields", "-e", "frame.protocols"]);
        let told = tshark.args(options).arg("-r").arg(&file).output();
        let told = told.expect("tshark: let tests/run install it");
        String::from_utf8(told.stdout)
            .expect("text")
            .trim()
            .to_owned()
    };
    assert_eq!(
        protocols(&[]).split(':').nth(3),
        Some("llc"),
        "else the note is needed no longer"
    );
    let options: Vec<_> = AS_DATA.split(' ').collect();
    assert_eq!(protocols(&options), "raw:ip:udp:data");
    let comment = String::from_utf8_lossy(&bytes);
    assert!(comment.contains(AS_DATA), "the file says so itself");
    let page = include_str!("../../www/index.html");
    assert!(page.contains(AS_DATA), "and the page beside the button");
}

/// A UDP datagram over IPv4 between two ports of this machine.
fn datagram(from: u16, to: u16, data: &[u8]) -> Vec<u8> {
    let length = |headers: usize| u16::try_from(headers + data.len()).expect("a short one");
    let mut bytes = vec![0x45, 0];
    bytes.extend(length(28).to_be_bytes());
    bytes.extend([0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1]);
    for field in [from, to, length(8), 0] {
        bytes.extend(field.to_be_bytes());
    }
    bytes.extend(data);
    bytes
}

async fn is_read_by_another_analyser(relay: Relay) {
    let mut page = Page::open(&relay).await;
    if !page.sees_packets() {
        assert_eq!(get(relay.http, "/labs/open/trace.pcapng").await.status, 409);
        return;
    }
    let mut seen = two_sentences(&mut page).await;
    let captured = |trace: &Trace| {
        trace
            .events
            .iter()
            .filter(|event| matches!(event.what, What::Packet(_)))
            .count()
    };
    seen.continues(&mut page, |trace| captured(trace) >= 10)
        .await;
    for event in &seen.events {
        if let What::Packet(packet) = &event.what {
            assert_eq!(packet.process, Some(page.welcome.process), "{packet:?}");
            let carries = |text: &[u8]| packet.bytes.windows(text.len()).any(|part| part == text);
            let is_of_a_call = packet.call.is_some() || !(carries(b"hello") || carries(b"HELLO"));
            assert!(is_of_a_call, "a call sent it: {packet:?}");
        }
    }
    // Refused: the answer quotes the datagram.
    page.asks(Ask::StopServer { transport: Udp })
        .await
        .returned();
    let fd = page.connects(Udp).await;
    page.sends_data(fd, "hello").await;
    let refused = page.fails(Call::Recv { fd, size: 16 }).await;
    assert_eq!(refused.errno, "ECONNREFUSED");
    seen.continues(&mut page, |trace| captured(trace) >= 12)
        .await;
    for form in ["captured", "completed"] {
        let answer = get(relay.http, &format!("/labs/open/trace.pcapng?form={form}")).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, "application/x-pcapng")
        );
        let file = Capture::new(&relay, &answer.body);
        let packets = file.field("frame.number", "");
        assert!(
            packets.len() >= 10,
            "all that was captured is in it: {packets:?}"
        );
        assert_eq!(
            file.field("frame.number", "_ws.malformed"),
            [""; 0],
            "and nothing is malformed"
        );
        let sentences = [hexadecimal("hello"), hexadecimal("HELLO")];
        let udp = format!("udp.port == {} && not icmp && not icmpv6", relay.udp.port());
        let [there, back] = sentences.each_ref().map(String::as_str);
        assert_eq!(
            file.field("udp.payload", &udp),
            [there, back, there],
            "three datagrams"
        );
        assert_eq!(file.field("frame.number", "icmp || icmpv6").len(), 1);
        assert_eq!(
            file.field("tcp.payload", "tcp.len > 0"),
            sentences,
            "two segments with data"
        );
        assert_eq!(
            file.field("tcp.flags", "tcp.flags.syn == 1").len(),
            2,
            "SYN and SYN-ACK"
        );
        let commented = file.field("frame.comment", "udp");
        assert!(
            commented
                .iter()
                .all(|comment| comment.contains("of the trace")),
            "{commented:?}"
        );
        let broken = file.broken();
        assert_eq!(broken.is_empty(), form == "completed", "{broken:?}");
    }
}

#[tokio::test]
async fn there_is_one_lab_and_it_has_two_files() {
    let relay = Relay::start(&[]);
    for path in [
        "/labs/open/trace.txt",
        "/labs/other/trace.json",
        "/labs/open/",
        "/labs/../trace.json",
    ] {
        assert_eq!(get(relay.http, path).await.status, 404, "{path}");
    }
    assert_eq!(
        get(relay.http, "/labs/open/trace.pcapng?form=other")
            .await
            .status,
        400
    );
}

async fn two_sentences(page: &mut Page) -> Trace {
    assert_eq!(page.exchanges_by_udp("hello").await, "HELLO");
    assert_eq!(page.exchanges_by_tcp("hello").await, "HELLO");
    let over = |trace: &Trace| !trace.returns(TCP_SERVER, CallName::Close).is_empty();
    Trace::watched(page, over).await
}

fn hexadecimal(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}
