//! A run: the calls and packets of one sentence, or a note between two.

use std::net::SocketAddr;

use shared::{
    call::Transport, conditions::Conditions, lab::Server, message::Gap, trace::ProcessId,
};

use super::{Call, Impaired, RunId, Side, Transmission};

/// One sentence of this page, one visit of a stranger, or a note between them.
#[derive(Debug)]
pub(crate) struct Run {
    /// Its number.
    pub(crate) id: RunId,
    /// What it is.
    pub(crate) kind: RunKind,
    /// Its calls, in the order in which they came into it.
    pub(crate) calls: Vec<Call>,
    /// What crossed the wire.
    pub(crate) transmissions: Vec<Transmission>,
    /// What the relay's edge did to its datagrams.
    pub(crate) impairments: Vec<Impaired>,
    /// Grows with every change.
    pub(crate) version: u64,
}

/// What a run is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RunKind {
    /// A sentence of this page.
    Own(Transport, String),
    /// A program outside talks to the server, known by its address only.
    Stranger(Transport, SocketAddr),
    /// Another page or a bridge does: its own calls are seen.
    Page(Transport, ProcessId),
    /// A server comes up.
    ServerStart(Transport),
    /// A server's state has changed.
    Server(Server),
    /// The conditions of the network were set.
    Conditions(Conditions),
    /// Events are missing.
    Gap(Gap),
    /// The capture lost this number of packets.
    CaptureLost(u64),
}

impl Run {
    /// The transport it is about.
    pub(crate) const fn transport(&self) -> Option<Transport> {
        match &self.kind {
            RunKind::Own(transport, _)
            | RunKind::Stranger(transport, _)
            | RunKind::Page(transport, _)
            | RunKind::ServerStart(transport) => Some(*transport),
            RunKind::Server(server) => Some(server.transport),
            RunKind::Conditions(_) | RunKind::Gap(_) | RunKind::CaptureLost(_) => None,
        }
    }

    /// Whether it has calls to show, now or soon.
    pub(crate) const fn is_talk(&self) -> bool {
        matches!(
            self.kind,
            RunKind::Own(..) | RunKind::Stranger(..) | RunKind::Page(..)
        )
    }

    /// Whether it is this other process's.
    pub(crate) fn is_of(&self, process: ProcessId) -> bool {
        matches!(self.kind, RunKind::Page(_, by) if by == process)
    }

    /// Whether a client's call in it has not returned.
    pub(crate) fn is_blocked(&self) -> bool {
        let mut calls = self.calls.iter();
        calls.any(|call| call.is_open() && call.side == Side::Client)
    }

    /// When its last call ended, in the lab's own time; never, while one still runs.
    pub(crate) fn ends_ns(&self) -> u64 {
        let ends = self
            .calls
            .iter()
            .map(|call| call.end.as_ref().map_or(u64::MAX, |end| end.at_ns));
        ends.max().unwrap_or(0)
    }

    /// When it began, in the lab's own time: with the client's first call where that was seen.
    pub(crate) fn began_ns(&self) -> Option<u64> {
        let client = self
            .calls
            .iter()
            .filter(|call| call.side == Side::Client)
            .map(|call| call.started_ns)
            .min();
        client.or_else(|| self.calls.iter().map(Call::joined_ns).min())
    }
}
