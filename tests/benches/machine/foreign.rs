//! Processor time of other programs during a measurement: figures of a busy machine are less reliable.

use std::{fs, time::Instant};

use nix::unistd::getpgrp;

/// Ticks per second in /proc (proc(5), `USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;
/// The fields of /proc/stat for busy time: user, nice, system; then, after idle and iowait, interrupts and stolen time.
const IDLE: [usize; 2] = [3, 4];
const COUNTED: usize = 8;
/// The fields of /proc/PID/stat after the name: the process group, and four times of the process and its children.
const GROUP: usize = 2;
const TIMES: std::ops::Range<usize> = 11..15;

/// A measurement of the machine, to be compared with a later one.
#[derive(Debug)]
pub(crate) struct Foreign {
    at: Instant,
    busy: u64,
    ours: u64,
}

impl Foreign {
    /// Starts now.
    pub(crate) fn since_now() -> Self {
        Self {
            at: Instant::now(),
            busy: busy().unwrap_or_default(),
            ours: ours(),
        }
    }

    /// The number of cores that other programs kept busy since then.
    pub(crate) fn cores(&self) -> f64 {
        let now = Self::since_now();
        let seconds = now.at.duration_since(self.at).as_secs_f64();
        let busy = now.busy.saturating_sub(self.busy);
        let others = busy.saturating_sub(now.ours.saturating_sub(self.ours));
        others as f64 / TICKS_PER_SECOND / seconds.max(1e-3)
    }
}

/// Busy ticks of all cores.
fn busy() -> Option<u64> {
    let told = fs::read_to_string("/proc/stat").ok()?;
    let fields = told.lines().next()?.split_whitespace().skip(1);
    let counted = fields.take(COUNTED).enumerate();
    counted
        .filter(|(at, _)| !IDLE.contains(at))
        .map(|(_, ticks)| ticks.parse::<u64>().ok())
        .sum()
}

/// Ticks of this process group, which includes all programs started here.
fn ours() -> u64 {
    let group = getpgrp().as_raw().to_string();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|process| fs::read_to_string(process.path().join("stat")).ok())
        .filter_map(|told| ticks_of(&told, &group))
        .sum()
}

fn ticks_of(told: &str, group: &str) -> Option<u64> {
    // The name is in parentheses and may contain any character.
    let (_, behind) = told.rsplit_once(") ")?;
    let fields: Vec<&str> = behind.split_whitespace().collect();
    if *fields.get(GROUP)? != group {
        return None;
    }
    fields
        .get(TIMES)?
        .iter()
        .map(|ticks| ticks.parse::<u64>().ok())
        .sum()
}
