//! Carries out the commands for a class.

use shared::{class::Act, lab::LabKind, message::Ask};

use super::{ClassCommand, EntryKind, JoinError};
use crate::model::{
    Effect, Model,
    core::{connection::ConnectionState, time::Millis},
};

impl Model {
    pub(in crate::model) fn handle_class_command(
        &mut self,
        wish: ClassCommand,
        effects: &mut Vec<Effect>,
        now: Millis,
    ) {
        match wish {
            ClassCommand::Here => self.classroom.is_here = true,
            ClassCommand::Look => self.classroom.open = true,
            ClassCommand::CameBy(code) => self.open_join_link(code),
            ClassCommand::Create { title, admin } => {
                let admin = Some(admin).filter(|admin| !admin.is_empty());
                self.request_entry(
                    EntryKind::Create,
                    Ask::CreateClass { title, admin },
                    effects,
                );
            }
            ClassCommand::Join { code, name } if code.chars().any(char::is_alphanumeric) => {
                let token = self.token_for(&code);
                self.request_entry(
                    EntryKind::Join,
                    Ask::JoinClass { code, name, token },
                    effects,
                );
            }
            ClassCommand::Join { .. } => self.classroom.join_form.wrong = Some(JoinError::NoCode),
            ClassCommand::Remember(lines) => self.remember_seats(&lines, effects),
            ClassCommand::BackTo(code) => self.go_back_to(&code, effects),
            ClassCommand::ForgetSeat(code) => self.forget_seat(&code, effects),
            ClassCommand::StepOut => self.enter_lab(LabKind::Open, effects),
            ClassCommand::Return => self.enter_lab(LabKind::Class, effects),
            ClassCommand::Forget => {
                if let Some(code) = self.code_of_this_seat() {
                    self.forget_seat(&code, effects);
                }
                self.lab_session.clear();
                effects.push(Effect::StoreSessionToken(None));
            }
            ClassCommand::Ask(id) => self.ask_card(id),
            ClassCommand::Do(act) => self.ask_class(act),
            ClassCommand::Open(member) => {
                self.classroom.opened = member;
                // An opened tile is shown at once.
                self.classroom.ignores_drive |= member.is_some();
            }
            ClassCommand::Follow(follows) => {
                self.classroom.ignores_drive = !follows;
                self.classroom.opened = None;
            }
            ClassCommand::Drive(true) => self.drive(),
            ClassCommand::Drive(false) => self.ask_class(Act::Drive(None)),
            ClassCommand::HideNames(hides) => self.classroom.hides_names = hides,
            ClassCommand::Sort(sort) => self.classroom.wall.sort_by(sort, now),
            ClassCommand::Filter(filter) => self.classroom.wall.filter_by(filter, now),
            ClassCommand::Copy(text) => {
                self.classroom.copied = true;
                effects.push(Effect::Copy(text));
            }
            ClassCommand::CopyTeachersLink(origin) => self.copy_teachers_link(&origin, effects),
            ClassCommand::DismissNamesakes => {
                let names = self.classroom.you().map(|you| you.namesakes.clone());
                self.classroom.known_namesakes = names.unwrap_or_default();
            }
            ClassCommand::Dismiss => self.classroom.lost_sockets = false,
        }
        self.update_watch();
        self.update_drive();
    }

    /// The page was opened by a class's link.
    fn open_join_link(&mut self, code: String) {
        let is_there = self
            .classroom
            .class()
            .is_some_and(|class| class.code == code);
        if !is_there {
            self.classroom.open = true;
            self.classroom.join_form.code = Some(code);
        }
    }

    fn request_entry(&mut self, door: EntryKind, ask: Ask, effects: &mut Vec<Effect>) {
        if self.may_move() {
            let join_form = &mut self.classroom.join_form;
            (join_form.wrong, join_form.asked) = (None, Some(door));
            self.start_transition_by(ask, effects);
        }
    }

    /// Whether the page can go to another lab right now.
    pub(super) fn may_move(&self) -> bool {
        self.connection.state == ConnectionState::Open && !self.lab_session.is_moving()
    }

    /// The class whose seat this page has, wherever it is.
    pub(super) fn code_of_this_seat(&self) -> Option<String> {
        let token = self.lab_session.token()?;
        let mut known = self.classroom.remembered.iter();
        let seat = known.find(|seat| seat.token == token)?;
        Some(seat.code.clone())
    }

    /// Whoever has this link is the teacher. What leads there stands behind a `#`: browsers keep that to themselves.
    fn copy_teachers_link(&mut self, origin: &str, effects: &mut Vec<Effect>) {
        let class = self
            .classroom
            .class()
            .filter(|_| self.classroom.is_teacher());
        if let Some((class, token)) = class.zip(self.lab_session.token()) {
            let link = [origin, "/c/", &class.code, "#teacher=", token].concat();
            self.classroom.copied_teachers = true;
            effects.push(Effect::Copy(link));
        }
    }

    pub(super) fn ask_class(&mut self, act: Act) {
        if self.classroom.standing.is_some() && self.connection.state == ConnectionState::Open {
            self.classroom.refused = None;
            let id = self.outbox.ask(Ask::Class { act });
            self.classroom.asked.push(id);
        }
    }
}
