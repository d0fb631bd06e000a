//! The filter box: what stands in it, what is wrong with that, and the fields that the word at the cursor could become.

use crate::filter::{Candidate, Completion, Filter, Mistake, complete};

/// The filter box.
#[derive(Debug, Default)]
pub(crate) struct Query {
    /// What stands in it.
    pub(crate) text: String,
    /// Where the cursor is: a place between two of its bytes.
    pub(crate) cursor: usize,
    /// What is wrong with it, if anything; the filter before it is then still in force.
    pub(crate) mistake: Option<Mistake>,
    /// The fields that are offered; none where the list is closed.
    pub(crate) offered: Vec<Candidate>,
    /// Which of them is the one that would be taken.
    pub(crate) chosen: Option<usize>,
    /// The bytes that it would take the place of.
    replaced: std::ops::Range<usize>,
}

/// What somebody does in the box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stroke {
    /// Types: this stands in it now, with the cursor at that byte.
    Typed(String, usize),
    /// Goes to the next of the offered fields; opens the list where it is closed.
    Next,
    /// Goes to the one before.
    Previous,
    /// Takes the chosen one.
    Take,
    /// Takes this one.
    TakeThis(usize),
    /// Closes the list; where it is closed already, empties the box.
    Escape,
    /// Looks elsewhere.
    Leave,
}

impl Query {
    /// Takes in what somebody does. Where another filter is in force now, that is given; an empty one is no filter.
    pub(super) fn take(&mut self, stroke: Stroke) -> Option<Option<Filter>> {
        match stroke {
            Stroke::Typed(text, cursor) => return self.typed(text, cursor),
            Stroke::Next if self.offered.is_empty() => self.offer(true),
            Stroke::Next => self.choose(1),
            Stroke::Previous => self.choose(self.offered.len().saturating_sub(1)),
            Stroke::Take => return self.accept(self.chosen?),
            Stroke::TakeThis(at) => return self.accept(at),
            Stroke::Escape if self.offered.is_empty() => return self.typed(String::new(), 0),
            Stroke::Escape | Stroke::Leave => self.close(),
        }
        None
    }

    fn typed(&mut self, text: String, cursor: usize) -> Option<Option<Filter>> {
        let is_same = text == self.text;
        (self.text, self.cursor) = (text, cursor);
        self.offer(false);
        // The cursor can move without anything being typed.
        if is_same { None } else { self.read() }
    }

    fn read(&mut self) -> Option<Option<Filter>> {
        let is_empty = self.text.trim().is_empty();
        let read = Filter::parse(&self.text);
        self.mistake = read.as_ref().err().cloned();
        Some(if is_empty { None } else { Some(read.ok()?) })
    }

    /// Offers what fits; all there is only where somebody `asks`.
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
        let filter = query.take(Stroke::Typed(text.to_owned(), text.len()));
        (query, filter)
    }

    #[test]
    fn what_can_be_read_is_in_force_at_once() {
        let (query, filter) = typed("udp.port == 12000");
        assert_eq!(
            (query.mistake, filter),
            (None, Some(Filter::parse("udp.port == 12000").ok()))
        );
    }

    #[test]
    fn what_cannot_be_read_changes_nothing() {
        let (mut query, filter) = typed("udp.prot == 1");
        assert_eq!(filter, None);
        assert_eq!(
            query.mistake.as_ref().map(|mistake| mistake.range.clone()),
            Some(0..8)
        );
        assert_eq!(
            query.take(Stroke::Typed("  ".to_owned(), 2)),
            Some(None),
            "an empty box shows everything"
        );
        assert_eq!(query.mistake, None);
    }

    #[test]
    fn a_field_is_offered_and_taken() {
        let (mut query, _) = typed("ip.t");
        assert_eq!(
            query.offered.first().map(|candidate| candidate.name),
            Some("ip.ttl")
        );
        assert_eq!(query.take(Stroke::Take), None, "none was chosen yet");
        assert_eq!(query.take(Stroke::Next), None);
        let filter = query.take(Stroke::Take);
        assert_eq!((query.text.as_str(), query.cursor), ("ip.ttl", 6));
        assert!(filter.flatten().is_some() && query.offered.is_empty());
    }

    #[test]
    fn the_list_goes_round() {
        let (mut query, _) = typed("udp.");
        let last = query.offered.len() - 1;
        query.take(Stroke::Previous);
        assert_eq!(query.chosen, Some(last));
        query.take(Stroke::Next);
        assert_eq!(query.chosen, Some(0));
    }

    #[test]
    fn escape_closes_the_list_and_then_empties_the_box() {
        let (mut query, _) = typed("udp");
        assert!(!query.offered.is_empty());
        assert_eq!(query.take(Stroke::Escape), None);
        assert_eq!(query.take(Stroke::Escape), Some(None));
        assert_eq!(query.text, "");
        assert!(query.offered.is_empty());
    }

    #[test]
    fn all_fields_are_offered_to_who_asks() {
        let mut query = Query::default();
        query.take(Stroke::Next);
        assert!(query.offered.len() > 100);
        assert_eq!(query.chosen, Some(0));
    }
}
