//! Both sides of every call, in one gapless log.

use std::net::SocketAddr;

use shared::{
    call::{
        Call,
        Target::Server,
        Transport::{Tcp, Udp},
    },
    lab::ServerState,
    message::Ask,
    outcome::Returned,
    trace::{CallName, Role, What},
};
use tests::{
    address_allocator,
    calls::{ExpectReply, start_server},
    page::Page,
    relay::Relay,
    trace::{TCP_SERVER, Trace, UDP_SERVER, returned, started},
};

#[tokio::test]
async fn a_datagram_is_seen_from_both_sides_in_order() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    page.exchanges_by_udp("hello").await;
    let me = page.welcome.process;
    let trace = Trace::watched(&mut page, |trace| {
        !trace.returns(me, CallName::Close).is_empty()
    })
    .await;
    let story = [
        trace.starts(UDP_SERVER, CallName::RecvFrom)[0],
        trace.starts(me, CallName::SendTo)[0],
        trace.returns(UDP_SERVER, CallName::RecvFrom)[0],
        trace.starts(UDP_SERVER, CallName::Upper)[0],
        trace.starts(UDP_SERVER, CallName::SendTo)[0],
        trace.returns(me, CallName::RecvFrom)[0],
        trace.starts(me, CallName::Close)[0],
    ];
    assert!(story.is_sorted(), "{story:?} in {:#?}", trace.events);
    let [heard] = trace.results(UDP_SERVER, CallName::RecvFrom)[..] else {
        panic!("the server heard one datagram")
    };
    let [spoken] = trace.results(me, CallName::SendTo)[..] else {
        panic!("the page sent one datagram")
    };
    let port = |end: Option<SocketAddr>| end.map(|end| end.port());
    assert_eq!(
        port(heard.peer),
        port(spoken.local),
        "the server knows the client by its port"
    );
}

#[tokio::test]
async fn a_connection_is_seen_from_both_sides_in_order() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    page.exchanges_by_tcp("hello").await;
    let me = page.welcome.process;
    let trace = Trace::watched(&mut page, |trace| {
        !trace.returns(TCP_SERVER, CallName::Close).is_empty()
    })
    .await;
    let story = [
        trace.returns(TCP_SERVER, CallName::Listen)[0],
        trace.starts(TCP_SERVER, CallName::Accept)[0],
        trace.starts(me, CallName::Connect)[0],
        trace.returns(TCP_SERVER, CallName::Accept)[0],
        trace.returns(TCP_SERVER, CallName::Recv)[0],
        trace.starts(TCP_SERVER, CallName::Send)[0],
        trace.returns(me, CallName::Recv)[0],
        trace.starts(me, CallName::Close)[0],
        trace.returns(TCP_SERVER, CallName::Close)[0],
    ];
    assert!(story.is_sorted(), "{story:?} in {:#?}", trace.events);
    let terminal = |what: &What| matches!(what, What::Process(new) if new.role == Role::Terminal);
    let strangers = trace.events.iter().filter(|event| terminal(&event.what));
    assert_eq!(
        strangers.count(),
        0,
        "the server speaks with this page alone"
    );
    let accepted = &trace.results(TCP_SERVER, CallName::Accept)[0];
    assert_eq!(
        accepted.local,
        Some(relay.tcp),
        "an accepted socket keeps the listening port"
    );
}

#[tokio::test]
async fn the_log_has_no_holes_for_a_page_on_this_machine() {
    let relay = Relay::start(&[]);
    let mut neighbour = Page::open(&relay).await;
    let mut page = Page::open(&relay).await;
    neighbour.exchanges_by_udp("from the neighbour").await;
    page.exchanges_by_tcp("from here").await;
    let me = page.welcome.process;
    let trace = Trace::watched(&mut page, |trace| {
        !trace.returns(me, CallName::Close).is_empty()
    })
    .await;
    let numbers: Vec<u64> = trace.events.iter().map(|event| event.seq).collect();
    let first = numbers[0];
    let expected: Vec<u64> = (first..).take(numbers.len()).collect();
    assert_eq!(numbers, expected);
    assert_eq!(first, page.welcome.lab.first_seq, "from the beginning");
    assert!(page.gaps.is_empty());
    let calls = trace
        .events
        .iter()
        .filter(|event| started(event).is_some() || returned(event).is_some());
    assert!(
        calls.map(|event| event.mono_ns).is_sorted(),
        "no call before the one it follows"
    );
}

#[tokio::test]
async fn every_call_names_the_message_that_asked_for_it() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    let me = page.welcome.process;
    let id = page
        .starts(Call::Socket {
            transport: Tcp,
            family: None,
        })
        .await;
    page.waits_for_reply(id).await.returned();
    let trace = Trace::watched(&mut page, |trace| {
        !trace.returns(me, CallName::Socket).is_empty()
    })
    .await;
    let call = started(&trace.events[trace.starts(me, CallName::Socket)[0]]).expect("a call");
    assert_eq!(call.request, Some(id));
    assert_eq!(
        trace.results(me, CallName::Socket)[0].outcome,
        page_outcome(Returned::Socket { fd: 3 })
    );
}

