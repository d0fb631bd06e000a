//! Private labs: their servers, and sessions that can be resumed.

use std::{
    collections::{BTreeSet, HashSet},
    net::{IpAddr, UdpSocket},
};

use shared::{
    call::{
        Call, Family, Target,
        Transport::{Tcp, Udp},
    },
    data::Data,
    lab::{LabKind, Level, Program, ServerState},
    message::{Ask, GoodbyeReason, Seat},
    outcome::{Reason, Returned},
    trace::{CallName, Event, Packet, What},
};
use tests::{
    calls::ExpectReply,
    http,
    page::Page,
    relay::Relay,
    timeout::until,
    trace::{TCP_SERVER, Trace, started},
};

const PRIVATE: Ask = Ask::Enter {
    lab: LabKind::Private,
};
const OPEN: Ask = Ask::Enter { lab: LabKind::Open };

#[tokio::test]
async fn a_lab_of_ones_own_has_servers_of_its_own() {
    let relay = Relay::start(&[]);
    let mut page = in_a_lab(&relay).await;
    let lab = page.welcome.lab.clone();
    assert_eq!(lab.kind, LabKind::Private);
    assert!(lab.id.len() >= 16, "it cannot be guessed: {}", lab.id);
    assert!(lab.host_name.starts_with("lab-"), "{}", lab.host_name);
    assert!(page.welcome.may_control);
    assert_eq!(seat(&page).keep_seconds, page.welcome.limits.keep_seconds);
    for server in &lab.servers {
        assert_eq!(server.program, Program::Book);
        assert_eq!(server.state, ServerState::Running);
        assert_eq!(server.address.ip(), lab.client_host);
        if cfg!(target_os = "linux") {
            assert_eq!(server.address.port(), 12_000);
            assert_ne!(server.address.ip().to_string(), "127.0.0.1");
        }
    }
    assert_eq!(page.exchanges_by_udp("hello").await, "HELLO");
    assert_eq!(page.exchanges_by_tcp("hello").await, "HELLO");
}

#[tokio::test]
async fn a_new_page_sees_the_servers_start() {
    let relay = Relay::start(&[]);
    let mut page = in_a_lab(&relay).await;
    let first = page.welcome.lab.next_seq;
    assert_eq!(first, page.welcome.lab.first_seq);
    let mut trace = Trace::default();
    trace
        .continues(&mut page, |trace| {
            !trace.starts(TCP_SERVER, CallName::Accept).is_empty()
        })
        .await;
    assert_eq!(trace.events[0].seq, first);
    assert_eq!(trace.states(Tcp), [&ServerState::Running]);
}

#[tokio::test]
async fn events_of_one_lab_are_not_in_another() {
    let relay = Relay::start(&[]);
    let mut one = in_a_lab(&relay).await;
    let mut other = in_a_lab(&relay).await;
    let mut open = Page::open(&relay).await;
    assert_ne!(one.welcome.lab.id, other.welcome.lab.id);
    assert_ne!(one.welcome.lab.client_host, other.welcome.lab.client_host);
    for (page, word) in [
        (&mut one, "one"),
        (&mut other, "other"),
        (&mut open, "open"),
    ] {
        page.exchanges_by_udp(word).await;
        page.exchanges_by_tcp(word).await;
    }
    for (page, own, others) in [
        (&mut one, "one", ["other", "open"]),
        (&mut other, "other", ["one", "open"]),
        (&mut open, "open", ["one", "other"]),
    ] {
        let trace = both_closed(page).await;
        let text = format!("{:?}", calls(&trace));
        assert!(text.contains(own));
        for foreign in others {
            let quoted = format!("\"{foreign}\"");
            assert!(!text.contains(&quoted), "{foreign} in the lab of {own}");
        }
        let clients: BTreeSet<_> = trace
            .events
            .iter()
            .filter_map(started)
            .map(|call| call.process)
            .filter(|process| *process > TCP_SERVER)
            .collect();
        assert_eq!(clients, BTreeSet::from([page.welcome.process]));
    }
}

