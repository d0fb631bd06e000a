//! File descriptors of this process: how many it may have, and how many it has.

use std::io;

use shared::call::Fd;

use super::errno;

/// The lowest descriptor that is not taken, as POSIX assigns it; 0, 1 and 2 are the terminal.
#[must_use]
pub fn lowest_free(is_taken: impl Fn(Fd) -> bool) -> Fd {
    (3..).find(|fd| !is_taken(*fd)).unwrap_or(Fd::MAX)
}

/// macOS refuses a soft limit above OPEN_MAX even where the hard limit is unlimited (setrlimit(2) there).
#[cfg(unix)]
const OPEN_MAX: u64 = 10_240;

/// Raises the soft limit to the hard one, as servers do, and returns the limit then in force; none on systems
/// without one.
#[cfg(unix)]
#[must_use]
pub fn raise_limit() -> Option<u64> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};

    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    for wanted in [hard, hard.min(OPEN_MAX)] {
        if wanted > soft && setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).is_ok() {
            break;
        }
    }
    let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    Some(soft)
}

/// Other systems have no such limit.
#[cfg(not(unix))]
#[must_use]
pub const fn raise_limit() -> Option<u64> {
    None
}

/// The number of open descriptors; none where the system does not report it.
#[must_use]
pub fn count() -> Option<u64> {
    const OPEN: &str = "/proc/self/fd";
    // Since Linux 6.2 the size of this directory is the number of its entries.
    match std::fs::metadata(OPEN).ok()?.len() {
        0 => {
            let entries = std::fs::read_dir(OPEN).ok()?.count();
            u64::try_from(entries).ok()
        }
        entries => Some(entries),
    }
}

/// Whether a call failed because this process (`EMFILE`) or the system (`ENFILE`) has no descriptor left.
#[must_use]
pub fn is_exhausted(error: &io::Error) -> bool {
    matches!(errno::name(error).as_str(), "EMFILE" | "ENFILE")
}
