//! Handles the user's commands for the packets, and keeps the selected call and packet together.

use super::{
    CallId, Follow, Inspector, InspectorCommand, TableMove, query::FilterInput, related_calls,
};
use crate::model::{Model, core::time::Millis, trace::log::Log};

impl Model {
    /// Handles a command for the packets that are shown; a saved trace's if one is open.
    pub(in crate::model) fn handle_inspector_command(
        &mut self,
        action: InspectorCommand,
        now: Millis,
    ) {
        if let InspectorCommand::Open(open) = action {
            self.inspector.open = open;
        }
        self.with_shown(|shown| {
            if let Some(call) = shown.inspector.handle_command(action, now) {
                shown.selected = call;
            }
        });
    }

    /// Selects a call, and its packet with it, in the whole page.
    pub(in crate::model) fn select(&mut self, call: Option<CallId>) {
        self.selected = call;
        self.inspector.select_call(call, &self.log);
    }

    /// Computes what the next frame needs. Returns whether there is more for the frame after it.
    pub(crate) fn settle(&mut self) -> bool {
        let open = self.inspector.open;
        let has_more = self.catch_up_replay();
        let is_behind = self.with_shown(|shown| {
            let me = shown.welcome.as_ref().map(|welcome| welcome.process);
            shown
                .inspector
                .display_filter
                .restrict(me.filter(|_| shown.only_mine));
            shown.inspector.open = open;
            shown.inspector.settle(&shown.log)
        });
        has_more || is_behind
    }

    /// Copies another model's selection, filter and followed conversation.
    pub(in crate::model) fn copy_view_from(&mut self, other: &Self) {
        self.transport = other.transport;
        self.only_mine = other.only_mine;
        self.language = other.language;
        self.selected = other.selected;
        self.inspector.copy_view_from(&other.inspector);
    }

    /// Calls `act` with the model that the views show.
    pub(in crate::model) fn with_shown<T>(&mut self, act: impl FnOnce(&mut Self) -> T) -> T {
        if let Some(mut replay) = self.archive.replay.take() {
            let done = act(&mut replay.model);
            self.archive.replay = Some(replay);
            return done;
        }
        let Some(mut opened) = self.archive.opened.take() else {
            return act(self);
        };
        let done = act(&mut opened.model);
        self.archive.opened = Some(opened);
        done
    }
}

impl Inspector {
    fn copy_view_from(&mut self, other: &Self) {
        (self.open, self.hex) = (other.open, other.hex);
        (self.tail, self.selected) = (other.tail, other.selected);
        self.follow = other.follow.as_ref().map(|follow| Follow::new(follow.key));
        let typed = FilterInput::Typed(other.query.text.clone(), other.query.cursor);
        if let Some(filter) = self.query.handle_input(typed, 0) {
            self.display_filter.set(filter);
        }
        self.query.handle_input(FilterInput::Leave, 0);
    }

    /// Handles a command. Returns the call of the newly selected packet, if another one was selected.
    pub(in crate::model) fn handle_command(
        &mut self,
        action: InspectorCommand,
        now: Millis,
    ) -> Option<Option<CallId>> {
        match action {
            InspectorCommand::Open(open) => self.open = open,
            InspectorCommand::Select(seq) => return self.select(seq),
            InspectorCommand::MoveRow(go, page) => return self.go(go, page),
            InspectorCommand::Scrolled(to_end) => self.tail = to_end,
            InspectorCommand::Newest => self.tail = true,
            InspectorCommand::MoveLine(step) => {
                self.byte = None;
                self.tree.step(step);
            }
            InspectorCommand::Line(at) => {
                self.byte = None;
                self.tree.choose(Some(at));
            }
            InspectorCommand::Toggle(at) => self.tree.toggle(at),
            InspectorCommand::Byte(at) => self.point(at),
            InspectorCommand::MoveByte(by) => {
                self.point(self.byte_or_first().saturating_add_signed(by))
            }
            InspectorCommand::Filter(stroke) => {
                if let Some(filter) = self.query.handle_input(stroke, now) {
                    self.display_filter.set(filter);
                    self.tail = self.selected.is_none();
                }
            }
            InspectorCommand::Follow(on) => {
                self.follow = self.talk().filter(|_| on).map(Follow::new)
            }
            InspectorCommand::Hex(on) => self.hex = on,
            InspectorCommand::Look => {}
        }
        None
    }

    /// Selects the packet of a call.
    pub(in crate::model) fn select_call(&mut self, call: Option<CallId>, log: &Log) {
        let is_of_it = self
            .record()
            .is_some_and(|(_, record)| call.is_some() && record.call == call);
        if !is_of_it {
            self.selected =
                call.and_then(|call| self.sent_by(call).or_else(|| self.received_by(call, log)));
        }
        self.tail &= self.selected.is_none();
    }

    fn select(&mut self, seq: u64) -> Option<Option<CallId>> {
        (self.selected, self.tail) = (Some(seq), false);
        Some(self.record()?.1.call)
    }

    fn go(&mut self, go: TableMove, page: usize) -> Option<Option<CallId>> {
        let last = self.display_filter.len(&self.store).checked_sub(1)?;
        let hidden = || {
            Some(
                self.display_filter
                    .row_before(self.store.number_of(self.selected?)?, &self.store),
            )
        };
        let row = match (go, self.row().or_else(hidden)) {
            (TableMove::Home, _) => 0,
            (TableMove::End, _) | (TableMove::Up | TableMove::Down, None) => last,
            (TableMove::Down, Some(row)) => row + 1,
            (TableMove::Up, Some(row)) => row.saturating_sub(1),
            (TableMove::PageDown, row) => row.unwrap_or(last) + page,
            (TableMove::PageUp, row) => row.unwrap_or(last).saturating_sub(page),
        };
        let number = self.display_filter.at(row.min(last), &self.store)?;
        let call = self.select(self.store.get(number)?.seq);
        self.tail = go == TableMove::End;
        call
    }

    /// The first packet that a call sent.
    fn sent_by(&self, call: CallId) -> Option<u64> {
        let mut all = self.store.from(0);
        all.find(|(_, record)| record.call == Some(call))
            .map(|(_, record)| record.seq)
    }

    /// The first packet whose payload a call received.
    fn received_by(&self, call: CallId, log: &Log) -> Option<u64> {
        let run = log.run_of(call)?;
        let is_here = |id: CallId| run.calls.iter().any(|call| call.id == id);
        let mut of_run = self
            .store
            .from(0)
            .filter(|(_, record)| record.call.is_some_and(is_here));
        let received = of_run.find(|(_, record)| {
            related_calls::receiver(record, run).is_some_and(|found| found.id == call)
        });
        received.map(|(_, record)| record.seq)
    }

    /// The conversation of the selected packet.
    fn talk(&self) -> Option<super::conversation_key::ConversationKey> {
        self.record()?.1.conversation()
    }

    fn point(&mut self, at: usize) {
        let length = self
            .record()
            .and_then(|(_, record)| record.captured())
            .map_or(0, |captured| captured.bytes.len());
        let Some(last) = length.checked_sub(1) else {
            return;
        };
        self.byte = Some(at.min(last));
        self.tree.choose_byte(at.min(last));
    }

    /// The chosen byte, else the first byte of the chosen field.
    fn byte_or_first(&self) -> usize {
        let line = self.tree.chosen().and_then(|at| self.tree.lines.get(at));
        self.byte
            .or_else(|| line.map(|line| line.range.start))
            .unwrap_or(0)
    }
}