#[tokio::test]
async fn the_packets_of_a_lab_belong_to_its_calls() {
    let relay = Relay::start(&[]);
    let mut page = in_a_lab(&relay).await;
    let mut neighbour = in_a_lab(&relay).await;
    if page.welcome.truth.level < Level::L2 {
        assert!(page.welcome.truth.why_not_higher.is_some());
        return;
    }
    neighbour.exchanges_by_tcp("next door").await;
    page.exchanges_by_udp("hello").await;
    page.exchanges_by_tcp("hello").await;
    let me = page.welcome.process;
    let mut trace = both_closed(&mut page).await;
    let carrying = |trace: &Trace, text: &[u8]| {
        let packets = trace.events.iter().filter_map(packet);
        packets
            .filter(|packet| packet.bytes.windows(text.len()).any(|bytes| bytes == text))
            .cloned()
            .collect::<Vec<Packet>>()
    };
    trace
        .continues(&mut page, |trace| {
            carrying(trace, b"hello").len() == 2 && carrying(trace, b"HELLO").len() == 2
        })
        .await;
    for packet in [carrying(&trace, b"hello"), carrying(&trace, b"HELLO")].concat() {
        assert_eq!(packet.process, Some(me));
        assert!(
            packet.call.is_some(),
            "it is the doing of a call: {packet:?}"
        );
    }
    assert!(carrying(&trace, b"next door").is_empty());
}

#[tokio::test]
async fn the_packets_to_the_closed_port_belong_to_the_lab() {
    let relay = Relay::start(&[]);
    let mut page = in_a_lab(&relay).await;
    if page.welcome.truth.level < Level::L2 {
        return;
    }
    let me = page.welcome.process;
    for to in [Target::Nobody, Target::Localhost6] {
        let family = (to == Target::Localhost6).then_some(Family::Inet6);
        let transport = Tcp;
        let Returned::Socket { fd } = page.makes(Call::Socket { transport, family }).await else {
            panic!("a socket was expected");
        };
        let refused = page.fails(Call::Connect { fd, to }).await;
        if refused.reason == Some(Reason::NotNobody) || refused.errno == "EADDRNOTAVAIL" {
            // Another program has it, or this machine has no IPv6.
            continue;
        }
        assert_eq!(refused.errno, "ECONNREFUSED", "{to:?}");
        let its_own = |trace: &Trace| {
            let connect = trace.starts(me, CallName::Connect);
            let call = connect.last().and_then(|at| started(&trace.events[*at]));
            let call = call.map(|call| call.call);
            let packets = trace.events.iter().filter_map(packet);
            packets
                .filter(|packet| call.is_some() && packet.call == call)
                .count()
        };
        let trace = Trace::watched(&mut page, |trace| its_own(trace) >= 2).await;
        let packets = trace.events.iter().filter_map(packet);
        assert!(packets.clone().all(|packet| packet.process == Some(me)));
    }
}

#[tokio::test]
async fn a_blocked_call_continues_while_its_page_is_disconnected() {
    let relay = Relay::start(&[]);
    let mut page = in_a_lab(&relay).await;
    let (seat, lab) = (seat(&page), page.welcome.lab.id.clone());
    let fd = page.makes_socket(Udp).await;
    page.makes(Call::Bind { fd, port: 0 }).await;
    let own = page.own_address(fd).await;
    assert_eq!(own.ip(), page.welcome.lab.client_host);
    let blocked = page.starts(Call::RecvFrom { fd, size: 2048 }).await;
    hears_that_it_began(&mut page, CallName::RecvFrom).await;
    let process = page.welcome.process;
    page.vanishes();

    let friend = UdpSocket::bind((own.ip(), 0)).expect("a socket");
    friend.send_to(b"meanwhile", own).expect("sent");
    let path = format!("/labs/{lab}/trace.json");
    until("the call has returned without its page", async || {
        let trace = http::get(relay.http, &path).await;
        trace.text().contains("\"truncated\":false").then_some(())
    })
    .await;

    let mut page = Page::open(&relay).await;
    page.moves_to(resume(&seat, Some(3))).await;
    assert_eq!(page.welcome.process, process, "the same process");
    let again = page.welcome.seat.clone().expect("a seat");
    assert_eq!(again.heard, 4, "socket, bind, getsockname, recvfrom");
    assert!(again.next_id > blocked);
    let Returned::Datagram { data, from, .. } = page.waits_for_reply(blocked).await.returned()
    else {
        panic!("a datagram was expected");
    };
    assert_eq!(data.as_text(), Some("meanwhile"));
    assert_eq!(from, friend.local_addr().expect("an address"));

    let mut page = broken_off(&relay, page).await;
    page.moves_to(resume(&seat, Some(4))).await;
    page.own_address(fd).await;
    assert_eq!(page.unread(), 0, "what was heard is not said again");
}

