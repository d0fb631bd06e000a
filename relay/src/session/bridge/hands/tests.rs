//! The hands by themselves, on real connections.

use std::{
    future::poll_fn,
    io::Read,
    net::{Ipv4Addr, TcpListener},
};

use super::*;

/// A visitor's slip, and the visitor's own end.
fn slip() -> (Arc<Slip>, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    let theirs = TcpStream::connect(listener.local_addr().expect("bound")).expect("somebody");
    let (ours, _) = listener.accept().expect("the visitor");
    ours.set_nonblocking(true).expect("a socket");
    let ours = tokio::net::TcpStream::from_std(ours).expect("an event loop");
    (Slip::of(&ours).expect("a descriptor"), theirs)
}

async fn gives(hands: &Hands, slip: &Arc<Slip>, bytes: &[u8]) {
    let taken = poll_fn(|context| Poll::Ready(hands.take(slip, bytes.to_vec(), context))).await;
    assert_eq!(taken, Ok(Vec::new()), "taken, for an empty buffer");
}

async fn back(slip: &Slip) -> Option<Left> {
    poll_fn(|context| slip.poll_back(context, true)).await
}

/// Hands that never do anything.
fn idle_hands() -> Hands {
    Hands {
        tray: Arc::default(),
        thread: thread::spawn(|| {}),
    }
}

#[tokio::test]
async fn what_is_given_is_written_in_order() {
    let hands = Hands::start().expect("a thread");
    let (slip, mut theirs) = slip();
    let sizes = (0..500).map(|nth: usize| 1 + nth * 37 % 3000);
    let sent: Vec<Vec<u8>> = sizes.map(|size| vec![size as u8; size]).collect();
    let reads = thread::spawn(move || {
        let mut heard = Vec::new();
        theirs.read_to_end(&mut heard).expect("an open connection");
        heard
    });
    for bytes in &sent {
        let mut rest = bytes.clone();
        gives(&hands, &slip, &rest).await;
        // A reader that was kept from reading has some of it come back.
        while let Some(left) = back(&slip).await {
            rest = left.bytes[left.written..].to_vec();
            gives(&hands, &slip, &rest).await;
        }
    }
    drop(slip);
    assert!(reads.join().expect("a reader") == sent.concat());
}

#[tokio::test]
async fn what_the_kernel_does_not_take_comes_back() {
    let hands = Hands::start().expect("a thread");
    let (slip, mut theirs) = slip();
    let sent: Vec<u8> = (0..32_u32 << 20).map(|nth| (nth % 251) as u8).collect();
    gives(&hands, &slip, &sent).await;
    let left = back(&slip).await.expect("nobody reads");
    assert!((1..sent.len()).contains(&left.written));
    assert!(left.bytes == sent, "all of it, and how far it is");
    let mut heard = vec![0; left.written];
    theirs.read_exact(&mut heard).expect("what was written");
    assert!(heard == sent[..left.written]);
    assert!(back(&slip).await.is_none(), "it comes back once");
}

#[tokio::test]
async fn with_enough_waiting_no_more_is_taken() {
    let hands = idle_hands();
    let (slip, _theirs) = slip();
    for _ in 0..MOST_JOBS {
        gives(&hands, &slip, b"one more").await;
    }
    let taken = poll_fn(|context| Poll::Ready(hands.take(&slip, b"too many".to_vec(), context)));
    assert_eq!(taken.await, Err(b"too many".to_vec()));
    let hands = idle_hands();
    gives(&hands, &slip, &vec![0; MOST_BYTES]).await;
    let taken = poll_fn(|context| Poll::Ready(hands.take(&slip, b"too much".to_vec(), context)));
    assert_eq!(taken.await, Err(b"too much".to_vec()));
}

#[test]
fn some_room_is_kept_and_used_again() {
    let mut tray = Tray::default();
    for _ in 0..1000 {
        tray.keep(Vec::with_capacity(1000));
    }
    assert_eq!(tray.spare.len(), SPARE_BUFFERS, "not too many");
    let mut tray = Tray::default();
    for _ in 0..1000 {
        tray.keep(Vec::with_capacity(100_000));
    }
    assert!(tray.spare_bytes <= SPARE_BYTES, "nor too much");
    while !tray.spare.is_empty() {
        assert!(tray.next_spare().capacity() >= 100_000);
    }
    assert_eq!((tray.next_spare().capacity(), tray.spare_bytes), (0, 0));
}

#[test]
fn a_few_visitors_a_turn_need_nobody_else() {
    turn_ends();
    for _ in 0..3 {
        let mut visitors = [0; ALONE as usize];
        for last in visitors.iter_mut() {
            assert!(!are_needed(last) && !are_needed(last), "however often");
        }
        let mut late = 0;
        assert!(are_needed(&mut late), "one too many");
        assert!(are_needed(&mut visitors[0]), "now for everybody");
        turn_ends();
        assert!(!are_needed(&mut late), "until the next turn");
        turn_ends();
    }
}

#[test]
fn the_thread_ends_with_its_event_loop() {
    let hands = Hands::start().expect("a thread");
    let tray = Arc::downgrade(&hands.tray);
    drop(hands);
    while tray.strong_count() > 0 {
        thread::yield_now();
    }
}
