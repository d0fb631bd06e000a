//! The log itself: append-only, numbered without holes, bounded in bytes. Pure: time comes in as numbers.

use std::{
    cell::{Cell, OnceCell},
    collections::VecDeque,
    rc::Rc,
};

use bytes::Bytes;
use shared::{
    codec::encode_event,
    message::Gap,
    outcome::{Outcome, Returned},
    trace::{Event, ProcessId, Sockets, What},
};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::{
    Processes,
    sight::{Lines, RULER, Sight},
    stretch::{Events, Ring, Timed},
};

/// What an event costs beyond its bytes: the structs, the allocations, its place in the queue.
const EVENT_BYTES: u64 = 256;

/// One event, and its JSON once somebody wanted to see it: written once, shared by all viewers.
#[derive(Debug)]
pub struct Recorded {
    /// The event.
    pub event: Event,
    concerns: Option<ProcessId>,
    /// Of a server's call that began before it was known for whom: whom it turned out to be for.
    turned_out: Cell<Option<ProcessId>>,
    /// Of a list of sockets: whose each of them is. Who does not rule the lab sees its own and the servers'.
    owners: Box<[Option<ProcessId>]>,
    message: OnceCell<Utf8Bytes>,
}

/// How every [`Recorded::message`] starts, before the event itself; a `}` ends it.
const ENVELOPE: &str = r#"{"trace":"#;

impl Recorded {
    fn new(event: Event, concerns: Option<ProcessId>, turned_out: Option<ProcessId>) -> Rc<Self> {
        Rc::new(Self::bare(event, concerns, turned_out))
    }

    fn bare(event: Event, concerns: Option<ProcessId>, turned_out: Option<ProcessId>) -> Self {
        Self {
            event,
            concerns,
            turned_out: Cell::new(turned_out),
            owners: Box::default(),
            message: OnceCell::new(),
        }
    }

    /// As these see it: of a list of sockets their own, and those of servers; how many others there are is told.
    fn seen_by(self: Rc<Self>, processes: [Option<ProcessId>; 3]) -> Rc<Self> {
        let What::Sockets(all) = &self.event.what else {
            return self;
        };
        if processes.contains(&Some(RULER)) {
            return self;
        }
        let sees = |owner: &Option<ProcessId>| {
            owner.is_some_and(|it| Processes::is_server(it) || processes.contains(owner))
        };
        let with_owners = all.sockets.iter().zip(&self.owners);
        let seen = with_owners.filter(|(_, owner)| sees(owner));
        let sockets: Vec<_> = seen.map(|(socket, _)| socket.clone()).collect();
        let hidden = (all.sockets.len() - sockets.len()) as u64;
        let more = all.more + hidden;
        let event = Event {
            what: What::Sockets(Sockets { sockets, more }),
            ..self.event
        };
        Self::new(event, self.concerns, None)
    }

    /// Whether it is for any of these: a server's call that turned out to be for somebody else is not.
    fn is_for(&self, processes: [Option<ProcessId>; 3]) -> bool {
        let turned_out = self.turned_out.get();
        turned_out.is_none() || processes.contains(&turned_out)
    }

    /// The message that tells a page of it.
    #[must_use]
    pub fn message(&self) -> Utf8Bytes {
        self.message
            .get_or_init(|| format!("{ENVELOPE}{}}}", encode_event(&self.event)).into())
            .clone()
    }

    /// The event itself in JSON, as a part of that message.
    #[must_use]
    pub fn event_json(&self) -> Bytes {
        let message = Bytes::from(self.message());
        message.slice(ENVELOPE.len()..message.len() - 1)
    }
}

/// A stretch of the log as one viewer sees it.
#[derive(Debug)]
pub struct Page {
    /// What was wanted and is no longer kept.
    pub gap: Option<Gap>,
    /// The events, in order.
    pub events: Vec<Rc<Recorded>>,
    /// Where to go on.
    pub next: u64,
}

/// Events that were written down together, and make room together.
#[derive(Debug)]
struct Entry {
    /// The number of the first.
    first: u64,
    /// About how many bytes they keep: known here, so that nothing else need be looked at when they make room.
    bytes: u64,
    kept: Kept,
}

#[derive(Debug)]
enum Kept {
    /// One, as it is.
    One(Rc<Recorded>),
    /// Many, none of which is made before somebody looks; those that are.
    Many(Box<Events>, Vec<Option<Rc<Recorded>>>),
}

impl Entry {
    fn count(&self) -> usize {
        match &self.kept {
            Kept::One(_) => 1,
            Kept::Many(events, _) => events.count(),
        }
    }

    /// The number after the last.
    fn end(&self) -> u64 {
        self.first + self.count() as u64
    }

    /// Whom each of them concerns.
    fn concerns(&self, ring: &Ring) -> impl Iterator<Item = (u64, Option<ProcessId>)> {
        (self.first..).zip((0..self.count()).map(|at| match &self.kept {
            Kept::One(recorded) => recorded.concerns,
            Kept::Many(events, _) => events.concerns(ring, at),
        }))
    }

