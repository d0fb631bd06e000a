//! Those the teacher has removed, each with the button that lets it in again.

use web_sys::Element;

use super::called;
use crate::{
    dom::{self, el},
    i18n::Texts,
    model::panes::class::Classroom,
};

/// The list as it is drawn.
#[derive(Default)]
pub(super) struct Outsiders {
    items: Vec<Element>,
}

impl Outsiders {
    pub(super) fn draw(&mut self, room: &Classroom, texts: &Texts) {
        let outsiders = &room.outsiders;
        dom::show(
            &el("class-outside"),
            room.is_teacher() && !outsiders.is_empty(),
        );
        let list = el("class-outsiders");
        dom::resize(&mut self.items, outsiders.len(), &|| {
            dom::stamp("outsider-template", &list)
        });
        for (item, outsider) in self.items.iter().zip(outsiders) {
            dom::set(item, "data-outsider", &outsider.member.to_string());
            dom::toggle(item, "data-knocks", outsider.knocks);
            let name = called(room, outsider.member, &outsider.name, texts);
            dom::write(&dom::part(item, "name"), &name);
            let knocks = if outsider.knocks {
                texts.get("class.knocks")
            } else {
                ""
            };
            dom::say(&dom::part(item, "state"), knocks);
            let button = dom::part(item, "in");
            dom::write(&button, texts.get("class.let_in"));
            let label = [texts.get("class.let_in"), ": ", &name].concat();
            dom::set(&button, "aria-label", &label);
        }
    }
}
