//! One room for each part of the page: its state, the commands of the user, and the replies it waits for. How a part is
//! drawn is in [`crate::view`]; saved and repeated traces are in [`super::past`].

pub(crate) mod cards;
pub(crate) mod class;
pub(crate) mod inspector;
pub(crate) mod listing;
pub(crate) mod network;
pub(crate) mod program;
pub(crate) mod run_filter;
pub(crate) mod server;
pub(crate) mod status_text;
pub(crate) mod workbench;
