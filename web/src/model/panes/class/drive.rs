//! Whose ladder is shown: the page's own, that of a member whose tile is open, or the one the teacher drives.

use shared::{
    class::{Act, Drive, Whose},
    message::Ask,
};

use crate::model::{
    Model, core::connection::ConnectionState, panes::inspector::InspectorCommand, trace::log::Run,
};

impl Model {
    /// Whose events are to come along, for a page that comes back.
    pub(in crate::model) fn watches_whose(&self) -> Option<Whose> {
        self.classroom.watching.map(Whose::Process)
    }

    /// Whether a run is among those that are looked at right now.
    pub(in crate::model) fn is_looked_at(&self, run: &Run) -> bool {
        let watching = self.classroom.watching;
        watching.is_none_or(|process| run.is_of(process))
    }

    /// Turns to whom one wants to see. Another view of the trace is another log, told from its beginning.
    pub(super) fn looks(&mut self) {
        let me = self.welcome.as_ref().map(|welcome| welcome.process);
        let wanted = self.classroom.wants_to_see();
        let wanted = wanted.filter(|wanted| Some(*wanted) != me);
        let is_there = self.connection.state == ConnectionState::Open && !self.seat.is_moving();
        let may_ask = self.classroom.is_here && is_there;
        if may_ask && wanted != self.classroom.watching {
            self.classroom.watching = wanted;
            self.classroom.followed = None;
            self.start_anew();
            let from = self.welcome.as_ref().map_or(1, |told| told.lab.first_seq);
            let whose = self.watches_whose();
            let id = self.outbox.ask(Ask::Watch { from, whose });
            self.seat.catches_up(id);
        }
        self.follows_selection();
    }

    /// Selects what the teacher has selected, as soon as it is there.
    pub(in crate::model) fn follows_selection(&mut self) {
        let drive = self.classroom.drive();
        let Some(drive) = drive.filter(|_| self.classroom.follows()) else {
            return;
        };
        if drive.seq == self.classroom.followed {
            return;
        }
        let Some(seq) = drive.seq else {
            self.classroom.followed = None;
            return self.select(None);
        };
        let call = self.log.begun_with(seq);
        if call.is_some() {
            self.select(call);
        } else if self.log.run_with(seq).is_some() {
            self.handle_inspector_command(InspectorCommand::Select(seq), 0);
        } else {
            return;
        }
        self.classroom.followed = Some(seq);
    }

    /// The class follows from now on.
    pub(super) fn drive(&mut self) {
        let Some(drive) = self.looks_at().filter(|_| self.classroom.is_teacher()) else {
            return;
        };
        self.classroom.driven = Some(drive);
        self.ask_class(Act::Drive(Some(drive)));
    }

    /// The teacher looks elsewhere: so does the class, if it follows.
    pub(in crate::model) fn drives_on(&mut self) {
        let is_driven = self
            .classroom
            .class()
            .is_some_and(|class| class.drive.is_some());
        if is_driven && self.classroom.is_teacher() && self.looks_at() != self.classroom.driven {
            self.drive();
        }
    }

    /// What this page looks at.
    fn looks_at(&self) -> Option<Drive> {
        let me = self.welcome.as_ref()?.process;
        let call = self.selected.and_then(|call| self.log.call(call));
        Some(Drive {
            process: self.classroom.watching.unwrap_or(me),
            seq: call.map(|call| call.seq()).or(self.inspector.selected),
            hides_name: self.classroom.hides_names,
        })
    }
}
