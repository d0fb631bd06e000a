//! System calls beyond the standard library, with a fallback for systems that lack them.
//!
//! Nothing here knows labs, traces or pages.

mod ancillary;
pub mod answers;
pub mod binding;
pub mod bursts;
pub mod descriptors;
pub mod errno;
#[cfg_attr(not(target_os = "linux"), path = "no_facts.rs")]
pub mod facts;
#[cfg(target_os = "linux")]
pub mod options;
pub mod process;
pub mod receive;
pub mod retry;
#[cfg(target_os = "linux")]
mod sock_diag;
pub mod socket_owner;
pub mod sockets;
pub mod streams;

pub use ancillary::{Ancillary, Hops};
