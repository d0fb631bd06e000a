//! The fates of the datagrams of one direction: lost, delayed, doubled, overtaken, held. Pure: datagrams and times go
//! in, deliveries and fates come out. What a datagram holds does not matter here.
//!
//! Order of use: [`Impairment::handle_datagram`] for each datagram that was received, then [`Impairment::pop_due`] until
//! it returns none, then again at [`Impairment::next_due`]. Times are nanoseconds on one clock of the caller.

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use shared::conditions::{DatagramId, Fate, Verdict, Way};

use super::{
    delay_queue::{DelayQueue, Delivery, NEVER, Queued, ReceiverId},
    dice::{Dice, Throw},
};

/// How long a datagram waits to be overtaken if no other one follows, in nanoseconds.
const MAX_OVERTAKE_NS: u64 = 500_000_000;
const NS_PER_MS: u64 = 1_000_000;

/// A datagram as it was received.
#[derive(Clone, Debug)]
pub(super) struct IncomingDatagram<D> {
    /// Its number.
    pub(super) number: DatagramId,
    /// The receiver that gets it.
    pub(super) receiver: ReceiverId,
    /// When it was received; its delay counts from then.
    pub(super) received_ns: u64,
    /// Its length in bytes.
    pub(super) length: usize,
    /// The datagram.
    pub(super) datagram: D,
}

/// A fate that was decided for a datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decided<D> {
    /// The datagram's number.
    pub(super) number: DatagramId,
    /// The datagram.
    pub(super) datagram: D,
    /// Its fate.
    pub(super) fate: Fate,
    /// Whether a person decided.
    pub(super) by_hand: bool,
}

/// One direction: its conditions, its dice, and the datagrams that wait. Cloning a datagram must be cheap.
#[derive(Debug)]
pub(super) struct Impairment<D> {
    way: Way,
    dice: Dice,
    queue: DelayQueue<D>,
    /// At each receiver the datagram that the next one overtakes.
    to_overtake: HashMap<ReceiverId, DatagramId>,
}

/// The result of the dice for a datagram that is not lost.
struct Draw {
    delay_ms: u32,
    doubled: bool,
    overtaken: bool,
}

impl<D: Clone> Impairment<D> {
    /// A direction without conditions.
    pub(super) fn new() -> Self {
        let [dice, _] = Dice::pair(0);
        Self {
            way: Way::default(),
            dice,
            queue: DelayQueue::new(),
            to_overtake: HashMap::new(),
        }
    }

    /// Sets the conditions. Waiting datagrams keep their fate; without conditions all of them are released, in the
    /// order of arrival.
    pub(super) fn set(&mut self, way: Way, dice: Dice, now: u64) -> Vec<Decided<D>> {
        (self.way, self.dice) = (way, dice);
        if !way.is_clear() {
            return Vec::new();
        }
        self.to_overtake.clear();
        let waiting = self.queue.numbers().into_iter();
        waiting
            .filter_map(|number| self.release(number, now))
            .collect()
    }

    /// Whether no conditions are in force.
    pub(super) fn is_clear(&self) -> bool {
        self.way.is_clear()
    }

    /// Whether no conditions are in force and nothing waits.
    pub(super) fn is_idle(&self) -> bool {
        self.is_clear() && self.queue.is_empty()
    }

    /// Whether there is no room for one more datagram of this length to wait.
    pub(super) fn is_full(&self, length: usize) -> bool {
        self.queue.is_full(length)
    }

    /// Decides the fate of a datagram.
    pub(super) fn handle_datagram(
        &mut self,
        incoming: IncomingDatagram<D>,
        now: u64,
    ) -> Vec<Decided<D>> {
        let thrown = self.dice.throw();
        if self.way.by_hand {
            return self.enqueue(&incoming, NEVER, vec![Fate::Held], now);
        }
        if thrown.loss.is_among(self.way.loss_percent) {
            return decide_all(&incoming, vec![Fate::Lost]);
        }
        let Draw {
            delay_ms,
            doubled,
            overtaken,
        } = self.draw(thrown);
        let due = incoming.received_ns + u64::from(delay_ms) * NS_PER_MS;
        let delayed = Fate::Delayed {
            milliseconds: delay_ms,
        };
        let mut fates = Vec::new();
        fates.extend((delay_ms > 0).then_some(delayed));
        fates.extend(doubled.then_some(Fate::Doubled));
        match self.overtaken_by(&incoming) {
            // A datagram that overtakes is not overtaken itself: otherwise at 100 % none would be delivered.
            Some(before) => {
                let decided = self.enqueue(&incoming, due, fates, now);
                if self.queue.due(incoming.number).is_some() {
                    self.overtake(incoming.receiver, before, due);
                }
                decided
            }
            None if overtaken => {
                fates.push(Fate::Overtaken);
                self.to_overtake.insert(incoming.receiver, incoming.number);
                self.enqueue(&incoming, due + MAX_OVERTAKE_NS, fates, now)
            }
            None => self.enqueue(&incoming, due, fates, now),
        }
    }

