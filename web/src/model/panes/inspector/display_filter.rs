//! Which packets the table shows: all, or those a filter lets passed. A new filter is asked about old packets a few at
//! a time, so that the page stays quick; new packets are asked about as they come.

use std::collections::VecDeque;

use shared::trace::ProcessId;

use super::{filter_row::FilterRow, process_names::ProcessNames, record::Record, store::Store};
use crate::filter::Filter;

/// So many packets are asked about at once.
const PACKETS_PER_STEP: usize = 4_000;

/// The packets that are shown.
#[derive(Debug, Default)]
pub(crate) struct DisplayFilter {
    filter: Option<Filter>,
    /// Only the packets of this process, if of one only.
    only: Option<ProcessId>,
    /// The numbers of those that were let passed, ascending.
    passed: VecDeque<u64>,
    /// The number of the next packet to ask about.
    next: u64,
    /// How many rows have removed_rows the table at its upper end since it began.
    removed_rows: u64,
}

impl DisplayFilter {
    /// Another filter, or none, which lets everything passed.
    pub(crate) fn set(&mut self, filter: Option<Filter>) {
        *self = Self {
            filter,
            only: self.only,
            ..Self::default()
        };
    }

    /// Only the packets of one process, or those of all.
    pub(super) fn restrict(&mut self, only: Option<ProcessId>) {
        if self.only != only {
            self.only = only;
            let filter = self.filter.take();
            self.set(filter);
        }
    }

    /// Whether anything is kept back.
    const fn is_active(&self) -> bool {
        self.filter.is_some() || self.only.is_some()
    }

    fn passes(&self, number: u64, record: &Record, process_names: &ProcessNames) -> bool {
        let is_wanted = self.only.is_none() || record.process == self.only;
        let asks = |filter: &Filter| filter.matches(&FilterRow::new(number, record, process_names));
        is_wanted && self.filter.as_ref().is_none_or(asks)
    }

    /// Goes on asking; says whether there is more to ask.
    pub(crate) fn test_more(&mut self, store: &Store, process_names: &ProcessNames) -> bool {
        self.remove_dropped(store);
        if !self.is_active() {
            return false;
        }
        self.next = self.next.max(store.first());
        for (number, record) in store.from(self.next).take(PACKETS_PER_STEP) {
            if self.passes(number, record, process_names) {
                self.passed.push_back(number);
            }
            self.next = number + 1;
        }
        self.is_behind(store)
    }

    /// Whether there are packets that it was not asked about.
    pub(crate) fn is_behind(&self, store: &Store) -> bool {
        self.is_active() && self.next < store.next()
    }

    /// What has made room is in no table.
    fn remove_dropped(&mut self, store: &Store) {
        while self
            .passed
            .front()
            .is_some_and(|number| *number < store.first())
        {
            self.passed.pop_front();
            self.removed_rows += 1;
        }
    }

    /// How many rows there are.
    pub(crate) fn len(&self, store: &Store) -> usize {
        if self.is_active() {
            self.passed.len()
        } else {
            store.len()
        }
    }

    /// How many rows have removed_rows at the upper end: what stays on the screen moves up by so many.
    pub(crate) fn removed_rows(&self, store: &Store) -> u64 {
        if self.is_active() {
            self.removed_rows
        } else {
            store.dropped()
        }
    }

    /// The number of the packet in a row.
    pub(crate) fn at(&self, row: usize, store: &Store) -> Option<u64> {
        if self.is_active() {
            return self.passed.get(row).copied();
        }
        (row < store.len()).then(|| store.first() + row as u64)
    }

    /// The row of a packet.
    pub(crate) fn row_of(&self, number: u64, store: &Store) -> Option<usize> {
        if self.is_active() {
            return self.passed.binary_search(&number).ok();
        }
        let row = usize::try_from(number.checked_sub(store.first())?).ok()?;
        (row < store.len()).then_some(row)
    }

    /// The last row that is not behind this packet.
    pub(crate) fn row_before(&self, number: u64, store: &Store) -> usize {
        if self.is_active() {
            return self
                .passed
                .partition_point(|shown| *shown <= number)
                .saturating_sub(1);
        }
        usize::try_from(number.saturating_sub(store.first())).unwrap_or(0)
    }
}
