//! Display filters: what the page's language shows of a trace, and what Wireshark shows of the same file.

use std::net::{Ipv6Addr, UdpSocket};

use shared::{
    call::{
        Call, Target,
        Transport::{Tcp, Udp},
    },
    dissect::{Analysis, Protocol, Streams, Summary, complete_checksums},
    filter::{Filter, PacketRow},
    message::Ask,
    saved::{Form, pcapng},
    trace::{Event, Packet, What},
};
use tests::{calls::ExpectReply, capture::Capture, page::Page, relay::Relay, trace::Trace};

const FILTERS: &str = include_str!("filters.txt");

/// How many filters the table has at least.
const MIN_FILTERS: usize = 200;

#[tokio::test]
async fn filters_show_the_packets_that_wireshark_shows() {
    let relay = Relay::start(&[]);
    let Some(mut events) = all_kinds_of_packets(&relay).await else {
        return;
    };
    let has_ipv6 = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    let over_ipv6 = has_ipv6.then(|| Relay::launch("127.0.0.1:0", "[::1]:0", &[]));
    if let Some(relay) = &over_ipv6 {
        events.extend(all_kinds_of_packets(relay).await.expect("packets"));
    }
    let relays: Vec<&Relay> = [&relay].into_iter().chain(&over_ipv6).collect();
    let filters: Vec<String> = FILTERS
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| with_ports(line, &relay))
        .collect();
    assert!(filters.len() >= MIN_FILTERS, "{}", filters.len());
    let mut differences = Vec::new();
    for form in [Form::Captured, Form::Completed] {
        let (bytes, packets) = pcapng(events.iter(), form);
        let rows = Rows::new(&events, form);
        assert_eq!(rows.0.len(), packets);
        let found = Capture::of(&relays, &bytes).numbers(&filters);
        for (filter, found) in filters.iter().zip(found) {
            // What the kernel left to the network card, the page calls unverified, and Wireshark 4.0 bad.
            if form == Form::Captured && filter.contains("checksum.status") {
                continue;
            }
            let shown = rows.shown(filter);
            if shown.is_none() || shown != found {
                differences.push(format!(
                    "{form:?}: {filter}\n  page {shown:?}\n  Wireshark {found:?}"
                ));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// A trace with datagrams, connections that end and that are refused, and a refused datagram; `None` where nothing can
/// be captured.
async fn all_kinds_of_packets(relay: &Relay) -> Option<Vec<Event>> {
    let mut page = Page::open(relay).await;
    if !page.sees_packets() {
        return None;
    }
    assert_eq!(page.exchanges_by_udp("hello").await, "HELLO");
    assert_eq!(page.exchanges_by_udp("hello 世界").await, "HELLO 世界");
    assert_eq!(page.exchanges_by_tcp("hello").await, "HELLO");
    let fd = page.connects(Tcp).await;
    page.sends_data(fd, "hello 世界").await;
    assert_eq!(page.reads(fd, 3).await, "HEL");
    // What is not read yet makes close() reset the connection.
    page.makes(Call::Close { fd }).await;
    for transport in [Tcp, Udp] {
        page.asks(Ask::StopServer { transport }).await.returned();
    }
    let fd = page.makes_socket(Tcp).await;
    let to = Target::Server;
    assert_eq!(
        page.fails(Call::Connect { fd, to }).await.errno,
        "ECONNREFUSED"
    );
    let fd = page.connects(Udp).await;
    page.sends_data(fd, "hello").await;
    let refused = page.fails(Call::Recv { fd, size: 16 }).await;
    assert_eq!(refused.errno, "ECONNREFUSED");
    let is_refusal = |packet: &Packet| {
        let protocol = Summary::of(packet.link, &packet.bytes).protocol;
        protocol == Protocol::Icmp || protocol == Protocol::Icmpv6
    };
    let has_refusal = |trace: &Trace| packets(&trace.events).any(is_refusal);
    Some(Trace::watched(&mut page, has_refusal).await.events)
}

fn packets(events: &[Event]) -> impl Iterator<Item = &Packet> {
    events.iter().filter_map(|event| {
        if let What::Packet(packet) = &event.what {
            Some(&**packet)
        } else {
            None
        }
    })
}

/// The filter with the ports of this relay.
fn with_ports(filter: &str, relay: &Relay) -> String {
    let mut filter = filter.to_owned();
    for (name, port) in [("$udp", relay.udp.port()), ("$tcp", relay.tcp.port())] {
        let [high, low] = port.to_be_bytes();
        filter = filter.replace(&format!("{name}_bytes"), &format!("{high:02x}:{low:02x}"));
        filter = filter.replace(name, &port.to_string());
    }
    filter
}

/// The packets of a capture file as the page sees them.
struct Rows(Vec<Seen>);

struct Seen {
    packet: Packet,
    summary: Summary,
    analysis: Option<Analysis>,
}

impl Rows {
    fn new(events: &[Event], form: Form) -> Self {
        let mut streams = Streams::default();
        let numbered = (1..).zip(packets(events));
        let seen = numbered.map(|(number, packet)| {
            let mut packet = packet.clone();
            if form == Form::Completed {
                complete_checksums(packet.link, &mut packet.bytes);
            }
            let summary = Summary::of(packet.link, &packet.bytes);
            let analysis = streams.feed(number, &summary);
            Seen {
                packet,
                summary,
                analysis,
            }
        });
        Self(seen.collect())
    }

    /// The numbers of the packets that the filter shows; `None` if it does not parse.
    fn shown(&self, filter: &str) -> Option<Vec<u64>> {
        let filter = Filter::parse(filter).ok()?;
        let numbered = (1..).zip(&self.0);
        let shown = numbered.filter(|(number, seen)| {
            filter.matches(&PacketRow {
                number: *number,
                length: seen.packet.length,
                link: seen.packet.link,
                frame: &seen.packet.bytes,
                summary: &seen.summary,
                analysis: seen.analysis.as_ref(),
                process: None,
                side: None,
            })
        });
        Some(shown.map(|(number, _)| number).collect())
    }
}
