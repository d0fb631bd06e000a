//! The log of a lab: append-only, numbered without gaps from 1, bounded in bytes. Pure: times are arguments.
//!
//! Events are appended one by one or as batches; a batch stays compact until a viewer looks at its events. What a call
//! means for packets is decided in [`super::record`].

mod batch;
mod entry;
mod index;
mod packets;
mod ring;
mod trace_batch;

pub use batch::{CallArgs, CallReturn, Flow};
pub(super) use batch::{CompactEvent, DerivedSegment, EncodedBatch, TimedEvent, wall_us};
pub use entry::RecordedEvent;
pub use index::{LAB_OWNER, Visibility};
pub use packets::{AttributedPacket, CapturedPacket};
pub use trace_batch::TraceBatch;

use std::{collections::VecDeque, rc::Rc};

use shared::{
    message::Gap,
    trace::{Event, ProcessId, Sockets, What},
};

use self::{
    entry::{EntryBody, LogEntry, event_bytes},
    index::ProcessIndex,
    ring::EventRing,
    trace_batch::RecentBatches,
};

/// Memory of an event beside its data: the structs, the allocations, its place in the queue.
const EVENT_BYTES: u64 = 256;
/// Memory of one fact, one listed socket, or one fate of a datagram.
const FACT_BYTES: usize = 96;

/// The number of events read for one batch; most batches are full before.
const MAX_BATCH_EVENTS: usize = 512;

/// The events of one read.
#[derive(Debug)]
pub struct LogChunk {
    /// The numbers that were asked for and are no longer kept.
    pub gap: Option<Gap>,
    /// The events, in order.
    pub events: Vec<Rc<RecordedEvent>>,
    /// The number from which to read next.
    pub next: u64,
}

/// A lab's log.
#[derive(Debug)]
pub struct Log {
    entries: VecDeque<LogEntry>,
    /// The events of all batches.
    ring: EventRing,
    /// Class labs only: finds the few events that a viewer sees.
    index: Option<ProcessIndex>,
    /// Batches that several viewers read.
    recent_batches: RecentBatches,
    next: u64,
    bytes: u64,
    max_bytes: u64,
}

impl Log {
    /// An empty log that keeps about `max_bytes` bytes of the newest events.
    #[must_use]
    pub fn new(max_bytes: u64) -> Self {
        Self {
            entries: VecDeque::new(),
            ring: EventRing::new(),
            index: None,
            recent_batches: RecentBatches::default(),
            next: 1,
            bytes: 0,
            max_bytes,
        }
    }

    /// The same with an index by process, for many viewers that each see few of the events.
    #[must_use]
    pub fn with_index(max_bytes: u64) -> Self {
        Self {
            index: Some(ProcessIndex::default()),
            ..Self::new(max_bytes)
        }
    }

    /// Appends an event that happened `when`: in nanoseconds since the lab started and in microseconds since 1970.
    pub fn append(&mut self, when: (u64, u64), what: What, concerns: Option<ProcessId>) {
        self.append_owned(when, what, concerns, Box::default());
    }

    /// Appends a list of sockets with the process of each, if known.
    pub fn append_sockets(
        &mut self,
        when: (u64, u64),
        sockets: Sockets,
        owners: Box<[Option<ProcessId>]>,
        concerns: Option<ProcessId>,
    ) {
        self.append_owned(when, What::Sockets(sockets), concerns, owners);
    }

    fn append_owned(
        &mut self,
        (mono_ns, wall_us): (u64, u64),
        what: What,
        concerns: Option<ProcessId>,
        owners: Box<[Option<ProcessId>]>,
    ) {
        let bytes = event_bytes(&what);
        let event = Event {
            seq: self.next,
            mono_ns,
            wall_us,
            what,
        };
        let mut recorded = RecordedEvent::new(event, concerns);
        recorded.owners = owners;
        self.push(bytes, EntryBody::One(Rc::new(recorded)));
    }

    /// Appends a batch of events.
    pub(super) fn append_batch(&mut self, mut batch: EncodedBatch, events: &[TimedEvent]) {
        self.ring.append(&mut batch, events);
        let bytes = EVENT_BYTES * events.len() as u64 + batch.data_bytes(events) as u64;
        self.push(bytes, EntryBody::Batch(Box::new(batch), Vec::new()));
    }

    /// Appends a captured packet; a burst has an event for each of its datagrams.
    pub fn append_packet(&mut self, packet: AttributedPacket) {
        let bytes = EVENT_BYTES * packet.count as u64 + packet.data_bytes() as u64;
        self.push(bytes, EntryBody::Packet(Box::new(packet), Vec::new()));
    }

