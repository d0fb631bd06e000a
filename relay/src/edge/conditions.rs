//! What becomes of the datagrams of one direction: lost, delayed, doubled, overtaken, held. Pure: datagrams and times
//! come in, deliveries and fates go out. What a datagram is does not matter here.
//!
//! Order of use: [`Passage::arrives`] for each datagram as it is found, then [`Passage::due`] until nothing is, then
//! again when [`Passage::next_due`] has come. Times are nanoseconds on one clock of the caller's.

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use shared::conditions::{DatagramId, Fate, Verdict, Way};

use super::{
    dice::{Dice, Throw},
    line::{Delivery, Entry, Line, NEVER, Place},
};

/// What is to be overtaken goes on after so long, should nothing follow.
const OVERTAKEN_NS: u64 = 500_000_000;
const NS_PER_MS: u64 = 1_000_000;

/// A datagram on its way.
#[derive(Clone, Debug)]
pub(super) struct Arriving<D> {
    /// Its number.
    pub(super) number: DatagramId,
    /// Where it goes.
    pub(super) place: Place,
    /// When it was received: its delay counts from then.
    pub(super) received_ns: u64,
    /// What it takes of the room, in bytes.
    pub(super) length: usize,
    /// The datagram.
    pub(super) datagram: D,
}

/// Something became of a datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Happened<D> {
    /// Which one.
    pub(super) number: DatagramId,
    /// The same.
    pub(super) datagram: D,
    /// What.
    pub(super) fate: Fate,
    /// Whether somebody decided so.
    pub(super) by_hand: bool,
}

/// One direction: its conditions, its dice, and what waits there. A datagram is to be copied cheaply.
#[derive(Debug)]
pub(super) struct Passage<D> {
    way: Way,
    dice: Dice,
    line: Line<D>,
    /// The one at each place that the next one is to overtake.
    overtaken: HashMap<Place, DatagramId>,
}

/// What the dice say of a datagram that is not lost.
struct Lot {
    delay_ms: u32,
    doubled: bool,
    overtaken: bool,
}

impl<D: Clone> Passage<D> {
    /// A direction in which nothing happens.
    pub(super) fn new() -> Self {
        let [dice, _] = Dice::pair(0);
        Self {
            way: Way::default(),
            dice,
            line: Line::new(),
            overtaken: HashMap::new(),
        }
    }

    /// Sets what happens from now on. What waits keeps its fate, unless nothing is to happen any more: then all of
    /// it goes on at once, in the order in which it came.
    pub(super) fn set(&mut self, way: Way, dice: Dice, now: u64) -> Vec<Happened<D>> {
        (self.way, self.dice) = (way, dice);
        if !way.is_clear() {
            return Vec::new();
        }
        self.overtaken.clear();
        let waiting = self.line.numbers().into_iter();
        waiting
            .filter_map(|number| self.hurry(number, now))
            .collect()
    }

    /// Whether nothing happens to what arrives.
    pub(super) fn is_clear(&self) -> bool {
        self.way.is_clear()
    }

    /// Whether nothing waits either.
    pub(super) fn is_idle(&self) -> bool {
        self.is_clear() && self.line.is_empty()
    }

    /// Whether one more of this length would find no room to wait.
    pub(super) fn is_full(&self, length: usize) -> bool {
        self.line.is_full(length)
    }

    /// A datagram arrives, and its fate is decided.
    pub(super) fn arrives(&mut self, arriving: Arriving<D>, now: u64) -> Vec<Happened<D>> {
        let thrown = self.dice.throw();
        if self.way.by_hand {
            return self.goes_on(&arriving, NEVER, vec![Fate::Held], now);
        }
        if thrown.loss.is_among(self.way.loss_percent) {
            return told(&arriving, vec![Fate::Lost]);
        }
        let Lot {
            delay_ms,
            doubled,
            overtaken,
        } = self.lot(thrown);
        let due = arriving.received_ns + u64::from(delay_ms) * NS_PER_MS;
        let delayed = Fate::Delayed {
            milliseconds: delay_ms,
        };
        let mut fates = Vec::new();
        fates.extend((delay_ms > 0).then_some(delayed));
        fates.extend(doubled.then_some(Fate::Doubled));
        match self.to_be_overtaken(&arriving) {
            // One that overtakes is not overtaken itself: where all were, none would ever come.
            Some(before) => {
                let happened = self.goes_on(&arriving, due, fates, now);
                if self.line.due(arriving.number).is_some() {
                    self.pass(arriving.place, before, due);
                }
                happened
            }
            None if overtaken => {
                fates.push(Fate::Overtaken);
                self.overtaken.insert(arriving.place, arriving.number);
                self.goes_on(&arriving, due + OVERTAKEN_NS, fates, now)
            }
            None => self.goes_on(&arriving, due, fates, now),
        }
    }

