//! The filter box: its text, its error, and the fields offered at the cursor.

use shared::filter::{Candidate, Completion, Filter, ParseError, complete};

use crate::model::core::time::Millis;

/// An error is shown after this time without input, in milliseconds: before, a word may be incomplete.
const ERROR_DELAY: Millis = 700;

/// The filter box.
#[derive(Debug, Default)]
pub(crate) struct Query {
    /// Its text.
    pub(crate) text: String,
    /// The cursor's byte offset.
    pub(crate) cursor: usize,
    /// The error of its text; the last valid filter is then in force.
    error: Option<ParseError>,
    /// When the error is shown.
    error_at: Millis,
    /// The offered fields; empty while the list is closed.
    pub(crate) offered: Vec<Candidate>,
    /// The chosen one of them.
    pub(crate) chosen: Option<usize>,
    /// The bytes that it would replace.
    replaced: std::ops::Range<usize>,
}

/// The user's input in the box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FilterInput {
    /// A new text, and the cursor's byte offset.
    Typed(String, usize),
    /// Choose the next offered field, or open the list.
    Next,
    /// Choose the previous one.
    Previous,
    /// Insert the chosen one.
    Take,
    /// Insert this one.
    TakeAt(usize),
    /// Close the list and keep the text.
    Escape,
    /// Leave the box.
    Leave,
}

impl Query {
    /// Handles input. Returns the filter that is in force now if it has changed; `Some(None)` is no filter.
    pub(super) fn handle_input(
        &mut self,
        stroke: FilterInput,
        now: Millis,
    ) -> Option<Option<Filter>> {
        match stroke {
            FilterInput::Typed(text, cursor) => return self.typed(text, cursor, now),
            FilterInput::Next if self.offered.is_empty() => self.offer(true),
            FilterInput::Next => self.choose(1),
            FilterInput::Previous => self.choose(self.offered.len().saturating_sub(1)),
            // Enter with nothing chosen says that the text is complete.
            FilterInput::Take => {
                self.error_at = now;
                return self.accept(self.chosen?);
            }
            FilterInput::TakeAt(at) => return self.accept(at),
            FilterInput::Escape => self.close(),
            FilterInput::Leave => {
                self.error_at = now;
                self.close();
            }
        }
        None
    }

    /// The error to show now; none while the user types.
    pub(crate) fn visible_error(&self, now: Millis) -> Option<&ParseError> {
        self.error.as_ref().filter(|_| self.error_at <= now)
    }

    /// Whether its text is the filter in force.
    pub(crate) fn is_in_force(&self) -> bool {
        self.error.is_none() && !self.text.trim().is_empty()
    }

    /// When an error will be shown.
    pub(crate) fn wakes_at(&self, now: Millis) -> Option<Millis> {
        let is_due = self.error.is_some() && now < self.error_at;
        is_due.then_some(self.error_at)
    }

    fn typed(&mut self, text: String, cursor: usize, now: Millis) -> Option<Option<Filter>> {
        let is_same = text == self.text;
        (self.text, self.cursor) = (text, cursor);
        self.offer(false);
        // The cursor can move without anything being typed.
        if is_same {
            return None;
        }
        self.error_at = now + ERROR_DELAY;
        self.read()
    }

    fn read(&mut self) -> Option<Option<Filter>> {
        let is_empty = self.text.trim().is_empty();
        let read = Filter::parse(&self.text);
        self.error = read.as_ref().err().cloned();
        Some(if is_empty { None } else { Some(read.ok()?) })
    }

    /// Offers the fields that fit; for an empty word only if the user `asks`.
    fn offer(&mut self, asks: bool) {
        let Completion {
            replace,
            candidates,
        } = complete(&self.text, self.cursor);
        let offers = asks || !replace.is_empty();
        self.offered = if offers { candidates } else { Vec::new() };
        self.chosen = (asks && !self.offered.is_empty()).then_some(0);
        self.replaced = replace;
    }

    fn choose(&mut self, steps: usize) {
        let number = self.offered.len();
        if number > 0 {
            let first = if steps == 1 { 0 } else { number - 1 };
            self.chosen = Some(
                self.chosen
                    .map_or(first, |chosen| (chosen + steps) % number),
            );
        }
    }

