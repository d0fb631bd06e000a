//! What the relay tells of the class.

use shared::{
    class::News,
    lab::LabKind,
    message::{Goodbye, GoodbyeReason, Reply, Welcome},
    outcome::{Outcome, Reason},
};

use super::LeaveReason;
use crate::model::{Effect, Model, core::time::Millis};

/// What a page had before it was told where it is.
#[derive(Debug)]
pub(in crate::model) struct LeftLab {
    /// The kind of the lab it would come back to.
    pub(in crate::model) home: LabKind,
    /// What would lead there.
    pub(in crate::model) token: Option<String>,
}

impl Model {
    /// The page is in this lab from now on.
    pub(in crate::model) fn enter_class(&mut self, welcome: &Welcome, effects: &mut Vec<Effect>) {
        let is_new = welcome.seat.as_ref().is_none_or(|seat| seat.is_new);
        let was_in = self.classroom.standing.is_some();
        let is_out = self.lab_session.is_out_of_class();
        self.classroom
            .handle_welcome(welcome.class.as_deref(), is_new, is_out);
        self.classroom.join_form.back_to = None;
        self.remember_this_seat(welcome, effects);
        // A new member starts with a sentence, the teacher with the code on the wall.
        let asked = self.classroom.join_form.asked.take();
        if welcome.class.is_some() && (asked.is_some() || !was_in) {
            self.classroom.open = self.classroom.is_teacher();
        }
    }

    /// Something is new in the class.
    pub(in crate::model) fn handle_class_news(&mut self, news: News, now: Millis) {
        let Some(standing) = &mut self.classroom.standing else {
            return;
        };
        match news {
            News::Class(class) => {
                standing.class = class;
                self.classroom.sync_choice();
                if self
                    .classroom
                    .class()
                    .is_some_and(|class| class.drive.is_none())
                {
                    (self.classroom.ignores_drive, self.classroom.driven) = (false, None);
                }
            }
            News::You(you) => {
                standing.you = Some(you);
                self.classroom.sync_choice();
            }
            News::Roster(roster) => self.classroom.wall.take(roster, now),
            News::Outsiders(outsiders) => self.classroom.outsiders = outsiders,
        }
        let opened = self.classroom.opened;
        if opened.is_some_and(|opened| self.classroom.wall.tile(opened).is_none()) {
            self.classroom.opened = None;
        }
        self.update_watch();
    }

    /// Handles the end of the conversation. A removed member does not return to the class.
    pub(in crate::model) fn leave_class_on(
        &mut self,
        goodbye: &Goodbye,
        effects: &mut Vec<Effect>,
    ) {
        let reasons = [GoodbyeReason::Removed, GoodbyeReason::ClassEnded];
        if !reasons.contains(&goodbye.reason) {
            return;
        }
        self.classroom.left = Some(LeaveReason::Told(goodbye.reason));
        let code = self.classroom.class().map(|class| class.code.clone());
        if let Some(code) = code {
            if goodbye.reason == GoodbyeReason::Removed {
                self.forget_removed(&code, effects);
            } else {
                self.forget_seat(&code, effects);
            }
        }
        self.classroom.open = true;
        self.lab_session.clear();
        effects.push(Effect::StoreSessionToken(None));
    }

    /// The place in the class was not there any more, or a door stayed shut, which is told beside the field that is
    /// wrong; other refusals are not of a class.
    pub(in crate::model) fn handle_refused_entry(
        &mut self,
        from: LeftLab,
        effects: &mut Vec<Effect>,
    ) {
        let Some(failed) = self.lab_session.refused.take() else {
            return;
        };
        let LeftLab { home, token } = from;
        let back_to = self.classroom.join_form.back_to.take();
        let is_class = home == LabKind::Class || back_to.is_some();
        let mut known = self.classroom.remembered.iter();
        let code = back_to.or_else(|| {
            let had = known.find(|seat| Some(&seat.token) == token.as_ref());
            had.map(|seat| seat.code.clone())
        });
        match failed.reason {
            Some(Reason::NoSuchSeat) if is_class => {
                self.classroom.left = Some(LeaveReason::Gone);
                self.classroom.open = true;
                if let Some(code) = code {
                    self.forget_seat(&code, effects);
                }
            }
            Some(Reason::Removed) if is_class => {
                self.classroom.left = Some(LeaveReason::KeptOut);
                self.classroom.open = true;
                if let Some(code) = code {
                    self.forget_removed(&code, effects);
                }
            }
            _ => self.lab_session.refused = self.classroom.join_form.refuse(failed).err(),
        }
    }

    /// How an act ended.
    pub(in crate::model) fn handle_class_reply(&mut self, reply: &Reply) {
        let asked = &mut self.classroom.asked;
        let Some(at) = asked.iter().position(|id| reply.id == Some(*id)) else {
            return;
        };
        asked.swap_remove(at);
        if let Outcome::Failed(failed) = &reply.outcome {
            self.classroom.refused = Some(failed.clone());
        }
    }
}
