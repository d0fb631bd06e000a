//! The cores on which everything runs: one, or any.
//!
//! Waking a sleeping core costs more than all the work of a sentence. So one core shows what the software costs, and all
//! cores show how long a user waits; the two are never compared.

use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    unistd::Pid,
};

/// The cores for the load, the contenders and their servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Placement {
    /// One core for all.
    OneCore,
    /// Any core.
    Spread,
}

/// A guard; this thread and the programs it starts keep their placement until it is dropped.
#[derive(Debug)]
#[must_use = "dropped, everything may run everywhere again"]
pub(crate) struct Placed {
    before: Option<CpuSet>,
}

impl Placement {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::OneCore, Self::Spread];

    /// Its name in tables.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::OneCore => "1 core",
            Self::Spread => "spread",
        }
    }

    /// Places this thread and all programs that it starts from now on.
    pub(crate) fn enter(self) -> Placed {
        let before = sched_getaffinity(this_thread()).ok();
        let last = before.as_ref().and_then(|allowed| cores(allowed).last());
        if let (Self::OneCore, Some(core)) = (self, last) {
            let mut one = CpuSet::new();
            one.set(core).expect("a core the system named");
            sched_setaffinity(this_thread(), &one).expect("a core this process may use");
        }
        Placed { before }
    }
}

impl Drop for Placed {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // It was allowed before; if it no longer is, the next placement fails.
            sched_setaffinity(this_thread(), before).ok();
        }
    }
}

/// The number of cores.
pub(crate) fn how_many() -> usize {
    sched_getaffinity(this_thread()).map_or(1, |allowed| cores(&allowed).count())
}

fn cores(set: &CpuSet) -> impl Iterator<Item = usize> {
    (0..CpuSet::count()).filter(|core| set.is_set(*core).unwrap_or_default())
}

const fn this_thread() -> Pid {
    Pid::from_raw(0)
}
