//! What the edge of a lab's network does to datagrams, against the real servers and sockets.

use std::{net::UdpSocket, time::Duration};

use shared::{
    call::{
        Call,
        Target::Server,
        Transport::{Tcp, Udp},
    },
    conditions::{Conditions, DatagramId, Direction, Fate, Verdict, Way},
    message::Ask,
    outcome::{Reason, Returned},
    trace::{CallName, CallReturned, Edge, Event, Fact, ProcessId, Role, Source, What},
};
use tests::{
    address_allocator,
    bridge::{Bridge, Crossed},
    calls::{Datagram, ExpectReply, start_server},
    page::Page,
    relay::Relay,
    timeout::{TIMEOUT, until},
    trace::{Trace, UDP_SERVER, returned, started},
};

#[tokio::test]
async fn the_same_seed_gives_the_same_fates() {
    let first = fates_of_40(11).await;
    let lost = first.iter().filter(|(_, fate)| *fate == Fate::Lost).count();
    assert!((1..40).contains(&lost), "{lost} of 40 at 30 %");
    assert_eq!(first, fates_of_40(11).await);
    assert_ne!(first, fates_of_40(12).await);
}

/// What becomes of 40 datagrams to a relay that was just started.
async fn fates_of_40(seed: u64) -> Vec<(DatagramId, Fate)> {
    let relay = relay();
    let mut page = Page::open(&relay).await;
    let request = Way {
        loss_percent: 30,
        duplicate_percent: 20,
        delay_ms: 5,
        jitter_ms: 5,
        ..Way::default()
    };
    sets(&mut page, request, Way::default(), seed).await;
    let fd = page.makes_socket(Udp).await;
    for at in 0..40 {
        page.sends_to_server(fd, at.to_string().as_str()).await;
    }
    let all = |trace: &Trace| {
        let (lost, doubled) = (count(trace, Fate::Lost), count(trace, Fate::Doubled));
        heard_by_server(trace).len() + lost == 40 + doubled
    };
    let trace = Trace::watched(&mut page, all).await;
    let told = edges(&trace);
    assert!(told.iter().all(|edge| !edge.by_hand));
    let mut fates: Vec<_> = told.iter().map(|edge| (edge.datagram, edge.fate)).collect();
    fates.sort_by_key(|(number, _)| *number);
    fates
}

#[tokio::test]
async fn a_lost_request_and_a_lost_reply_are_distinguished() {
    let relay = relay();
    let mut page = Page::open(&relay).await;
    let me = page.welcome.process;
    sets(&mut page, lossy(100), Way::default(), 0).await;
    let fd = page.connects(Udp).await;
    page.sends_data(fd, "hello").await;
    let mut trace = Trace::watched(&mut page, |trace| count(trace, Fate::Lost) == 1).await;
    let request = edges(&trace)[0].clone();
    assert_eq!(request.direction, Direction::Request);
    assert_eq!((request.to, request.length), (relay.udp, 5));
    assert_eq!(request.from, page.own_address(fd).await);
    assert_eq!(request.process, Some(me));
    assert_eq!(request.call, Some(call_at(&trace, me, CallName::Send)));
    assert!(heard_by_server(&trace).is_empty());

    sets(&mut page, held(), Way::default(), 0).await;
    page.sends_data(fd, "again").await;
    trace
        .continues(&mut page, |trace| count(trace, Fate::Held) == 1)
        .await;
    let receiving = page.starts(Call::RecvFrom { fd, size: 2048 }).await;
    // The receive that is blocked already is subject to what is set now.
    sets(&mut page, held(), lossy(100), 0).await;
    let datagram = edges(&trace)[1].datagram;
    decides(&mut page, datagram, Verdict::Release)
        .await
        .returned();
    trace
        .continues(&mut page, |trace| count(trace, Fate::Lost) == 2)
        .await;
    let reply = edges(&trace)[3].clone();
    assert_eq!(reply.direction, Direction::Reply);
    assert_eq!((reply.from, reply.to), (request.to, request.from));
    assert_eq!(reply.process, Some(me));
    let answers = call_at(&trace, UDP_SERVER, CallName::SendTo);
    assert_eq!(reply.call, Some(answers));
    assert_eq!(heard_by_server(&trace).len(), 1, "the request was not lost");
    page.makes(Call::Cancel { of: receiving }).await;
    assert_eq!(
        page.waits_for_reply(receiving).await.failed().errno,
        "ECANCELED"
    );
}

