//! Conversations, told segment by segment.

use super::*;
use crate::dissect::Protocol;

const CLIENT: &str = "10.0.0.1:40000";
const SERVER: &str = "10.0.0.2:12000";

/// Both sides of one conversation, with initial sequence numbers that wrap round soon.
struct Talk {
    streams: Streams,
    number: u64,
}

const CLIENT_ISN: u32 = u32::MAX - 2;
const SERVER_ISN: u32 = 5000;

impl Talk {
    fn new() -> Self {
        Self {
            streams: Streams::default(),
            number: 0,
        }
    }

    fn opened() -> Self {
        let mut talk = Self::new();
        talk.client(TcpFlags::SYN, 0, 0, 0);
        talk.server(TcpFlags::SYN.with(TcpFlags::ACK), 0, 1, 0);
        talk.client(TcpFlags::ACK, 1, 1, 0);
        talk
    }

    fn client(&mut self, flags: TcpFlags, seq: u32, ack: u32, length: usize) -> Analysis {
        let segment = self.segment(
            flags,
            CLIENT_ISN.wrapping_add(seq),
            SERVER_ISN.wrapping_add(ack),
        );
        self.feed(CLIENT, SERVER, segment, length)
    }

    fn server(&mut self, flags: TcpFlags, seq: u32, ack: u32, length: usize) -> Analysis {
        let segment = self.segment(
            flags,
            SERVER_ISN.wrapping_add(seq),
            CLIENT_ISN.wrapping_add(ack),
        );
        self.feed(SERVER, CLIENT, segment, length)
    }

    fn segment(&self, flags: TcpFlags, seq: u32, ack: u32) -> Segment {
        let scale = flags.has(TcpFlags::SYN).then_some(10);
        Segment {
            flags,
            seq,
            ack,
            window: 64,
            scale,
        }
    }

    fn feed(&mut self, source: &str, destination: &str, tcp: Segment, length: usize) -> Analysis {
        self.number += 1;
        let summary = summary(source, destination, tcp, length);
        self.streams.feed(self.number, &summary).expect("a segment")
    }
}

fn summary(source: &str, destination: &str, tcp: Segment, length: usize) -> Summary {
    Summary {
        protocol: Protocol::Tcp,
        source: Some(source.parse().expect("an address")),
        destination: Some(destination.parse().expect("an address")),
        tcp: Some(tcp),
        icmp: None,
        quoted: None,
        fragment: false,
        payload: 40..40 + length,
        payload_length: length,
        length: 40 + length,
    }
}

fn marks(analysis: Analysis) -> Vec<Mark> {
    analysis.marks.iter().collect()
}

const ACK: TcpFlags = TcpFlags::ACK;

#[test]
fn numbers_are_relative_round_the_corner() {
    let mut talk = Talk::opened();
    let data = talk.client(ACK, 1, 1, 5);
    assert_eq!((data.seq, data.ack), (1, 1));
    let answer = talk.server(ACK, 1, 6, 5);
    assert_eq!((answer.seq, answer.ack), (1, 6));
    assert!(answer.marks.is_empty());
}

#[test]
fn windows_are_scaled_after_the_handshake_only() {
    let mut talk = Talk::new();
    assert_eq!(talk.client(TcpFlags::SYN, 0, 0, 0).window, 64);
    assert_eq!(talk.server(TcpFlags::SYN.with(ACK), 0, 1, 0).window, 64);
    assert_eq!(talk.client(ACK, 1, 1, 0).window, 65536);
}

#[test]
fn windows_are_not_scaled_if_one_side_did_not_offer() {
    let mut talk = Talk::new();
    talk.client(TcpFlags::SYN, 0, 0, 0);
    let plain = Segment {
        scale: None,
        ..talk.segment(
            TcpFlags::SYN.with(ACK),
            SERVER_ISN,
            CLIENT_ISN.wrapping_add(1),
        )
    };
    talk.feed(SERVER, CLIENT, plain, 0);
    assert_eq!(talk.client(ACK, 1, 1, 0).window, 64);
}

#[test]
fn a_conversation_joined_late_starts_at_one() {
    let mut talk = Talk::new();
    let first = talk.client(ACK, 700, 300, 5);
    assert_eq!((first.seq, first.ack, first.window), (1, 1, 64));
}

#[test]
fn what_was_seen_before_is_a_retransmission() {
    let mut talk = Talk::opened();
    talk.client(ACK, 1, 1, 5);
    assert_eq!(marks(talk.client(ACK, 1, 1, 5)), [Mark::Retransmission]);
    let fin = TcpFlags::FIN.with(ACK);
    assert!(talk.client(fin, 6, 1, 0).marks.is_empty());
    assert_eq!(marks(talk.client(fin, 6, 1, 0)), [Mark::Retransmission]);
}

