//! What became of a datagram under the lab's conditions.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::{CallId, ProcessId};
use crate::conditions::{DatagramId, Direction, Fate};

/// What the edge did to a datagram after the kernel had received it and before its program did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// The datagram; a later receive that returns it has the fact `edge.datagram`.
    pub datagram: DatagramId,
    /// Its direction.
    pub direction: Direction,
    /// The sender's address.
    pub from: SocketAddr,
    /// Whose socket it has reached.
    pub to: SocketAddr,
    /// Its bytes.
    pub length: u64,
    /// What became of it.
    pub fate: Fate,
    /// Whether a user decided so, rather than the dice.
    pub by_hand: bool,
    /// The client process it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessId>,
    /// The call that sent it, found by addresses and time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<CallId>,
}
