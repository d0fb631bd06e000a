//! Which packets the table shows: all, or those a filter lets through. A new filter is asked about old packets a few at
//! a time, so that the page stays quick; new packets are asked about as they come.

use std::collections::VecDeque;

use super::{asked::Asked, people::People, store::Store};
use crate::filter::Filter;

/// So many packets are asked about at once.
const STRIDE: usize = 4_000;

/// The packets that are shown.
#[derive(Debug, Default)]
pub(crate) struct Sieve {
    filter: Option<Filter>,
    /// The numbers of those that were let through, ascending.
    through: VecDeque<u64>,
    /// The number of the next packet to ask about.
    next: u64,
    /// How many rows have left the table at its upper end since it began.
    left: u64,
}

impl Sieve {
    /// Another filter, or none, which lets everything through.
    pub(crate) fn set(&mut self, filter: Option<Filter>) {
        *self = Self {
            filter,
            ..Self::default()
        };
    }

    /// Goes on asking; says whether there is more to ask.
    pub(crate) fn step(&mut self, store: &Store, people: &People) -> bool {
        self.forget(store);
        let Some(filter) = &self.filter else {
            return false;
        };
        self.next = self.next.max(store.first());
        for (number, record) in store.from(self.next).take(STRIDE) {
            if filter.matches(&Asked::new(number, record, people)) {
                self.through.push_back(number);
            }
            self.next = number + 1;
        }
        self.is_behind(store)
    }

    /// Whether there are packets that it was not asked about.
    pub(crate) fn is_behind(&self, store: &Store) -> bool {
        self.filter.is_some() && self.next < store.next()
    }

    /// What has made room is in no table.
    fn forget(&mut self, store: &Store) {
        while self
            .through
            .front()
            .is_some_and(|number| *number < store.first())
        {
            self.through.pop_front();
            self.left += 1;
        }
    }

    /// How many rows there are.
    pub(crate) fn len(&self, store: &Store) -> usize {
        if self.filter.is_some() {
            self.through.len()
        } else {
            store.len()
        }
    }

    /// How many rows have left at the upper end: what stays on the screen moves up by so many.
    pub(crate) fn left(&self, store: &Store) -> u64 {
        if self.filter.is_some() {
            self.left
        } else {
            store.gone()
        }
    }

    /// The number of the packet in a row.
    pub(crate) fn at(&self, row: usize, store: &Store) -> Option<u64> {
        if self.filter.is_some() {
            return self.through.get(row).copied();
        }
        (row < store.len()).then(|| store.first() + row as u64)
    }

    /// The row of a packet.
    pub(crate) fn row_of(&self, number: u64, store: &Store) -> Option<usize> {
        if self.filter.is_some() {
            return self.through.binary_search(&number).ok();
        }
        let row = usize::try_from(number.checked_sub(store.first())?).ok()?;
        (row < store.len()).then_some(row)
    }

    /// The last row that is not behind this packet.
    pub(crate) fn row_before(&self, number: u64, store: &Store) -> usize {
        if self.filter.is_some() {
            return self
                .through
                .partition_point(|shown| *shown <= number)
                .saturating_sub(1);
        }
        usize::try_from(number.saturating_sub(store.first())).unwrap_or(0)
    }
}
