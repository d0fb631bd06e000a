//! Processor time and memory of a process, from /proc.

use std::{
    fs,
    time::{Duration, Instant},
};

use crate::timeout::TIMEOUT;

/// The processor time per second below which a process is idle; a busy loop uses all of a second.
const IDLE: Duration = Duration::from_millis(200);

/// Waits until a process is idle; returns its processor time of the last second.
///
/// # Panics
/// When it does not come to rest.
pub async fn waits_until_idle(pid: u32) -> Duration {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let busy = busy_for_a_second(pid).await;
        if busy < IDLE {
            return busy;
        }
        assert!(
            Instant::now() < deadline,
            "it should be idle, and is busy for {busy:?} of a second"
        );
    }
}

async fn busy_for_a_second(pid: u32) -> Duration {
    let used = || cpu_ns(pid).expect("a running process under /proc");
    let before = used();
    tokio::time::sleep(Duration::from_secs(1)).await;
    Duration::from_nanos(used().saturating_sub(before))
}

/// Processor time of all threads of a process so far, in nanoseconds; none where the kernel does not tell.
#[must_use]
pub fn cpu_ns(pid: u32) -> Option<u64> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    threads
        .flatten()
        .map(|thread| {
            let told = fs::read_to_string(thread.path().join("schedstat")).ok()?;
            told.split_whitespace().next()?.parse::<u64>().ok()
        })
        .sum()
}

/// Memory of a process, shared pages by its share, in KiB.
#[must_use]
pub fn pss_kib(pid: u32) -> Option<u64> {
    let told = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = told.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    line.split_whitespace().next()?.parse().ok()
}
