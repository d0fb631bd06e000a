//! Client processes: their sockets are real ones owned by the relay, and every call on them is traced.

mod handle;
mod host;
mod neighbours;
mod nobody;
mod process;
mod resolve;
mod socket;

pub use host::{AddressLease, AddressLeases, ClientHost};
pub use nobody::nobody_beside;
pub use process::{Direct, Door, Made, Process};
pub use resolve::OwnHost;
pub use socket::{ClientSocket, lowest_free};