#[tokio::test]
async fn where_all_is_lost_only_a_timeout_ends_the_wait() {
    let relay = relay();
    let mut page = Page::open(&relay).await;
    for (request, reply) in [(lossy(100), Way::default()), (Way::default(), lossy(100))] {
        sets(&mut page, request, reply, 3).await;
        let fd = page.makes_socket(Udp).await;
        for milliseconds in [Some(30), Some(0)] {
            page.sets_timeout(fd, milliseconds).await;
            page.sends_to_server(fd, "hello").await;
            let failed = page.fails(Call::RecvFrom { fd, size: 2048 }).await;
            assert_eq!(failed.errno, "EAGAIN");
        }
    }
}

#[tokio::test]
async fn a_delay_lies_between_sending_and_receiving() {
    for level in ["l0", "l1"] {
        let relay = Relay::start_at(address_allocator::own_host(), &["--max-level", level]);
        let mut page = Page::open(&relay).await;
        let me = page.welcome.process;
        sets(&mut page, late(60), late(80), 0).await;
        let fd = page.connects(Udp).await;
        page.sends_data(fd, "hello").await;
        assert_eq!(page.receives_text(fd).await, "HELLO");
        let received = |trace: &Trace| !trace.returns(me, CallName::RecvFrom).is_empty();
        let trace = Trace::watched(&mut page, received).await;
        let at = |places: Vec<usize>| Duration::from_nanos(trace.events[places[0]].mono_ns);
        let sent = at(trace.starts(me, CallName::Send));
        let heard = at(trace.returns(UDP_SERVER, CallName::RecvFrom));
        let answered = at(trace.starts(UDP_SERVER, CallName::SendTo));
        let received = at(trace.returns(me, CallName::RecvFrom));
        assert!(heard - sent >= Duration::from_millis(60));
        assert!(received - answered >= Duration::from_millis(80));
        let told = edges(&trace);
        assert_eq!(told[0].fate, Fate::Delayed { milliseconds: 60 });
        assert_eq!(told[1].fate, Fate::Delayed { milliseconds: 80 });
        // Without the kernel's time of a datagram it is not known which call sent it.
        assert_eq!(told[0].call.is_some(), level == "l1");
        let fact = number(heard_by_server(&trace)[0]);
        assert_eq!(fact, Some(told[0].datagram));
    }
}

#[tokio::test]
async fn a_doubled_datagram_is_received_twice() {
    let relay = relay();
    let mut page = Page::open(&relay).await;
    let twice = Way {
        duplicate_percent: 100,
        ..Way::default()
    };
    sets(&mut page, twice, Way::default(), 0).await;
    let fd = page.makes_socket(Udp).await;
    page.sends_to_server(fd, "hello").await;
    for _ in 0..2 {
        assert_eq!(page.receives_text(fd).await, "HELLO");
    }
    let trace = Trace::watched(&mut page, |trace| heard_by_server(trace).len() == 2).await;
    let numbers: Vec<_> = heard_by_server(&trace).into_iter().map(number).collect();
    assert_eq!(numbers, [Some(edges(&trace)[0].datagram); 2]);
    assert_eq!(count(&trace, Fate::Doubled), 1);
}

