//! UDP servers never answer each other's answers, whatever source address a datagram has.

use std::net::UdpSocket;

use shared::{
    conditions::{Conditions, DatagramId, Fate, Verdict, Way},
    message::Ask,
    trace::{CallName, What},
};
use tests::{
    address_allocator,
    calls::ExpectReply,
    page::Page,
    relay::Relay,
    timeout::TIMEOUT,
    trace::{Trace, UDP_SERVER},
};

/// A sentence that is the same in upper case and backwards, and holds the letter that is counted.
const SENTENCE: &str = "SS";

#[tokio::test]
async fn one_datagram_in_another_servers_name_is_answered_once_and_that_is_all() {
    for program in ["book", "sturdy"] {
        for task in ["upper", "count:S", "reverse", "echo"] {
            two_relays(&["--program", program, "--task", task]).await;
        }
    }
}

/// A datagram to one relay's server from the address that the other's server has by the time of the answer.
async fn two_relays(args: &[&str]) {
    let relay = Relay::launch(
        "127.0.0.1:0",
        &address_allocator::free_address(address_allocator::own_host()).to_string(),
        args,
    );
    let mut page = Page::open(&relay).await;
    let by_hand = Way {
        by_hand: true,
        ..Way::default()
    };
    sets(&mut page, by_hand).await;
    let at = address_allocator::free_address(address_allocator::own_host());
    let forger = UdpSocket::bind(at).expect("its address for now");
    forger
        .send_to(SENTENCE.as_bytes(), relay.udp)
        .expect("sent");
    let datagram = is_held(&mut page).await;
    drop(forger);
    let other = Relay::launch("127.0.0.1:0", &at.to_string(), args);
    let verdict = Verdict::Release;
    page.asks(Ask::Decide { datagram, verdict })
        .await
        .returned();
    sets(&mut page, Way::default()).await;
    let mut others_page = Page::open(&other).await;
    let met = |trace: &Trace| received(trace) > 0;
    Trace::watched(&mut others_page, met).await;
    for page in [&mut others_page, &mut page] {
        // Whatever went to and fro is in the trace by the time this was answered.
        let reply = page.exchanges_by_udp(SENTENCE).await;
        assert!(!reply.is_empty());
        let me = page.welcome.process;
        let is_closed = |trace: &Trace| !trace.returns(me, CallName::Close).is_empty();
        let trace = Trace::watched(page, is_closed).await;
        assert_eq!(
            received(&trace),
            2,
            "the forged one or its answer, and this one"
        );
    }
}

/// How many datagrams the server has received.
fn received(trace: &Trace) -> usize {
    trace.returns(UDP_SERVER, CallName::RecvFrom).len()
}

#[tokio::test]
async fn an_upper_case_sentence_is_answered_every_time() {
    const MANY: usize = 2000;
    for program in ["book", "sturdy"] {
        let relay = Relay::start(&["--program", program]);
        let client = UdpSocket::bind((relay.udp.ip(), 0)).expect("a socket");
        client.set_read_timeout(Some(TIMEOUT)).expect("a time");
        client.connect(relay.udp).expect("a server");
        let mut buffer = [0; 16];
        for _ in 0..MANY {
            client.send(SENTENCE.as_bytes()).expect("sent");
            let length = client.recv(&mut buffer).expect("an answer");
            assert_eq!(&buffer[..length], SENTENCE.as_bytes());
        }
    }
}

async fn sets(page: &mut Page, request: Way) {
    let conditions = Conditions {
        request,
        ..Conditions::default()
    };
    page.asks(Ask::SetConditions { conditions })
        .await
        .returned();
}

/// The number of the datagram that is held.
async fn is_held(page: &mut Page) -> DatagramId {
    loop {
        if let What::Edge(edge) = page.receives_event().await.what
            && edge.fate == Fate::Held
        {
            return edge.datagram;
        }
    }
}
