//! What becomes of the datagrams of one direction: lost, delayed, doubled, overtaken, held. Pure: datagrams and times
//! come in, deliveries and fates go out. What a datagram is does not matter here.
//!
//! Order of use: [`Passage::arrives`] for each datagram as it is found, then [`Passage::due`] until nothing is, then
//! again when [`Passage::next_due`] has come. Times are nanoseconds on one clock of the caller's.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use shared::conditions::{DatagramId, Fate, Verdict, Way};

use super::dice::{Dice, Throw};

/// So many datagrams may wait in one direction.
pub(super) const MOST_WAITING: usize = 1024;
/// And so many bytes.
pub(super) const MOST_WAITING_BYTES: usize = 4 << 20;
/// What is to be overtaken goes on after so long, should nothing follow.
pub(super) const OVERTAKEN_NS: u64 = 500_000_000;

/// When what is held is due.
const NEVER: u64 = u64::MAX;
const NS_PER_MS: u64 = 1_000_000;

/// Where a datagram goes on to: one receiver of the direction. Only there can one overtake another.
pub(super) type Place = u64;

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

/// A datagram that goes on now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Delivery<D> {
    /// Its number.
    pub(super) number: DatagramId,
    /// The datagram.
    pub(super) datagram: D,
    /// Whether anything had become of it.
    pub(super) touched: bool,
}

/// One direction: its conditions, its dice, and what waits there. A datagram is to be copied cheaply.
#[derive(Debug)]
pub(super) struct Passage<D> {
    way: Way,
    dice: Dice,
    /// By number, which is the order in which they came.
    waiting: BTreeMap<DatagramId, Waiting<D>>,
    /// Who goes on next at each place.
    line: BTreeMap<Turn, DatagramId>,
    /// The one at each place that the next one is to overtake.
    overtaken: HashMap<Place, DatagramId>,
    turns: u64,
    bytes: usize,
}

/// A place in line: where, when, and among those of one time after whom.
type Turn = (Place, u64, u64);