#[tokio::test]
async fn a_blocked_call_has_started_and_not_returned() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    let me = page.welcome.process;
    let fd = page.makes_socket(Udp).await;
    let blocked = page.starts(Call::RecvFrom { fd, size: 2048 }).await;
    let mut trace = Trace::watched(&mut page, |trace| {
        !trace.starts(me, CallName::RecvFrom).is_empty()
    })
    .await;
    assert!(trace.returns(me, CallName::RecvFrom).is_empty());
    page.makes(Call::Cancel { of: blocked }).await;
    trace
        .continues(&mut page, |trace| {
            !trace.returns(me, CallName::RecvFrom).is_empty()
        })
        .await;
}

#[tokio::test]
async fn a_page_that_unwatches_receives_no_more_events() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    Trace::watched(&mut page, |trace| !trace.events.is_empty()).await;
    page.asks(Ask::Unwatch).await.returned();
    page.forgets_events();
    page.exchanges_by_udp("in private").await;
    page.exchanges_by_tcp("in private").await;
    assert_eq!(page.events, [], "silence");
    let me = page.welcome.process;
    Trace::watched(&mut page, |trace| {
        trace.returns(me, CallName::Close).len() == 2
    })
    .await;
}

#[tokio::test]
async fn a_servers_states_are_in_the_log() {
    let relay = Relay::start_at(address_allocator::own_host(), &[]);
    let mut page = Page::open(&relay).await;
    page.asks(Ask::StopServer { transport: Tcp })
        .await
        .returned();
    page.asks(start_server(Tcp)).await.returned();
    let both = |trace: &Trace| {
        trace
            .states(Tcp)
            .ends_with(&[&ServerState::Stopped, &ServerState::Running])
    };
    Trace::watched(&mut page, both).await;
}

#[tokio::test]
async fn a_program_of_the_terminal_is_seen_from_outside() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    let terminal = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
    terminal.send_to(b"hello", relay.udp).expect("a server");
    let trace = Trace::watched(&mut page, |trace| {
        !trace.returns(UDP_SERVER, CallName::SendTo).is_empty()
    })
    .await;
    let heard = trace.results(UDP_SERVER, CallName::RecvFrom)[0];
    assert_eq!(heard.peer, terminal.local_addr().ok());
}

#[tokio::test]
async fn closing_a_page_ends_its_process() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    let other = Page::open(&relay).await;
    let gone = other.welcome.process;
    other.closes().await;
    let ended = |trace: &Trace| {
        let seen: Vec<_> = trace.events.iter().map(|event| &event.what).collect();
        seen.iter().any(|what| matches!(what, What::Process(new) if new.process == gone && new.role == Role::Page))
            && seen.iter().any(|what| matches!(what, What::ProcessEnded { process } if *process == gone))
    };
    Trace::watched(&mut page, ended).await;
}

#[tokio::test]
async fn a_trace_drops_its_beginning_and_reports_it() {
    let relay = Relay::start(&["--trace-bytes", "65536"]);
    let mut page = Page::open(&relay).await;
    let fd = page.makes_socket(Udp).await;
    let long = "x".repeat(8 << 10);
    for _ in 0..20 {
        page.makes(Call::SendTo {
            fd,
            to: Server,
            data: long.as_str().into(),
        })
        .await;
        page.makes(Call::RecvFrom { fd, size: 65_535 }).await;
    }
    let trace = Trace::watched(&mut page, |trace| !trace.events.is_empty()).await;
    let gap = page.gaps[0];
    assert_eq!(
        (gap.from, gap.to + 1),
        (1, trace.events[0].seq),
        "what is gone, up to what is there"
    );
}

fn page_outcome(returned: Returned) -> shared::outcome::Outcome {
    shared::outcome::Outcome::Returned(returned)
}

#[tokio::test]
async fn pages_of_both_protocols_see_the_same_events() {
    let relay = Relay::start(&[]);
    let mut single = Page::open(&relay).await;
    let mut batched = Page::open_with_batches(&relay).await;
    assert_eq!(batched.welcome.protocol, shared::PROTOCOL_V2);
    let from = batched.welcome.lab.next_seq;
    for _ in 0..20 {
        batched.exchanges_by_udp("hello").await;
    }
    let me = batched.welcome.process;
    let is_over = |trace: &Trace| trace.returns(me, CallName::Close).len() == 20;
    let in_batches = Trace::watched(&mut batched, is_over).await;
    let one_by_one = Trace::watched(&mut single, is_over).await;
    let since = |trace: &Trace| {
        let events = trace.events.iter().filter(|event| event.seq >= from);
        events.cloned().collect::<Vec<_>>()
    };
    let (batched_events, single_events) = (since(&in_batches), since(&one_by_one));
    let common = batched_events.len().min(single_events.len());
    assert!(common > 100);
    assert_eq!(batched_events[..common], single_events[..common]);
}

#[tokio::test]
async fn a_page_with_batches_is_told_of_dropped_events() {
    let relay = Relay::start(&["--trace-bytes", "20000"]);
    let mut page = Page::open_with_batches(&relay).await;
    page.asks(Ask::Unwatch).await;
    for _ in 0..20 {
        page.exchanges_by_udp("hello").await;
    }
    page.forgets_events();
    page.asks(Ask::Watch {
        from: 1,
        whose: None,
    })
    .await;
    let first = page.receives_event().await.seq;
    let gap = page.gaps.first().expect("a gap before the events");
    assert_eq!((gap.from, gap.to), (1, first - 1));
}
