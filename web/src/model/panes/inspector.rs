//! The packet inspector: the stored packets, the filter, the opened packet and the followed conversation.
//!
//! Packets are only stored as they arrive ([`Inspector::handle_event`]); everything else is computed while the pane is
//! open, once a frame ([`Inspector::settle`]). How packets are drawn is in `view::inspector`; how they are dissected is
//! in `shared::dissect`.

mod conversation_key;
pub(crate) mod display_filter;
pub(crate) mod expert_info;
mod filter_row;
pub(crate) mod follow;
pub(crate) mod hexdump;
mod ingest;
pub(crate) mod list_geometry;
pub(crate) mod payload_text;
mod process_names;
pub(crate) mod query;
pub(crate) mod record;
mod related_calls;
pub(crate) mod rows;
mod select;
pub(crate) mod store;
pub(crate) mod tree;

use std::ops::Range;

use shared::{
    dissect::{Dissection, Protocol, Streams, dissect},
    filter::Row,
    trace::CallId,
};

use self::{
    display_filter::DisplayFilter,
    expert_info::{ExpertInfo, PacketContext, expert_info},
    filter_row::FilterRow,
    follow::Follow,
    process_names::ProcessNames,
    query::{FilterInput, Query},
    record::{Captured, Record},
    store::Store,
    tree::{CallFacts, PacketInfo, Tree, TreeStep, build},
};
use crate::model::trace::log::{Call, Log, Run, RunId};

/// A command of the user for the packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum InspectorCommand {
    /// Show the packets, or the calls.
    Open(bool),
    /// Open the packet of this event.
    Select(u64),
    /// Move in the table, of which this number of rows is visible.
    MoveRow(TableMove, usize),
    /// The table was scrolled: to its end, or elsewhere.
    Scrolled(bool),
    /// Show the newest packets.
    Newest,
    /// Move in the tree.
    MoveLine(TreeStep),
    /// Choose this line of the tree.
    Line(usize),
    /// Fold or unfold this line.
    Toggle(usize),
    /// Choose this byte.
    Byte(usize),
    /// Choose the byte this far on, or back.
    MoveByte(isize),
    /// Input in the filter box.
    Filter(FilterInput),
    /// Follow the packet's conversation, or stop.
    Follow(bool),
    /// Show the conversation in hex, or as text.
    Hex(bool),
    /// Something was scrolled or resized: draw again.
    Look,
}

/// A move in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TableMove {
    /// One row on.
    Down,
    /// One row back.
    Up,
    /// One page on.
    PageDown,
    /// One page back.
    PageUp,
    /// To the first row.
    Home,
    /// To the last row.
    End,
}

/// The state of the inspector.
#[derive(Debug, Default)]
pub(crate) struct Inspector {
    /// Whether the pane is open.
    pub(crate) open: bool,
    /// The stored packets.
    pub(crate) store: Store,
    /// Which of them the table shows.
    pub(crate) display_filter: DisplayFilter,
    /// The filter box.
    pub(crate) query: Query,
    /// The event of the selected packet.
    pub(crate) selected: Option<u64>,
    /// Whether the table follows new packets.
    pub(crate) tail: bool,
    /// The selected packet, dissected.
    pub(crate) opened: Option<OpenedPacket>,
    /// The lines of the opened packet.
    pub(crate) tree: Tree,
    /// The chosen byte.
    pub(crate) byte: Option<usize>,
    /// The followed conversation.
    pub(crate) follow: Option<Follow>,
    /// Whether it is shown in hex.
    pub(crate) hex: bool,
    /// The number of packets the capture has lost.
    pub(crate) lost: u64,
    process_names: ProcessNames,
    streams: Streams,
    last_seq: Option<u64>,
    /// The wall clock's nanoseconds minus those of the lab's clock.
    clock_ns: u64,
}

/// The opened packet.
#[derive(Debug)]
pub(crate) struct OpenedPacket {
    /// Its event.
    pub(crate) seq: u64,
    /// Its expert information.
    pub(crate) expert_info: Vec<ExpertInfo>,
    /// The bytes of its payload.
    pub(crate) text: Range<usize>,
    /// Grows whenever it is taken apart anew.
    pub(crate) version: u64,
    /// The calls it belongs to, as they were then.
    run: Option<(RunId, u64)>,
}