#[tokio::test]
async fn an_overtaken_datagram_arrives_after_the_next_one() {
    let relay = relay();
    let mut page = Page::open(&relay).await;
    sets(&mut page, Way::default(), overtaken(), 0).await;
    let fd = page.makes_socket(Udp).await;
    for sentence in ["one", "two"] {
        let (to, data) = (Server, sentence.into());
        page.starts(Call::SendTo { fd, to, data }).await;
    }
    let both = |trace: &Trace| trace.returns(UDP_SERVER, CallName::SendTo).len() == 2;
    let trace = Trace::watched(&mut page, both).await;
    assert!(
        edges(&trace).is_empty(),
        "nothing is decided before it is received"
    );
    assert_eq!(page.receives_text(fd).await, "TWO");
    assert_eq!(page.receives_text(fd).await, "ONE");
    page.sends_to_server(fd, "and none after").await;
    assert_eq!(page.receives_text(fd).await, "AND NONE AFTER");
}

#[tokio::test]
async fn held_datagrams_are_released_dropped_and_duplicated_by_hand() {
    let relay = relay();
    let mut page = Page::open(&relay).await;
    sets(&mut page, held(), Way::default(), 0).await;
    let fd = page.makes_socket(Udp).await;
    for sentence in ["a", "b", "c"] {
        page.sends_to_server(fd, sentence).await;
    }
    let mut trace = Trace::watched(&mut page, |trace| count(trace, Fate::Held) == 3).await;
    let [a, b, c] = edges(&trace)[..] else {
        panic!("three are held: {:?}", edges(&trace))
    };
    let [a, b, c] = [a, b, c].map(|edge| edge.datagram);
    decides(&mut page, c, Verdict::Release).await.returned();
    assert_eq!(page.receives_text(fd).await, "C");
    decides(&mut page, a, Verdict::Double).await.returned();
    assert_eq!(page.receives_text(fd).await, "A");
    assert_eq!(page.receives_text(fd).await, "A");
    decides(&mut page, b, Verdict::Kill).await.returned();
    for (datagram, verdict) in [
        (b, Verdict::Release),
        (c, Verdict::Kill),
        (99, Verdict::Kill),
    ] {
        let failed = decides(&mut page, datagram, verdict).await.failed();
        assert_eq!(failed.reason, Some(Reason::NotHeld));
    }
    trace
        .continues(&mut page, |trace| count(trace, Fate::Lost) == 1)
        .await;
    let by_hand: Vec<_> = edges(&trace)
        .into_iter()
        .filter(|edge| edge.by_hand)
        .map(|edge| (edge.datagram, edge.fate))
        .collect();
    let decided = [(c, Fate::Released), (a, Fate::Doubled), (b, Fate::Lost)];
    assert_eq!(by_hand, decided);
}

#[tokio::test]
async fn a_held_reply_blocks_its_receiver_until_a_decision() {
    let relay = relay();
    let (mut page, mut teacher) = (Page::open(&relay).await, Page::open(&relay).await);
    sets(&mut teacher, Way::default(), held(), 0).await;
    let fd = page.makes_socket(Udp).await;
    page.sends_to_server(fd, "hello").await;
    let receiving = page.starts(Call::RecvFrom { fd, size: 2048 }).await;
    let trace = Trace::watched(&mut teacher, |trace| count(trace, Fate::Held) == 1).await;
    let datagram = edges(&trace)[0].datagram;
    decides(&mut teacher, datagram, Verdict::Release)
        .await
        .returned();
    let returned = page.waits_for_reply(receiving).await.returned();
    assert!(matches!(returned, Returned::Datagram { length: 5, .. }));
}

#[tokio::test]
async fn clear_conditions_let_all_that_waits_go_on() {
    let relay = relay();
    let mut page = Page::open(&relay).await;
    sets(&mut page, held(), Way::default(), 0).await;
    let fd = page.makes_socket(Udp).await;
    page.sends_to_server(fd, "held").await;
    Trace::watched(&mut page, |trace| count(trace, Fate::Held) == 1).await;
    sets(&mut page, late(60_000), Way::default(), 0).await;
    page.sends_to_server(fd, "late").await;
    let is_late = |trace: &Trace| {
        count(
            trace,
            Fate::Delayed {
                milliseconds: 60_000,
            },
        ) == 1
    };
    Trace::watched(&mut page, is_late).await;
    sets(&mut page, Way::default(), Way::default(), 0).await;
    assert_eq!(page.receives_text(fd).await, "HELD");
    assert_eq!(page.receives_text(fd).await, "LATE");
    assert_eq!(page.exchanges_by_udp("as ever").await, "AS EVER");
}

