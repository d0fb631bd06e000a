//! Which packets the table shows: all, or those that pass a filter. A new filter tests the stored packets in steps, so
//! that the page stays responsive.

use std::collections::VecDeque;

use shared::trace::ProcessId;

use super::{filter_row::FilterRow, process_names::ProcessNames, record::Record, store::Store};
use shared::filter::Filter;

/// Maximum number of packets tested in one step.
const PACKETS_PER_STEP: usize = 4_000;

/// The filter, and the packets that have passed it.
#[derive(Debug, Default)]
pub(crate) struct DisplayFilter {
    filter: Option<Filter>,
    /// The only process whose packets are shown, if any.
    only: Option<ProcessId>,
    /// The numbers of the packets that have passed, ascending.
    passed: VecDeque<u64>,
    /// The number of the next packet to test.
    next: u64,
    /// How many rows were removed at the top.
    removed_rows: u64,
}

impl DisplayFilter {
    /// Sets another filter; none passes every packet.
    pub(crate) fn set(&mut self, filter: Option<Filter>) {
        *self = Self {
            filter,
            only: self.only,
            ..Self::default()
        };
    }

    /// Shows the packets of one process only, or of all.
    pub(super) fn restrict(&mut self, only: Option<ProcessId>) {
        if self.only != only {
            self.only = only;
            let filter = self.filter.take();
            self.set(filter);
        }
    }

    /// Whether any packet may fail.
    const fn is_active(&self) -> bool {
        self.filter.is_some() || self.only.is_some()
    }

    fn passes(&self, number: u64, record: &Record, process_names: &ProcessNames) -> bool {
        let is_wanted = self.only.is_none() || record.process == self.only;
        let asks = |filter: &Filter| filter.matches(&FilterRow::new(number, record, process_names));
        is_wanted && self.filter.as_ref().is_none_or(asks)
    }

    /// Tests more packets. Returns whether there are more to test.
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

    /// Whether there are packets it has not tested.
    pub(crate) fn is_behind(&self, store: &Store) -> bool {
        self.is_active() && self.next < store.next()
    }

    /// Removes the packets that the store has dropped.
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

    /// How many rows were removed at the top, by which the others have moved up.
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

    /// The last row that is not after this packet.
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
