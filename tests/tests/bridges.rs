//! Plain WebSocket clients reach the lab's servers byte for byte.

use tests::{
    bridge::{Bridge, Crossed},
    calls::Ends,
    http::knock,
    page::Page,
    place,
    relay::Relay,
    trace::Trace,
};

use shared::{
    call::Transport::{Tcp, Udp},
    message::Ask,
    trace::{ProcessId, Role, What},
};

#[tokio::test]
async fn a_message_is_a_datagram() {
    let relay = Relay::start(&[]);
    let mut bridge = Bridge::open(&relay, "/raw/udp").await;
    bridge.sends_bytes(b"one".as_slice()).await;
    assert_eq!(bridge.hears().await, Crossed::Bytes(b"ONE".to_vec()));
    bridge.sends_bytes(b"".as_slice()).await;
    assert_eq!(
        bridge.hears().await,
        Crossed::Bytes(Vec::new()),
        "an empty one, too"
    );
    bridge.sends_bytes(b"a\xffb".as_slice()).await;
    assert_eq!(bridge.hears().await, Crossed::Bytes(b"A\xffB".to_vec()));
    bridge.sends_text("hello 世界 straße").await;
    assert_eq!(
        bridge.hears_bytes(20).await,
        "HELLO 世界 STRASSE".as_bytes()
    );
}

#[tokio::test]
async fn bytes_are_bytes() {
    let relay = Relay::start(&[]);
    let mut bridge = Bridge::open(&relay, "/raw/tcp").await;
    bridge.sends_bytes(b"one ".as_slice()).await;
    bridge.sends_bytes(b"stream\n".as_slice()).await;
    assert_eq!(bridge.hears_bytes(11).await, b"ONE STREAM\n");
    bridge.sends_text("hello 世界 straße").await;
    assert_eq!(
        bridge.hears_bytes(20).await,
        "HELLO 世界 STRASSE".as_bytes()
    );
    let long = b"all of this ".repeat(10_000);
    bridge.sends_bytes(long.as_slice()).await;
    assert_eq!(
        bridge.hears_bytes(long.len()).await,
        long.to_ascii_uppercase()
    );
}

#[tokio::test]
async fn the_end_of_the_stream_is_the_end_of_the_bridge() {
    let relay = Relay::start(&["--program", "book"]);
    let mut bridge = Bridge::open(&relay, "/raw/tcp").await;
    bridge.sends_text("only once").await;
    assert_eq!(bridge.hears_bytes(9).await, b"ONLY ONCE");
    assert_eq!(bridge.hears().await, Crossed::End(Some(1000)));
}

#[tokio::test]
async fn a_bridge_that_is_closed_is_answered_and_gone() {
    let relay = Relay::start(&[]);
    let mut page = Page::open(&relay).await;
    let mut bridge = Bridge::open(&relay, "/raw/udp").await;
    bridge.sends_text("i was here").await;
    assert_eq!(bridge.hears_bytes(10).await, b"I WAS HERE");
    bridge.closes().await;
    assert!(matches!(bridge.hears().await, Crossed::End(_)));
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
async fn a_bridge_to_nobody_says_so() {
    let relay = Relay::start_at(place::own_host(), &[]);
    let mut page = Page::open(&relay).await;
    for transport in [Udp, Tcp] {
        page.asks(Ask::StopServer { transport }).await.returned();
    }
    let mut bridge = Bridge::open(&relay, "/raw/tcp").await;
    let end = bridge.hears().await;
    // 1014 is "bad gateway"; the library of this client knows no 1014 and calls it 1002.
    assert!(
        matches!(end, Crossed::End(Some(1014 | 1002))),
        "not a silent end: {end:?}"
    );
}

#[tokio::test]
async fn other_sites_may_not_use_a_bridge() {
    let relay = Relay::start(&[]);
    for path in ["/raw/udp", "/raw/tcp"] {
        assert_eq!(
            knock(relay.http, path, &[]).await.status,
            101,
            "a program has no origin"
        );
        assert_eq!(
            knock(relay.http, path, &[("Origin", "http://evil.example")])
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