    fn lot(&self, thrown: Throw) -> Lot {
        let Way {
            delay_ms,
            jitter_ms,
            ..
        } = self.way;
        // Anything from `jitter` less to `jitter` more, each alike likely.
        let swing = thrown.jitter.below(2 * jitter_ms + 1);
        Lot {
            delay_ms: (delay_ms + swing).saturating_sub(jitter_ms),
            doubled: thrown.duplicate.is_among(self.way.duplicate_percent),
            overtaken: thrown.reorder.is_among(self.way.reorder_percent),
        }
    }

    /// The one that waits for this one to pass, if it still did when this one was received.
    fn to_be_overtaken(&self, arriving: &Arriving<D>) -> Option<DatagramId> {
        let before = *self.overtaken.get(&arriving.place)?;
        let due = self.line.due(before)?;
        (due > arriving.received_ns).then_some(before)
    }

    /// The next one has passed it: it goes on right after, its own delay kept.
    fn pass(&mut self, place: Place, before: DatagramId, passed_at: u64) {
        self.overtaken.remove(&place);
        if let Some(due) = self.line.due(before) {
            self.line.moves(before, passed_at.max(due - OVERTAKEN_NS));
        }
    }

    /// It gets in line, if it need not wait or there is room for it to.
    fn goes_on(
        &mut self,
        arriving: &Arriving<D>,
        due: u64,
        fates: Vec<Fate>,
        now: u64,
    ) -> Vec<Happened<D>> {
        let length = arriving.length;
        if due > now && self.line.is_full(length) {
            return told(arriving, vec![Fate::NoRoom]);
        }
        let entry = Entry {
            datagram: arriving.datagram.clone(),
            length,
            copies: if fates.contains(&Fate::Doubled) { 2 } else { 1 },
            touched: !fates.is_empty(),
        };
        self.line.enter(arriving.number, arriving.place, due, entry);
        told(arriving, fates)
    }

    /// What goes on now at this place.
    pub(super) fn due(&mut self, place: Place, now: u64) -> Option<Delivery<D>> {
        self.line.next(place, now)
    }

    /// When something will go on at this place, unless somebody decides before.
    pub(super) fn next_due(&self, place: Place) -> Option<u64> {
        let (_, due) = self.line.at(place).next()?;
        (due != NEVER).then_some(due)
    }

    /// Somebody decides about one that is held; nothing where it is not.
    pub(super) fn decide(
        &mut self,
        number: DatagramId,
        verdict: Verdict,
        now: u64,
    ) -> Option<Happened<D>> {
        let held = self.line.due(number) == Some(NEVER);
        let entry = self.line.get_mut(number).filter(|_| held)?;
        let datagram = entry.datagram.clone();
        let fate = match verdict {
            Verdict::Release => Fate::Released,
            Verdict::Kill => Fate::Lost,
            Verdict::Double => {
                entry.copies = 2;
                Fate::Doubled
            }
        };
        if verdict == Verdict::Kill {
            self.line.remove(number);
        } else {
            self.line.moves(number, now);
        }
        Some(Happened {
            number,
            datagram,
            fate,
            by_hand: true,
        })
    }

    /// A receiver is gone, and all that waited for it. Of what was held it is told: somebody was to decide about it.
    /// What was only due some time is gone without a word, as what a kernel holds of a closed socket.
    pub(super) fn leaves(&mut self, place: Place) -> Vec<Happened<D>> {
        self.overtaken.remove(&place);
        let gone: Vec<_> = self.line.at(place).collect();
        let lost = gone.into_iter().filter_map(|(number, due)| {
            let datagram = self.line.remove(number)?;
            (due == NEVER).then_some(Happened {
                number,
                datagram,
                fate: Fate::Unclaimed,
                by_hand: false,
            })
        });
        lost.collect()
    }

    /// It goes on now, and it is told if it had to wait longer.
    fn hurry(&mut self, number: DatagramId, now: u64) -> Option<Happened<D>> {
        let due = self.line.due(number)?;
        self.line.moves(number, now);
        let datagram = self.line.get_mut(number)?.datagram.clone();
        (due > now).then_some(Happened {
            number,
            datagram,
            fate: Fate::Released,
            by_hand: true,
        })
    }
}

/// The dice's doing, or of what is held nobody's yet.
fn told<D: Clone>(arriving: &Arriving<D>, fates: Vec<Fate>) -> Vec<Happened<D>> {
    let happened = |fate| Happened {
        number: arriving.number,
        datagram: arriving.datagram.clone(),
        fate,
        by_hand: false,
    };
    fates.into_iter().map(happened).collect()
}