#[tokio::test]
async fn a_delayed_datagram_is_cut_when_it_is_received() {
    let relay = relay();
    let mut page = Page::open(&relay).await;
    sets(&mut page, Way::default(), late(10), 0).await;
    let fd = page.makes_socket(Udp).await;
    page.sends_to_server(fd, "x".repeat(3000).as_str()).await;
    page.sends_to_server(fd, "next").await;
    let expected = Datagram {
        data: "X".repeat(1024).as_str().into(),
        from: relay.udp,
        truncated: true,
        length: 3000,
    };
    assert_eq!(page.receives(fd, 1024).await, expected);
    assert_eq!(
        page.receives(fd, 1024).await,
        Datagram::whole(b"NEXT", relay.udp)
    );
    let both = |trace: &Trace| {
        let me = trace.events.iter().filter_map(returned);
        me.filter(|call| number(call).is_some()).count() == 2
    };
    let trace = Trace::watched(&mut page, both).await;
    let call = trace.events.iter().filter_map(returned);
    let told: Vec<_> = call.filter(|call| number(call).is_some()).collect();
    if cfg!(target_os = "linux") {
        assert!(
            fact(told[0], "ip.ttl").is_some(),
            "its own facts stay with it"
        );
    }
}

#[tokio::test]
async fn the_books_server_is_subject_to_the_conditions_too() {
    let relay = Relay::start_at(address_allocator::own_host(), &["--program", "book"]);
    let mut page = Page::open(&relay).await;
    sets(&mut page, late(10), Way::default(), 0).await;
    let fd = page.makes_socket(Udp).await;
    page.sends_to_server(fd, "x".repeat(3000).as_str()).await;
    assert_eq!(page.receives(fd, 4096).await.length, 2048);
    let trace = Trace::watched(&mut page, |trace| heard_by_server(trace).len() == 1).await;
    assert_eq!(number(heard_by_server(&trace)[0]), Some(1));
}

#[tokio::test]
async fn impossible_conditions_are_refused_and_the_rest_reported() {
    let relay = relay();
    let mut page = Page::open(&relay).await;
    let impossible = [
        lossy(101),
        late(Way::LONGEST_MS + 1),
        Way {
            jitter_ms: Way::LONGEST_MS + 1,
            ..Way::default()
        },
    ];
    for way in impossible {
        for (request, reply) in [(way, Way::default()), (Way::default(), way)] {
            let conditions = Conditions {
                request,
                reply,
                seed: 1,
            };
            let reply = page.asks(Ask::SetConditions { conditions }).await;
            assert_eq!(reply.failed().reason, Some(Reason::OutOfRange));
        }
    }
    let conditions = |page: &Page| page.welcome.lab.conditions;
    assert_eq!(conditions(&Page::open(&relay).await), Conditions::default());
    let set = sets(&mut page, lossy(1), late(2), u64::MAX).await;
    assert_eq!(conditions(&Page::open(&relay).await), set);
    let told = |event: &Event| matches!(event.what, What::Conditions(told) if told == set);
    Trace::watched(&mut page, |trace| trace.events.iter().any(told)).await;
}