#[test]
fn the_handshake_can_be_sent_again() {
    let mut talk = Talk::new();
    talk.client(TcpFlags::SYN, 0, 0, 0);
    let again = talk.client(TcpFlags::SYN, 0, 0, 0);
    assert_eq!(
        (again.stream, marks(again)),
        (0, vec![Mark::Retransmission])
    );
}

#[test]
fn a_single_byte_sent_again_is_no_keep_alive() {
    let mut talk = Talk::opened();
    talk.client(ACK, 1, 1, 1);
    assert_eq!(marks(talk.client(ACK, 1, 1, 1)), [Mark::Retransmission]);
}

#[test]
fn a_gap_is_noticed_and_then_filled() {
    let mut talk = Talk::opened();
    talk.client(ACK, 1, 1, 5);
    assert_eq!(marks(talk.client(ACK, 11, 1, 5)), [Mark::LostSegment]);
    assert_eq!(marks(talk.client(ACK, 6, 1, 5)), [Mark::OutOfOrder]);
    assert_eq!(marks(talk.client(ACK, 6, 1, 5)), [Mark::Retransmission]);
    assert!(talk.client(ACK, 16, 1, 5).marks.is_empty());
}

#[test]
fn a_repeated_acknowledgment_counts_while_data_is_on_its_way() {
    let mut talk = Talk::opened();
    talk.client(ACK, 1, 1, 5);
    talk.server(ACK, 1, 6, 0);
    let first = talk.number;
    assert!(
        talk.server(ACK, 1, 6, 0).marks.is_empty(),
        "nothing is on its way"
    );
    talk.client(ACK, 6, 1, 5);
    for count in 1..=3 {
        let repeated = talk.server(ACK, 1, 6, 0);
        assert_eq!(marks(repeated), [Mark::DuplicateAck]);
        assert_eq!(repeated.duplicate, Some(Duplicate { of: first, count }));
    }
    assert!(talk.server(ACK, 1, 11, 0).marks.is_empty());
}

#[test]
fn a_full_window_is_probed_and_opens_again() {
    let mut talk = Talk::opened();
    talk.server(ACK, 1, 1, 0);
    assert_eq!(marks(talk.client(ACK, 1, 1, 65536)), [Mark::WindowFull]);
    let closed = Segment {
        window: 0,
        ..talk.segment(ACK, SERVER_ISN + 1, CLIENT_ISN.wrapping_add(65537))
    };
    assert_eq!(
        marks(talk.feed(SERVER, CLIENT, closed, 0)),
        [Mark::ZeroWindow]
    );
    assert_eq!(
        marks(talk.client(ACK, 65536, 1, 0)),
        [Mark::ZeroWindowProbe]
    );
    assert_eq!(
        marks(talk.feed(SERVER, CLIENT, closed, 0)),
        [Mark::ZeroWindow]
    );
    assert_eq!(marks(talk.server(ACK, 1, 65537, 0)), [Mark::WindowUpdate]);
}

#[test]
fn a_keep_alive_is_answered() {
    let mut talk = Talk::opened();
    talk.client(ACK, 1, 1, 5);
    talk.server(ACK, 1, 6, 0);
    assert_eq!(marks(talk.client(ACK, 5, 1, 0)), [Mark::KeepAlive]);
    assert_eq!(marks(talk.server(ACK, 1, 6, 0)), [Mark::KeepAliveAck]);
}

#[test]
fn the_same_ports_can_talk_again() {
    let mut talk = Talk::opened();
    let syn = Segment {
        seq: 77,
        ..talk.segment(TcpFlags::SYN, 77, 0)
    };
    let again = talk.feed(CLIENT, SERVER, syn, 0);
    assert_eq!(
        (again.stream, again.seq, marks(again)),
        (1, 0, vec![Mark::ReusedPorts])
    );
}

#[test]
fn conversations_are_counted_and_the_quiet_forgotten() {
    let mut streams = Streams::default();
    let tcp = Segment {
        flags: TcpFlags::SYN,
        seq: 1,
        ack: 0,
        window: 1,
        scale: None,
    };
    for client in 0..20_000_u32 {
        let source = format!("10.0.{}.1:{}", client / 10_000, 1024 + client % 10_000);
        let analysis = streams
            .feed(client.into(), &summary(&source, SERVER, tcp, 0))
            .expect("a segment");
        assert_eq!(analysis.stream, client);
    }
    assert!(streams.recent.len() + streams.quiet.len() <= 2 * REMEMBERED);
    let last = summary("10.0.1.1:11023", SERVER, tcp, 0);
    assert_eq!(
        streams.feed(0, &last).map(|analysis| analysis.stream),
        Some(19_999),
        "still remembered"
    );
}
