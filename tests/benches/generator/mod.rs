//! The load generator: one thread, one epoll, raw sockets and a WebSocket framing of its own. It checks every answer.

mod answer_checker;
mod bursts;
mod churn;
mod connection;
mod frame;
mod histogram;
mod load_driver;
mod outbox;
mod paced;
mod poll;
mod sentence;
mod watcher;
mod ws_messages;

pub(crate) use bursts::bursts;
pub(crate) use churn::churn;
pub(crate) use connection::Connection;
pub(crate) use frame::{Frame, Kind, Parser, answer_head};
pub(crate) use histogram::Histogram;
pub(crate) use load_driver::{Load, LoadDriver};
pub(crate) use outbox::Outbox;
pub(crate) use paced::Paced;
pub(crate) use poll::{Poll, Ready};
pub(crate) use sentence::Sentences;
pub(crate) use watcher::Watcher;

use std::{net::SocketAddr, time::Duration};

/// The key of every handshake of the generator: the sample of RFC 6455 §1.3.
pub(crate) const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// The server's answer to that key.
pub(crate) const KEY_ANSWER: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// How sentences travel to a server and back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// UDP: a datagram each.
    Datagrams,
    /// TCP: one after another.
    Stream,
    /// WebSocket: a message each, behind which are datagrams.
    Messages,
    /// WebSocket: messages with parts of a stream.
    Pieces,
    /// The page's protocol: a call to send and a call to receive each.
    Conversation {
        /// Whether the page watches the trace meanwhile.
        watching: bool,
        /// The WebSocket subprotocol that it offers.
        protocol: &'static str,
    },
}

impl Encoding {
    /// Whether a sentence may be lost on the way, as datagrams may.
    pub(crate) const fn may_lose(self) -> bool {
        matches!(self, Self::Datagrams | Self::Messages)
    }
}

/// The address of a server, and the encoding it expects.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    /// The address.
    pub(crate) address: SocketAddr,
    /// The path of a WebSocket's URL.
    pub(crate) path: &'static str,
    /// How sentences travel.
    pub(crate) encoding: Encoding,
}

/// The result of a load.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    /// The time from sending a sentence to the last byte of its answer; of churn, from connecting to closing.
    pub(crate) took: Histogram,
    /// Sentences answered.
    pub(crate) answered: u64,
    /// Sentences without an answer, or with a late one.
    pub(crate) lost: u64,
    /// Answers that are not the upper case of the sentence.
    pub(crate) wrong: u64,
    /// Sentences answered per second while the load was on.
    pub(crate) per_second: f64,
}

impl Outcome {
    /// Computes the rate from the load's duration; later answers do not count in it.
    pub(crate) fn set_duration(&mut self, time: Duration) {
        self.per_second = self.answered as f64 / time.as_secs_f64().max(1e-9);
    }
}
