//! The machine: which cores, whose processor time, whose memory.

mod cores;
mod foreign;

pub(crate) use cores::{Placement, how_many};
pub(crate) use foreign::Foreign;
pub(crate) use tests::usage::{cpu_ns, pss_kib};

/// As many descriptors as the system permits: every connection is one. Tells how many.
pub(crate) fn raise_descriptor_limit() -> u64 {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};

    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return 1_024;
    };
    match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        Ok(()) => hard,
        Err(_) => soft,
    }
}
