//! Traces of the past: saved to files and links, opened again, replayed, and their calls run again.

pub(crate) mod archive;
pub(crate) mod replay;
pub(crate) mod rerun;
