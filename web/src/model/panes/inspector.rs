//! The packets, to be looked into: which are kept and shown, which one is open, what it says, and its conversation.
//!
//! Packets are only put away as they come ([`Inspector::hear`]); everything else is computed when somebody looks, once
//! a frame ([`Inspector::settle`]).

mod asked;
pub(crate) mod follow;
pub(crate) mod glyphs;
mod people;
pub(crate) mod query;
pub(crate) mod record;
pub(crate) mod remarks;
pub(crate) mod roll;
pub(crate) mod rows;
mod scene;
mod select;
pub(crate) mod sieve;
pub(crate) mod spoken;
pub(crate) mod store;
mod take;
mod talk;
pub(crate) mod tree;

use std::ops::Range;

use shared::{
    dissect::{Dissection, Protocol, Streams, dissect},
    trace::CallId,
};

use self::{
    asked::Asked,
    follow::Follow,
    people::People,
    query::{Query, Stroke},
    record::{Captured, Record},
    remarks::{Remark, Scene, remarks},
    sieve::Sieve,
    store::Store,
    tree::{About, Step, Told, Tree, build},
};
use crate::{
    filter::Row,
    model::trace::log::{Call, Log, Run, RunId},
};

/// What somebody does with the packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Shows them, or the calls again.
    Open(bool),
    /// Looks into the packet of this event.
    Select(u64),
    /// Goes through the table, of which so many rows are seen at once.
    Go(Go, usize),
    /// Has scrolled the table: to its end, or to elsewhere.
    Scrolled(bool),
    /// Wants to see the newest.
    Newest,
    /// Goes through the tree.
    Step(Step),
    /// Looks at this line of the tree.
    Line(usize),
    /// Folds or unfolds this one.
    Turn(usize),
    /// Points at this byte.
    Byte(usize),
    /// Points so many bytes further, or back.
    MoveByte(isize),
    /// Writes a filter.
    Filter(Stroke),
    /// Follows the packet's conversation, or stops it.
    Follow(bool),
    /// Shows that in hex, or as text.
    Hex(bool),
    /// Has scrolled or resized something: it is drawn anew.
    Look,
}

/// A way through the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Go {
    /// One row on.
    Down,
    /// One row back.
    Up,
    /// As many on as are seen.
    PageDown,
    /// As many back.
    PageUp,
    /// To the first.
    Home,
    /// To the last.
    End,
}

/// All about packets.
#[derive(Debug, Default)]
pub(crate) struct Inspector {
    /// Whether somebody looks.
    pub(crate) open: bool,
    /// The packets that are kept.
    pub(crate) store: Store,
    /// Which of them are shown.
    pub(crate) sieve: Sieve,
    /// The filter box.
    pub(crate) query: Query,
    /// The event of the packet one looks into.
    pub(crate) selected: Option<u64>,
    /// Whether the table shows the newest as they come.
    pub(crate) tail: bool,
    /// That packet, taken apart.
    pub(crate) opened: Option<Opened>,
    /// Its lines.
    pub(crate) tree: Tree,
    /// The byte that is pointed at.
    pub(crate) byte: Option<usize>,
    /// The conversation that is followed.
    pub(crate) follow: Option<Follow>,
    /// Whether that is shown in hex.
    pub(crate) hex: bool,
    /// How many packets the capture has lost.
    pub(crate) lost: u64,
    people: People,
    streams: Streams,
    last_seq: Option<u64>,
    /// What a wall clock's nanoseconds are more than those of the lab's own time.
    clock_ns: u64,
}

/// The packet one looks into.
#[derive(Debug)]
pub(crate) struct Opened {
    /// Its event.
    pub(crate) seq: u64,
    /// What deserves a word.
    pub(crate) remarks: Vec<Remark>,
    /// Which of its bytes are text, if any are.
    pub(crate) text: Range<usize>,
    /// Grows whenever it is taken apart anew.
    pub(crate) version: u64,
    /// The calls it belongs to, as they were then.
    run: Option<(RunId, u64)>,
}

impl Inspector {
    /// Asks something of the packet of this event, if it is the last that came.
    pub(crate) fn ask<T>(&self, seq: u64, question: impl FnOnce(&dyn Row) -> T) -> Option<T> {
        let number = self.store.next() - 1;
        let record = self.store.get(number).filter(|record| record.seq == seq)?;
        Some(question(&Asked::new(number, record, &self.people)))
    }

