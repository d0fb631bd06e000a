//! A page's session: its calls, its trace, and its way from lab to lab.
//!
//! - [`core`] has the rules as a pure state machine: ids, order, limits, replies, timeouts.
//! - [`session`] performs calls on real sockets and requests to the lab; it may outlive its connection.
//! - [`driver`] awaits what happens on one connection, [`transition`] takes its page to another session.
//!
//! The WebSocket connection itself is [`ws`](super::ws).
//!
//! Rooms, each importing only from those after it: `driver`, `transition`, `connected`, `session`, `core`, `registry`.

mod connected;
mod core;
mod driver;
mod registry;
mod session;
mod transition;

use self::session::PageSession;

pub(super) use driver::run;

/// All page sessions that can be resumed.
pub(crate) type SessionRegistry = registry::Registry<Box<PageSession>>;

type Takeover = registry::Takeover<Box<PageSession>>;
