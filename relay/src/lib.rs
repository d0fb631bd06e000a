//! The relay: runs the real servers of section 2.7 and lets pages be their clients, over real sockets.
//!
//! Everything runs on one event loop, so a sentence passes from WebSocket to socket to server and back without waking
//! another thread; README lists the few threads and locks there are.
//!
//! Rooms, each importing only from those after it: `start`, `config`, `http`, `session`, `class`, `store`, `lab`,
//! `server`, `client`, `wire`, `netem`, `trace`, `admission`, `failure`, `metrics`, `token`,
//! `descriptors`, `sys`.

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
pub mod token;
pub mod trace;
pub mod wire;

mod start;

pub use start::{Relay, StartError};
