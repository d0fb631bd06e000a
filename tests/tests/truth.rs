//! What each level of truth shows, and that nothing is invented.

use shared::{
    call::{
        Call, How, SocketOption, Target,
        Transport::{Tcp, Udp},
    },
    lab::{Level, ObstacleKind},
    outcome::Returned,
    trace::{CallName, Derived, DerivedKind, Event, Packet, ProcessId, Role, Source, What},
};
use tests::{
    address_allocator,
    page::Page,
    relay::Relay,
    trace::{TCP_SERVER, Trace},
};

#[tokio::test]
async fn a_capped_level_is_reported() {
    for (flag, level) in [("l0", Level::L0), ("l1", Level::L1)] {
        let relay = Relay::start(&["--max-level", flag]);
        let truth = Page::open(&relay).await.welcome.truth;
        let obstacle = truth.why_not_higher.expect("a reason");
        assert!(truth.level <= level, "not above {flag}");
        assert_eq!(obstacle.kind, ObstacleKind::CappedByChoice);
    }
}

#[tokio::test]
async fn without_a_capture_packets_are_derived_from_named_calls() {
    let relay = Relay::start(&["--max-level", "l0"]);
    let mut page = Page::open(&relay).await;
    let trace = both_exchanges(&mut page).await;
    assert!(
        trace.events.iter().filter_map(packet).next().is_none(),
        "nothing was captured"
    );
    let derived: Vec<_> = trace.events.iter().filter_map(derived).collect();
    let calls: Vec<_> = trace
        .events
        .iter()
        .filter_map(tests::trace::started)
        .map(|call| call.call)
        .collect();
    for packet in &derived {
        assert!(
            calls.contains(&packet.because),
            "{packet:?} follows from a call that was made"
        );
        let server = if packet.transport == Udp {
            relay.udp
        } else {
            relay.tcp
        };
        assert!(
            [packet.from, packet.to].contains(&server),
            "{packet:?} comes from the server or goes there"
        );
    }
    let count = |kind, transport, length| {
        let alike = |packet: &&&Derived| {
            (packet.kind, packet.transport, packet.length) == (kind, transport, length)
        };
        derived.iter().filter(alike).count()
    };
    assert_eq!(
        count(DerivedKind::Datagram, Udp, 5),
        2,
        "there and back: {derived:#?}"
    );
    assert_eq!(count(DerivedKind::Handshake, Tcp, 0), 1, "{derived:#?}");
    assert_eq!(count(DerivedKind::Data, Tcp, 5), 2, "{derived:#?}");
}

/// The side that closes first.
#[tokio::test]
async fn without_a_capture_each_side_of_a_connection_ends_once() {
    for program in ["sturdy", "book"] {
        let relay = Relay::start(&["--max-level", "l0", "--program", program]);
        let mut page = Page::open(&relay).await;
        let me = page.welcome.process;
        assert_eq!(page.exchanges_by_tcp("hello").await, "HELLO");
        let mut ends = ends_of(&mut page, 1).await;
        ends.sort_by_key(|end| end.by);
        let fin = |by, to_server| End {
            kind: DerivedKind::Fin,
            because: CallName::Close,
            by,
            to_server,
        };
        assert_eq!(ends, [fin(TCP_SERVER, false), fin(me, true)], "{program}");
    }
}

#[tokio::test]
async fn without_a_capture_a_half_close_ends_one_side_first() {
    let relay = Relay::start(&["--max-level", "l0"]);
    let mut page = Page::open(&relay).await;
    let fd = page.connects(Tcp).await;
    page.sends_data(fd, "hello").await;
    let how = How::Write;
    page.makes(Call::Shutdown { fd, how }).await;
    assert_eq!(page.reads_to_the_end(fd).await, "HELLO");
    let again = page.makes(Call::Recv { fd, size: 1 }).await;
    assert_eq!(again, Returned::EndOfStream);
    page.makes(Call::Close { fd }).await;
    let expected = [
        End {
            kind: DerivedKind::Fin,
            because: CallName::Shutdown,
            by: page.welcome.process,
            to_server: true,
        },
        End {
            kind: DerivedKind::Fin,
            because: CallName::Close,
            by: TCP_SERVER,
            to_server: false,
        },
    ];
    assert_eq!(ends_of(&mut page, 1).await, expected);
}

