//! A bridge's socket that the writer thread writes to as well, on real connections.

use std::{future::poll_fn, net::Ipv4Addr};

use tokio::net::TcpListener;

use super::*;

/// The length of a long message: the kernel does not take many of them at once.
const LONG: usize = 50_000;

/// A socket whose bytes go to the writer thread, and the client's end.
async fn connect() -> (BridgeSocket, TcpStream) {
    while !writer_thread::should_queue(&mut 0) {}
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.expect("a socket");
    let address = listener.local_addr().expect("bound");
    let theirs = TcpStream::connect(address).await.expect("a listener");
    let (ours, _) = listener.accept().await.expect("a client");
    (BridgeSocket::new(ours, Vec::new(), false, 1 << 30), theirs)
}

/// Messages whose bytes and lengths all differ, and their frames.
fn messages(count: usize, length: usize) -> (Vec<Vec<u8>>, Vec<u8>) {
    let messages: Vec<Vec<u8>> = (0..count)
        .map(|nth| vec![nth as u8; length + nth])
        .collect();
    let mut wire = Vec::new();
    for message in &messages {
        frames::write_binary(message, &mut wire);
    }
    (messages, wire)
}

/// Queues each message and flushes as far as possible.
async fn send(socket: &mut BridgeSocket, messages: &[Vec<u8>]) {
    for message in messages {
        frames::write_binary(message, socket.pending_mut());
        let _flushed = poll_fn(|context| Poll::Ready(socket.poll_flush(context))).await;
    }
}

/// Flushes until nothing is queued.
async fn finish(socket: &mut BridgeSocket) {
    let finished = poll_fn(|context| {
        while socket.queued_bytes() > 0 {
            ready!(socket.poll_offloaded(context, true));
            if socket.poll_flush(context)?.is_pending() {
                return Poll::Pending;
            }
        }
        Poll::Ready(io::Result::Ok(()))
    });
    finished.await.expect("a client that reads");
}

async fn receive(theirs: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut received = vec![0; length];
    theirs
        .read_exact(&mut received)
        .await
        .expect("enough bytes");
    received
}

#[tokio::test]
async fn messages_arrive_in_order_whichever_thread_writes_them() {
    let (mut socket, mut theirs) = connect().await;
    for length in [1, 100, LONG] {
        let (messages, wire) = messages(100, length);
        let sending = async {
            for several in messages.chunks(7) {
                send(&mut socket, several).await;
                tokio::task::yield_now().await;
            }
            finish(&mut socket).await;
        };
        let ((), received) = tokio::join!(sending, receive(&mut theirs, wire.len()));
        assert!(received == wire, "{length}");
        let capacity = socket.pending.capacity() + socket.in_flight.capacity();
        assert_eq!(capacity, 0, "an idle socket holds no buffer");
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_is_noticed_and_receives_all_once_it_reads() {
    let (mut socket, mut theirs) = connect().await;
    let (messages, wire) = messages(400, LONG);
    send(&mut socket, &messages).await;
    let stuck = poll_fn(|context| {
        let _flushed = socket.poll_flush(context);
        if socket.unread_since().is_some() {
            return Poll::Ready(socket.queued_bytes());
        }
        Poll::Pending
    });
    assert!(stuck.await > 0);
    let ((), received) = tokio::join!(finish(&mut socket), receive(&mut theirs, wire.len()));
    assert!(received == wire);
    poll_fn(|context| socket.poll_flush(context))
        .await
        .expect("nothing remains");
    assert_eq!(socket.unread_since(), None);
}

#[tokio::test]
async fn a_client_that_is_gone_is_noticed() {
    let (mut socket, theirs) = connect().await;
    drop(theirs);
    let (messages, _) = messages(1, LONG);
    loop {
        for message in &messages {
            frames::write_binary(message, socket.pending_mut());
        }
        let flushed = poll_fn(|context| {
            ready!(socket.poll_offloaded(context, true));
            socket.poll_flush(context)
        });
        if flushed.await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn the_bytes_of_a_dropped_socket_are_written() {
    let (mut socket, mut theirs) = connect().await;
    let (messages, wire) = messages(1, LONG);
    send(&mut socket, &messages).await;
    drop(socket);
    let mut received = Vec::new();
    theirs.read_to_end(&mut received).await.expect("an end");
    assert!(received == wire);
}

#[tokio::test]
async fn the_close_frame_comes_last() {
    let (mut socket, mut theirs) = connect().await;
    let (messages, mut wire) = messages(5, LONG);
    frames::write_close(Some(1000), "bye", &mut wire);
    send(&mut socket, &messages).await;
    let mut received = Vec::new();
    let reading = async {
        received = receive(&mut theirs, wire.len()).await;
        drop(theirs);
    };
    tokio::join!(socket.close(Some(1000), "bye"), reading);
    assert!(received == wire);
}
