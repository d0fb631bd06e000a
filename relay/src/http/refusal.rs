//! The short answer to a connection there is no room for. It costs no parsing: whatever was asked, it is 503.

use std::{cell::Cell, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::descriptors::ReserveSlot;

/// At most this many answers are on their way at a time; beyond, a connection is closed without one.
const MOST_AT_ONCE: usize = 64;
/// How long the peer may take to read the answer.
const LINGER: Duration = Duration::from_secs(1);
/// Read and thrown away, so that closing does not reset the connection before the answer is read.
const DISCARDED_BYTES: usize = 64 << 10;

thread_local! {
    static UNDER_WAY: Cell<usize> = const { Cell::new(0) };
}

/// Answers `503 Service Unavailable` with the reason and closes the connection; then `slot` is given back.
pub(super) fn refuse(stream: TcpStream, slot: Option<ReserveSlot>, reason: &str) {
    if UNDER_WAY.get() >= MOST_AT_ONCE {
        drop(stream);
        return drop(slot);
    }
    UNDER_WAY.set(UNDER_WAY.get() + 1);
    let answer = answer(reason);
    tokio::task::spawn_local(async move {
        // A peer that does not take it is closed all the same.
        let told = tokio::time::timeout(LINGER, tell(stream, &answer));
        told.await.ok();
        drop(slot);
        UNDER_WAY.set(UNDER_WAY.get() - 1);
    });
}

async fn tell(mut stream: TcpStream, answer: &str) {
    if stream.write_all(answer.as_bytes()).await.is_err() || stream.shutdown().await.is_err() {
        return;
    }
    let (mut discarded, mut buffer) = (0, [0; 1024]);
    while discarded < DISCARDED_BYTES
        && let Ok(bytes @ 1..) = stream.read(&mut buffer).await
    {
        discarded += bytes;
    }
}

fn answer(reason: &str) -> String {
    let length = reason.len();
    format!(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\n\
         Retry-After: 5\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n{reason}"
    )
}
