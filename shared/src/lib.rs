//! The protocol between a page and the relay, and everything both sides must agree on.
//!
//! Over one WebSocket on `/ws`, subprotocol [`PROTOCOL_V1`] or [`PROTOCOL_V2`], one JSON text message each way:
//! - the relay sends first: [`message::Welcome`], with the lab, the limits and the level of observation;
//! - the page calls ([`call::Call`]) and asks ([`message::Ask`]); each gets one [`message::Reply`] with its id.
//!   Calls may be sent without waiting: each socket keeps their order, a blocked one blocks only its socket;
//! - the lab's [`trace::Event`]s follow as they happen; events that could not be kept are a [`message::Gap`];
//! - a page that must leave gets the reason: [`message::Goodbye`], then the close frame.
//!
//! Pure: values and their JSON, no I/O, no clock, no async. Nothing in here can be made to panic by a peer.

pub mod call;
pub mod class;
pub mod codec;
pub mod conditions;
pub mod data;
pub mod dissect;
pub mod filter;
pub mod lab;
pub mod limits;
pub mod message;
pub mod outcome;
pub mod pcapng;
pub mod saved;
pub mod trace;
pub mod udp;

#[cfg(test)]
mod tests;

/// The WebSocket subprotocol with one event a message: [`message::ServerMessage::Trace`]. A client that offers no
/// subprotocol gets this one. The number changes when an old page could misread a new relay.
pub const PROTOCOL_V1: &str = "socket-playground.v1";

/// The same with many events a message: [`message::ServerMessage::Traces`]. The relay chooses it wherever it is offered.
pub const PROTOCOL_V2: &str = "socket-playground.v2";