#[tokio::test]
async fn without_a_capture_a_reset_is_derived_once_without_a_fin() {
    let arguments = ["--max-level", "l0", "--program", "book"];
    let relay = Relay::start_at(address_allocator::own_host(), &arguments);
    let mut page = Page::open(&relay).await;
    let rst = |because, to_server| End {
        kind: DerivedKind::Rst,
        because,
        by: 0,
        to_server,
    };
    let mut expected = Vec::new();

    // The book's server closes with bytes unread; afterwards Linux has every recv() return 0.
    let fd = page.connects(Tcp).await;
    page.sends_data(fd, "x".repeat(3000).as_str()).await;
    page.reads(fd, 1024).await;
    let failed = page.fails(Call::Recv { fd, size: 1 }).await;
    assert_eq!(failed.errno, "ECONNRESET");
    let after = page.makes(Call::Recv { fd, size: 1 }).await;
    assert_eq!(after, Returned::EndOfStream);
    page.makes(Call::Close { fd }).await;
    expected.push(rst(CallName::Recv, false));

    // The port is closed.
    let fd = page.makes_socket(Tcp).await;
    let to = Target::Nobody;
    let refused = page.fails(Call::Connect { fd, to }).await;
    assert_eq!(refused.errno, "ECONNREFUSED");
    page.makes(Call::Close { fd }).await;
    expected.push(rst(CallName::Connect, false));

    // The page's own socket lingers for no time. The book's server does not outlive it.
    let fd = page.connects(Tcp).await;
    let accepted = |trace: &Trace| trace.returns(TCP_SERVER, CallName::Accept).len() == 2;
    Trace::watched(&mut page, accepted).await;
    let (option, value) = (SocketOption::SoLinger, 0);
    page.makes(Call::SetSockOpt { fd, option, value }).await;
    page.makes(Call::Close { fd }).await;
    expected.push(rst(CallName::Close, true));

    let mut ends = ends_of(&mut page, 1).await;
    for end in &mut ends {
        assert_eq!(end.by, page.welcome.process);
        end.by = 0;
    }
    assert_eq!(ends, expected);
}

/// A FIN or a RST as it was derived.
#[derive(Debug, PartialEq, Eq)]
struct End {
    kind: DerivedKind,
    /// The call from which it is derived, and its process.
    because: CallName,
    by: ProcessId,
    to_server: bool,
}

/// All ends there are when the TCP server has closed so many connections.
async fn ends_of(page: &mut Page, closed: usize) -> Vec<End> {
    let is_over = |trace: &Trace| trace.returns(TCP_SERVER, CallName::Close).len() >= closed;
    let mut trace = Trace::watched(page, is_over).await;
    // After this event, all that is derived from the last call has arrived.
    page.exchanges_by_udp("that is all").await;
    let me = page.welcome.process;
    let is_all = |trace: &Trace| !trace.returns(me, CallName::RecvFrom).is_empty();
    trace.continues(page, is_all).await;
    let calls: Vec<_> = trace
        .events
        .iter()
        .filter_map(tests::trace::started)
        .collect();
    let server = page.welcome.lab.servers.iter().map(|server| server.address);
    let addresses: Vec<_> = server.collect();
    let end = |derived: &Derived| {
        let call = calls.iter().find(|call| call.call == derived.because);
        let call = call.expect("a call that was made");
        End {
            kind: derived.kind,
            because: call.name,
            by: call.process,
            to_server: addresses.contains(&derived.to),
        }
    };
    let derived = trace.events.iter().filter_map(derived);
    let ends =
        derived.filter(|derived| matches!(derived.kind, DerivedKind::Fin | DerivedKind::Rst));
    ends.map(end).collect()
}

