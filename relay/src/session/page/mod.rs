//! A page's session: its calls, its trace, and its way from lab to lab.
//!
//! [`driver`] serves one connection, [`session`] is what may outlive it, [`transition`] takes a page to another lab. The
//! connection itself is [`ws`](super::ws).

mod driver;
mod registry;
mod replies;
mod session;
mod socket_table;
mod transition;

use self::session::PageSession;

pub(super) use driver::run;

/// All page sessions that can be resumed.
pub(crate) type SessionRegistry = registry::Registry<Box<PageSession>>;

type Takeover = registry::Takeover<Box<PageSession>>;
