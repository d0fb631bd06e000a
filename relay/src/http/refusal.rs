//! The response to a connection beyond a limit: 503, whatever the request is, so that it need not be parsed.

use std::{cell::Cell, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::descriptors::ReserveSlot;

/// Maximum number of refusals sent at a time. Further connections are closed without a response.
const MAX_CONCURRENT: usize = 64;
/// Time within which the peer must read the response.
const LINGER_TIMEOUT: Duration = Duration::from_secs(1);
/// Maximum bytes of the request that are read and discarded. Closing with unread data would reset the connection before
/// the peer has read the response.
const DISCARDED_BYTES: usize = 64 << 10;

thread_local! {
    static IN_PROGRESS: Cell<usize> = const { Cell::new(0) };
}

/// Responds `503 Service Unavailable` with the reason, closes the connection, and then returns `slot` to the reserve.
pub(super) fn refuse(stream: TcpStream, slot: Option<ReserveSlot>, reason: &str) {
    if IN_PROGRESS.get() >= MAX_CONCURRENT {
        drop(stream);
        return drop(slot);
    }
    IN_PROGRESS.set(IN_PROGRESS.get() + 1);
    let response = response(reason);
    tokio::task::spawn_local(async move {
        // A connection whose peer does not read in time is closed as well.
        let sending = tokio::time::timeout(LINGER_TIMEOUT, send_and_drain(stream, &response));
        sending.await.ok();
        drop(slot);
        IN_PROGRESS.set(IN_PROGRESS.get() - 1);
    });
}

async fn send_and_drain(mut stream: TcpStream, response: &str) {
    if stream.write_all(response.as_bytes()).await.is_err() || stream.shutdown().await.is_err() {
        return;
    }
    let (mut discarded, mut buffer) = (0, [0; 1024]);
    while discarded < DISCARDED_BYTES
        && let Ok(bytes @ 1..) = stream.read(&mut buffer).await
    {
        discarded += bytes;
    }
}

fn response(reason: &str) -> String {
    let length = reason.len();
    format!(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\n\
         Retry-After: 5\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n{reason}"
    )
}
