//! The ways into a class, and what is wrong with what was typed, beside the field it is wrong in.

use shared::lab::LabKind;

use crate::{
    dom::{self, el},
    i18n::Texts,
    model::{
        Model,
        class::{Field, Wrong},
        connection::State,
        explain,
    },
};

/// The fields, and where it stands what is wrong with them.
const FIELDS: [(Field, &str, &str); 4] = [
    (Field::Code, "class-code-field", "class-code-wrong"),
    (Field::Name, "class-name-field", "class-name-wrong"),
    (Field::Title, "class-title-field", "class-title-wrong"),
    (Field::Admin, "class-admin-field", "class-admin-wrong"),
];

pub(super) fn draw(model: &Model, texts: &Texts) {
    let is_in = model.classroom.standing.is_some();
    let is_away = !is_in && model.seat.keeps() == Some(LabKind::Class);
    dom::show(&el("class-away"), is_away);
    dom::show(&el("class-doors"), !is_in && !is_away);
    if is_in || is_away {
        return;
    }
    let doorway = &model.classroom.doorway;
    for (field, id, place) in FIELDS {
        let wrong = doorway
            .wrong
            .as_ref()
            .filter(|wrong| wrong.field() == field);
        let why = wrong.map(|wrong| say(wrong, texts)).unwrap_or_default();
        let is_wrong = if why.is_empty() { "false" } else { "true" };
        dom::set(&el(id), "aria-invalid", is_wrong);
        dom::say(&el(place), &why);
    }
    dom::show(&el("class-admin-row"), doorway.wants_admin);
    let is_late = model.connection.state != State::Open || model.seat.is_moving();
    for button in ["class-join-do", "class-create-do"] {
        dom::toggle(&el(button), "disabled", is_late);
    }
}

fn say(wrong: &Wrong, texts: &Texts) -> String {
    match wrong {
        Wrong::NoCode => texts.get("class.no_code").to_owned(),
        Wrong::Refused(_, failed) => explain::failure(failed, texts),
    }
}
