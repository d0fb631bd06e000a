//! The top floor of the model: what goes in and comes out, and which room gets it.

pub(crate) mod event;
pub(crate) mod event_journal;
pub(crate) mod transition;
