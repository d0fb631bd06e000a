//! Who may: quotas of pages and labs, names and origins the relay answers to, and where a visitor comes from.

mod hosts;
mod origin;
mod quota;

pub use hosts::{host_is_ours, is_of_this_machine, origin_is_ours};
pub use origin::ClientOrigin;
pub use quota::{Full, Guard, Place, Tally};