    fn push(&mut self, bytes: u64, body: EntryBody) {
        let first = self.next;
        let entry = LogEntry { first, bytes, body };
        if let Some(index) = &mut self.index {
            for (seq, concerns) in entry.concerns(&self.ring) {
                index.add(concerns, seq);
            }
        }
        self.next = entry.end();
        self.bytes += bytes;
        self.entries.push_back(entry);
        while self.bytes > self.max_bytes && self.entries.len() > 1 {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.entries.pop_front() {
            if let Some(index) = &mut self.index {
                for (_, concerns) in oldest.concerns(&self.ring) {
                    index.remove_oldest(concerns);
                }
            }
            if let EntryBody::Batch(batch, _) = &oldest.body {
                self.ring.drop_oldest(batch);
            }
            self.bytes -= oldest.bytes;
        }
    }

    /// The number of the first event that is still kept, and of the next one to be appended.
    #[must_use]
    pub fn range(&self) -> (u64, u64) {
        let first = self.entries.front().map_or(self.next, |entry| entry.first);
        (first, self.next)
    }

    /// Records that the server's call that started with event `seq` concerns this process.
    pub fn assign(&mut self, seq: u64, process: ProcessId) {
        if let Some(recorded) = self.event(seq) {
            recorded.assigned_to.set(Some(process));
        }
    }

    /// At most `max_events` events from number `from` on that a viewer sees.
    #[must_use]
    pub fn read(&mut self, from: u64, visibility: Visibility, max_events: usize) -> LogChunk {
        let (first, end) = self.range();
        let gap = (from < first)
            .then(|| Gap {
                from: from.max(1),
                to: first - 1,
            })
            .filter(|gap| gap.from <= gap.to);
        let visible = self.visible(from.clamp(first, end), visibility, max_events);
        // Fewer events than asked for: the log has no more.
        let last = visible.last().filter(|_| visible.len() == max_events);
        let next = last.map_or(end, |last| last + 1);
        let mut events: Vec<_> = visible
            .into_iter()
            .filter_map(|seq| self.event(seq))
            .collect();
        if let Visibility::Of(processes) = visibility {
            events.retain(|recorded| recorded.is_for(processes));
            events = events
                .into_iter()
                .map(|recorded| recorded.visible_to(processes))
                .collect();
        }
        LogChunk { gap, events, next }
    }

    /// The next message with events from number `from` on that a viewer sees. With `is_shared`, other viewers who see all
    /// events read the same one.
    #[must_use]
    pub fn read_batch(&mut self, from: u64, visibility: Visibility, is_shared: bool) -> TraceBatch {
        let is_shared = is_shared && visibility == Visibility::All;
        if is_shared && let Some(batch) = self.recent_batches.get(from) {
            return batch;
        }
        let batch = TraceBatch::new(&self.read(from, visibility, MAX_BATCH_EVENTS));
        if is_shared {
            self.recent_batches.insert(from, &batch);
        }
        batch
    }

    /// The numbers of the next events that a viewer may see.
    fn visible(&self, start: u64, visibility: Visibility, max_events: usize) -> Vec<u64> {
        let end = self.range().1;
        match (visibility, &self.index) {
            (Visibility::All, _) => (start..end).take(max_events).collect(),
            (Visibility::Of(processes), Some(index)) => index.read(start, processes, max_events),
            (Visibility::Of(processes), None) => {
                let entries = self.entries.range(self.entry_of(start)..);
                let events = entries.flat_map(|entry| entry.concerns(&self.ring));
                let visible = events.filter(|(seq, concerns)| {
                    *seq >= start && (concerns.is_none() || processes.contains(concerns))
                });
                visible.map(|(seq, _)| seq).take(max_events).collect()
            }
        }
    }

    fn event(&mut self, seq: u64) -> Option<Rc<RecordedEvent>> {
        let entry = self.entry_of(seq);
        self.entries.get_mut(entry)?.event(&self.ring, seq)
    }

    /// The index of the entry that has this number.
    fn entry_of(&self, seq: u64) -> usize {
        self.entries.partition_point(|entry| entry.end() <= seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_of(events: u64, max_bytes: u64) -> Log {
        let mut log = Log::new(max_bytes);
        for process in 0..events {
            let process = u32::try_from(process).expect("small");
            let what = What::ProcessEnded { process };
            log.append((u64::from(process), 0), what, Some(process));
        }
        log
    }

    fn numbers(chunk: &LogChunk) -> Vec<u64> {
        chunk
            .events
            .iter()
            .map(|recorded| recorded.event.seq)
            .collect()
    }

    #[test]
    fn numbers_start_at_one_and_have_no_gaps() {
        let chunk = log_of(4, u64::MAX).read(0, Visibility::All, 100);
        assert_eq!(
            (numbers(&chunk), chunk.next, chunk.gap),
            (vec![1, 2, 3, 4], 5, None)
        );
    }

    #[test]
    fn dropped_events_are_reported_as_a_gap() {
        let mut log = log_of(10, 3 * EVENT_BYTES);
        assert_eq!(log.range(), (8, 11));
        let chunk = log.read(2, Visibility::All, 100);
        assert_eq!(
            (numbers(&chunk), chunk.gap),
            (vec![8, 9, 10], Some(Gap { from: 2, to: 7 }))
        );
    }

    #[test]
    fn a_member_sees_its_own_events_and_those_that_concern_nobody() {
        let mut log = log_of(3, u64::MAX);
        log.append(
            (9, 0),
            What::CaptureLost {
                packets: 1,
                within_ns: None,
            },
            None,
        );
        let chunk = log.read(1, Visibility::own(1), 100);
        assert_eq!((numbers(&chunk), chunk.next), (vec![2, 4], 5));
    }

    #[test]
    fn the_message_is_the_protocols() {
        let chunk = log_of(1, u64::MAX).read(1, Visibility::All, 1);
        let event = &chunk.events[0].event;
        let message = chunk.events[0].message();
        let text = std::str::from_utf8(&message).expect("UTF-8");
        assert_eq!(
            shared::codec::decode_server(text).expect("decodes"),
            shared::message::ServerMessage::Trace(event.clone())
        );
        assert_eq!(
            chunk.events[0].event_json(),
            shared::codec::encode_event(event)
        );
    }

    #[test]
    fn reading_continues_at_the_next_number() {
        let mut log = log_of(5, u64::MAX);
        let chunk = log.read(1, Visibility::All, 2);
        assert_eq!((numbers(&chunk), chunk.next), (vec![1, 2], 3));
        assert_eq!(
            numbers(&log.read(99, Visibility::All, 2)),
            Vec::<u64>::new()
        );
        assert_eq!(log.read(99, Visibility::All, 2).next, 6);
    }
}