#[derive(Debug)]
struct Waiting<D> {
    datagram: D,
    length: usize,
    turn: Turn,
    copies: u8,
    touched: bool,
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
            waiting: BTreeMap::new(),
            line: BTreeMap::new(),
            overtaken: HashMap::new(),
            turns: 0,
            bytes: 0,
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
        let numbers: Vec<_> = self.waiting.keys().copied().collect();
        let released = numbers
            .into_iter()
            .filter_map(|number| self.hurry(number, now));
        released.collect()
    }

    /// Whether nothing happens to what arrives.
    pub(super) fn is_clear(&self) -> bool {
        self.way.is_clear()
    }

    /// Whether nothing waits either.
    pub(super) fn is_idle(&self) -> bool {
        self.is_clear() && self.waiting.is_empty()
    }

    /// Whether one more would not be sure to find room.
    pub(super) fn is_full(&self, length: usize) -> bool {
        self.waiting.len() >= MOST_WAITING || self.bytes + length > MOST_WAITING_BYTES
    }

    /// A datagram arrives, and its fate is decided.
    pub(super) fn arrives(&mut self, arriving: Arriving<D>, now: u64) -> Vec<Happened<D>> {
        let thrown = self.dice.throw();
        if self.way.by_hand {
            return self.wait_or_go(&arriving, NEVER, 1, vec![Fate::Held]);
        }
        if thrown.loss.is_among(self.way.loss_percent) {
            return told(&arriving, vec![Fate::Lost]);
        }
        let Lot {
            delay_ms,
            doubled,
            overtaken,
        } = self.lot(thrown);
        let mut due = arriving.received_ns + u64::from(delay_ms) * NS_PER_MS;
        let mut fates = Vec::new();
        fates.extend((delay_ms > 0).then_some(Fate::Delayed {
            milliseconds: delay_ms,
        }));
        fates.extend(doubled.then_some(Fate::Doubled));
        // One that overtakes is not overtaken itself: where all were, none would ever come.
        let before = self.to_be_overtaken(&arriving);
        let overtaken = overtaken && before.is_none();
        if overtaken {
            due += OVERTAKEN_NS;
            fates.push(Fate::Overtaken);
        }
        if due > now && self.is_full(arriving.length) {
            return told(&arriving, vec![Fate::NoRoom]);
        }
        let (number, place) = (arriving.number, arriving.place);
        let happened = self.wait_or_go(&arriving, due, if doubled { 2 } else { 1 }, fates);
        if overtaken {
            self.overtaken.insert(place, number);
        } else if let Some(before) = before {
            self.pass(before, due);
        }
        happened
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
        let (_, due, _) = self.waiting.get(&before)?.turn;
        (due > arriving.received_ns).then_some(before)
    }

    /// The next one has passed it: it goes on right after, its own delay kept.
    fn pass(&mut self, before: DatagramId, passed_at: u64) {
        let Some((place, due, _)) = self.waiting.get(&before).map(|waiting| waiting.turn) else {
            return;
        };
        self.overtaken.remove(&place);
        self.moves(before, passed_at.max(due - OVERTAKEN_NS));
    }

    /// Puts it in line, where there is room for it to wait.
    fn wait_or_go(
        &mut self,
        arriving: &Arriving<D>,
        due: u64,
        copies: u8,
        fates: Vec<Fate>,
    ) -> Vec<Happened<D>> {
        let Arriving {
            number,
            place,
            length,
            ref datagram,
            ..
        } = *arriving;
        if due == NEVER && self.is_full(length) {
            return told(arriving, vec![Fate::NoRoom]);
        }
        let turn = self.turn(place, due);
        self.line.insert(turn, number);
        self.bytes += length;
        let waiting = Waiting {
            datagram: datagram.clone(),
            length,
            turn,
            copies,
            touched: !fates.is_empty(),
        };
        self.waiting.insert(number, waiting);
        told(arriving, fates)
    }

    /// What goes on now at this place.
    pub(super) fn due(&mut self, place: Place, now: u64) -> Option<Delivery<D>> {
        let (number, due) = self.first(place)?;
        if due > now {
            return None;
        }
        let waiting = self.waiting.get_mut(&number)?;
        waiting.copies -= 1;
        let delivery = Delivery {
            number,
            datagram: waiting.datagram.clone(),
            touched: waiting.touched,
        };
        if waiting.copies == 0 {
            self.remove(number);
        }
        Some(delivery)
    }

    /// When something will go on at this place, unless somebody decides before.
    pub(super) fn next_due(&self, place: Place) -> Option<u64> {
        let (_, due) = self.first(place)?;
        (due != NEVER).then_some(due)
    }

    fn first(&self, place: Place) -> Option<(DatagramId, u64)> {
        let mut line = self.line.range((place, 0, 0)..=(place, NEVER, u64::MAX));
        line.next().map(|((_, due, _), number)| (*number, *due))
    }

    /// Somebody decides about one that is held; nothing where it is not.
    pub(super) fn decide(
        &mut self,
        number: DatagramId,
        verdict: Verdict,
        now: u64,
    ) -> Option<Happened<D>> {
        let waiting = self.waiting.get_mut(&number)?;
        if waiting.turn.1 != NEVER {
            return None;
        }
        let datagram = waiting.datagram.clone();
        let fate = match verdict {
            Verdict::Release => Fate::Released,
            Verdict::Kill => Fate::Lost,
            Verdict::Double => {
                waiting.copies = 2;
                Fate::Doubled
            }
        };
        if verdict == Verdict::Kill {
            self.remove(number);
        } else {
            self.moves(number, now);
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
        let at = self.line.range((place, 0, 0)..=(place, NEVER, u64::MAX));
        let gone: Vec<_> = at
            .map(|((_, due, _), number)| (*number, *due == NEVER))
            .collect();
        let mut happened = Vec::new();
        for (number, held) in gone {
            let Some(waiting) = self.remove(number).filter(|_| held) else {
                continue;
            };
            happened.push(Happened {
                number,
                datagram: waiting.datagram,
                fate: Fate::Lost,
                by_hand: false,
            });
        }
        happened
    }

    /// It goes on now, if it had to wait longer.
    fn hurry(&mut self, number: DatagramId, now: u64) -> Option<Happened<D>> {
        let waiting = self.waiting.get(&number)?;
        let (_, due, _) = waiting.turn;
        let datagram = waiting.datagram.clone();
        self.moves(number, now);
        (due > now).then_some(Happened {
            number,
            datagram,
            fate: Fate::Released,
            by_hand: true,
        })
    }

    /// It gets another turn, behind all others of that time.
    fn moves(&mut self, number: DatagramId, due: u64) {
        let Some(place) = self.waiting.get(&number).map(|waiting| waiting.turn.0) else {
            return;
        };
        let turn = self.turn(place, due);
        if let Some(waiting) = self.waiting.get_mut(&number) {
            self.line.remove(&waiting.turn);
            waiting.turn = turn;
            self.line.insert(turn, number);
        }
    }

    const fn turn(&mut self, place: Place, due: u64) -> Turn {
        self.turns += 1;
        (place, due, self.turns)
    }

    fn remove(&mut self, number: DatagramId) -> Option<Waiting<D>> {
        let waiting = self.waiting.remove(&number)?;
        self.line.remove(&waiting.turn);
        self.bytes -= waiting.length;
        let place = waiting.turn.0;
        if self.overtaken.get(&place) == Some(&number) {
            self.overtaken.remove(&place);
        }
        Some(waiting)
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
