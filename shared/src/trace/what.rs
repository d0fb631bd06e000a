//! What an event records, and the views of it that most readers need.

use serde::{Deserialize, Serialize};

use super::{
    CallId, CallReturned, CallStarted, Derived, Edge, Facts, Packet, Process, ProcessId, Sockets,
};
use crate::{conditions::Conditions, lab::Server};

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A process appeared.
    Process(Process),
    /// A process ended; its sockets closed with it.
    ProcessEnded {
        /// The process.
        process: ProcessId,
    },
    /// A call was made; until its return it is blocked, visibly.
    CallStarted(Box<CallStarted>),
    /// A call returned.
    CallReturned(Box<CallReturned>),
    /// A packet was captured.
    Packet(Box<Packet>),
    /// A packet that was not captured but must have been sent.
    Derived(Derived),
    /// The kernel reported facts about a socket.
    Facts(Facts),
    /// A server was started, stopped, or died.
    Server(Server),
    /// The kernel's list of the lab's sockets; recorded again whenever it changes.
    Sockets(Sockets),
    /// The conditions of the network were set.
    Conditions(Conditions),
    /// The lab's conditions changed the course of a datagram.
    Edge(Box<Edge>),
    /// The capture lost packets: they existed, but the trace does not have them.
    CaptureLost {
        /// Number of packets of all labs together; the labs they belong to are unknown.
        packets: u64,
        /// The time before this event in which they were lost, in nanoseconds. Left out by older relays.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        within_ns: Option<u64>,
    },
}

/// Readers that care about one kind of event use these, so that a new kind of event does not touch them.
impl What {
    /// The call that started, if a call did.
    #[must_use]
    pub fn call_started(&self) -> Option<&CallStarted> {
        if let Self::CallStarted(started) = self {
            Some(started)
        } else {
            None
        }
    }

    /// The call that returned, if a call did.
    #[must_use]
    pub fn call_returned(&self) -> Option<&CallReturned> {
        if let Self::CallReturned(returned) = self {
            Some(returned)
        } else {
            None
        }
    }

    /// The captured packet, if this is one.
    #[must_use]
    pub fn packet(&self) -> Option<&Packet> {
        if let Self::Packet(packet) = self {
            Some(packet)
        } else {
            None
        }
    }

    /// The server's new state, if this is one.
    #[must_use]
    pub const fn server(&self) -> Option<&Server> {
        if let Self::Server(server) = self {
            Some(server)
        } else {
            None
        }
    }

    /// The call this belongs to: the one that started or returned, or that the packet or fact comes from.
    #[must_use]
    pub fn call(&self) -> Option<CallId> {
        match self {
            Self::CallStarted(started) => Some(started.call),
            Self::CallReturned(returned) => Some(returned.call),
            Self::Packet(packet) => packet.call,
            Self::Derived(derived) => Some(derived.because),
            Self::Facts(facts) => facts.call,
            Self::Edge(edge) => edge.call,
            Self::Process(_)
            | Self::ProcessEnded { .. }
            | Self::Server(_)
            | Self::Sockets(_)
            | Self::Conditions(_)
            | Self::CaptureLost { .. } => None,
        }
    }

    /// The process this belongs to, where it belongs to one.
    #[must_use]
    pub fn process(&self) -> Option<ProcessId> {
        match self {
            Self::Process(Process { process, .. })
            | Self::ProcessEnded { process }
            | Self::Facts(Facts { process, .. }) => Some(*process),
            Self::CallStarted(started) => Some(started.process),
            Self::CallReturned(returned) => Some(returned.process),
            Self::Packet(packet) => packet.process,
            Self::Derived(derived) => derived.process,
            Self::Edge(edge) => edge.process,
            Self::Server(_) | Self::Sockets(_) | Self::Conditions(_) | Self::CaptureLost { .. } => {
                None
            }
        }
    }
}
