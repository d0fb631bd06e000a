//! A port that is used again: each packet belongs to the socket that it came from or went to.

use super::*;

const MS: u64 = 1_000_000;
const FIRST: ProcessId = 11;
const SECOND: ProcessId = 22;
const FIRST_ISN: u32 = 0xffff_fff0;
const SECOND_ISN: u32 = 0x0080_0000;

fn tcp(ms: u64, from_client: bool, opens: bool, client_seq: Option<u32>) -> Trail {
    Trail {
        at_ns: ms * MS,
        from_client,
        tcp: Some(TcpTrail { opens, client_seq }),
    }
}

fn syn(ms: u64, isn: u32) -> Trail {
    tcp(ms, true, true, Some(isn))
}

fn udp(ms: u64, from_client: bool) -> Trail {
    Trail {
        at_ns: ms * MS,
        from_client,
        tcp: None,
    }
}

fn owner(sockets: &mut Sockets, trail: Trail) -> Option<ProcessId> {
    sockets.owner(trail).map(|socket| socket.process)
}

/// A socket whose connection was seen from its SYN at 10 ms on, closed at 100 ms.
fn closed(is_outside: bool) -> Sockets {
    let mut sockets = Sockets::new(Socket::new(FIRST, is_outside, 0));
    assert_eq!(owner(&mut sockets, syn(10, FIRST_ISN)), Some(FIRST));
    sockets.newest.closed_ns = Some(100 * MS);
    sockets
}

#[test]
fn a_syn_after_the_close_is_somebody_elses() {
    for is_outside in [false, true] {
        let mut sockets = closed(is_outside);
        assert_eq!(owner(&mut sockets, syn(150, SECOND_ISN)), None);
        assert_eq!(
            owner(&mut sockets, syn(151, FIRST_ISN)),
            Some(FIRST),
            "the same SYN once more"
        );
    }
}

#[test]
fn every_packet_of_either_connection_is_its_own() {
    for (first_outside, second_outside) in
        [(false, false), (false, true), (true, false), (true, true)]
    {
        let mut sockets = closed(first_outside);
        // The address may be known later than its first packet was sent.
        let second = Socket::new(SECOND, second_outside, 151 * MS);
        assert!(sockets.replace(second).is_none());
        let mut expect = |trail: Trail, process, what: &str| {
            assert_eq!(
                owner(&mut sockets, trail),
                Some(process),
                "{what}: {trail:?}"
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
            "a reset that tells no number",
        );
        expect(tcp(160, false, false, None), SECOND, "the same later");
    }
}

#[test]
fn a_page_connects_again_on_the_socket_that_was_refused() {
    let mut sockets = Sockets::new(Socket::new(FIRST, false, 0));
    assert_eq!(owner(&mut sockets, syn(10, FIRST_ISN)), Some(FIRST));
    assert_eq!(owner(&mut sockets, syn(20, SECOND_ISN)), Some(FIRST));
}

#[test]
fn a_program_outside_that_connects_again_is_another() {
    let mut sockets = Sockets::new(Socket::new(FIRST, true, 0));
    assert_eq!(owner(&mut sockets, syn(10, FIRST_ISN)), Some(FIRST));
    assert_eq!(owner(&mut sockets, syn(20, SECOND_ISN)), None);
}

#[test]
fn a_connection_is_accepted_once() {
    let mut page = Sockets::new(Socket::new(FIRST, false, 0));
    assert!(page.accept());
    assert!(page.accept(), "its port may be shared while it is open");
    page.newest.closed_ns = Some(MS);
    assert!(!page.accept(), "another's");
    let mut waits = Sockets::new(Socket::new(FIRST, false, 0));
    waits.newest.closed_ns = Some(MS);
    assert!(waits.accept(), "it had waited in the queue");
    let mut outside = Sockets::new(Socket::new(FIRST, true, 0));
    assert!(outside.accept());
    assert!(!outside.accept());
}

#[test]
fn a_datagram_is_of_the_socket_bound_then() {
    let mut sockets = Sockets::new(Socket::new(FIRST, false, 10 * MS));
    assert_eq!(owner(&mut sockets, udp(11, true)), Some(FIRST));
    sockets.newest.closed_ns = Some(100 * MS);
    assert_eq!(owner(&mut sockets, udp(99, true)), Some(FIRST));
    assert_eq!(owner(&mut sockets, udp(120, true)), None, "somebody else's");
    assert_eq!(
        owner(&mut sockets, udp(120, false)),
        Some(FIRST),
        "an answer to it that comes late"
    );
    assert!(sockets.was_closed(120 * MS) && !sockets.was_closed(100 * MS));
    sockets.replace(Socket::new(SECOND, false, 200 * MS));
    let table = [
        (udp(99, true), FIRST),
        (udp(150, false), FIRST),
        (udp(199, true), SECOND),
        (udp(250, true), SECOND),
        (udp(250, false), SECOND),
    ];
    for (trail, process) in table {
        assert_eq!(owner(&mut sockets, trail), Some(process), "{trail:?}");
    }
}

#[test]
fn only_the_last_sockets_are_remembered() {
    let mut sockets = Sockets::new(Socket::new(0, true, 0));
    let forgotten: Vec<_> = (1..=6)
        .filter_map(|process| sockets.replace(Socket::new(process, true, 0)))
        .map(|socket| socket.process)
        .collect();
    assert_eq!(forgotten, [0, 1]);
    assert_eq!(sockets.oldest_first().count(), MAX_EARLIER + 1);
}