    /// Makes one, once.
    fn look(&mut self, ring: &Ring, seq: u64) -> Option<Rc<Recorded>> {
        let at = usize::try_from(seq.checked_sub(self.first)?).ok()?;
        let (events, made) = match &mut self.kept {
            Kept::One(recorded) => return Some(Rc::clone(recorded)),
            Kept::Many(events, made) => (events, made),
        };
        made.resize(events.count(), None);
        let made = made.get_mut(at)?.get_or_insert_with(|| {
            let (mono_ns, wall_us, what) = events.event(ring, at);
            let event = Event {
                seq,
                mono_ns,
                wall_us,
                what,
            };
            Recorded::new(event, events.concerns(ring, at), events.turns_out(ring, at))
        });
        Some(Rc::clone(made))
    }
}

/// A lab's log.
#[derive(Debug)]
pub struct Log {
    kept: VecDeque<Entry>,
    /// Of those that were written down together, each.
    ring: Ring,
    /// Where so many watch that what is nobody's business is not to be waded through.
    lines: Option<Lines>,
    next: u64,
    bytes: u64,
    most_bytes: u64,
}

impl Log {
    /// An empty log that keeps about `most_bytes` bytes of the newest events.
    #[must_use]
    pub const fn new(most_bytes: u64) -> Self {
        Self {
            kept: VecDeque::new(),
            ring: Ring::new(),
            lines: None,
            next: 1,
            bytes: 0,
            most_bytes,
        }
    }

    /// The same for a crowd of viewers, each of whom sees little of it.
    #[must_use]
    pub fn of_a_crowd(most_bytes: u64) -> Self {
        Self {
            lines: Some(Lines::default()),
            ..Self::new(most_bytes)
        }
    }

    /// Adds an event; the oldest make room.
    pub fn append(&mut self, mono_ns: u64, wall_us: u64, what: What, concerns: Option<ProcessId>) {
        let event = Event {
            seq: self.next,
            mono_ns,
            wall_us,
            what,
        };
        let bytes = weight(&event.what);
        self.keep(bytes, Kept::One(Recorded::new(event, concerns, None)));
    }

    /// Adds a list of sockets, with whose each of them is.
    pub fn append_sockets(
        &mut self,
        (mono_ns, wall_us): (u64, u64),
        sockets: Sockets,
        owners: Box<[Option<ProcessId>]>,
        concerns: Option<ProcessId>,
    ) {
        let what = What::Sockets(sockets);
        let bytes = weight(&what);
        let event = Event {
            seq: self.next,
            mono_ns,
            wall_us,
            what,
        };
        let recorded = Recorded {
            owners,
            ..Recorded::bare(event, concerns, None)
        };
        self.keep(bytes, Kept::One(Rc::new(recorded)));
    }

    /// Adds events that were written down together.
    pub(super) fn append_many(&mut self, mut events: Events, briefs: &[Timed]) {
        self.ring.add(&mut events, briefs);
        let bytes = EVENT_BYTES * briefs.len() as u64 + events.bytes(briefs) as u64;
        self.keep(bytes, Kept::Many(Box::new(events), Vec::new()));
    }

