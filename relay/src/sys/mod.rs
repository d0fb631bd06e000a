//! What the operating system is asked beyond the standard library, and what it answers on systems that lack it.

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
mod told;

pub use told::{Hops, Told};