/// Without the privilege to capture, the relay must report that; the story then checks the report.
#[tokio::test]
async fn with_a_capture_every_packet_is_there_and_none_is_derived() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    if !page.sees_packets() {
        return;
    }
    let me = page.welcome.process;
    let mut trace = both_exchanges(&mut page).await;
    let ends = |trace: &Trace| {
        trace
            .events
            .iter()
            .filter_map(packet)
            .filter(|packet| is_fin(packet))
            .count()
            >= 2
    };
    trace.continues(&mut page, ends).await;
    assert!(
        trace.events.iter().filter_map(derived).next().is_none(),
        "what was seen need not be derived"
    );
    let packets: Vec<_> = trace
        .events
        .iter()
        .filter_map(packet)
        .filter(|packet| packet.process == Some(me))
        .collect();
    let carrying = |text: &[u8]| {
        packets
            .iter()
            .filter(|packet| packet.bytes.windows(text.len()).any(|bytes| bytes == text))
            .count()
    };
    assert_eq!(
        (carrying(b"hello"), carrying(b"HELLO")),
        (2, 2),
        "by UDP and by TCP, there and back"
    );
    assert!(
        packets.len() >= 2 + 3 + 2 + 2,
        "two datagrams, a handshake, data both ways, two ends: {packets:#?}"
    );
    let strangers = trace.events.iter().filter(|event| is_stranger(event));
    assert_eq!(strangers.count(), 0, "all of it is this page's own");
    for packet in packets {
        assert_eq!(packet.length, packet.bytes.len() as u64, "the whole of it");
    }
}

/// It has to be given up by every thread, or one of them could still open another capture.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_relay_drops_its_privilege_and_still_captures() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    if !page.sees_packets() {
        return;
    }
    let threads = std::fs::read_dir(format!("/proc/{}/task", relay.pid())).expect("its threads");
    for thread in threads {
        let status = thread.expect("a thread").path().join("status");
        let status = std::fs::read_to_string(status).expect("its status");
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            let line = status.lines().find(|line| line.starts_with(set));
            let held = line.and_then(|line| line.split_whitespace().nth(1));
            assert_eq!(held, Some("0000000000000000"), "{set} of a thread");
        }
    }
    assert_eq!(page.exchanges_by_udp("hello").await, "HELLO");
    let both = |trace: &Trace| trace.events.iter().filter_map(packet).count() >= 2;
    Trace::watched(&mut page, both).await;
}

#[tokio::test]
async fn every_fact_has_a_source() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    let trace = both_exchanges(&mut page).await;
    let of_calls = trace
        .events
        .iter()
        .filter_map(tests::trace::returned)
        .flat_map(|call| &call.facts);
    for fact in of_calls {
        assert_eq!(fact.source, Source::Kernel, "{fact:?}");
        assert!(!fact.name.is_empty() && !fact.value.is_empty(), "{fact:?}");
    }
}

async fn both_exchanges(page: &mut Page) -> Trace {
    assert_eq!(page.exchanges_by_udp("hello").await, "HELLO");
    assert_eq!(page.exchanges_by_tcp("hello").await, "HELLO");
    let me = page.welcome.process;
    let over = |trace: &Trace| {
        trace.returns(me, CallName::Close).len() == 2
            && !trace.returns(TCP_SERVER, CallName::Close).is_empty()
    };
    Trace::watched(page, over).await
}

/// Whether it carries TCP's FIN: a loopback Ethernet header, an IPv4 header without options, then TCP.
fn is_fin(packet: &Packet) -> bool {
    const ETHERNET: usize = 14;
    const IP: usize = 20;
    let is_tcp = packet.bytes.get(ETHERNET + 9) == Some(&6);
    is_tcp
        && packet
            .bytes
            .get(ETHERNET + IP + 13)
            .is_some_and(|flags| flags & 1 == 1)
}

fn is_stranger(event: &Event) -> bool {
    matches!(&event.what, What::Process(process) if process.role == Role::Terminal)
}

fn packet(event: &Event) -> Option<&Packet> {
    if let What::Packet(packet) = &event.what {
        Some(packet)
    } else {
        None
    }
}

fn derived(event: &Event) -> Option<&Derived> {
    if let What::Derived(derived) = &event.what {
        Some(derived)
    } else {
        None
    }
}
