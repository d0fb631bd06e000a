//! The writer thread by itself, on real connections.

use std::{
    future::poll_fn,
    io::Read,
    net::{Ipv4Addr, TcpListener},
};

use super::*;

/// A connection's write state, and the client's end.
fn connection() -> (Arc<WriteState>, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    let theirs = TcpStream::connect(listener.local_addr().expect("bound")).expect("a listener");
    let (ours, _) = listener.accept().expect("a client");
    ours.set_nonblocking(true).expect("a socket");
    let ours = tokio::net::TcpStream::from_std(ours).expect("an event loop");
    (WriteState::new(&ours).expect("a descriptor"), theirs)
}

async fn queue(writer: &WriterThread, state: &Arc<WriteState>, bytes: &[u8]) {
    let queued = poll_fn(|context| Poll::Ready(writer.queue(state, bytes.to_vec(), context))).await;
    assert_eq!(queued, Ok(Vec::new()), "an empty buffer in return");
}

async fn unsent(state: &WriteState) -> Option<Unsent> {
    poll_fn(|context| state.poll_done(context, true)).await
}

/// A writer whose thread does nothing.
fn idle_writer() -> WriterThread {
    WriterThread {
        queue: Arc::default(),
        thread: thread::spawn(|| {}),
    }
}

#[tokio::test]
async fn bytes_are_written_in_the_order_they_are_queued() {
    let writer = WriterThread::start().expect("a thread");
    let (state, mut theirs) = connection();
    let sizes = (0..500).map(|nth: usize| 1 + nth * 37 % 3000);
    let sent: Vec<Vec<u8>> = sizes.map(|size| vec![size as u8; size]).collect();
    let reader = thread::spawn(move || {
        let mut received = Vec::new();
        theirs
            .read_to_end(&mut received)
            .expect("an open connection");
        received
    });
    for bytes in &sent {
        let mut rest = bytes.clone();
        queue(&writer, &state, &rest).await;
        // While the client does not read, bytes remain.
        while let Some(left) = unsent(&state).await {
            rest = left.bytes[left.written..].to_vec();
            queue(&writer, &state, &rest).await;
        }
    }
    drop(state);
    assert!(reader.join().expect("a reader") == sent.concat());
}

#[tokio::test]
async fn bytes_that_the_kernel_does_not_take_return_once() {
    let writer = WriterThread::start().expect("a thread");
    let (state, mut theirs) = connection();
    let sent: Vec<u8> = (0..32_u32 << 20).map(|nth| (nth % 251) as u8).collect();
    queue(&writer, &state, &sent).await;
    let left = unsent(&state).await.expect("the client does not read");
    assert!((1..sent.len()).contains(&left.written));
    assert!(left.bytes == sent, "the whole job, with its progress");
    let mut received = vec![0; left.written];
    theirs.read_exact(&mut received).expect("what was written");
    assert!(received == sent[..left.written]);
    assert!(unsent(&state).await.is_none(), "it returns once");
}

#[tokio::test]
async fn a_full_queue_takes_no_more() {
    let writer = idle_writer();
    let (state, _theirs) = connection();
    for _ in 0..MAX_QUEUED_JOBS {
        queue(&writer, &state, b"one more").await;
    }
    let queued =
        poll_fn(|context| Poll::Ready(writer.queue(&state, b"too many".to_vec(), context)));
    assert_eq!(queued.await, Err(b"too many".to_vec()));
    let writer = idle_writer();
    queue(&writer, &state, &vec![0; MAX_QUEUED_BYTES]).await;
    let queued =
        poll_fn(|context| Poll::Ready(writer.queue(&state, b"too much".to_vec(), context)));
    assert_eq!(queued.await, Err(b"too much".to_vec()));
}

#[test]
fn some_buffers_are_kept_and_reused() {
    let mut queue = Queue::default();
    for _ in 0..1000 {
        queue.push_spare(Vec::with_capacity(1000));
    }
    assert_eq!(queue.spare.len(), MAX_SPARE_BUFFERS, "not too many");
    let mut queue = Queue::default();
    for _ in 0..1000 {
        queue.push_spare(Vec::with_capacity(100_000));
    }
    assert!(queue.spare_bytes <= MAX_SPARE_BYTES, "nor too much");
    while !queue.spare.is_empty() {
        assert!(queue.pop_spare().capacity() >= 100_000);
    }
    assert_eq!((queue.pop_spare().capacity(), queue.spare_bytes), (0, 0));
}

#[test]
fn a_few_connections_a_turn_are_written_to_by_the_event_loop() {
    end_turn();
    for _ in 0..3 {
        let mut connections = [0; MAX_DIRECT_CONNECTIONS as usize];
        for last in connections.iter_mut() {
            assert!(!should_queue(last) && !should_queue(last), "however often");
        }
        let mut late = 0;
        assert!(should_queue(&mut late), "one too many");
        assert!(
            should_queue(&mut connections[0]),
            "now for every connection"
        );
        end_turn();
        assert!(!should_queue(&mut late), "until the next turn");
        end_turn();
    }
}

#[test]
fn the_thread_ends_with_its_event_loop() {
    let writer = WriterThread::start().expect("a thread");
    let queue = Arc::downgrade(&writer.queue);
    drop(writer);
    while queue.strong_count() > 0 {
        thread::yield_now();
    }
}
