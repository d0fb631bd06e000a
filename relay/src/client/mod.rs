//! Client processes: their sockets are real ones owned by the relay, and every call on them is traced.

mod handle;
mod process;
mod socket;

pub use process::{Door, Made, Process};
pub use socket::{ClientSocket, lowest_free};
