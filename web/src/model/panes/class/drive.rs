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
    pub(in crate::model) fn watched_events(&self) -> Option<Whose> {
        self.classroom.watching.map(Whose::Process)
    }

    /// Whether a run is among those that are looked at right now.
    pub(in crate::model) fn is_shown_run(&self, run: &Run) -> bool {
        let watching = self.classroom.watching;
        watching.is_none_or(|process| run.is_of(process))
    }

    /// Watches the member that is to be shown. Another view of the trace is another log, sent from its beginning.
    pub(super) fn update_watch(&mut self) {
        let me = self.welcome.as_ref().map(|welcome| welcome.process);
        let wanted = self.classroom.wanted_member();
        let wanted = wanted.filter(|wanted| Some(*wanted) != me);
        let is_there =
            self.connection.state == ConnectionState::Open && !self.lab_session.is_moving();
        let may_ask = self.classroom.is_here && is_there;
        if may_ask && wanted != self.classroom.watching {
            self.classroom.watching = wanted;
            self.classroom.followed = None;
            self.reset_lab();
            let from = self.welcome.as_ref().map_or(1, |told| told.lab.first_seq);
            let whose = self.watched_events();
            let id = self.outbox.ask(Ask::Watch { from, whose });
            self.lab_session.begin_catch_up(id);
        }
        self.follow_selection();
    }

    /// Selects what the teacher has selected, as soon as it is there.
    pub(in crate::model) fn follow_selection(&mut self) {
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
        let call = self.log.call_at(seq);
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
        let Some(drive) = self.current_drive().filter(|_| self.classroom.is_teacher()) else {
            return;
        };
        self.classroom.driven = Some(drive);
        self.ask_class(Act::Drive(Some(drive)));
    }

    /// The teacher looks elsewhere: so does the class, if it follows.
    pub(in crate::model) fn update_drive(&mut self) {
        let is_driven = self
            .classroom
            .class()
            .is_some_and(|class| class.drive.is_some());
        if is_driven && self.classroom.is_teacher() && self.current_drive() != self.classroom.driven
        {
            self.drive();
        }
    }

    /// What this page looks at.
    fn current_drive(&self) -> Option<Drive> {
        let me = self.welcome.as_ref()?.process;
        let call = self.selected.and_then(|call| self.log.call(call));
        Some(Drive {
            process: self.classroom.watching.unwrap_or(me),
            seq: call.map(|call| call.seq()).or(self.inspector.selected),
            hides_name: self.classroom.hides_names,
        })
    }
}
