//! The load generator: one thread, one epoll, raw sockets, its own WebSocket framing; and it checks every answer.

mod bursts;
mod connection;
mod crowd;
mod frame;
mod histogram;
mod ledger;
mod letters;
mod outbox;
mod paced;
mod poll;
mod sentence;
mod visits;
mod watcher;

pub(crate) use bursts::bursts;
pub(crate) use connection::Connection;
pub(crate) use crowd::{Crowd, Load};
pub(crate) use frame::{Frame, Kind, Parser, answer_head};
pub(crate) use histogram::Histogram;
pub(crate) use outbox::Outbox;
pub(crate) use paced::Paced;
pub(crate) use poll::{Poll, Ready};
pub(crate) use sentence::Sentences;
pub(crate) use visits::visits;
pub(crate) use watcher::Watcher;

use std::{net::SocketAddr, time::Duration};

/// The key every handshake of the generator offers: the sample of RFC 6455 §1.3, whose answer is known.
pub(crate) const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// What a WebSocket server must answer to it.
pub(crate) const KEY_ANSWER: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// How sentences travel to a server and back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// UDP: a datagram each.
    Datagrams,
    /// TCP: one after the other.
    Stream,
    /// WebSocket, a message each; the way behind it is one of datagrams.
    Messages,
    /// WebSocket, pieces of a stream.
    Pieces,
    /// The conversation: a call to send and a call to receive each.
    Conversation {
        /// Whether the page watches the trace meanwhile.
        watching: bool,
    },
}

impl Dialect {
    /// Whether a sentence may be lost on the way, as datagrams may.
    pub(crate) const fn may_lose(self) -> bool {
        matches!(self, Self::Datagrams | Self::Messages)
    }
}

/// Where to, and how to speak there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    /// The address.
    pub(crate) address: SocketAddr,
    /// The path of a WebSocket's URL.
    pub(crate) path: &'static str,
    /// How sentences travel.
    pub(crate) dialect: Dialect,
}

/// What came of some load.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    /// From saying a sentence to the last byte of its answer; of a visit, from its start to its end.
    pub(crate) took: Histogram,
    /// Sentences answered.
    pub(crate) answered: u64,
    /// Sentences never answered, or too late.
    pub(crate) lost: u64,
    /// Answers that are not the upper case of what was said.
    pub(crate) wrong: u64,
    /// Sentences answered in a second, as long as the load was on.
    pub(crate) per_second: f64,
}

impl Outcome {
    /// The load is over after so much time; what is still answered from now on is no part of its rate.
    pub(crate) fn is_over(&mut self, time: Duration) {
        self.per_second = self.answered as f64 / time.as_secs_f64().max(1e-9);
    }
}
