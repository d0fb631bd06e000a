//! Plain WebSocket clients reach the lab's servers byte for byte.

use futures_util::future::join_all;
use tests::{
    address_allocator,
    bridge::{Bridge, Crossed},
    calls::ExpectReply,
    http::websocket_handshake,
    page::Page,
    relay::Relay,
    trace::{Trace, UDP_SERVER},
};

use shared::{
    call::Transport::{Tcp, Udp},
    message::Ask,
    trace::{CallName, ProcessId, Role, What},
};

#[tokio::test]
async fn a_message_is_a_datagram() {
    let relay = Relay::start(&[]);
    let mut bridge = Bridge::open(&relay, "/raw/udp").await;
    bridge.sends_bytes(b"one".as_slice()).await;
    assert_eq!(bridge.receives().await, Crossed::Bytes(b"ONE".to_vec()));
    bridge.sends_bytes(b"".as_slice()).await;
    assert_eq!(
        bridge.receives().await,
        Crossed::Bytes(Vec::new()),
        "an empty one, too"
    );
    bridge.sends_bytes(b"a\xffb".as_slice()).await;
    assert_eq!(bridge.receives().await, Crossed::Bytes(b"A\xffB".to_vec()));
    bridge.sends_text("hello 世界 straße").await;
    assert_eq!(
        bridge.receives_bytes(20).await,
        "HELLO 世界 STRASSE".as_bytes()
    );
}

#[tokio::test]
async fn bytes_are_bytes() {
    let relay = Relay::start(&[]);
    let mut bridge = Bridge::open(&relay, "/raw/tcp").await;
    bridge.sends_bytes(b"one ".as_slice()).await;
    bridge.sends_bytes(b"stream\n".as_slice()).await;
    assert_eq!(bridge.receives_bytes(11).await, b"ONE STREAM\n");
    bridge.sends_text("hello 世界 straße").await;
    assert_eq!(
        bridge.receives_bytes(20).await,
        "HELLO 世界 STRASSE".as_bytes()
    );
    let long = b"all of this ".repeat(10_000);
    bridge.sends_bytes(long.as_slice()).await;
    assert_eq!(
        bridge.receives_bytes(long.len()).await,
        long.to_ascii_uppercase()
    );
}

#[tokio::test]
async fn the_end_of_the_stream_is_the_end_of_the_bridge() {
    let relay = Relay::start(&["--program", "book"]);
    let mut bridge = Bridge::open(&relay, "/raw/tcp").await;
    bridge.sends_text("only once").await;
    assert_eq!(bridge.receives_bytes(9).await, b"ONLY ONCE");
    assert_eq!(bridge.receives().await, Crossed::End(Some(1000)));
}

#[tokio::test]
async fn a_bridge_that_is_closed_is_answered_and_gone() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    let mut bridge = Bridge::open(&relay, "/raw/udp").await;
    bridge.sends_text("i was here").await;
    assert_eq!(bridge.receives_bytes(10).await, b"I WAS HERE");
    bridge.closes().await;
    assert!(matches!(bridge.receives().await, Crossed::End(_)));
    let came_and_went = |trace: &Trace| {
        let mut what = trace.events.iter().map(|event| &event.what);
        let process = what.find_map(bridge_that_came);
        process.is_some_and(|gone| {
            what.any(|what| matches!(what, What::ProcessEnded { process } if *process == gone))
        })
    };
    Trace::watched(&mut page, came_and_went).await;
}

#[tokio::test]
async fn of_many_datagrams_at_once_each_is_traced_by_itself() {
    let relay = Relay::start(&["--max-level", "l1"]);
    let mut page = Page::open(&relay).await;
    let mut bridge = Bridge::open(&relay, "/raw/udp").await;
    let sentences: Vec<Vec<u8>> = (0..100)
        .map(|number| match number % 10 {
            0 => Vec::new(),
            9 => format!("odd {number}").into_bytes(),
            _ => format!("sentence {number:03}").into_bytes(),
        })
        .collect();
    let answers: Vec<Vec<u8>> = sentences.iter().map(|it| it.to_ascii_uppercase()).collect();
    bridge.sends_at_once(sentences.clone()).await;
    for answer in &answers {
        assert_eq!(bridge.receives().await, Crossed::Bytes(answer.clone()));
    }
    let said = sentences.len();
    // Its own last `recv` is open still.
    let last = |trace: &Trace| trace.data(CallName::Recv).len() == said;
    let trace = Trace::watched(&mut page, last).await;
    let bridge = trace
        .events
        .iter()
        .find_map(|event| bridge_that_came(&event.what));
    let bridge = bridge.expect("the bridge");
    let seen = |name, data: &[Vec<u8>]| {
        let seen: Vec<Vec<u8>> = trace.data(name).into_iter().map(|(_, data)| data).collect();
        assert_eq!(seen, data, "{name:?}");
    };
    seen(CallName::Send, &sentences);
    seen(CallName::RecvFrom, &sentences);
    seen(CallName::Upper, &answers);
    seen(CallName::SendTo, &answers);
    seen(CallName::Recv, &answers);
    assert_eq!(trace.results(bridge, CallName::Send).len(), said);
    assert_eq!(trace.results(UDP_SERVER, CallName::SendTo).len(), said);
    let derived = trace
        .events
        .iter()
        .filter(|event| matches!(event.what, What::Derived(_)));
    assert_eq!(derived.count(), 2 * said, "each datagram left once");
    let times: Vec<u64> = trace.events.iter().map(|event| event.mono_ns).collect();
    assert!(times.is_sorted(), "and time goes on");
}

