//! A page is heard whatever its calls do.

use std::{io::Write, net::Ipv4Addr};

use clap::Parser;
use tokio::net::{TcpListener, TcpStream};

use super::{super::session::Calls, *};
use crate::config::Config;

/// The masked text frame `{}` (RFC 6455 §5.2), with a mask of zeros.
const SAID: &[u8] = b"\x81\x82\0\0\0\0{}";

/// The relay's end of a page's connection, on which the page has already said something.
async fn page_that_spoke() -> (WsConnection, std::net::TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.expect("a socket");
    let address = listener.local_addr().expect("bound");
    let mut page = std::net::TcpStream::connect(address).expect("somebody listens");
    page.write_all(SAID).expect("an open connection");
    let (stream, _): (TcpStream, _) = listener.accept().await.expect("the page");
    let limits = Config::parse_from(["relay"]).limits.into();
    (WsConnection::new(stream, Vec::new(), &limits).await, page)
}

#[tokio::test]
async fn a_call_that_never_waits_does_not_keep_its_page_from_being_heard() {
    let (mut ws, _page) = page_that_spoke().await;
    let mut calls = Calls::new();
    // It spends the whole budget of each poll, as a socket does that is always said to be ready and never is.
    calls.push(Box::pin(async {
        loop {
            tokio::task::coop::consume_budget().await;
        }
    }));
    let mut turns = PollOrder::default();
    let heard = poll_fn(|context| turns.poll(context, &mut ws, &mut calls, true));
    let heard = tokio::time::timeout(Duration::from_secs(30), heard).await;
    assert!(
        matches!(heard, Ok(Event::Incoming(Incoming::Message(_)))),
        "the page"
    );
}

#[tokio::test]
async fn a_page_that_never_pauses_does_not_keep_its_calls_from_returning() {
    let (mut ws, mut page) = page_that_spoke().await;
    let mut calls = Calls::new();
    calls.push(Box::pin(std::future::ready(ReturnedCall::nothing(1))));
    let mut turns = PollOrder::default();
    for _ in 0..2 {
        page.write_all(SAID).expect("an open connection");
        let next = poll_fn(|context| turns.poll(context, &mut ws, &mut calls, true));
        if matches!(next.await, Event::Returned(_)) {
            return;
        }
    }
    panic!("the call did not return");
}
