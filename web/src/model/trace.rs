//! What happened in the lab: calls, segments and packets as the relay reports them, and what is computed from them
//! alone. How they become text is in [`super::text`]; what a user does with them is in [`super::panes`].

pub(crate) mod byte_mapping;
pub(crate) mod fate;
pub(crate) mod kernel;
pub(crate) mod ladder;
pub(crate) mod log;
pub(crate) mod outcome_fields;
pub(crate) mod packet;