#[tokio::test]
async fn unseen_events_are_sent_again_and_none_twice() {
    let relay = Relay::start(&[]);
    let mut page = in_a_lab(&relay).await;
    become_sturdy(&mut page).await;
    let fd = page.connects(Tcp).await;
    let seat = seat(&page);
    // So many requests so far, all replied to: two of the server, `socket`, `connect`.
    let (before, said) = (4, 200);
    for number in 0..said {
        let data: Data = format!("[{number}]").as_str().into();
        page.starts(Call::Send { fd, data }).await;
    }
    page.vanishes();

    let mut page = Page::open(&relay).await;
    page.moves_to(resume(&seat, Some(before))).await;
    let heard = page.welcome.seat.as_ref().expect("a seat").heard - before;
    assert!(heard <= said, "{heard} of {said}");
    for number in heard..said {
        let data: Data = format!("[{number}]").as_str().into();
        page.sends_data(fd, data).await;
    }
    let whole: String = (0..said).map(|number| format!("[{number}]")).collect();
    assert_eq!(page.reads(fd, whole.len()).await, whole);
}

#[tokio::test]
async fn a_page_that_was_loaded_again_finds_all_in_the_trace() {
    let relay = Relay::start(&[]);
    let mut page = in_a_lab(&relay).await;
    let seat = seat(&page);
    let fd = page.makes_socket(Udp).await;
    let blocked = page.starts(Call::RecvFrom { fd, size: 2048 }).await;
    hears_that_it_began(&mut page, CallName::RecvFrom).await;
    page.closes().await;

    let mut page = Page::open(&relay).await;
    page.moves_to(resume(&seat, None)).await;
    let me = page.welcome.process;
    assert_eq!(page.makes_socket(Tcp).await, fd + 1);
    assert_eq!(page.unread(), 0, "nothing is repeated");
    assert!(page.events.is_empty(), "nothing is told until it watches");
    let trace = Trace::watched(&mut page, |trace| {
        !trace.starts(me, CallName::RecvFrom).is_empty()
    })
    .await;
    assert_eq!(trace.events[0].seq, page.welcome.lab.first_seq);
    let call = started(&trace.events[trace.starts(me, CallName::RecvFrom)[0]]).expect("a call");
    assert_eq!(call.request, Some(blocked));

    // From then on it counts replies from one.
    page.makes(Call::Cancel { of: blocked }).await;
    page.waits_for_reply(blocked).await.failed();
    let mut page = broken_off(&relay, page).await;
    let heard_too_much = page.asks(resume(&seat, Some(99))).await.failed();
    assert_eq!(heard_too_much.reason, Some(Reason::OutOfRange));
    page.moves_to(resume(&seat, Some(4))).await;
    page.own_address(fd).await;
    assert_eq!(page.unread(), 0);
}

#[tokio::test]
async fn more_than_is_kept_is_not_repeated_in_part() {
    let relay = Relay::start(&["--max-queued-bytes", "2000"]);
    let mut page = in_a_lab(&relay).await;
    let seat = seat(&page);
    let fd = page.makes_socket(Udp).await;
    for _ in 0..50 {
        page.own_address(fd).await;
    }
    let mut page = broken_off(&relay, page).await;
    let failed = page.asks(resume(&seat, Some(0))).await.failed();
    assert_eq!(failed.reason, Some(Reason::NoSuchSeat));
    assert_eq!(failed.limit, Some(2000));
    page.moves_to(resume(&seat, None)).await;
    page.own_address(fd).await;
}

#[tokio::test]
async fn a_page_with_the_token_takes_over() {
    let relay = Relay::start(&[]);
    let mut first = in_a_lab(&relay).await;
    let fd = first.connects(Tcp).await;
    let seat = seat(&first);
    let mut second = Page::open(&relay).await;
    second.moves_to(resume(&seat, None)).await;
    let parting = first.receives_close().await;
    let reason = parting.goodbye.map(|goodbye| goodbye.reason);
    assert_eq!(reason, Some(GoodbyeReason::TakenOver));
    assert_eq!(parting.code, Some(4002));
    second.sends_data(fd, "still here").await;
    assert_eq!(second.reads(fd, 10).await, "STILL HERE");
}

