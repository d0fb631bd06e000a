//! The teacher's panel: the class's totals, its settings, and the message and card for it.

use shared::class::Totals;

use crate::{
    dom::{self, el},
    i18n::{Language, Texts},
    model::{Model, text::units::count},
};

/// The panel's cache keys.
#[derive(Default)]
pub(super) struct TeacherPanel {
    /// What the field was filled with; the teacher's input stays until the class's number changes.
    cap: Option<u32>,
    /// The number of cards in the list, and its language.
    deck: Option<(usize, Language)>,
}

impl TeacherPanel {
    pub(super) fn draw(&mut self, model: &Model, texts: &Texts) {
        let classroom = &model.classroom;
        dom::show(&el("class-desk"), classroom.is_teacher());
        let Some(class) = classroom.class().filter(|_| classroom.is_teacher()) else {
            return;
        };
        draw_totals(classroom.wall.totals(), texts);
        for (id, on) in [
            ("class-do-drive", class.drive.is_some()),
            ("class-do-lock", class.locked),
            ("class-do-open", class.open),
        ] {
            dom::set_bool(&el(id), "aria-pressed", on);
        }
        dom::toggle(&el("class-unsay"), "disabled", class.message.is_none());
        if self.cap.replace(class.cap) != Some(class.cap) {
            dom::set_value("class-cap", &class.cap.to_string());
        }
        self.draw_deck(model, texts);
    }

    /// Draws the list of cards to ask about; the last choice is a question of the teacher's own.
    fn draw_deck(&mut self, model: &Model, texts: &Texts) {
        let titles = model.deck_titles();
        let list = el("class-deck");
        let wanted = (titles.len(), texts.language);
        if self.deck.replace(wanted) != Some(wanted) {
            let chosen = dom::value("class-deck");
            dom::empty(&list);
            let own = (String::new(), texts.get("class.own_card").to_owned());
            for (id, title) in titles.into_iter().chain(Some(own)) {
                let option = dom::stamp("option-template", &list);
                dom::set(&option, "value", &id);
                dom::write(&option, &title);
            }
            dom::select_option("class-deck", &chosen);
        }
        dom::show(&list, wanted.0 > 0);
        let is_own = dom::value("class-deck").is_empty();
        dom::show(&el("class-own-card"), is_own);
    }
}

fn draw_totals(totals: Totals, texts: &Texts) {
    let (connected, members) = (totals.connected.to_string(), totals.members.to_string());
    let here = [("n", &*connected), ("members", &*members)];
    dom::write(&el("class-here"), &texts.fill("class.here_of", &here));
    for (id, number) in [
        ("class-calls", totals.calls_per_second),
        ("class-packets", totals.packets_per_second),
        ("class-errors", totals.errors),
    ] {
        dom::write(&el(id), &count(number));
    }
}
