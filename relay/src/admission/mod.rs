//! Admission: quotas, accepted host names and origins, the origin of a connection, the rights of this machine, and the
//! rate at which codes and tokens may be guessed.
//!
//! This room decides; the rooms that ask (`http`, `session`, `class`, `lab`) refuse. File descriptors are budgeted in
//! `descriptors`.

mod attempt_limiter;
mod forwarding;
mod hosts;
mod origin;
mod owner;
mod quota;
mod trust;

pub use attempt_limiter::{AttemptLimiter, pause_after_failures};
pub use hosts::{is_allowed_host, is_loopback_host, is_same_origin};
pub use origin::{ClientOrigin, Denial};
pub use quota::{PageQuota, Permit, QuotaCounter, QuotaExceeded, quota_address};
pub use trust::{Peer, Trust, parse_address_range};