#[tokio::test]
async fn two_that_want_each_others_seat_do_not_wait_for_ever() {
    let relay = Relay::start(&[]);
    for _ in 0..20 {
        let (one, other) = (in_a_lab(&relay).await, in_a_lab(&relay).await);
        let (of_one, of_other) = (seat(&one), seat(&other));
        let (one, other) = tokio::join!(
            one.tries_to_move(resume(&of_other, None)),
            other.tries_to_move(resume(&of_one, None))
        );
        let mut holders = 0;
        for (page, wanted) in [(one, of_other), (other, of_one)] {
            match page {
                Ok(mut page) => {
                    assert_eq!(seat(&page).token, wanted.token);
                    page.exchanges_by_udp("here").await;
                    holders += 1;
                }
                Err(parting) => assert_eq!(parting.code, Some(4002), "{parting:?}"),
            }
        }
        assert!(holders > 0, "one of them came first");
    }
}

#[tokio::test]
async fn an_abandoned_session_is_dropped() {
    let relay = Relay::start(&["--keep-seconds", "1"]);
    let mut page = in_a_lab(&relay).await;
    let (seat, lab) = (seat(&page), page.welcome.lab.clone());
    page.connects(Tcp).await;
    page.closes().await;
    no_labs(&relay).await;
    let mut page = Page::open(&relay).await;
    let failed = page.asks(resume(&seat, Some(0))).await.failed();
    assert_eq!(failed.reason, Some(Reason::NoSuchSeat));
    let gone = http::get(relay.http, &format!("/labs/{}/trace.json", lab.id)).await;
    assert_eq!(gone.status, 404);
    let address = lab.servers[0].address;
    UdpSocket::bind(address).expect("its address is free again");
    assert_eq!(page.exchanges_by_udp("still here").await, "STILL HERE");
}

#[tokio::test]
async fn a_private_lab_is_kept_while_its_page_is_in_the_open_lab() {
    let relay = Relay::start(&[]);
    let mut page = in_a_lab(&relay).await;
    let (seat, own) = (seat(&page), page.welcome.lab.id.clone());
    let fd = page.connects(Tcp).await;
    page.moves_to(OPEN).await;
    assert_eq!(page.welcome.lab.kind, LabKind::Open);
    assert_eq!(page.welcome.lab.id, "open");
    assert_eq!(page.welcome.seat, None);
    assert_eq!(page.exchanges_by_udp("in the open").await, "IN THE OPEN");
    page.moves_to(resume(&seat, None)).await;
    assert_eq!(page.welcome.lab.id, own);
    page.sends_data(fd, "back").await;
    assert_eq!(page.reads(fd, 4).await, "BACK");
}

#[tokio::test]
async fn leaving_the_open_lab_answers_every_call() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    let fd = page.makes_socket(Udp).await;
    let blocked = page.starts(Call::RecvFrom { fd, size: 1 }).await;
    let waiting = page.starts(Call::GetSockName { fd }).await;
    page.moves_to(PRIVATE).await;
    for id in [blocked, waiting] {
        let failed = page.waits_for_reply(id).await.failed();
        assert_eq!(failed.reason, Some(Reason::Cancelled));
    }
    let failed = page.fails(Call::GetSockName { fd }).await;
    assert_eq!(failed.reason, Some(Reason::NoSuchSocket));
}

#[tokio::test]
async fn a_call_left_in_flight_in_a_private_lab_replies_on_return() {
    let relay = Relay::start(&[]);
    let mut page = in_a_lab(&relay).await;
    let seat = seat(&page);
    let fd = page.makes_socket(Udp).await;
    let blocked = page.starts(Call::RecvFrom { fd, size: 1 }).await;
    page.moves_to(OPEN).await;
    page.exchanges_by_udp("in the open lab").await;
    page.moves_to(resume(&seat, Some(1))).await;
    page.makes(Call::Cancel { of: blocked }).await;
    assert_eq!(
        page.waits_for_reply(blocked).await.failed().reason,
        Some(Reason::Cancelled)
    );
}

#[tokio::test]
async fn limits_on_labs_are_reported_and_leave_the_page_where_it_is() {
    let relay = Relay::start(&["--max-labs", "1"]);
    let _first = in_a_lab(&relay).await;
    let mut page = Page::open(&relay).await;
    let failed = page.asks(PRIVATE).await.failed();
    assert_eq!(failed.reason, Some(Reason::TooManyLabs));
    assert_eq!(failed.limit, Some(1));
    assert_eq!(page.exchanges_by_udp("here").await, "HERE");

    let relay = Relay::start(&["--max-labs-per-address", "1"]);
    let mut page = in_a_lab(&relay).await;
    let failed = page.asks(PRIVATE).await.failed();
    assert_eq!(failed.reason, Some(Reason::TooManyLabsFromAddress));
    assert_eq!(failed.limit, Some(1));
    assert_eq!(page.exchanges_by_udp("here").await, "HERE");
}

