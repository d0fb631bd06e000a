//! Client processes: their sockets are real sockets owned by the relay, and every call on them is traced.
//!
//! The servers they talk to live in `server`, the page's side of a call in `session`, system calls that no crate wraps
//! in `sys`.

mod handle;
mod host;
mod process;
mod reserved_port;
mod resolve;
mod siblings;
mod socket;

pub use host::{AddressLease, AddressLeases, ClientHost};
pub use process::{BatchSocket, FinishedCall, Process, TracedSocket};
pub use reserved_port::nobody_address;
pub use resolve::OwnHost;
pub use socket::ClientSocket;
