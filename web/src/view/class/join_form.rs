//! The forms to join, create or return to a class. An error stands comparison the field it is about.

use shared::lab::LabKind;

use web_sys::Element;

use super::class_title;
use crate::{
    dom::{self, el},
    i18n::Texts,
    model::{
        Model,
        core::connection::ConnectionState,
        panes::class::{JoinError, JoinField, RememberedSeat},
        text::explain,
    },
    view::common::pick,
};

/// The fields, with the ids of their inputs and of their error texts.
const FIELDS: [(JoinField, &str, &str); 4] = [
    (JoinField::Code, "class-code-field", "class-code-wrong"),
    (JoinField::Name, "class-name-field", "class-name-wrong"),
    (JoinField::Title, "class-title-field", "class-title-wrong"),
    (JoinField::Admin, "class-admin-field", "class-admin-wrong"),
];

/// The elements of the stored seats.
#[derive(Default)]
pub(super) struct JoinForm {
    items: Vec<Element>,
}

impl JoinForm {
    pub(super) fn draw(&mut self, model: &Model, texts: &Texts) {
        draw_forms(model, texts);
        self.draw_remembered(model, texts);
    }

    /// Draws the seats stored in this browser; that of the class in the page's address comes first.
    fn draw_remembered(&mut self, model: &Model, texts: &Texts) {
        let classroom = &model.classroom;
        let is_in = classroom.standing.is_some();
        let is_away = model.lab_session.kept_lab() == Some(LabKind::Class);
        let seats = if is_in || is_away {
            Vec::new()
        } else {
            let open_join_link = classroom.join_form.code.as_deref();
            let is_it = |seat: &&RememberedSeat| Some(seat.code.as_str()) == open_join_link;
            let (first, others): (Vec<_>, Vec<_>) = classroom.remembered.iter().partition(is_it);
            [first, others].concat()
        };
        dom::show(&el("class-remembered"), !seats.is_empty());
        let list = el("class-seats");
        dom::resize_stamped(&mut self.items, seats.len(), "seat-template", &list);
        let is_late =
            model.connection.state != ConnectionState::Open || model.lab_session.is_moving();
        for (item, seat) in self.items.iter().zip(seats) {
            draw_seat(item, seat, is_late, texts);
        }
    }
}

fn draw_seat(item: &Element, seat: &RememberedSeat, is_late: bool, texts: &Texts) {
    let title = class_title(&seat.code, &seat.title, texts);
    let back = pick(seat.is_removed, "class.ask_back", "class.back_to");
    let back = texts.fill(back, &[("title", &title)]);
    let who = match &seat.name {
        None => texts.get("class.teacher").to_owned(),
        Some(name) if seat.is_removed => texts.fill("class.was_removed", &[("name", name)]),
        Some(name) => texts.fill("class.you", &[("name", name)]),
    };
    dom::set(item, "data-seat", &seat.code);
    let (button, forget) = (dom::part(item, "back"), dom::part(item, "forget"));
    dom::write(&button, &back);
    dom::toggle(&button, "disabled", is_late);
    dom::write(&dom::part(item, "who"), &who);
    dom::write(&forget, texts.get("class.forget_seat"));
    let label = [texts.get("class.forget_seat"), ": ", &title].concat();
    dom::set(&forget, "aria-label", &label);
}

fn draw_forms(model: &Model, texts: &Texts) {
    let is_in = model.classroom.standing.is_some();
    let is_away = !is_in && model.lab_session.kept_lab() == Some(LabKind::Class);
    dom::show(&el("class-away"), is_away);
    dom::show(&el("class-doors"), !is_in && !is_away);
    if is_in || is_away {
        return;
    }
    let join_form = &model.classroom.join_form;
    for (field, id, place) in FIELDS {
        let wrong = join_form
            .wrong
            .as_ref()
            .filter(|wrong| wrong.field() == field);
        let why = wrong
            .map(|wrong| error_text(wrong, texts))
            .unwrap_or_default();
        dom::set_bool(&el(id), "aria-invalid", !why.is_empty());
        dom::write_or_hide(&el(place), &why);
    }
    dom::show(&el("class-admin-row"), join_form.wants_admin);
    let is_late = model.connection.state != ConnectionState::Open || model.lab_session.is_moving();
    for button in ["class-join-do", "class-create-do"] {
        dom::toggle(&el(button), "disabled", is_late);
    }
}

fn error_text(wrong: &JoinError, texts: &Texts) -> String {
    match wrong {
        JoinError::NoCode => texts.get("class.no_code").to_owned(),
        JoinError::Refused(_, failed) => explain::failure(failed, texts),
    }
}
