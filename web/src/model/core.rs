//! The bottom floor of the model: the page's clock, the connection to the relay, the lab session, and what waits to be
//! sent. Nothing here knows of calls, packets or panes; these live in [`super::trace`] and [`super::panes`].

pub(crate) mod address;
pub(crate) mod connection;
pub(crate) mod lab_session;
pub(crate) mod liveness;
pub(crate) mod outbox;
pub(crate) mod recent_map;
pub(crate) mod refusal;
pub(crate) mod throttle;
pub(crate) mod time;
