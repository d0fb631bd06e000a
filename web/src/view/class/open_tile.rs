//! The header over a member's ladder while its tile is open.

use super::display_name;
use crate::{
    dom::{self, el},
    i18n::Texts,
    model::panes::class::Classroom,
    view::common::pick,
};

pub(super) fn draw(classroom: &Classroom, texts: &Texts) {
    let opened = classroom.opened.filter(|_| classroom.sees_others());
    let tile = opened.and_then(|opened| classroom.wall.tile(opened));
    dom::show(&el("class-opened"), tile.is_some());
    let empty = pick(classroom.watching().is_some(), "class.no_run", "wire.empty");
    dom::write(&el("ladder-empty"), texts.get(empty));
    let Some(tile) = tile else {
        return;
    };
    dom::set(&el("class-opened"), "data-member", &tile.member.to_string());
    let name = display_name(classroom, tile.member, &tile.name, texts);
    dom::write(&el("class-opened-name"), &name);
    let is_live = classroom.watching().is_some() && classroom.watching() == tile.process;
    let state = pick(is_live, "class.live", "class.no_page");
    dom::write(&el("class-opened-state"), texts.get(state));
    for button in ["class-do-mute", "class-do-remove"] {
        dom::show(&el(button), classroom.is_teacher());
    }
    dom::set_bool(&el("class-do-mute"), "aria-pressed", tile.muted);
}
