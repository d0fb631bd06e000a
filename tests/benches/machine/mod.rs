//! The machine: cores, processor time, memory.

mod cores;
mod foreign;

pub(crate) use cores::{Placement, how_many};
pub(crate) use foreign::Foreign;
pub(crate) use tests::usage::{cpu_ns, pss_kib};

/// Raises the limit of descriptors as far as the system permits, and returns it. Each connection needs one.
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
