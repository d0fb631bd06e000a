//! Draws the page's lab, the buttons to change it, and how long a lab is kept.

use shared::lab::LabKind;

use crate::{
    dom::{self, el},
    i18n::Texts,
    model::{
        Model,
        core::{connection::ConnectionState, time::Millis},
    },
    view::common::{pick, whole_seconds, write_failure},
};

pub(super) fn draw(model: &Model, texts: &Texts, now: Millis) {
    let kind = model.welcome.as_ref().map(|welcome| welcome.lab.kind);
    let is_own = kind == Some(LabKind::Private);
    let kept = model.lab_session.kept_lab();
    dom::set(&el("lab"), "data-kind", pick(is_own, "private", "open"));
    dom::show(&el("enter-own"), kind == Some(LabKind::Open));
    dom::show(&el("enter-open"), is_own);
    let own = match kept {
        Some(LabKind::Class) => "class.return",
        Some(LabKind::Private | LabKind::Open) => "seat.back_own",
        None => "seat.enter_own",
    };
    dom::write(&el("enter-own"), texts.get(own));
    let is_late = model.connection.state != ConnectionState::Open || model.lab_session.is_moving();
    for button in ["enter-own", "enter-open"] {
        dom::toggle(&el(button), "disabled", is_late);
    }
    let is_taken_over = model.connection.is_taken_over();
    dom::show(&el("take-back"), is_taken_over);
    let left = model.lab_session.kept_for(now).filter(|_| !is_taken_over);
    dom::write_or_hide(
        &el("lab-kept"),
        &left.map_or_else(String::new, |left| kept_text(left, texts)),
    );
    write_failure("lab-refused", model.lab_session.refused.as_ref(), texts);
}

fn kept_text(left: Millis, texts: &Texts) -> String {
    if left == 0 {
        return texts.get("seat.kept_no_more").to_owned();
    }
    texts.fill("seat.kept", &[("time", &whole_seconds(left + 999))])
}
