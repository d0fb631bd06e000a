//! The class: the way into it, the strip that every view has under its top, the sign, the teacher's desk and the wall.

mod desk;
mod doors;
mod hear;
mod opened;
mod outsiders;
mod strip;
mod wall;

use shared::call::Transport;

pub(super) use self::hear::{listen, remembered};
use self::{desk::Desk, doors::Doors, outsiders::Outsiders, strip::Strip, wall::Tiles};
use super::pick;
use crate::{
    dom::{self, el},
    i18n::Texts,
    model::{
        Model,
        panes::class::{Classroom, LeaveReason},
        text::explain,
    },
    window,
};

/// The class as it is drawn.
#[derive(Default)]
pub(super) struct Class {
    strip: Strip,
    desk: Desk,
    tiles: Tiles,
    outsiders: Outsiders,
    doors: Doors,
}

impl Class {
    pub(super) fn draw(&mut self, model: &Model, texts: &Texts) {
        let room = &model.classroom;
        let stands = pick(room.is_teacher(), "teacher", "student");
        let standing = room.standing.as_ref().map_or("none", |_| stands);
        dom::set(&el("page"), "data-class", standing);
        self.strip.draw(model, texts);
        opened::draw(room, texts);
        dom::show(&el("class"), room.open);
        dom::show(&el("class-transports"), room.open);
        if !room.open {
            return;
        }
        let is_in = room.standing.is_some();
        draw_transports(model);
        dom::show(&el("class-hall"), is_in);
        self.doors.draw(model, texts);
        let parted = room.parted.filter(|_| !is_in).map(|parted| match parted {
            LeaveReason::Told(reason) => explain::goodbye_key(reason),
            LeaveReason::Gone => "class.gone",
            LeaveReason::KeptOut => "class.kept_out",
        });
        let parted = parted.map(|key| texts.get(key)).unwrap_or_default();
        dom::say(&el("class-parted"), parted);
        if !is_in {
            return;
        }
        draw_sign(room, texts);
        self.desk.draw(model, texts);
        self.outsiders.draw(room, texts);
        dom::show(&el("class-people"), room.sees_others());
        if room.sees_others() {
            self.tiles.draw(room, texts);
        }
    }
}

/// Which server one looks at; the composer, where one chooses it otherwise, is not seen here.
fn draw_transports(model: &Model) {
    let tcp = model.transport() == Transport::Tcp;
    dom::check(pick(tcp, "transport-tcp", "transport-udp"), true);
    for (id, on) in [("class-udp", !tcp), ("class-tcp", tcp)] {
        dom::set(&el(id), "aria-pressed", pick(on, "true", "false"));
    }
}

/// What is shown for others to join.
fn draw_sign(room: &Classroom, texts: &Texts) {
    let Some(standing) = &room.standing else {
        return;
    };
    let code = &standing.class.code;
    let link = link(code, standing.reach.as_deref());
    // The code in the picture is the link as it is written beside it.
    let query = ["?link=", &window::escape(&link)].concat();
    let picture = window::relay_path(&["c/", code, "/qr.svg", &query].concat());
    let described = texts.fill("class.qr", &[("link", &link)]);
    let is_for_others = standing.reach.is_some() || !window::is_on_this_machine();
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
        dom::say(&part("only-here"), &only_here);
        // A camera that reads this code is on another machine.
        dom::show(&part("qr"), is_for_others);
        if is_for_others {
            dom::set(&part("qr"), "src", &picture);
            dom::set(&part("qr"), "alt", &described);
        }
    }
    dom::write(&el("class-large-title"), &title(room, texts));
    let copied = if room.copied {
        texts.get("copy.done")
    } else {
        ""
    };
    dom::say(&el("class-copied"), copied);
    dom::show(&el("class-teachers"), room.is_teacher());
    let copied = if room.copied_teachers {
        texts.get("class.teachers_copied")
    } else {
        ""
    };
    dom::say(&el("class-teachers-copied"), copied);
}

/// A code in two halves, as one reads it out.
fn apart(code: &str) -> String {
    match code.split_at_checked(code.len() / 2) {
        Some((first, second)) => [first, " ", second].concat(),
        None => code.to_owned(),
    }
}

/// The link to a class. Who has the page open on the relay's own machine needs the name that others reach it by.
fn link(code: &str, reach: Option<&str>) -> String {
    match reach.filter(|_| window::is_on_this_machine()) {
        Some(reach) => [reach, "/c/", code].concat(),
        None => window::address(&["c/", code].concat()),
    }
}

/// What the class is called.
fn title(room: &Classroom, texts: &Texts) -> String {
    let Some(class) = room.class() else {
        return String::new();
    };
    named(&class.code, &class.title, texts)
}

/// What a class that is remembered is called.
fn named(code: &str, title: &str, texts: &Texts) -> String {
    if title.is_empty() {
        return texts.fill("class.untitled", &[("code", code)]);
    }
    title.to_owned()
}

/// What a member is called where names may be hidden.
fn called(room: &Classroom, member: u32, name: &str, texts: &Texts) -> String {
    if room.hides_names {
        return texts.fill("class.number", &[("n", &member.to_string())]);
    }
    name.to_owned()
}