#[tokio::test]
async fn a_labs_trace_is_readable_by_its_name() {
    let relay = Relay::start(&[]);
    let mut page = in_a_lab(&relay).await;
    page.exchanges_by_udp("take me along").await;
    let id = page.welcome.lab.id.clone();
    let own = http::get(relay.http, &format!("/labs/{id}/trace.json")).await;
    assert_eq!(own.status, 200);
    assert!(own.text().contains("TAKE ME ALONG") && own.text().contains(&id));
    let open = http::get(relay.http, "/labs/open/trace.json").await;
    assert!(!open.text().contains("TAKE ME ALONG") && !open.text().contains(&id));
    let capture = http::get(relay.http, &format!("/labs/{id}/trace.pcapng")).await;
    let captured = page.welcome.truth.level >= Level::L2;
    assert_eq!(capture.status, if captured { 200 } else { 409 });
    for nobodys in ["x", "lab", "OPEN"] {
        let answer = http::get(relay.http, &format!("/labs/{nobodys}/trace.json")).await;
        assert_eq!(answer.status, 404, "{nobodys}");
    }
}

#[tokio::test]
async fn tokens_that_are_none_open_nothing_and_harm_nothing() {
    let relay = Relay::start(&[]);
    let mut page = in_a_lab(&relay).await;
    let own = seat(&page);
    for garbage in ["", "x", "open", "../..", "界", &"A".repeat(100_000)] {
        let token = garbage.to_owned();
        let failed = page.asks(Ask::Resume { token, heard: None }).await.failed();
        assert_eq!(failed.reason, Some(Reason::NoSuchSeat), "{garbage:.9}");
    }
    let token = "A".repeat(600_000);
    let failed = page.asks(Ask::Resume { token, heard: None }).await.failed();
    assert_eq!(failed.reason, Some(Reason::MessageTooLarge));
    let heard = Some(u64::MAX);
    let failed = page.asks(resume(&own, heard)).await.failed();
    assert_eq!(failed.reason, Some(Reason::OutOfRange));
    let fd = page.makes_socket(Udp).await;
    page.moves_to(resume(&own, Some(1))).await;
    assert_eq!(seat(&page).heard, 1, "only `socket` was a request");
    page.own_address(fd).await;
    page.moves_to(resume(&own, None)).await;
    page.own_address(fd).await;
}

#[tokio::test]
async fn entering_twice_in_one_breath_leads_into_the_second() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    let asked = [
        page.begins_to_ask(PRIVATE).await,
        page.begins_to_ask(PRIVATE).await,
    ];
    for id in asked {
        page.waits_for_reply(id).await.returned();
    }
    page.moves_to(OPEN).await;
    page.exchanges_by_udp("here").await;
    let metrics = http::get(relay.http, "/metrics").await;
    let one = "playground_labs 1\n";
    assert!(
        metrics.text().contains(one),
        "the first ended with the second"
    );
}

#[tokio::test]
async fn a_page_that_fell_silent_finds_its_seat_again() {
    let relay = Relay::start(&["--idle-seconds", "1"]);
    let mut page = in_a_lab(&relay).await;
    let seat = seat(&page);
    let fd = page.connects(Tcp).await;
    let parting = page.receives_close().await;
    let reason = parting.goodbye.map(|goodbye| goodbye.reason);
    assert_eq!(reason, Some(GoodbyeReason::Idle));
    let mut page = Page::open(&relay).await;
    page.moves_to(resume(&seat, Some(2))).await;
    page.sends_data(fd, "awake").await;
    assert_eq!(page.reads(fd, 5).await, "AWAKE");
}

