//! Waiting for a condition with a deadline. No story sleeps for a fixed time.

use std::time::{Duration, Instant};

/// How long a story waits for anything: far beyond what a busy machine needs.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// The interval at which a condition is polled.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Awaits the future for at most [`TIMEOUT`].
///
/// # Panics
/// When the time is over; the message names `what`.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(TIMEOUT, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: did not happen within {} s", TIMEOUT.as_secs()),
    }
}

/// Polls `look` until it returns something.
///
/// # Panics
/// When the time is over; the message names `what`.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    within(what, async {
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    })
    .await
}

/// The same for synchronous code, such as `drop`; `None` when the time is over.
pub fn poll_until<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + limit;
    loop {
        let seen = look();
        if seen.is_some() || Instant::now() > deadline {
            return seen;
        }
        std::thread::sleep(POLL_INTERVAL);
    }
}
