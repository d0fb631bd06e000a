//! A visitor that others write to as well, on real connections.

use std::{future::poll_fn, net::Ipv4Addr};

use tokio::net::TcpListener;

use super::*;

/// A long message: many of them are more than the kernel has room for.
const LONG: usize = 50_000;

/// A visitor, whom a busy event loop has others write to, and its own end.
async fn visitor() -> (Visitor, TcpStream) {
    while !hands::are_needed(&mut 0) {}
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.expect("a socket");
    let address = listener.local_addr().expect("bound");
    let theirs = TcpStream::connect(address).await.expect("somebody");
    let (ours, _) = listener.accept().await.expect("the visitor");
    (Visitor::new(ours, Vec::new(), false, 1 << 30), theirs)
}

/// Messages whose bytes and lengths all differ, and as they are to be on the wire.
fn messages(count: usize, length: usize) -> (Vec<Vec<u8>>, Vec<u8>) {
    let messages: Vec<Vec<u8>> = (0..count)
        .map(|nth| vec![nth as u8; length + nth])
        .collect();
    let mut wire = Vec::new();
    for message in &messages {
        frames::write_data(message, &mut wire);
    }
    (messages, wire)
}

/// Queues each message and has it written as far as that goes.
async fn says(visitor: &mut Visitor, messages: &[Vec<u8>]) {
    for message in messages {
        frames::write_data(message, visitor.out());
        let _flushed = poll_fn(|context| Poll::Ready(visitor.poll_flush(context))).await;
    }
}

/// Has everything written, and nothing is away.
async fn finishes(visitor: &mut Visitor) {
    let finished = poll_fn(|context| {
        while visitor.queued() > 0 {
            ready!(visitor.poll_back(context, true));
            if visitor.poll_flush(context)?.is_pending() {
                return Poll::Pending;
            }
        }
        Poll::Ready(io::Result::Ok(()))
    });
    finished.await.expect("somebody who reads");
}

async fn hears(theirs: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut heard = vec![0; length];
    theirs.read_exact(&mut heard).await.expect("so much");
    heard
}

#[tokio::test]
async fn whoever_writes_it_it_comes_in_order() {
    let (mut visitor, mut theirs) = visitor().await;
    for length in [1, 100, LONG] {
        let (messages, wire) = messages(100, length);
        let says = async {
            for several in messages.chunks(7) {
                says(&mut visitor, several).await;
                tokio::task::yield_now().await;
            }
            finishes(&mut visitor).await;
        };
        let ((), heard) = tokio::join!(says, hears(&mut theirs, wire.len()));
        assert!(heard == wire, "{length}");
        let room = visitor.out.capacity() + visitor.going.capacity();
        assert_eq!(room, 0, "who has nothing to say needs no room");
    }
}

#[tokio::test]
async fn who_does_not_read_is_found_out_and_hears_all_once_it_reads() {
    let (mut visitor, mut theirs) = visitor().await;
    let (messages, wire) = messages(400, LONG);
    says(&mut visitor, &messages).await;
    let stuck = poll_fn(|context| {
        let _flushed = visitor.poll_flush(context);
        if visitor.unread_since().is_some() {
            return Poll::Ready(visitor.queued());
        }
        Poll::Pending
    });
    assert!(stuck.await > 0);
    let ((), heard) = tokio::join!(finishes(&mut visitor), hears(&mut theirs, wire.len()));
    assert!(heard == wire);
    poll_fn(|context| visitor.poll_flush(context))
        .await
        .expect("nothing is left");
    assert_eq!(visitor.unread_since(), None);
}

#[tokio::test]
async fn who_is_gone_is_found_out() {
    let (mut visitor, theirs) = visitor().await;
    drop(theirs);
    let (messages, _) = messages(1, LONG);
    loop {
        for message in &messages {
            frames::write_data(message, visitor.out());
        }
        let flushed = poll_fn(|context| {
            ready!(visitor.poll_back(context, true));
            visitor.poll_flush(context)
        });
        if flushed.await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn a_bridge_that_is_dropped_has_its_last_words_written() {
    let (mut visitor, mut theirs) = visitor().await;
    let (messages, wire) = messages(1, LONG);
    says(&mut visitor, &messages).await;
    drop(visitor);
    let mut heard = Vec::new();
    theirs.read_to_end(&mut heard).await.expect("an end");
    assert!(heard == wire);
}

#[tokio::test]
async fn the_farewell_comes_last() {
    let (mut visitor, mut theirs) = visitor().await;
    let (messages, mut wire) = messages(5, LONG);
    frames::write_close(Some(1000), "bye", &mut wire);
    says(&mut visitor, &messages).await;
    let mut heard = Vec::new();
    let reads = async {
        heard = hears(&mut theirs, wire.len()).await;
        drop(theirs);
    };
    tokio::join!(visitor.close(Some(1000), "bye"), reads);
    assert!(heard == wire);
}