#[tokio::test]
async fn many_at_once_are_each_answered_in_order() {
    let relay = Relay::start(&[]);
    let visit = |nth: usize| {
        let relay = &relay;
        async move {
            let path = ["/raw/tcp", "/raw/udp"][nth % 2];
            let mut bridge = Bridge::open(relay, path).await;
            for round in 0..20 {
                let sentences = said_by(nth, round);
                let answers = sentences.concat().to_ascii_uppercase();
                bridge.sends_at_once(sentences).await;
                let heard = bridge.receives_bytes(answers.len()).await;
                assert!(heard == answers, "visitor {nth} on {path}, round {round}");
            }
        }
    };
    join_all((0..60).map(visit)).await;
}

#[tokio::test]
async fn a_reader_with_little_room_is_answered_without_end() {
    // No timeout closes it meanwhile.
    let relay = Relay::start(&["--max-queued-bytes", "1000", "--unread-seconds", "3600"]);
    let mut bridge = Bridge::open(&relay, "/raw/tcp").await;
    for round in 0..5 {
        let sentence: Vec<u8> = (b'a'..=b'z').cycle().take(300_000 + round).collect();
        let answer = sentence.to_ascii_uppercase();
        bridge.sends_at_once(vec![sentence]).await;
        let heard = bridge.receives_bytes(answer.len()).await;
        assert!(heard == answer, "round {round}");
    }
}

/// Sentences of all sizes; to some visitors so much that it cannot leave at once.
fn said_by(visitor: usize, round: usize) -> Vec<Vec<u8>> {
    let most = if visitor < 4 { 40_000 } else { 1500 };
    let size = |nth: usize| 10 + (visitor * 7919 + round * 104_729 + nth * 611) % most;
    (0..=round % 3)
        .map(|nth| {
            let sentence = format!("{visitor} says {nth} in round {round}, ");
            sentence.into_bytes().into_iter().cycle().take(size(nth))
        })
        .map(Iterator::collect)
        .collect()
}

#[tokio::test]
async fn control_frames_are_answered_and_rules_are_kept() {
    let relay = Relay::start(&[]);
    for path in ["/raw/udp", "/raw/tcp"] {
        let mut bridge = Bridge::open(&relay, path).await;
        bridge.pings(b"there?").await;
        bridge.sends_text("still there").await;
        assert_eq!(bridge.receives_bytes(11).await, b"STILL THERE");
        bridge.sends_raw(b"\x82\x00").await;
        assert_eq!(bridge.receives().await, Crossed::End(Some(1002)), "no mask");
        let mut bridge = Bridge::open(&relay, path).await;
        bridge.sends_raw(b"\x81\x81\0\0\0\0\xff").await;
        assert_eq!(bridge.receives().await, Crossed::End(Some(1007)), "no text");
        let mut bridge = Bridge::open(&relay, path).await;
        bridge
            .sends_raw(b"\x82\xff\0\0\0\0\x7f\0\0\0\0\0\0\0")
            .await;
        assert_eq!(bridge.receives().await, Crossed::End(Some(1009)), "2 GB");
    }
    let mut bridge = Bridge::open(&relay, "/raw/udp").await;
    bridge
        .sends_at_once([b"the last one".to_vec(), vec![0; 65_508]])
        .await;
    assert_eq!(bridge.receives().await, Crossed::End(Some(1009)));
}

#[tokio::test]
async fn a_bridge_without_a_server_reports_it() {
    let relay = Relay::start_at(address_allocator::own_host(), &[]);
    let mut page = Page::open(&relay).await;
    for transport in [Udp, Tcp] {
        page.asks(Ask::StopServer { transport }).await.returned();
    }
    let mut bridge = Bridge::open(&relay, "/raw/tcp").await;
    assert_eq!(bridge.receives().await, Crossed::End(Some(1011)));
}

#[tokio::test]
async fn other_sites_may_not_use_a_bridge() {
    let relay = Relay::start(&[]);
    for path in ["/raw/udp", "/raw/tcp"] {
        assert_eq!(
            websocket_handshake(relay.http, path, &[]).await.status,
            101,
            "a program has no origin"
        );
        assert_eq!(
            websocket_handshake(relay.http, path, &[("Origin", "http://evil.example")])
                .await
                .status,
            403
        );
    }
}

fn bridge_that_came(what: &What) -> Option<ProcessId> {
    if let What::Process(process) = what {
        (process.role == Role::Bridge).then_some(process.process)
    } else {
        None
    }
}