impl Inspector {
    /// Asks something of the packet of this event, if it is the last that came.
    pub(crate) fn with_filter_row<T>(
        &self,
        seq: u64,
        question: impl FnOnce(&dyn Row) -> T,
    ) -> Option<T> {
        let number = self.store.next() - 1;
        let record = self.store.get(number).filter(|record| record.seq == seq)?;
        Some(question(&FilterRow::new(
            number,
            record,
            &self.process_names,
        )))
    }

    /// Computes what somebody who looks will see now. Tells whether there is more to do in the next frame.
    pub(in crate::model) fn settle(&mut self, log: &Log) -> bool {
        if !self.open {
            return false;
        }
        let is_behind = self
            .display_filter
            .test_more(&self.store, &self.process_names);
        self.open_selected(log);
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
        self.display_filter
            .row_of(self.store.number_of(self.selected?)?, &self.store)
    }

    /// Takes the selected packet apart, unless that was done and nothing has come to it since.
    fn open_selected(&mut self, log: &Log) {
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
        let (opened, lines) = self.dissect_packet(number, record, run);
        let talk = record.conversation();
        self.opened = Some(opened);
        self.tree.set(lines);
        if is_other {
            self.byte = None;
        }
        if let Some((follow, talk)) = self.follow.as_mut().zip(talk)
            && !follow.key.matches(&talk)
        {
            *follow = Follow::new(talk);
        }
    }

    fn dissect_packet(
        &self,
        number: u64,
        record: &Record,
        run: Option<&Run>,
    ) -> (OpenedPacket, Vec<tree::TreeLine>) {
        let dissection = record.captured().map(dissect_captured);
        let expert_info = expert_info(
            PacketContext {
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
        let about = PacketInfo {
            number,
            after_ns: record.at_ns.saturating_sub(self.store.began_ns()),
            pause_ns: before.map_or(0, |before| record.at_ns.saturating_sub(before.at_ns)),
            facts: run
                .map(|run| self.call_facts(record, run))
                .unwrap_or_default(),
        };
        let opened = OpenedPacket {
            seq: record.seq,
            expert_info,
            text: dissection.as_ref().map_or(0..0, payload_range),
            version: self.opened.as_ref().map_or(0, |opened| opened.version) + 1,
            run: run.map(|run| (run.id, run.version)),
        };
        (opened, build(record, &about))
    }

    /// The number of the packet in the row above.
    pub(crate) fn row_before(&self, number: u64) -> Option<u64> {
        let row = self
            .display_filter
            .row_of(number, &self.store)?
            .checked_sub(1)?;
        self.display_filter.at(row, &self.store)
    }

    /// What the kernel call_facts with the calls a packet came from and went to.
    fn call_facts<'a>(&self, record: &Record, run: &'a Run) -> Vec<CallFacts<'a>> {
        let sender = record
            .call
            .and_then(|id| run.calls.iter().find(|call| call.id == id));
        let receiver =
            related_calls::receiver(record, run).filter(|call| Some(call.id) != record.call);
        let call_facts = |call: &'a Call| CallFacts {
            name: call.name,
            side: call.side,
            facts: &call.facts,
            clock_ns: self.clock_ns + self.store.began_ns(),
        };
        sender.into_iter().chain(receiver).map(call_facts).collect()
    }
}

impl OpenedPacket {
    /// Whether the calls around it are as they were when it was taken apart.
    fn is_up_to_date(&self, record: &Record, log: &Log) -> bool {
        match self.run {
            Some((id, version)) => log.run(id).is_none_or(|run| run.version == version),
            None => record.call.is_none_or(|call| log.run_of(call).is_none()),
        }
    }
}

fn dissect_captured(captured: &Captured) -> Dissection {
    dissect(captured.link, &captured.bytes)
}

/// Where the payload is: the bytes no layer has a meaning for.
fn payload_range(dissection: &Dissection) -> Range<usize> {
    let payload = dissection
        .layers
        .last()
        .filter(|layer| layer.protocol == Protocol::Data);
    payload.map_or(0..0, |layer| layer.range.clone())
}

#[cfg(test)]
mod tests;
