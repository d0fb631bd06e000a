//! The limit of file descriptors: `budget` lowers the relay's other limits to fit it at start, and `reserve` keeps some
//! descriptors so that a new connection can be refused with a reason when none is left. The system calls are in `sys`.

mod budget;
mod reserve;

pub use budget::{MIN_DESCRIPTORS, fit_limits};
pub use reserve::{ReserveSlot, fill_reserve};

use std::{
    cell::Cell,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// Minimum interval between log lines about exhausted descriptors.
const LOG_INTERVAL: Duration = Duration::from_secs(60);
/// First and longest interval at which a failed call checks for a free descriptor.
const POLL_INTERVALS: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(1)];

static EXHAUSTED: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static LOGGED: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Counts a call that failed because no descriptor was left. Logs it at most once a minute.
pub fn record_exhaustion() {
    EXHAUSTED.fetch_add(1, Relaxed);
    let now = Instant::now();
    let is_due = LOGGED
        .get()
        .is_none_or(|logged| now.duration_since(logged) >= LOG_INTERVAL);
    if is_due {
        LOGGED.set(Some(now));
        eprintln!(
            "relay: no file descriptor is left: new connections are refused until others close. Raise the limit \
             (ulimit -n, or LimitNOFILE= in a systemd unit), or lower --max-pages and --max-sockets"
        );
    }
}

/// Number of calls that failed because no descriptor was left.
#[must_use]
pub fn exhaustion_count() -> u64 {
    EXHAUSTED.load(Relaxed)
}

/// Waits until a descriptor is free. It is not reserved for the caller.
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
