//! The list of members the teacher has removed, each with a button to let it in again.

use web_sys::Element;

use super::display_name;
use crate::{
    dom::{self, el},
    i18n::Texts,
    model::panes::class::Classroom,
};

/// The list's elements.
#[derive(Default)]
pub(super) struct RemovedMembers {
    items: Vec<Element>,
}

impl RemovedMembers {
    pub(super) fn draw(&mut self, classroom: &Classroom, texts: &Texts) {
        let outsiders = &classroom.outsiders;
        dom::show(
            &el("class-outside"),
            classroom.is_teacher() && !outsiders.is_empty(),
        );
        let list = el("class-outsiders");
        dom::resize_stamped(&mut self.items, outsiders.len(), "outsider-template", &list);
        for (item, outsider) in self.items.iter().zip(outsiders) {
            dom::set(item, "data-outsider", &outsider.member.to_string());
            dom::toggle(item, "data-knocks", outsider.knocks);
            let name = display_name(classroom, outsider.member, &outsider.name, texts);
            dom::write(&dom::part(item, "name"), &name);
            let knocks = texts.get_if(outsider.knocks, "class.knocks");
            dom::write_or_hide(&dom::part(item, "state"), knocks);
            let button = dom::part(item, "in");
            dom::write(&button, texts.get("class.let_in"));
            let label = [texts.get("class.let_in"), ": ", &name].concat();
            dom::set(&button, "aria-label", &label);
        }
    }
}
