//! Datagrams that leave in one call are captured as one packet, and shown as the datagrams that they are; and a flood of
//! packets is captured whole, or the trace has the number that the kernel dropped.

use std::{collections::HashSet, net::UdpSocket, time::Duration};

use shared::trace::{CallName, Event, What};
use tests::{
    address_allocator, bridge::Bridge, capture::Capture, http::get, page::Page, relay::Relay,
    timeout::until,
};

/// Sentences that are on their way at the same time.
const SENTENCES: usize = 64;
/// How often that many are sent.
const ROUNDS: usize = 10;

#[tokio::test]
async fn every_datagram_of_a_burst_is_a_packet_of_its_own_call() {
    let relay = Relay::start_at(address_allocator::own_host(), &[]);
    if !Page::open(&relay).await.sees_packets() {
        return;
    }
    let mut bridge = Bridge::open(&relay, "/raw/udp").await;
    let sentence = |round: usize, nth: usize| format!("sentence {round:02} {nth:02}");
    for round in 0..ROUNDS {
        let sentences = (0..SENTENCES).map(|nth| sentence(round, nth).into_bytes());
        bridge.sends_at_once(sentences).await;
        for nth in 0..SENTENCES {
            let answer = bridge.receives_bytes("sentence 00 00".len()).await;
            assert_eq!(answer, sentence(round, nth).to_uppercase().into_bytes());
        }
    }
    let total = 2 * ROUNDS * SENTENCES;
    let events = until("all packets", async || {
        let events = kept(&relay).await;
        (packets(&events).count() >= total).then_some(events)
    })
    .await;
    assert_eq!(packets(&events).count(), total, "no more, no fewer");
    let mut callers = HashSet::new();
    for packet in packets(&events) {
        let call = packet.call.expect("a call sent it");
        assert!(callers.insert(call), "no other packet is of call {call}");
        let sent = sent_by(&events, call);
        assert!(packet.bytes.ends_with(sent), "call {call} sent these bytes");
    }
    let in_bursts = packets(&events).filter(|packet| packet.burst.is_some());
    let places: Vec<_> = in_bursts.filter_map(|packet| packet.burst).collect();
    assert!(
        places.iter().all(|place| place.index < place.count),
        "{places:?}"
    );
    for form in ["captured", "completed"] {
        let path = format!("/labs/open/trace.pcapng?form={form}");
        let file = Capture::new(&relay, &get(relay.http, &path).await.body);
        let payload = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect();
        let mut expected: Vec<String> = Vec::new();
        for round in 0..ROUNDS {
            for nth in 0..SENTENCES {
                let text = sentence(round, nth);
                expected.extend([payload(&text), payload(&text.to_uppercase())]);
            }
        }
        let mut found = file.field("udp.payload", "udp");
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{form}");
        let headers =
            "_ws.malformed || ip.checksum.status == Bad || udp.length != 22 || ip.len != 42";
        assert_eq!(file.field("frame.number", headers), [""; 0], "{form}");
        assert_eq!(file.broken().is_empty(), form == "completed");
    }
}

#[tokio::test]
async fn a_flood_is_captured_whole_or_the_missing_packets_are_counted() {
    const FLOOD: u64 = 10_000;
    let relay = Relay::start_at(
        address_allocator::own_host(),
        &["--trace-bytes", "268435456"],
    );
    if !Page::open(&relay).await.sees_packets() {
        return;
    }
    let server = relay.udp;
    let sending = tokio::task::spawn_blocking(move || {
        let socket = UdpSocket::bind((server.ip(), 0)).expect("an address");
        for nth in 0..FLOOD {
            socket.send_to(&nth.to_be_bytes(), server).expect("sent");
        }
        socket.local_addr().expect("bound").port()
    });
    let from = sending.await.expect("sent");
    let mut before = 0;
    until("the trace is at rest", async || {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let now = counter(&relay, "trace_events_total").await;
        (std::mem::replace(&mut before, now) == now).then_some(())
    })
    .await;
    let lost = counter(&relay, "capture_lost_packets_total").await;
    let capture = get(relay.http, "/labs/open/trace.pcapng").await;
    let file = Capture::new(&relay, &capture.body);
    // How many answers there are depends on the server's receive buffer.
    let requests = file.field("frame.number", &format!("udp.srcport == {from}"));
    let captured = requests.len() as u64;
    assert!(
        (FLOOD.saturating_sub(lost)..=FLOOD).contains(&captured),
        "{captured} captured and {lost} reported as lost, of {FLOOD}"
    );
    let events = kept(&relay).await;
    let reported = events.iter().filter_map(|event| {
        let What::CaptureLost { packets, .. } = event.what else {
            return None;
        };
        Some(packets)
    });
    assert_eq!(
        reported.sum::<u64>(),
        lost,
        "the trace and the metrics agree"
    );
}

/// The value of one of the relay's metrics.
async fn counter(relay: &Relay, name: &str) -> u64 {
    let metrics = get(relay.http, "/metrics").await;
    let prefix = format!("playground_{name} ");
    let mut values = metrics
        .text()
        .lines()
        .filter_map(|line| line.strip_prefix(&prefix));
    let value = values.next().expect("the metric");
    value.parse().expect("a number")
}

async fn kept(relay: &Relay) -> Vec<Event> {
    let answer = get(relay.http, "/labs/open/trace.json").await;
    let file: shared::saved::Saved = serde_json::from_slice(&answer.body).expect("a trace file");
    file.events
}

fn packets(events: &[Event]) -> impl Iterator<Item = &shared::trace::Packet> {
    events.iter().filter_map(|event| {
        let What::Packet(packet) = &event.what else {
            return None;
        };
        Some(&**packet)
    })
}

/// The bytes that a call has sent.
fn sent_by(events: &[Event], call: u64) -> &[u8] {
    let started = events.iter().filter_map(|event| event.what.call_started());
    let mut its = started.filter(|started| started.call == call);
    let started = its.next().expect("it started");
    assert!(matches!(started.name, CallName::Send | CallName::SendTo));
    let data = started.arguments.data.as_ref().expect("bytes");
    &data.0
}
