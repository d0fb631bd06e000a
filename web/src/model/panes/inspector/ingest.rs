//! Stores packets as they arrive: bytes, owner, and analysis within their conversation.

use std::net::SocketAddr;

use shared::{
    call::Transport,
    conditions::Direction,
    data::Data,
    filter::Filter,
    outcome::{Outcome, Returned},
    trace::{Derived, Event, Packet, What},
};

use super::{
    Captured, DisplayFilter, Inspector,
    conversation_key::ConversationKey,
    record::{Inferred, PacketData, Record},
};
use crate::model::{
    panes::server::Servers,
    trace::log::{Call, Log, Side, sender},
};

/// Two readings of the wall clock that differ by more, in nanoseconds, mean that it was set.
const CLOCK_SET_NS: u64 = 1_000_000;

impl Inspector {
    /// Handles an event; a repeated one changes nothing. `log` does not have the event yet.
    pub(in crate::model) fn handle_event(&mut self, event: &Event, log: &Log, servers: &Servers) {
        if self.last_seq.is_some_and(|last| event.seq <= last) {
            return;
        }
        self.last_seq = Some(event.seq);
        self.process_names.handle_event(event);
        match &event.what {
            What::Packet(packet) => self.captured(event, packet, servers),
            What::Derived(derived) => self.inferred(event, derived, log, servers),
            What::CaptureLost { packets, .. } => self.lost += packets,
            What::Process(_)
            | What::ProcessEnded { .. }
            | What::CallStarted(_)
            | What::CallReturned(_)
            | What::Facts(_)
            | What::Sockets(_)
            | What::Conditions(_)
            | What::Edge(_)
            | What::Server(_) => {}
        }
    }

    /// Removes all packets; the state of the conversations is kept.
    pub(in crate::model) fn clear(&mut self) {
        let Self {
            open,
            query,
            process_names,
            streams,
            last_seq,
            clock_ns,
            hex,
            tree,
            ..
        } = std::mem::take(self);
        let mut display_filter = DisplayFilter::default();
        display_filter.set(
            Filter::parse(&query.text)
                .ok()
                .filter(|_| !query.text.trim().is_empty()),
        );
        *self = Self {
            open,
            display_filter,
            query,
            process_names,
            streams,
            last_seq,
            clock_ns,
            hex,
            tree,
            tail: true,
            ..Self::default()
        };
    }

    /// Starts again with another relay's trace.
    pub(in crate::model) fn reset(&mut self) {
        self.clear();
        (self.process_names, self.streams, self.last_seq) = Default::default();
    }

    fn captured(&mut self, event: &Event, packet: &Packet, servers: &Servers) {
        let mut captured = Captured::new(packet, None);
        let summary = captured.summary();
        captured.analysis = self.streams.feed(self.store.next(), &summary);
        let (from, to) = match &summary.quoted {
            // An ICMP error travels opposite to the packet it quotes.
            Some(quoted) => (Some(quoted.destination), Some(quoted.source)),
            None => (summary.source, summary.destination),
        };
        let conversation_hash = ConversationKey::of(&summary, None).map_or(0, |key| key.hash());
        let is_ours = |end: SocketAddr| is_server(servers, end);
        let side = match (from.is_some_and(is_ours), to.is_some_and(is_ours)) {
            (true, _) => Some(Side::Server),
            (false, true) => Some(Side::Client),
            (false, false) => None,
        };
        let side = packet.direction.map(side_of).or(side);
        let at_ns = self.kernel_time_ns(event, packet);
        self.push(Record {
            seq: event.seq,
            at_ns,
            process: packet.process,
            call: packet.call,
            name: packet.call.and_then(|call| self.process_names.name(call)),
            side,
            conversation_hash,
            data: PacketData::Captured(captured),
        });
    }

    fn inferred(&mut self, event: &Event, derived: &Derived, log: &Log, servers: &Servers) {
        let run = log.run_of(derived.because);
        let call = run.and_then(|run| run.calls.iter().find(|call| call.id == derived.because));
        let payload = call
            .and_then(call_data)
            .map(|data| data.0.as_slice())
            .unwrap_or_default();
        let side = call.and_then(|call| sender(call, derived.from, derived.to));
        let side = side.unwrap_or(if is_server(servers, derived.from) {
            Side::Server
        } else {
            Side::Client
        });
        self.push(Record {
            seq: event.seq,
            at_ns: event.mono_ns,
            process: derived.process,
            call: Some(derived.because),
            name: self.process_names.name(derived.because),
            side: Some(side),
            conversation_hash: ConversationKey::between(
                derived.transport,
                derived.from,
                derived.to,
            )
            .hash(),
            data: PacketData::Inferred(Inferred::new(derived, payload)),
        });
    }

    fn push(&mut self, record: Record) {
        // The table begins at its end.
        self.tail |= self.store.next() == 1;
        self.store.push(record);
    }

    /// A packet's kernel timestamp on the lab's clock, in nanoseconds. All packets use the same clock difference, so
    /// that the times between them are exact.
    fn kernel_time_ns(&mut self, event: &Event, packet: &Packet) -> u64 {
        let difference = event
            .wall_us
            .saturating_mul(1_000)
            .saturating_sub(event.mono_ns);
        if difference.abs_diff(self.clock_ns) > CLOCK_SET_NS {
            self.clock_ns = difference;
        }
        let seen = packet
            .kernel_s
            .saturating_mul(1_000_000_000)
            .saturating_add(packet.kernel_ns.into());
        seen.saturating_sub(self.clock_ns)
    }
}

/// The side that sends in a direction.
const fn side_of(direction: Direction) -> Side {
    match direction {
        Direction::Request => Side::Client,
        Direction::Reply => Side::Server,
    }
}

/// The bytes a call received, else those it sent.
fn call_data(call: &Call) -> Option<&Data> {
    let brought = match &call.end.as_ref()?.outcome {
        Outcome::Returned(Returned::Chunk { data } | Returned::Datagram { data, .. }) => Some(data),
        Outcome::Returned(_) | Outcome::Failed(_) => None,
    };
    brought.or(call.arguments.as_ref()?.data.as_ref())
}

/// Whether an end is a server's; one bound to the unspecified address has every address.
fn is_server(servers: &Servers, end: SocketAddr) -> bool {
    let is_at = |server: SocketAddr| {
        server.port() == end.port() && (server.ip().is_unspecified() || server.ip() == end.ip())
    };
    let mut all = Transport::ALL
        .into_iter()
        .filter_map(|transport| servers.get(transport));
    all.any(|server| is_at(server.address))
}