    fn keep(&mut self, bytes: u64, kept: Kept) {
        let first = self.next;
        let entry = Entry { first, bytes, kept };
        if let Some(lines) = &mut self.lines {
            for (seq, concerns) in entry.concerns(&self.ring) {
                lines.add(concerns, seq);
            }
        }
        self.next = entry.end();
        self.bytes += bytes;
        self.kept.push_back(entry);
        while self.bytes > self.most_bytes && self.kept.len() > 1 {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some(oldest) = self.kept.pop_front() {
            if let Some(lines) = &mut self.lines {
                for (_, concerns) in oldest.concerns(&self.ring) {
                    lines.forget(concerns);
                }
            }
            if let Kept::Many(events, _) = &oldest.kept {
                self.ring.forget(events);
            }
            self.bytes -= oldest.bytes;
        }
    }

    /// The first number still kept and the next one to be given.
    #[must_use]
    pub fn range(&self) -> (u64, u64) {
        let first = self.kept.front().map_or(self.next, |entry| entry.first);
        (first, self.next)
    }

    /// A server's call that began at this number turned out to be for this process.
    pub fn turned_out(&mut self, seq: u64, process: ProcessId) {
        if let Some(recorded) = self.look(seq) {
            recorded.turned_out.set(Some(process));
        }
    }

    /// No more than `most` events from `from` on, as a viewer sees them.
    #[must_use]
    pub fn read(&mut self, from: u64, sight: Sight, most: usize) -> Page {
        let (first, end) = self.range();
        let gap = (from < first)
            .then(|| Gap {
                from: from.max(1),
                to: first - 1,
            })
            .filter(|gap| gap.from <= gap.to);
        let seen = self.seen(from.clamp(first, end), sight, most);
        // Fewer than might have been: there are no more.
        let last = seen.last().filter(|_| seen.len() == most);
        let next = last.map_or(end, |last| last + 1);
        let mut events: Vec<_> = seen.into_iter().filter_map(|seq| self.look(seq)).collect();
        if let Sight::Of(processes) = sight {
            events.retain(|recorded| recorded.is_for(processes));
            events = events.into_iter().map(|it| it.seen_by(processes)).collect();
        }
        Page { gap, events, next }
    }

    /// The numbers of the next events that a viewer may see.
    fn seen(&self, start: u64, sight: Sight, most: usize) -> Vec<u64> {
        let end = self.range().1;
        match (sight, &self.lines) {
            (Sight::All, _) => (start..end).take(most).collect(),
            (Sight::Of(processes), Some(lines)) => lines.read(start, processes, most),
            (Sight::Of(processes), None) => {
                let kept = self.kept.range(self.entry_of(start)..);
                let kept = kept.flat_map(|entry| entry.concerns(&self.ring));
                let seen = kept.filter(|(seq, concerns)| {
                    *seq >= start && (concerns.is_none() || processes.contains(concerns))
                });
                seen.map(|(seq, _)| seq).take(most).collect()
            }
        }
    }

    fn look(&mut self, seq: u64) -> Option<Rc<Recorded>> {
        let entry = self.entry_of(seq);
        self.kept.get_mut(entry)?.look(&self.ring, seq)
    }

    /// The place of the entry this number is in.
    fn entry_of(&self, seq: u64) -> usize {
        self.kept.partition_point(|entry| entry.end() <= seq)
    }
}

/// About how many bytes an event keeps.
fn weight(what: &What) -> u64 {
    let bytes = match what {
        What::CallStarted(started) => started.arguments.data.as_ref().map_or(0, |data| data.len()),
        What::CallReturned(returned) => {
            outcome_bytes(&returned.outcome) + returned.facts.len() * 96
        }
        What::Packet(packet) => packet.bytes.len(),
        What::Facts(facts) => facts.facts.len() * 96,
        What::Sockets(sockets) => sockets.sockets.len() * 96,
        What::Edge(_) => 96,
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
        Outcome::Returned(
            Returned::Nothing
            | Returned::Socket { .. }
            | Returned::Accepted { .. }
            | Returned::Sent { .. }
            | Returned::EndOfStream
            | Returned::Address { .. }
            | Returned::Resolved { .. }
            | Returned::Saved { .. },
        )
        | Outcome::Failed(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_of(events: u64, most_bytes: u64) -> Log {
        let mut log = Log::new(most_bytes);
        for process in 0..events {
            let process = u32::try_from(process).expect("small");
            log.append(
                u64::from(process),
                0,
                What::ProcessEnded { process },
                Some(process),
            );
        }
        log
    }

    fn numbers(page: &Page) -> Vec<u64> {
        page.events
            .iter()
            .map(|recorded| recorded.event.seq)
            .collect()
    }

    #[test]
    fn numbers_start_at_one_and_have_no_holes() {
        let page = log_of(4, u64::MAX).read(0, Sight::All, 100);
        assert_eq!(
            (numbers(&page), page.next, page.gap),
            (vec![1, 2, 3, 4], 5, None)
        );
    }

    #[test]
    fn what_is_forgotten_is_said_as_a_gap() {
        let mut log = log_of(10, 3 * EVENT_BYTES);
        assert_eq!(log.range(), (8, 11));
        let page = log.read(2, Sight::All, 100);
        assert_eq!(
            (numbers(&page), page.gap),
            (vec![8, 9, 10], Some(Gap { from: 2, to: 7 }))
        );
    }

    #[test]
    fn a_member_sees_its_own_and_what_concerns_nobody() {
        let mut log = log_of(3, u64::MAX);
        log.append(9, 0, What::CaptureLost { packets: 1 }, None);
        let page = log.read(1, Sight::own(1), 100);
        assert_eq!((numbers(&page), page.next), (vec![2, 4], 5));
    }

    #[test]
    fn the_message_is_what_the_conversation_says_it_is() {
        let page = log_of(1, u64::MAX).read(1, Sight::All, 1);
        let message = page.events[0].message();
        let decoded = shared::codec::decode_server(&message).expect("decodes");
        assert_eq!(
            decoded,
            shared::message::ServerMessage::Trace(page.events[0].event.clone())
        );
        assert_eq!(
            page.events[0].event_json(),
            encode_event(&page.events[0].event)
        );
    }

    #[test]
    fn reading_goes_on_where_it_stopped() {
        let mut log = log_of(5, u64::MAX);
        let page = log.read(1, Sight::All, 2);
        assert_eq!((numbers(&page), page.next), (vec![1, 2], 3));
        assert_eq!(numbers(&log.read(99, Sight::All, 2)), Vec::<u64>::new());
        assert_eq!(log.read(99, Sight::All, 2).next, 6);
    }
}
