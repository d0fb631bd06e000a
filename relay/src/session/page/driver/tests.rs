//! A page's messages are handled whatever its calls do.

use std::{io::Write, net::Ipv4Addr, time::Duration};

use clap::Parser;
use shared::outcome::{Outcome, Returned};
use tokio::net::{TcpListener, TcpStream};

use super::{
    super::{core::without_socket, session::Calls},
    *,
};
use crate::config::Config;

/// The masked text frame `{}` (RFC 6455 §5.2), with a mask of zeros.
const MESSAGE: &[u8] = b"\x81\x82\0\0\0\0{}";

/// The relay's end of a page's connection on which a message has arrived, and the page's end.
async fn connection_with_message() -> (WsConnection, std::net::TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.expect("a socket");
    let address = listener.local_addr().expect("bound");
    let mut page = std::net::TcpStream::connect(address).expect("a listener");
    page.write_all(MESSAGE).expect("an open connection");
    let (stream, _): (TcpStream, _) = listener.accept().await.expect("the page");
    let limits = Config::parse_from(["relay"]).limits.into();
    (
        WsConnection::new(stream, Vec::new(), Protocol::V1, &limits).await,
        page,
    )
}

#[tokio::test]
async fn a_call_that_is_always_ready_does_not_starve_its_page() {
    let (mut ws, _page) = connection_with_message().await;
    let mut calls = Calls::new();
    // It spends the whole budget of each poll, like a socket that is reported ready and never is.
    calls.push(Box::pin(async {
        loop {
            tokio::task::coop::consume_budget().await;
        }
    }));
    let mut order = PollOrder::default();
    let event = poll_fn(|context| order.poll(context, &mut ws, &mut calls, true));
    let event = tokio::time::timeout(Duration::from_secs(30), event).await;
    assert!(
        matches!(event, Ok(PageEvent::Incoming(Incoming::Message(_)))),
        "the page's message"
    );
}

#[tokio::test]
async fn a_page_that_never_pauses_does_not_starve_its_calls() {
    let (mut ws, mut page) = connection_with_message().await;
    let mut calls = Calls::new();
    calls.push(Box::pin(std::future::ready(ReturnedCall {
        id: 1,
        fd: None,
        result: without_socket(Outcome::Returned(Returned::Nothing)),
    })));
    let mut order = PollOrder::default();
    for _ in 0..2 {
        page.write_all(MESSAGE).expect("an open connection");
        let next = poll_fn(|context| order.poll(context, &mut ws, &mut calls, true));
        if matches!(next.await, PageEvent::Returned(_)) {
            return;
        }
    }
    panic!("the call did not return");
}
