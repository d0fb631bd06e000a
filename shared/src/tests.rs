//! Laws of the conversation: goldens per variant, round trips, and that no text makes it panic.

mod class;
mod goldens;
mod laws;
