//! Who waits and when it is due: the line of one direction, bounded. Pure.

use std::collections::BTreeMap;

use shared::conditions::DatagramId;

/// So many datagrams may wait in one direction.
pub(super) const MOST_WAITING: usize = 1024;
/// And so many bytes.
pub(super) const MOST_WAITING_BYTES: usize = 4 << 20;
/// When what is held is due.
pub(super) const NEVER: u64 = u64::MAX;

/// Where a datagram goes on to: one receiver of the direction. Only there can one overtake another.
pub(super) type Place = u64;

/// Datagrams that wait, each at its place for its time. A datagram is to be copied cheaply.
#[derive(Debug)]
pub(super) struct Line<D> {
    /// By number, which is the order in which they came.
    waiting: BTreeMap<DatagramId, Waiting<D>>,
    turns: BTreeMap<Turn, DatagramId>,
    given: u64,
    bytes: usize,
}

/// A place in line: where, when, and among those of one time after whom.
type Turn = (Place, u64, u64);

#[derive(Debug)]
struct Waiting<D> {
    entry: Entry<D>,
    turn: Turn,
}

/// A datagram in line.
#[derive(Debug)]
pub(super) struct Entry<D> {
    /// The datagram.
    pub(super) datagram: D,
    /// What it takes of the room, in bytes.
    pub(super) length: usize,
    /// How often it still goes on.
    pub(super) copies: u8,
    /// Whether anything had become of it.
    pub(super) touched: bool,
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

impl<D: Clone> Line<D> {
    /// Nobody waits.
    pub(super) const fn new() -> Self {
        Self {
            waiting: BTreeMap::new(),
            turns: BTreeMap::new(),
            given: 0,
            bytes: 0,
        }
    }

    /// Whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether there is no room for one more of this length.
    pub(super) fn is_full(&self, length: usize) -> bool {
        self.waiting.len() >= MOST_WAITING || self.bytes + length > MOST_WAITING_BYTES
    }

    /// Gets in line, behind all others of that place and time.
    pub(super) fn enter(&mut self, number: DatagramId, place: Place, due: u64, entry: Entry<D>) {
        let turn = self.turn(place, due);
        self.turns.insert(turn, number);
        self.bytes += entry.length;
        self.waiting.insert(number, Waiting { entry, turn });
    }

    /// Goes on at another time than it was to, behind all others of that time.
    pub(super) fn moves(&mut self, number: DatagramId, due: u64) {
        let Some(place) = self.waiting.get(&number).map(|waiting| waiting.turn.0) else {
            return;
        };
        let turn = self.turn(place, due);
        if let Some(waiting) = self.waiting.get_mut(&number) {
            self.turns.remove(&waiting.turn);
            waiting.turn = turn;
            self.turns.insert(turn, number);
        }
    }

    const fn turn(&mut self, place: Place, due: u64) -> Turn {
        self.given += 1;
        (place, due, self.given)
    }

    /// Leaves the line.
    pub(super) fn remove(&mut self, number: DatagramId) -> Option<D> {
        let waiting = self.waiting.remove(&number)?;
        self.turns.remove(&waiting.turn);
        self.bytes -= waiting.entry.length;
        Some(waiting.entry.datagram)
    }

    /// The next one that goes on at this place, if its time has come.
    pub(super) fn next(&mut self, place: Place, now: u64) -> Option<Delivery<D>> {
        let (number, _) = self.at(place).next().filter(|(_, due)| *due <= now)?;
        let entry = self.get_mut(number)?;
        entry.copies -= 1;
        let (last, delivery) = (
            entry.copies == 0,
            Delivery {
                number,
                datagram: entry.datagram.clone(),
                touched: entry.touched,
            },
        );
        if last {
            self.remove(number);
        }
        Some(delivery)
    }

    /// Who waits at this place, and until when; first who goes on first.
    pub(super) fn at(&self, place: Place) -> impl Iterator<Item = (DatagramId, u64)> {
        let turns = self.turns.range((place, 0, 0)..=(place, NEVER, u64::MAX));
        turns.map(|((_, due, _), number)| (*number, *due))
    }

    /// Who waits, in the order in which they came.
    pub(super) fn numbers(&self) -> Vec<DatagramId> {
        self.waiting.keys().copied().collect()
    }

    /// Until when one waits.
    pub(super) fn due(&self, number: DatagramId) -> Option<u64> {
        self.waiting.get(&number).map(|waiting| waiting.turn.1)
    }

    /// One that waits.
    pub(super) fn get_mut(&mut self, number: DatagramId) -> Option<&mut Entry<D>> {
        self.waiting
            .get_mut(&number)
            .map(|waiting| &mut waiting.entry)
    }
}
