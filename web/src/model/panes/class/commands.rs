//! What somebody wants of a class, done.

use shared::{class::Act, lab::LabKind, message::Ask};

use super::{Door, Wish, Wrong};
use crate::model::{
    Effect, Model,
    core::{connection::State, time::Millis},
};

impl Model {
    pub(in crate::model) fn wish_of_class(
        &mut self,
        wish: Wish,
        effects: &mut Vec<Effect>,
        now: Millis,
    ) {
        match wish {
            Wish::Here => self.classroom.is_here = true,
            Wish::Look => self.classroom.open = true,
            Wish::CameBy(code) => self.came_by(code),
            Wish::Create { title, admin } => {
                let admin = Some(admin).filter(|admin| !admin.is_empty());
                self.knock(Door::Create, Ask::CreateClass { title, admin }, effects);
            }
            Wish::Join { code, name } if code.chars().any(char::is_alphanumeric) => {
                let token = self.token_for(&code);
                self.knock(Door::Join, Ask::JoinClass { code, name, token }, effects);
            }
            Wish::Join { .. } => self.classroom.doorway.wrong = Some(Wrong::NoCode),
            Wish::Remember(lines) => self.remember_seats(&lines, effects),
            Wish::BackTo(code) => self.go_back_to(&code, effects),
            Wish::ForgetSeat(code) => self.forget_seat(&code, effects),
            Wish::StepOut => self.enter(LabKind::Open, effects),
            Wish::Return => self.enter(LabKind::Class, effects),
            Wish::Forget => {
                if let Some(code) = self.code_of_this_seat() {
                    self.forget_seat(&code, effects);
                }
                self.seat.is_gone();
                effects.push(Effect::KeepSeat(None));
            }
            Wish::Ask(id) => self.ask_card(id),
            Wish::Do(act) => self.ask_class(act),
            Wish::Open(member) => {
                self.classroom.opened = member;
                // Who opens a tile wants to see that.
                self.classroom.looks_away |= member.is_some();
            }
            Wish::Follow(follows) => {
                self.classroom.looks_away = !follows;
                self.classroom.opened = None;
            }
            Wish::Drive(true) => self.drive(),
            Wish::Drive(false) => self.ask_class(Act::Drive(None)),
            Wish::HideNames(hides) => self.classroom.hides_names = hides,
            Wish::Sort(sort) => self.classroom.wall.sort_by(sort, now),
            Wish::Filter(filter) => self.classroom.wall.filter_by(filter, now),
            Wish::Copy(text) => {
                self.classroom.copied = true;
                effects.push(Effect::Copy(text));
            }
            Wish::CopyTeachersLink(origin) => self.copy_teachers_link(&origin, effects),
            Wish::DismissNamesakes => {
                let names = self.classroom.you().map(|you| you.namesakes.clone());
                self.classroom.known_namesakes = names.unwrap_or_default();
            }
            Wish::Dismiss => self.classroom.lost_sockets = false,
        }
        self.looks();
        self.drives_on();
    }

    /// The page was opened by a class's link.
    fn came_by(&mut self, code: String) {
        let is_there = self
            .classroom
            .class()
            .is_some_and(|class| class.code == code);
        if !is_there {
            self.classroom.open = true;
            self.classroom.doorway.code = Some(code);
        }
    }

    fn knock(&mut self, door: Door, ask: Ask, effects: &mut Vec<Effect>) {
        if self.may_move() {
            let doorway = &mut self.classroom.doorway;
            (doorway.wrong, doorway.asked) = (None, Some(door));
            self.go_by(ask, effects);
        }
    }

    /// Whether the page can go to another lab right now.
    pub(super) fn may_move(&self) -> bool {
        self.connection.state == State::Open && !self.seat.is_moving()
    }

    /// The class whose seat this page has, wherever it is.
    pub(super) fn code_of_this_seat(&self) -> Option<String> {
        let token = self.seat.token()?;
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
        if let Some((class, token)) = class.zip(self.seat.token()) {
            let link = [origin, "/c/", &class.code, "#teacher=", token].concat();
            self.classroom.copied_teachers = true;
            effects.push(Effect::Copy(link));
        }
    }

    pub(super) fn ask_class(&mut self, act: Act) {
        if self.classroom.standing.is_some() && self.connection.state == State::Open {
            self.classroom.refused = None;
            let id = self.outbox.ask(Ask::Class { act });
            self.classroom.asked.push(id);
        }
    }
}