#[tokio::test]
async fn closing_a_page_drops_its_held_datagrams() {
    let relay = relay();
    let mut teacher = Page::open(&relay).await;
    sets(&mut teacher, Way::default(), held(), 0).await;
    let before = cfg!(target_os = "linux").then(|| relay.holdings());
    let mut page = Page::open(&relay).await;
    let fd = page.makes_socket(Udp).await;
    page.sends_to_server(fd, "hello").await;
    page.starts(Call::RecvFrom { fd, size: 2048 }).await;
    let mut trace = Trace::watched(&mut teacher, |trace| count(trace, Fate::Held) == 1).await;
    page.vanishes();
    trace
        .continues(&mut teacher, |trace| count(trace, Fate::Unclaimed) == 1)
        .await;
    let [held, gone] = edges(&trace)[..] else {
        panic!("held, then gone: {:?}", edges(&trace))
    };
    assert_eq!((gone.datagram, gone.by_hand), (held.datagram, false));
    let failed = decides(&mut teacher, gone.datagram, Verdict::Release).await;
    assert_eq!(failed.failed().reason, Some(Reason::NotHeld));
    if let Some(before) = before {
        until("all its sockets closed", async || {
            (relay.holdings() == before).then_some(())
        })
        .await;
    }
    sets(&mut teacher, Way::default(), Way::default(), 0).await;
    assert_eq!(teacher.exchanges_by_udp("alive").await, "ALIVE");
}

#[tokio::test]
async fn stopping_a_server_drops_its_held_datagrams() {
    let relay = relay();
    let mut page = Page::open(&relay).await;
    sets(&mut page, held(), Way::default(), 0).await;
    let fd = page.makes_socket(Udp).await;
    page.sends_to_server(fd, "hello").await;
    let mut trace = Trace::watched(&mut page, |trace| count(trace, Fate::Held) == 1).await;
    page.asks(Ask::StopServer { transport: Udp })
        .await
        .returned();
    trace
        .continues(&mut page, |trace| count(trace, Fate::Unclaimed) == 1)
        .await;
    page.asks(start_server(Udp)).await.returned();
    sets(&mut page, late(1), late(1), 0).await;
    assert_eq!(page.exchanges_by_udp("alive").await, "ALIVE");
}

#[tokio::test]
async fn an_error_passes_whatever_is_delayed() {
    let relay = relay();
    let mut page = Page::open(&relay).await;
    sets(&mut page, Way::default(), late(60_000), 0).await;
    let fd = page.connects(Udp).await;
    page.sends_data(fd, "answered").await;
    let answered = |trace: &Trace| !trace.returns(UDP_SERVER, CallName::SendTo).is_empty();
    Trace::watched(&mut page, answered).await;
    page.asks(Ask::StopServer { transport: Udp })
        .await
        .returned();
    page.sends_data(fd, "refused").await;
    let failed = page.fails(Call::Recv { fd, size: 2048 }).await;
    assert_eq!(failed.errno, "ECONNREFUSED");
}

#[tokio::test]
async fn so_many_are_held_and_one_more_finds_no_room() {
    const ROOM: usize = 1024;
    let relay = relay();
    let mut page = Page::open(&relay).await;
    sets(&mut page, held(), Way::default(), 0).await;
    let fd = page.makes_socket(Udp).await;
    for _ in 0..=ROOM {
        page.sends_to_server(fd, "x").await;
    }
    let fates = hears_fates(&mut page, ROOM + 1).await;
    let (last, before) = fates.split_last().expect("a fate for each");
    assert_eq!(*last, Fate::NoRoom);
    assert!(before.iter().all(|fate| *fate == Fate::Held));
    sets(&mut page, Way::default(), Way::default(), 0).await;
    let fates = hears_fates(&mut page, ROOM).await;
    assert!(fates.iter().all(|fate| *fate == Fate::Released));
    assert_eq!(page.exchanges_by_udp("alive").await, "ALIVE");
}

#[tokio::test]
async fn a_terminals_requests_are_subject_and_its_replies_are_its_own() {
    let relay = relay();
    let mut page = Page::open(&relay).await;
    sets(&mut page, late(5), lossy(100), 0).await;
    let terminal = UdpSocket::bind((relay.udp.ip(), 0)).expect("a socket of our own");
    terminal
        .set_read_timeout(Some(TIMEOUT))
        .expect("a read timeout");
    terminal.send_to(b"hello", relay.udp).expect("it is sent");
    let mut buffer = [0; 16];
    let (length, _) = terminal.recv_from(&mut buffer).expect("an answer");
    assert_eq!(&buffer[..length], b"HELLO");
    let trace = Trace::watched(&mut page, |trace| !edges(trace).is_empty()).await;
    let delayed = edges(&trace)[0];
    assert_eq!(delayed.fate, Fate::Delayed { milliseconds: 5 });
    let is_terminal = |event: &Event| {
        matches!(&event.what, What::Process(process)
            if Some(process.process) == delayed.process && process.role == Role::Terminal)
    };
    assert!(trace.events.iter().any(is_terminal));
    assert_eq!(delayed.call, None, "its calls are not seen");
}