    /// Computes what somebody who looks will see now. Tells whether there is more to do in the next frame.
    pub(in crate::model) fn settle(&mut self, log: &Log) -> bool {
        if !self.open {
            return false;
        }
        let is_behind = self.sieve.step(&self.store, &self.people);
        self.look(log);
        if let Some(follow) = &mut self.follow {
            follow.read(&self.store);
        }
        is_behind
    }

    /// The packet one looks into, and its number.
    pub(crate) fn record(&self) -> Option<(u64, &Record)> {
        let number = self.store.number_of(self.selected?)?;
        Some((number, self.store.get(number)?))
    }

    /// Whether the selected packet belongs to a conversation.
    pub(crate) fn can_follow(&self) -> bool {
        self.record()
            .is_some_and(|(_, record)| record.conversation().is_some())
    }

    /// The row one looks at.
    pub(crate) fn row(&self) -> Option<usize> {
        self.sieve
            .row_of(self.store.number_of(self.selected?)?, &self.store)
    }

    /// Takes the selected packet apart, unless that was done and nothing has come to it since.
    fn look(&mut self, log: &Log) {
        let Some((number, record)) = self.record() else {
            (self.opened, self.byte) = (None, None);
            return self.tree.set(Vec::new());
        };
        let same = self
            .opened
            .as_ref()
            .filter(|opened| opened.seq == record.seq);
        if same.is_some_and(|opened| opened.is_up_to_date(record, log)) {
            return;
        }
        let is_other = same.is_none();
        let run = record.call.and_then(|call| log.run_of(call));
        let (opened, lines) = self.take_apart(number, record, run);
        let talk = record.conversation();
        self.opened = Some(opened);
        self.tree.set(lines);
        if is_other {
            self.byte = None;
        }
        if let Some((follow, talk)) = self.follow.as_mut().zip(talk)
            && !follow.talk.is(&talk)
        {
            *follow = Follow::new(talk);
        }
    }

    fn take_apart(
        &self,
        number: u64,
        record: &Record,
        run: Option<&Run>,
    ) -> (Opened, Vec<tree::Line>) {
        let dissection = record.captured().map(taken_apart);
        let remarks = remarks(
            Scene {
                number,
                record,
                store: &self.store,
                run,
            },
            dissection.as_ref(),
        );
        let before = self
            .row_before(number)
            .and_then(|number| self.store.get(number));
        let about = About {
            number,
            after_ns: record.at_ns.saturating_sub(self.store.began_ns()),
            pause_ns: before.map_or(0, |before| record.at_ns.saturating_sub(before.at_ns)),
            told: run.map(|run| self.told(record, run)).unwrap_or_default(),
        };
        let opened = Opened {
            seq: record.seq,
            remarks,
            text: dissection.as_ref().map_or(0..0, text_of),
            version: self.opened.as_ref().map_or(0, |opened| opened.version) + 1,
            run: run.map(|run| (run.id, run.version)),
        };
        (opened, build(record, &about))
    }

    /// The number of the packet in the row above.
    pub(crate) fn row_before(&self, number: u64) -> Option<u64> {
        let row = self.sieve.row_of(number, &self.store)?.checked_sub(1)?;
        self.sieve.at(row, &self.store)
    }

    /// What the kernel told with the calls a packet came from and went to.
    fn told<'a>(&self, record: &Record, run: &'a Run) -> Vec<Told<'a>> {
        let sender = record
            .call
            .and_then(|id| run.calls.iter().find(|call| call.id == id));
        let receiver = scene::receiver(record, run).filter(|call| Some(call.id) != record.call);
        let told = |call: &'a Call| Told {
            name: call.name,
            side: call.side,
            facts: &call.facts,
            clock_ns: self.clock_ns + self.store.began_ns(),
        };
        sender.into_iter().chain(receiver).map(told).collect()
    }
}

impl Opened {
    /// Whether the calls around it are as they were when it was taken apart.
    fn is_up_to_date(&self, record: &Record, log: &Log) -> bool {
        match self.run {
            Some((id, version)) => log.run(id).is_none_or(|run| run.version == version),
            None => record.call.is_none_or(|call| log.run_of(call).is_none()),
        }
    }
}

fn taken_apart(captured: &Captured) -> Dissection {
    dissect(captured.link, &captured.bytes)
}

/// Where the payload is: the bytes no layer has a meaning for.
fn text_of(dissection: &Dissection) -> Range<usize> {
    let payload = dissection
        .layers
        .last()
        .filter(|layer| layer.protocol == Protocol::Data);
    payload.map_or(0..0, |layer| layer.range.clone())
}

#[cfg(test)]
mod tests;
