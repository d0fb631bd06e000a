//! The top floor of the model: the events that go in, the effects that come out, and which room handles what.

pub(crate) mod event;
pub(crate) mod event_journal;
mod relay_message;
mod trace_event;
mod transition;
mod whole;
