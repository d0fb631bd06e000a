//! The relay: runs the real servers of section 2.7 and lets pages be their clients, over real sockets.
//!
//! Everything lives on one event loop, so a sentence goes from WebSocket to socket to server and back without
//! waking another thread, and nothing needs a lock; only what many bridges have to say at once another thread
//! writes. Arrows point down:
//! `http → session → class → lab → {server, client, wire} → netem → trace → shared`.

pub mod admission;
pub mod class;
pub mod client;
pub mod config;
pub mod descriptors;
pub mod failure;
pub mod http;
pub mod lab;
pub mod metrics;
pub mod netem;
pub mod server;
pub mod session;
pub mod store;
pub mod sys;
pub mod trace;
pub mod wire;

mod start;

pub use start::{Relay, StartError};
