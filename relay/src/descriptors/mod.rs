//! What the relay does about the limit of file descriptors: it fits its other limits to it at start, and keeps a
//! reserve, so that newcomers hear a reason when none is left.

mod budget;
mod reserve;

pub use budget::{MIN_DESCRIPTORS, fit_limits};
pub use reserve::{ReserveSlot, fill_reserve};

use std::{
    cell::Cell,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// The log says it at most this often.
const LOG_INTERVAL: Duration = Duration::from_secs(60);
/// How often a call that failed looks for a free descriptor: at first, and at last.
const POLL_INTERVALS: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(1)];

static EXHAUSTED: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static LOGGED: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Counts a call that failed for want of a descriptor, and logs it if the log has not said so lately.
pub fn record_exhaustion() {
    EXHAUSTED.fetch_add(1, Relaxed);
    let now = Instant::now();
    let is_due = LOGGED
        .get()
        .is_none_or(|logged| now.duration_since(logged) >= LOG_INTERVAL);
    if is_due {
        LOGGED.set(Some(now));
        eprintln!(
            "relay: no file descriptor is left: newcomers are refused until some are closed. Raise the limit \
             (ulimit -n, or LimitNOFILE= in a systemd unit), or lower --max-pages and --max-sockets"
        );
    }
}

/// How many calls have failed for want of a descriptor.
#[must_use]
pub fn exhaustion_count() -> u64 {
    EXHAUSTED.load(Relaxed)
}

/// Waits until a descriptor is free, without holding one.
pub async fn wait_for_free() {
    let [mut interval, longest] = POLL_INTERVALS;
    loop {
        tokio::time::sleep(interval).await;
        if reserve::is_descriptor_free() {
            return;
        }
        interval = (interval * 2).min(longest);
    }
}
