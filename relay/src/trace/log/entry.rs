//! What the log keeps: single events as they are, and batches whose events are made when a viewer looks. Pure.

use std::{
    cell::{Cell, OnceCell},
    rc::Rc,
};

use bytes::Bytes;
use shared::{
    codec::{encode_trace_message, trace_message_event},
    outcome::{Outcome, Returned},
    trace::{Event, ProcessId, Sockets, What},
};

use super::{
    EVENT_BYTES, FACT_BYTES,
    batch::{EncodedBatch, wall_us},
    index::LAB_OWNER,
    packets::AttributedPacket,
    ring::EventRing,
};
use crate::trace::processes::Processes;

/// One event, and its JSON once a viewer needed it: encoded once, shared by all viewers.
#[derive(Debug)]
pub struct RecordedEvent {
    /// The event.
    pub event: Event,
    pub(super) concerns: Option<ProcessId>,
    /// The client that a server's call turned out to concern after it had started for any client.
    pub(super) assigned_to: Cell<Option<ProcessId>>,
    /// For a list of sockets, the process of each. Only the lab's owner sees the sockets of other clients.
    pub(super) owners: Box<[Option<ProcessId>]>,
    message: OnceCell<Bytes>,
}

impl RecordedEvent {
    pub(super) fn new(event: Event, concerns: Option<ProcessId>) -> Self {
        Self {
            event,
            concerns,
            assigned_to: Cell::default(),
            owners: Box::default(),
            message: OnceCell::new(),
        }
    }

    /// The event as the viewer of these processes sees it: a list of sockets has only theirs and the servers', and the
    /// number of the others.
    pub(super) fn visible_to(self: Rc<Self>, processes: [Option<ProcessId>; 3]) -> Rc<Self> {
        let What::Sockets(all) = &self.event.what else {
            return self;
        };
        if processes.contains(&Some(LAB_OWNER)) {
            return self;
        }
        let is_visible = |owner: &Option<ProcessId>| {
            owner.is_some_and(|it| Processes::is_server(it) || processes.contains(owner))
        };
        let with_owners = all.sockets.iter().zip(&self.owners);
        let visible = with_owners.filter(|(_, owner)| is_visible(owner));
        let sockets: Vec<_> = visible.map(|(socket, _)| socket.clone()).collect();
        let hidden = (all.sockets.len() - sockets.len()) as u64;
        let more = all.more + hidden;
        let event = Event {
            what: What::Sockets(Sockets { sockets, more }),
            ..self.event
        };
        Rc::new(Self::new(event, self.concerns))
    }

    /// False for a server's call that turned out to concern none of these processes.
    pub(super) fn is_for(&self, processes: [Option<ProcessId>; 3]) -> bool {
        let assigned_to = self.assigned_to.get();
        assigned_to.is_none() || processes.contains(&assigned_to)
    }

    /// The protocol's message with this event: JSON in UTF-8.
    #[must_use]
    pub fn message(&self) -> Bytes {
        self.message
            .get_or_init(|| encode_trace_message(&self.event).into())
            .clone()
    }

    /// The event alone in JSON, as a part of that message.
    #[must_use]
    pub fn event_json(&self) -> Bytes {
        let message = self.message();
        message.slice(trace_message_event(message.len()))
    }
}

/// Events that were appended together, and are dropped together.
#[derive(Debug)]
pub(super) struct LogEntry {
    /// The number of the first event.
    pub(super) first: u64,
    /// About how many bytes the events keep.
    pub(super) bytes: u64,
    pub(super) body: EntryBody,
}

#[derive(Debug)]
pub(super) enum EntryBody {
    /// A single event.
    One(Rc<RecordedEvent>),
    /// A batch, and those of its events that a viewer has looked at.
    Batch(Box<EncodedBatch>, Vec<Option<Rc<RecordedEvent>>>),
    /// A captured packet, and those of its datagrams that a viewer has looked at.
    Packet(Box<AttributedPacket>, Vec<Option<Rc<RecordedEvent>>>),
}

impl LogEntry {
    fn count(&self) -> usize {
        match &self.body {
            EntryBody::One(_) => 1,
            EntryBody::Batch(batch, _) => batch.count(),
            EntryBody::Packet(packet, _) => packet.count,
        }
    }

    /// The number after the last event.
    pub(super) fn end(&self) -> u64 {
        self.first + self.count() as u64
    }

    /// The number of each event, and the client it concerns.
    pub(super) fn concerns(
        &self,
        ring: &EventRing,
    ) -> impl Iterator<Item = (u64, Option<ProcessId>)> {
        (self.first..).zip((0..self.count()).map(|index| match &self.body {
            EntryBody::One(recorded) => recorded.concerns,
            EntryBody::Batch(batch, _) => batch.concerns(ring.get(batch, index).1),
            EntryBody::Packet(packet, _) => Some(packet.process),
        }))
    }

    /// The event with this number. An event of a batch or of a captured packet is made once.
    pub(super) fn event(&mut self, ring: &EventRing, seq: u64) -> Option<Rc<RecordedEvent>> {
        let index = usize::try_from(seq.checked_sub(self.first)?).ok()?;
        let count = self.count();
        match &mut self.body {
            EntryBody::One(recorded) => Some(Rc::clone(recorded)),
            EntryBody::Batch(batch, made) => {
                make_once(made, count, index, || batch_event(batch, ring, index, seq))
            }
            EntryBody::Packet(packet, made) => {
                make_once(made, count, index, || packet.event(index, seq))
            }
        }
    }
}

/// The event at an index of an entry of `count` events, which `make` makes the first time.
fn make_once(
    made: &mut Vec<Option<Rc<RecordedEvent>>>,
    count: usize,
    index: usize,
    make: impl FnOnce() -> RecordedEvent,
) -> Option<Rc<RecordedEvent>> {
    made.resize(count, None);
    let event = made.get_mut(index)?.get_or_insert_with(|| Rc::new(make()));
    Some(Rc::clone(event))
}

fn batch_event(batch: &EncodedBatch, ring: &EventRing, index: usize, seq: u64) -> RecordedEvent {
    let (mono_ns, compact) = ring.get(batch, index);
    let event = Event {
        seq,
        mono_ns,
        wall_us: wall_us(batch.started_wall, mono_ns),
        what: batch.to_what(compact),
    };
    let recorded = RecordedEvent::new(event, batch.concerns(compact));
    recorded.assigned_to.set(batch.assigned_to(compact));
    recorded
}

/// About how many bytes a single event keeps.
pub(super) fn event_bytes(what: &What) -> u64 {
    let bytes = match what {
        What::CallStarted(started) => started.arguments.data.as_ref().map_or(0, |data| data.len()),
        What::CallReturned(returned) => {
            outcome_bytes(&returned.outcome) + returned.facts.len() * FACT_BYTES
        }
        What::Packet(packet) => packet.bytes.len(),
        What::Facts(facts) => facts.facts.len() * FACT_BYTES,
        What::Sockets(sockets) => sockets.sockets.len() * FACT_BYTES,
        What::Edge(_) => FACT_BYTES,
        What::Process(_)
        | What::Conditions(_)
        | What::ProcessEnded { .. }
        | What::Derived(_)
        | What::Server(_)
        | What::CaptureLost { .. } => 0,
    };
    EVENT_BYTES + bytes as u64
}

fn outcome_bytes(outcome: &Outcome) -> usize {
    match outcome {
        Outcome::Returned(Returned::Chunk { data } | Returned::Datagram { data, .. }) => data.len(),
        Outcome::Returned(_) | Outcome::Failed(_) => 0,
    }
}
