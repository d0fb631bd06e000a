//! Who may: quotas of pages and labs, names and origins the relay answers to, where a visitor comes from, who has
//! the rights of this machine, and how fast secrets may be guessed.

mod attempts;
mod forwarding;
mod hosts;
mod origin;
mod owner;
mod quota;
mod trust;

pub use attempts::{Attempts, pause_after};
pub use hosts::{host_is_ours, is_of_this_machine, origin_is_ours};
pub use origin::{ClientOrigin, Denial};
pub use quota::{Full, Guard, Place, Tally, quota_address};
pub use trust::{Peer, Trust, parse_range};
