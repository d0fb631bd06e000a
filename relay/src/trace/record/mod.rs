//! Turns calls into events, and derives from them the packets that must have been sent where none are captured.
//!
//! [`batch`] is the only writer of the events of calls; [`calls`] writes a single call as a batch of one. What follows
//! from a call for packets is decided in [`derive`], for the FINs and RSTs of connections in [`tcp_close`]. Where events
//! are kept is decided in [`super::log`].

mod batch;
mod calls;
mod derive;
mod open_call;
mod tcp_close;

pub use batch::EventBatch;
pub use calls::{CallStart, SocketSnapshot};
pub use open_call::OpenCall;
pub(super) use tcp_close::{Side, TcpConnections};

#[cfg(test)]
mod tests;