    fn draw(&self, thrown: Throw) -> Draw {
        let Way {
            delay_ms,
            jitter_ms,
            ..
        } = self.way;
        // Uniform from `-jitter_ms` to `+jitter_ms`.
        let swing = thrown.jitter.below(2 * jitter_ms + 1);
        Draw {
            delay_ms: (delay_ms + swing).saturating_sub(jitter_ms),
            doubled: thrown.duplicate.is_among(self.way.duplicate_percent),
            overtaken: thrown.reorder.is_among(self.way.reorder_percent),
        }
    }

    /// The datagram that this one overtakes: one that still waited when this one was received.
    fn overtaken_by(&self, incoming: &IncomingDatagram<D>) -> Option<DatagramId> {
        let before = *self.to_overtake.get(&incoming.receiver)?;
        let due = self.queue.due(before)?;
        (due > incoming.received_ns).then_some(before)
    }

    /// Makes the overtaken datagram due right after the next one, but not before its own delay has passed.
    fn overtake(&mut self, receiver: ReceiverId, before: DatagramId, overtaken_at: u64) {
        self.to_overtake.remove(&receiver);
        if let Some(due) = self.queue.due(before) {
            self.queue
                .reschedule(before, overtaken_at.max(due - MAX_OVERTAKE_NS));
        }
    }

    /// Queues a datagram, unless it must wait and there is no room for it.
    fn enqueue(
        &mut self,
        incoming: &IncomingDatagram<D>,
        due: u64,
        fates: Vec<Fate>,
        now: u64,
    ) -> Vec<Decided<D>> {
        let length = incoming.length;
        if due > now && self.queue.is_full(length) {
            return decide_all(incoming, vec![Fate::NoRoom]);
        }
        let queued = Queued {
            datagram: incoming.datagram.clone(),
            length,
            copies: if fates.contains(&Fate::Doubled) { 2 } else { 1 },
            touched: !fates.is_empty(),
        };
        self.queue
            .insert(incoming.number, incoming.receiver, due, queued);
        decide_all(incoming, fates)
    }

    /// Takes the next datagram that is due at this receiver.
    pub(super) fn pop_due(&mut self, receiver: ReceiverId, now: u64) -> Option<Delivery<D>> {
        self.queue.pop_due(receiver, now)
    }

    /// When the next datagram is due at this receiver; none if only held ones wait.
    pub(super) fn next_due(&self, receiver: ReceiverId) -> Option<u64> {
        let (_, due) = self.queue.waiting_at(receiver).next()?;
        (due != NEVER).then_some(due)
    }

    /// Applies a verdict to a held datagram; none if it is not held.
    pub(super) fn decide(
        &mut self,
        number: DatagramId,
        verdict: Verdict,
        now: u64,
    ) -> Option<Decided<D>> {
        let is_held = self.queue.due(number) == Some(NEVER);
        let queued = self.queue.get_mut(number).filter(|_| is_held)?;
        let datagram = queued.datagram.clone();
        let fate = match verdict {
            Verdict::Release => Fate::Released,
            Verdict::Kill => Fate::Lost,
            Verdict::Double => {
                queued.copies = 2;
                Fate::Doubled
            }
        };
        if verdict == Verdict::Kill {
            self.queue.remove(number);
        } else {
            self.queue.reschedule(number, now);
        }
        Some(Decided {
            number,
            datagram,
            fate,
            by_hand: true,
        })
    }

    /// Drops all datagrams of a receiver. Held datagrams are reported as unclaimed; delayed ones are dropped silently,
    /// as the kernel does on close.
    pub(super) fn remove_receiver(&mut self, receiver: ReceiverId) -> Vec<Decided<D>> {
        self.to_overtake.remove(&receiver);
        let waiting: Vec<_> = self.queue.waiting_at(receiver).collect();
        let unclaimed = waiting.into_iter().filter_map(|(number, due)| {
            let datagram = self.queue.remove(number)?;
            (due == NEVER).then_some(Decided {
                number,
                datagram,
                fate: Fate::Unclaimed,
                by_hand: false,
            })
        });
        unclaimed.collect()
    }

    /// Makes a datagram due now. Reported as released if it had to wait longer.
    fn release(&mut self, number: DatagramId, now: u64) -> Option<Decided<D>> {
        let due = self.queue.due(number)?;
        self.queue.reschedule(number, now);
        let datagram = self.queue.get_mut(number)?.datagram.clone();
        (due > now).then_some(Decided {
            number,
            datagram,
            fate: Fate::Released,
            by_hand: true,
        })
    }
}

/// The fates of a datagram, as decided by the conditions.
fn decide_all<D: Clone>(incoming: &IncomingDatagram<D>, fates: Vec<Fate>) -> Vec<Decided<D>> {
    let decided = |fate| Decided {
        number: incoming.number,
        datagram: incoming.datagram.clone(),
        fate,
        by_hand: false,
    };
    fates.into_iter().map(decided).collect()
}
