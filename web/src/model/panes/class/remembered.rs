//! The seats in classes that this browser stores, one per class, so that a closed page can return.

use shared::{
    class::Standing,
    message::{Ask, Welcome},
};

use crate::model::{Effect, Model};

/// A seat in a class, as this browser remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RememberedSeat {
    /// The class's code.
    pub(crate) code: String,
    /// What leads back to the seat: a secret.
    pub(crate) token: String,
    /// What the class is member_name; may be empty.
    pub(crate) title: String,
    /// What one is member_name in it; nothing of its teacher.
    pub(crate) name: Option<String>,
    /// The teacher has removed this member.
    pub(crate) is_removed: bool,
}

impl RememberedSeat {
    /// From the line that was kept.
    fn read(line: &str) -> Option<Self> {
        let mut leave_class_on = line.split('\t');
        let mut part = || leave_class_on.next().map(str::to_owned);
        let (code, token, title) = (part()?, part()?, part()?);
        let (state, name) = (part()?, part()?);
        let is_member = state != "teacher";
        Some(Self {
            code,
            token,
            title,
            name: is_member.then_some(name),
            is_removed: state == "removed",
        })
    }

    /// A line; nothing that people write in a class has a tab in it.
    fn line(&self) -> String {
        let state = match (&self.name, self.is_removed) {
            (None, _) => "teacher",
            (Some(_), true) => "removed",
            (Some(_), false) => "member",
        };
        let name = self.name.as_deref().unwrap_or_default();
        [&self.code, &self.token, &self.title, state, name].join("\t")
    }

    fn of(standing: &Standing, token: String) -> Self {
        Self {
            code: standing.class.code.clone(),
            token,
            title: standing.class.title.clone(),
            name: standing.you.as_ref().map(|you| you.name.clone()),
            is_removed: false,
        }
    }
}

impl Model {
    /// What was kept of an earlier visit.
    pub(super) fn remember_seats(&mut self, lines: &[String], effects: &mut Vec<Effect>) {
        let seats = lines.iter().filter_map(|line| RememberedSeat::read(line));
        self.classroom.remembered = seats.collect();
        // The first part of the page may have come to a class already, by a teacher's link on another machine.
        if let Some(welcome) = self.welcome.take() {
            self.remember_this_seat(&welcome, effects);
            self.welcome = Some(welcome);
        }
    }

    /// The seat this page has in a class is kept for a later visit.
    pub(in crate::model) fn remember_this_seat(
        &mut self,
        welcome: &Welcome,
        effects: &mut Vec<Effect>,
    ) {
        // In a private lab the seat is that lab's; the seat in the class was stored before.
        if self.lab_session.is_out_of_class() {
            return;
        }
        let Some((standing, seat)) = welcome.class.as_deref().zip(welcome.seat.as_ref()) else {
            return;
        };
        let seat = RememberedSeat::of(standing, seat.token.clone());
        let known = &mut self.classroom.remembered;
        if known.contains(&seat) {
            return;
        }
        known.retain(|other| other.code != seat.code);
        effects.push(Effect::StoreClassSeat(seat.code.clone(), Some(seat.line())));
        known.insert(0, seat);
    }

    /// A seat that is of no use any more.
    pub(super) fn forget_seat(&mut self, code: &str, effects: &mut Vec<Effect>) {
        let known = &mut self.classroom.remembered;
        let before = known.len();
        known.retain(|other| other.code != code);
        if known.len() < before {
            effects.push(Effect::StoreClassSeat(code.to_owned(), None));
        }
    }

    /// The teacher has removed this member: the seat is remembered as that.
    pub(super) fn forget_removed(&mut self, code: &str, effects: &mut Vec<Effect>) {
        let known = &mut self.classroom.remembered;
        if let Some(seat) = known.iter_mut().find(|seat| seat.code == code) {
            seat.is_removed = true;
            effects.push(Effect::StoreClassSeat(code.to_owned(), Some(seat.line())));
        }
    }

    /// Goes back to a seat that this browser remembers.
    pub(super) fn go_back_to(&mut self, code: &str, effects: &mut Vec<Effect>) {
        let mut known = self.classroom.remembered.iter();
        let Some(seat) = known.find(|seat| seat.code == code) else {
            return;
        };
        let token = seat.token.clone();
        if self.may_move() {
            self.classroom.join_form.back_to = Some(code.to_owned());
            self.classroom.left = None;
            self.start_transition_by(Ask::Resume { token, heard: None }, effects);
        }
    }

    /// The token of a seat in this class that this browser remembers.
    pub(super) fn token_for(&self, code: &str) -> Option<String> {
        let mut known = self.classroom.remembered.iter();
        let seat = known.find(|seat| is_same_code(&seat.code, code))?;
        Some(seat.token.clone())
    }
}

/// Whether that was typed for this code; whatever the relay reads in another way it says itself.
fn is_same_code(code: &str, typed: &str) -> bool {
    let letters = typed.chars().filter(|letter| letter.is_alphanumeric());
    letters
        .map(|letter| letter.to_ascii_uppercase())
        .eq(code.chars())
}