    fn accept(&mut self, at: usize) -> Option<Option<Filter>> {
        let name = self.offered.get(at)?.name;
        let (before, after) = (
            self.text.get(..self.replaced.start)?,
            self.text.get(self.replaced.end..)?,
        );
        self.cursor = before.len() + name.len();
        self.text = [before, name, after].concat();
        self.close();
        self.read()
    }

    fn close(&mut self) {
        self.offered.clear();
        self.chosen = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> (Query, Option<Option<Filter>>) {
        let mut query = Query::default();
        let filter = query.handle_input(FilterInput::Typed(text.to_owned(), text.len()), 0);
        (query, filter)
    }

    #[test]
    fn what_can_be_read_is_in_force_at_once() {
        let (query, filter) = typed("udp.port == 12000");
        assert_eq!(
            (query.error, filter),
            (None, Some(Filter::parse("udp.port == 12000").ok()))
        );
    }

    #[test]
    fn what_cannot_be_read_changes_nothing() {
        let (mut query, filter) = typed("udp.prot == 1");
        assert_eq!(filter, None);
        assert_eq!(
            query.error.as_ref().map(|error| error.range.clone()),
            Some(0..8)
        );
        assert_eq!(
            query.handle_input(FilterInput::Typed("  ".to_owned(), 2), 0),
            Some(None),
            "an empty box shows everything"
        );
        assert_eq!(query.error, None);
    }

    #[test]
    fn a_field_is_offered_and_taken() {
        let (mut query, _) = typed("ip.t");
        assert_eq!(
            query.offered.first().map(|candidate| candidate.name),
            Some("ip.ttl")
        );
        assert_eq!(
            query.handle_input(FilterInput::Take, 0),
            None,
            "none was chosen yet"
        );
        assert_eq!(query.handle_input(FilterInput::Next, 0), None);
        let filter = query.handle_input(FilterInput::Take, 0);
        assert_eq!((query.text.as_str(), query.cursor), ("ip.ttl", 6));
        assert!(filter.flatten().is_some() && query.offered.is_empty());
    }

    #[test]
    fn the_list_goes_round() {
        let (mut query, _) = typed("udp.");
        let last = query.offered.len() - 1;
        query.handle_input(FilterInput::Previous, 0);
        assert_eq!(query.chosen, Some(last));
        query.handle_input(FilterInput::Next, 0);
        assert_eq!(query.chosen, Some(0));
    }

    #[test]
    fn escape_closes_the_list_and_leaves_what_is_written() {
        let (mut query, _) = typed("udp");
        assert!(!query.offered.is_empty());
        for _ in 0..2 {
            assert_eq!(query.handle_input(FilterInput::Escape, 0), None);
            assert!(query.offered.is_empty());
            assert_eq!(query.text, "udp");
            assert!(query.is_in_force());
        }
    }

    #[test]
    fn a_mistake_is_told_after_a_pause_or_at_once_when_it_is_meant() {
        let (mut query, _) = typed("tcp.fl");
        assert_eq!(
            query.visible_error(ERROR_DELAY - 1),
            None,
            "somebody is in the midst of it"
        );
        assert_eq!(query.wakes_at(ERROR_DELAY - 1), Some(ERROR_DELAY));
        assert!(query.visible_error(ERROR_DELAY).is_some());
        assert_eq!(query.wakes_at(ERROR_DELAY), None);
        query.handle_input(FilterInput::Typed("tcp.fla".to_owned(), 7), ERROR_DELAY);
        assert_eq!(query.visible_error(ERROR_DELAY), None, "it is typed on");
        for stroke in [FilterInput::Take, FilterInput::Leave] {
            let (mut query, _) = typed("tcp.fl");
            query.handle_input(stroke, 1);
            assert!(query.visible_error(1).is_some());
        }
        let (query, _) = typed("tcp");
        assert_eq!(
            (query.visible_error(ERROR_DELAY), query.wakes_at(0)),
            (None, None)
        );
    }

    #[test]
    fn all_fields_are_offered_to_who_asks() {
        let mut query = Query::default();
        query.handle_input(FilterInput::Next, 0);
        assert!(query.offered.len() > 100);
        assert_eq!(query.chosen, Some(0));
    }
}
