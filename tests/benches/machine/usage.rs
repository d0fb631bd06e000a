//! What a process uses: processor time and memory, as /proc tells.

use std::fs;

/// Processor time of all threads of a process so far, in nanoseconds; none where the kernel does not tell.
pub(crate) fn cpu_ns(pid: u32) -> Option<u64> {
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
pub(crate) fn pss_kib(pid: u32) -> Option<u64> {
    let told = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = told.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    line.split_whitespace().next()?.parse().ok()
}