#[tokio::test]
async fn a_bridge_is_subject_too_and_a_stream_never() {
    let relay = relay();
    let mut page = Page::open(&relay).await;
    let twice = Way {
        duplicate_percent: 100,
        ..Way::default()
    };
    sets(&mut page, Way::default(), twice, 0).await;
    let mut bridge = Bridge::open(&relay, "/raw/udp").await;
    bridge.sends_bytes(b"one".as_slice()).await;
    for _ in 0..2 {
        assert_eq!(bridge.receives().await, Crossed::Bytes(b"ONE".to_vec()));
    }
    sets(&mut page, lossy(100), lossy(100), 0).await;
    assert_eq!(page.exchanges_by_tcp("hello").await, "HELLO");
    let fd = page.connects(Tcp).await;
    page.makes(Call::Close { fd }).await;
}

fn relay() -> Relay {
    Relay::start_at(address_allocator::own_host(), &[])
}

fn lossy(loss_percent: u8) -> Way {
    Way {
        loss_percent,
        ..Way::default()
    }
}

fn late(delay_ms: u32) -> Way {
    Way {
        delay_ms,
        ..Way::default()
    }
}

fn held() -> Way {
    Way {
        by_hand: true,
        ..Way::default()
    }
}

fn overtaken() -> Way {
    Way {
        reorder_percent: 100,
        ..Way::default()
    }
}

async fn sets(page: &mut Page, request: Way, reply: Way, seed: u64) -> Conditions {
    let conditions = Conditions {
        request,
        reply,
        seed,
    };
    page.asks(Ask::SetConditions { conditions })
        .await
        .returned();
    conditions
}

async fn decides(
    page: &mut Page,
    datagram: DatagramId,
    verdict: Verdict,
) -> shared::message::Reply {
    page.asks(Ask::Decide { datagram, verdict }).await
}

fn edges(trace: &Trace) -> Vec<&Edge> {
    fn edge(event: &Event) -> Option<&Edge> {
        if let What::Edge(edge) = &event.what {
            Some(edge)
        } else {
            None
        }
    }
    trace.events.iter().filter_map(edge).collect()
}

/// The next fates that the page receives.
async fn hears_fates(page: &mut Page, many: usize) -> Vec<Fate> {
    let mut fates = Vec::new();
    while fates.len() < many {
        if let What::Edge(edge) = page.receives_event().await.what {
            fates.push(edge.fate);
        }
    }
    fates
}

fn count(trace: &Trace, fate: Fate) -> usize {
    let had = edges(trace).into_iter().filter(|edge| edge.fate == fate);
    had.count()
}

fn heard_by_server(trace: &Trace) -> Vec<&CallReturned> {
    trace.results(UDP_SERVER, CallName::RecvFrom)
}

/// The last call of that name the process made.
fn call_at(trace: &Trace, process: ProcessId, name: CallName) -> u64 {
    let at = trace.starts(process, name);
    let last = at.last().expect("a call");
    started(&trace.events[*last]).expect("its start").call
}

fn fact<'a>(call: &'a CallReturned, name: &str) -> Option<&'a Fact> {
    call.facts.iter().find(|fact| fact.name == name)
}

/// The number of the datagram a receive got, where the edge had touched it.
fn number(call: &CallReturned) -> Option<DatagramId> {
    let fact = fact(call, "edge.datagram")?;
    assert_eq!(fact.source, Source::Computed);
    fact.value.parse().ok()
}
