//! Draws the class: the forms to join, the banner, the sign with the code, the teacher's panel and the wall.

mod banner;
mod events;
mod join_form;
mod open_tile;
mod removed_members;
mod teacher_panel;
mod wall;

use shared::call::Transport;

pub(super) use self::events::{listen, stored};
use self::{
    banner::Banner, join_form::JoinForm, removed_members::RemovedMembers,
    teacher_panel::TeacherPanel, wall::Tiles,
};
use crate::{
    dom::{self, el},
    i18n::Texts,
    model::{
        Model,
        panes::class::{Classroom, LeaveReason},
        text::explain,
    },
    view::common::pick,
    window,
};

/// The parts of the class's view.
#[derive(Default)]
pub(super) struct ClassView {
    banner: Banner,
    teacher_panel: TeacherPanel,
    tiles: Tiles,
    removed_members: RemovedMembers,
    join_form: JoinForm,
}

impl ClassView {
    pub(super) fn draw(&mut self, model: &Model, texts: &Texts) {
        let classroom = &model.classroom;
        let stands = pick(classroom.is_teacher(), "teacher", "student");
        let standing = classroom.standing.as_ref().map_or("none", |_| stands);
        dom::set(&el("page"), "data-class", standing);
        self.banner.draw(model, texts);
        open_tile::draw(classroom, texts);
        dom::show(&el("class"), classroom.open);
        dom::show(&el("class-transports"), classroom.open);
        if !classroom.open {
            return;
        }
        let is_in = classroom.standing.is_some();
        draw_transports(model);
        dom::show(&el("class-hall"), is_in);
        self.join_form.draw(model, texts);
        let left = classroom.left.filter(|_| !is_in).map(|left| match left {
            LeaveReason::Told(reason) => explain::goodbye_key(reason),
            LeaveReason::Gone => "class.gone",
            LeaveReason::KeptOut => "class.kept_out",
        });
        let left = left.map(|key| texts.get(key)).unwrap_or_default();
        dom::write_or_hide(&el("class-parted"), left);
        if !is_in {
            return;
        }
        draw_sign(classroom, texts);
        self.teacher_panel.draw(model, texts);
        self.removed_members.draw(classroom, texts);
        dom::show(&el("class-people"), classroom.sees_others());
        if classroom.sees_others() {
            self.tiles.draw(classroom, texts);
        }
    }
}

/// Draws the choice of the server: the composer, which has it otherwise, is hidden in this view.
fn draw_transports(model: &Model) {
    let tcp = model.transport() == Transport::Tcp;
    dom::check(pick(tcp, "transport-tcp", "transport-udp"), true);
    for (id, on) in [("class-udp", !tcp), ("class-tcp", tcp)] {
        dom::set_bool(&el(id), "aria-pressed", on);
    }
}

/// Draws the sign with the code and link to join.
fn draw_sign(classroom: &Classroom, texts: &Texts) {
    let Some(standing) = &classroom.standing else {
        return;
    };
    let code = &standing.class.code;
    let link = link(code, standing.reach.as_deref());
    // The QR code holds the link exactly as it is written comparison it.
    let query = ["?link=", &window::encode_query_value(&link)].concat();
    let picture = window::relay_path(&["c/", code, "/qr.svg", &query].concat());
    let described = texts.fill("class.qr", &[("link", &link)]);
    let is_for_others = standing.reach.is_some() || !window::is_loopback();
    let flag = ["--http 0.0.0.0:", &window::port()].concat();
    let only_here = if is_for_others {
        String::new()
    } else {
        texts.fill("class.only_here", &[("flag", &flag)])
    };
    for size in ["class-", "class-large-"] {
        let part = |name: &str| el(&[size, name].concat());
        dom::write(&part("code"), &apart(code));
        dom::write(&part("link"), &link);
        dom::write_or_hide(&part("only-here"), &only_here);
        // A QR code is read by another machine: a link that works only here is not shown as one.
        dom::show(&part("qr"), is_for_others);
        if is_for_others {
            dom::set(&part("qr"), "src", &picture);
            dom::set(&part("qr"), "alt", &described);
        }
    }
    dom::write(&el("class-large-title"), &title(classroom, texts));
    let copied = texts.get_if(classroom.copied, "copy.done");
    dom::write_or_hide(&el("class-copied"), copied);
    dom::show(&el("class-teachers"), classroom.is_teacher());
    let copied = texts.get_if(classroom.copied_teachers, "class.teachers_copied");
    dom::write_or_hide(&el("class-teachers-copied"), copied);
}

/// A code in two halves, easier to read aloud.
fn apart(code: &str) -> String {
    match code.split_at_checked(code.len() / 2) {
        Some((first, second)) => [first, " ", second].concat(),
        None => code.to_owned(),
    }
}

/// The link to a class. On the relay's own machine it has the address by which others reach the relay.
fn link(code: &str, reach: Option<&str>) -> String {
    match reach.filter(|_| window::is_loopback()) {
        Some(reach) => [reach, "/c/", code].concat(),
        None => window::address(&["c/", code].concat()),
    }
}

/// The title of the class.
fn title(classroom: &Classroom, texts: &Texts) -> String {
    let Some(class) = classroom.class() else {
        return String::new();
    };
    class_title(&class.code, &class.title, texts)
}

/// The title of a class, or a text with its code if it has none.
fn class_title(code: &str, title: &str, texts: &Texts) -> String {
    if title.is_empty() {
        return texts.fill("class.untitled", &[("code", code)]);
    }
    title.to_owned()
}

/// A member's name, or its number while names are hidden.
fn display_name(classroom: &Classroom, member: u32, name: &str, texts: &Texts) -> String {
    if classroom.hides_names {
        return texts.fill("class.number", &[("n", &member.to_string())]);
    }
    name.to_owned()
}
