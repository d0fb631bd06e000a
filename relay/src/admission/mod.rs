//! Who may: quotas of pages and labs, names and origins the relay answers to, where a visitor comes from, who has
//! the rights of this machine, and how fast secrets may be guessed.

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
