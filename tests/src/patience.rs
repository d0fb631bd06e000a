//! Waiting: always for something, never longer than a deadline, never a plain sleep.

use std::time::{Duration, Instant};

/// How long a story waits before it says "this did not happen": far beyond what a busy machine needs.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How often a state that cannot announce itself is looked at.
const GLANCE: Duration = Duration::from_millis(10);

/// What the future yields.
///
/// # Panics
/// When it did not happen in time.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: did not happen within {} s", PATIENCE.as_secs()),
    }
}

/// Looks again and again until there is something to see.
///
/// # Panics
/// When nothing was seen in time.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    within(what, async {
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            tokio::time::sleep(GLANCE).await;
        }
    })
    .await
}

/// The same for guards, which cannot wait asynchronously; `None` when the time is over.
pub fn look_for<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + limit;
    loop {
        let seen = look();
        if seen.is_some() || Instant::now() > deadline {
            return seen;
        }
        std::thread::sleep(GLANCE);
    }
}