#[tokio::test]
async fn hundreds_of_labs_at_once() {
    const LABS: usize = 320;
    let relay = Relay::start(&[]);
    let mut pages = Vec::new();
    for _ in 0..LABS {
        pages.push(in_a_lab(&relay).await);
    }
    let hosts: HashSet<IpAddr> = pages
        .iter()
        .map(|page| page.welcome.lab.client_host)
        .collect();
    assert_eq!(
        hosts.len(),
        if cfg!(target_os = "linux") { LABS } else { 1 }
    );
    for (number, page) in pages.iter_mut().enumerate() {
        let sentence = format!("lab {number}");
        let expected = format!("LAB {number}");
        assert_eq!(page.exchanges_by_udp(&sentence).await, expected);
        assert_eq!(page.exchanges_by_tcp(&sentence).await, expected);
    }
}

#[tokio::test]
async fn nothing_is_left_of_labs_that_were_left() {
    let relay = Relay::start(&[
        "--keep-seconds",
        "1",
        "--max-labs",
        "4000",
        "--max-labs-per-address",
        "4000",
    ]);
    let mut page = in_a_lab(&relay).await;
    page.exchanges_by_tcp("warm").await;
    page.moves_to(OPEN).await;
    no_labs(&relay).await;
    let before = relay.holdings();
    // Entering another lab leaves the one before.
    for _ in 0..2_000 {
        page.moves_to(PRIVATE).await;
    }
    page.moves_to(OPEN).await;
    no_labs(&relay).await;
    until("descriptors and threads are as before", async || {
        // The descriptor of the answered request for metrics may still be there for a moment.
        (relay.holdings() <= before).then_some(())
    })
    .await;
    let metrics = http::get(relay.http, "/metrics").await;
    assert!(metrics.text().contains("playground_labs_total 2001\n"));
}

#[tokio::test]
async fn the_relay_ends_in_time_while_seats_are_kept() {
    let relay = Relay::start(&[]);
    let mut left = in_a_lab(&relay).await;
    let fd = left.connects(Tcp).await;
    left.starts(Call::Recv { fd, size: 1 }).await;
    left.moves_to(OPEN).await;
    let mut gone = in_a_lab(&relay).await;
    gone.makes_socket(Udp).await;
    gone.vanishes();
    let here = in_a_lab(&relay).await;
    relay.terminate();
    for page in [left, here] {
        let parting = page.receives_close().await;
        let reason = parting.goodbye.map(|goodbye| goodbye.reason);
        assert_eq!(reason, Some(GoodbyeReason::ShuttingDown));
    }
    relay.ends();
}

/// A page that went into a lab of its own.
async fn in_a_lab(relay: &Relay) -> Page {
    let mut page = Page::open(relay).await;
    page.moves_to(PRIVATE).await;
    page
}

/// A new page after the connection of this one broke.
async fn broken_off(relay: &Relay, page: Page) -> Page {
    page.vanishes();
    Page::open(relay).await
}

fn seat(page: &Page) -> Seat {
    page.welcome.seat.clone().expect("a seat")
}

fn resume(seat: &Seat, heard: Option<u64>) -> Ask {
    let token = seat.token.clone();
    Ask::Resume { token, heard }
}

/// Listens until a call of the page's own stands in the trace.
async fn hears_that_it_began(page: &mut Page, name: CallName) {
    let me = page.welcome.process;
    let mut trace = Trace::default();
    trace
        .continues(page, |trace| !trace.starts(me, name).is_empty())
        .await;
}

async fn become_sturdy(page: &mut Page) {
    let transport = Tcp;
    page.asks(Ask::StopServer { transport }).await.returned();
    page.asks(Ask::StartServer {
        transport,
        program: Some(Program::Sturdy),
        task: None,
        settings: None,
    })
    .await
    .returned();
}

/// The whole trace until the page has closed two sockets.
async fn both_closed(page: &mut Page) -> Trace {
    let me = page.welcome.process;
    Trace::watched(page, |trace| trace.returns(me, CallName::Close).len() == 2).await
}

/// The texts of calls, as the trace has them.
fn calls(trace: &Trace) -> Vec<String> {
    let data = |event: &Event| {
        let data = started(event)?.arguments.data.clone()?;
        data.as_text().map(str::to_owned)
    };
    trace.events.iter().filter_map(data).collect()
}

fn packet(event: &Event) -> Option<&Packet> {
    if let What::Packet(packet) = &event.what {
        Some(packet)
    } else {
        None
    }
}

/// Waits until the relay has no lab but the open one.
async fn no_labs(relay: &Relay) {
    until("all labs are given up", async || {
        let metrics = http::get(relay.http, "/metrics").await;
        metrics.text().contains("playground_labs 0\n").then_some(())
    })
    .await;
}
