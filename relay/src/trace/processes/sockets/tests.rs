//! Packets of sockets that have used one port, one after the other.

use super::*;

const MS: u64 = 1_000_000;
const FIRST: ProcessId = 11;
const SECOND: ProcessId = 22;
const FIRST_ISN: u32 = 0xffff_fff0;
const SECOND_ISN: u32 = 0x0080_0000;

fn tcp(ms: u64, from_client: bool, opens: bool, client_seq: Option<u32>) -> PacketEvidence {
    PacketEvidence {
        at_ns: ms * MS,
        from_client,
        tcp: Some(TcpEvidence { opens, client_seq }),
    }
}

fn syn(ms: u64, isn: u32) -> PacketEvidence {
    tcp(ms, true, true, Some(isn))
}

fn udp(ms: u64, from_client: bool) -> PacketEvidence {
    PacketEvidence {
        at_ns: ms * MS,
        from_client,
        tcp: None,
    }
}

fn owner(sockets: &mut SocketHistory, evidence: PacketEvidence) -> Option<ProcessId> {
    sockets.owner(evidence).map(|socket| socket.process)
}

/// A socket whose connection was seen from its SYN at 10 ms on, closed at 100 ms.
fn closed(is_external: bool) -> SocketHistory {
    let mut sockets = SocketHistory::new(SocketRecord::new(FIRST, is_external, 0));
    assert_eq!(owner(&mut sockets, syn(10, FIRST_ISN)), Some(FIRST));
    sockets.newest.closed_ns = Some(100 * MS);
    sockets
}

#[test]
fn a_syn_after_the_close_belongs_to_another_socket() {
    for is_external in [false, true] {
        let mut sockets = closed(is_external);
        assert_eq!(owner(&mut sockets, syn(150, SECOND_ISN)), None);
        assert_eq!(
            owner(&mut sockets, syn(151, FIRST_ISN)),
            Some(FIRST),
            "the same SYN once more"
        );
    }
}

#[test]
fn packets_of_two_connections_are_told_apart() {
    for (first_external, second_external) in
        [(false, false), (false, true), (true, false), (true, true)]
    {
        let mut sockets = closed(first_external);
        // The address may be known later than its first packet was sent.
        let second = SocketRecord::new(SECOND, second_external, 151 * MS);
        assert!(sockets.push(second).is_none());
        let mut expect = |evidence: PacketEvidence, process, what: &str| {
            assert_eq!(
                owner(&mut sockets, evidence),
                Some(process),
                "{what}: {evidence:?}"
            );
        };
        expect(
            tcp(149, true, false, Some(FIRST_ISN.wrapping_add(60))),
            FIRST,
            "a FIN of the first, read before the second's SYN",
        );
        expect(syn(150, SECOND_ISN), SECOND, "the SYN");
        for at in [151, 999] {
            let table = [
                (true, Some(SECOND_ISN + 1), SECOND, "the handshake's last"),
                (false, Some(SECOND_ISN), SECOND, "the SYN-ACK"),
                (true, Some(SECOND_ISN + 70_000), SECOND, "data"),
                (false, Some(SECOND_ISN + 70_000), SECOND, "its ACK"),
                (true, Some(FIRST_ISN.wrapping_add(60)), FIRST, "a late FIN"),
                (true, Some(FIRST_ISN + 2), FIRST, "a late RST"),
                (false, Some(FIRST_ISN.wrapping_add(60)), FIRST, "a late ACK"),
            ];
            for (from_client, seq, process, what) in table {
                expect(tcp(at, from_client, false, seq), process, what);
            }
        }
        expect(
            tcp(50, false, false, None),
            FIRST,
            "a reset without a number",
        );
        expect(tcp(160, false, false, None), SECOND, "the same later");
    }
}

#[test]
fn a_page_connects_again_on_the_socket_that_was_refused() {
    let mut sockets = SocketHistory::new(SocketRecord::new(FIRST, false, 0));
    assert_eq!(owner(&mut sockets, syn(10, FIRST_ISN)), Some(FIRST));
    assert_eq!(owner(&mut sockets, syn(20, SECOND_ISN)), Some(FIRST));
}

#[test]
fn a_second_connection_of_an_external_program_is_another_client() {
    let mut sockets = SocketHistory::new(SocketRecord::new(FIRST, true, 0));
    assert_eq!(owner(&mut sockets, syn(10, FIRST_ISN)), Some(FIRST));
    assert_eq!(owner(&mut sockets, syn(20, SECOND_ISN)), None);
}

#[test]
fn a_connection_is_accepted_once() {
    let mut page = SocketHistory::new(SocketRecord::new(FIRST, false, 0));
    assert!(page.accept());
    assert!(page.accept(), "its port may be shared while it is open");
    page.newest.closed_ns = Some(MS);
    assert!(!page.accept(), "another socket's");
    let mut waits = SocketHistory::new(SocketRecord::new(FIRST, false, 0));
    waits.newest.closed_ns = Some(MS);
    assert!(waits.accept(), "it had waited in the queue");
    let mut external = SocketHistory::new(SocketRecord::new(FIRST, true, 0));
    assert!(external.accept());
    assert!(!external.accept());
}

#[test]
fn a_datagram_belongs_to_the_socket_bound_at_that_time() {
    let mut sockets = SocketHistory::new(SocketRecord::new(FIRST, false, 10 * MS));
    assert_eq!(owner(&mut sockets, udp(11, true)), Some(FIRST));
    sockets.newest.closed_ns = Some(100 * MS);
    assert_eq!(owner(&mut sockets, udp(99, true)), Some(FIRST));
    assert_eq!(
        owner(&mut sockets, udp(120, true)),
        None,
        "another socket's"
    );
    assert_eq!(
        owner(&mut sockets, udp(120, false)),
        Some(FIRST),
        "an answer to it that comes late"
    );
    assert!(sockets.was_closed(120 * MS) && !sockets.was_closed(100 * MS));
    sockets.push(SocketRecord::new(SECOND, false, 200 * MS));
    let table = [
        (udp(99, true), FIRST),
        (udp(150, false), FIRST),
        (udp(199, true), SECOND),
        (udp(250, true), SECOND),
        (udp(250, false), SECOND),
    ];
    for (evidence, process) in table {
        assert_eq!(owner(&mut sockets, evidence), Some(process), "{evidence:?}");
    }
}

#[test]
fn only_the_last_sockets_are_remembered() {
    let mut sockets = SocketHistory::new(SocketRecord::new(0, true, 0));
    let forgotten: Vec<_> = (1..=6)
        .filter_map(|process| sockets.push(SocketRecord::new(process, true, 0)))
        .map(|socket| socket.process)
        .collect();
    assert_eq!(forgotten, [0, 1]);
    assert_eq!(sockets.oldest_first().count(), MAX_EARLIER + 1);
}
