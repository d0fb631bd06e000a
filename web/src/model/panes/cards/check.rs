//! Whether what a card wants to be seen was seen: its filters are asked about everything that happens, once.

use std::collections::BTreeSet;

use shared::trace::CallId;

use super::card::Card;
use shared::filter::{Filter, Row};

/// A card's check, as far as it has come.
#[derive(Debug, Default)]
pub(crate) struct Check {
    wanted: Vec<ExpectedItem>,
    never: Vec<Filter>,
    /// The first of what must not be that was.
    pub(crate) wrong: Option<usize>,
    watched: Vec<(Filter, bool)>,
    /// Calls that were told to be blocked.
    pub(super) blocked: BTreeSet<CallId>,
}

#[derive(Debug)]
struct ExpectedItem {
    filter: Option<Filter>,
    extra: bool,
    seen: bool,
}

impl Check {
    /// Of a card, with nothing seen.
    pub(super) fn of(card: &Card) -> Self {
        let wanted = card.check.iter().map(|item| ExpectedItem {
            filter: Filter::parse(&item.see).ok(),
            extra: item.extra,
            seen: false,
        });
        let never = card.never.iter();
        Self {
            wanted: wanted.collect(),
            never: never
                .filter_map(|item| Filter::parse(&item.see).ok())
                .collect(),
            ..Self::default()
        }
    }

    /// Nothing that was seen counts any more.
    pub(super) fn reset(&mut self) {
        self.wanted
            .iter_mut()
            .for_each(|wanted| wanted.seen = false);
        self.wrong = None;
        self.blocked.clear();
    }

    /// Looks out for these from now on.
    pub(super) fn watch(&mut self, filters: impl Iterator<Item = Filter>) {
        self.watched = filters.map(|filter| (filter, false)).collect();
    }

    /// Whether the first of what is looked out for was seen.
    pub(super) fn has_matched(&self) -> bool {
        self.watched.first().is_none_or(|(_, seen)| *seen)
    }

    /// It is looked out for no longer.
    pub(super) fn stop_waiting(&mut self) {
        if !self.watched.is_empty() {
            self.watched.remove(0);
        }
    }

    /// Something happened. Tells which item it is, if it is the next that has to be seen.
    pub(super) fn take(&mut self, row: &dyn Row) -> Option<usize> {
        for (filter, seen) in &mut self.watched {
            *seen |= filter.matches(row);
        }
        let held = self.holds();
        let is_it = |wanted: &ExpectedItem| {
            let filter = wanted.filter.as_ref();
            !wanted.seen && filter.is_some_and(|filter| filter.matches(row))
        };
        let next = self
            .wanted
            .iter()
            .position(|wanted| !wanted.seen && !wanted.extra);
        let item = next.filter(|next| is_it(&self.wanted[*next])).or_else(|| {
            let mut extras = self.wanted.iter();
            extras.position(|wanted| wanted.extra && is_it(wanted))
        });
        if let Some(item) = item {
            self.wanted[item].seen = true;
            return Some(item);
        }
        if !held && self.wrong.is_none() {
            self.wrong = self.never.iter().position(|never| never.matches(row));
        }
        None
    }

    /// Whether this item was seen.
    pub(crate) fn has_seen(&self, item: usize) -> bool {
        self.wanted.get(item).is_some_and(|wanted| wanted.seen)
    }

    /// Whether all was seen that has to be, and nothing that must not.
    pub(crate) fn holds(&self) -> bool {
        self.wrong.is_none() && self.wanted.iter().all(|wanted| wanted.seen || wanted.extra)
    }
}
