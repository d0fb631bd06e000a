//! The banner of a class, shown in every view: title, teacher's message, shared view and card.

use shared::class::{Card, Phase};
use web_sys::Element;

use super::title;
use crate::{
    dom::{self, el},
    i18n::Texts,
    model::{Model, panes::class::Classroom},
    view::common::{pick, write_failure},
};

/// The banner's elements.
#[derive(Default)]
pub(super) struct Banner {
    choices: Vec<Element>,
}

impl Banner {
    pub(super) fn draw(&mut self, model: &Model, texts: &Texts) {
        let classroom = &model.classroom;
        dom::show(&el("class-strip"), classroom.standing.is_some());
        let Some(class) = classroom.class() else {
            return;
        };
        dom::write(&el("class-title"), &title(classroom, texts));
        let you = match classroom.you() {
            Some(you) => texts.fill("class.you", &[("name", &you.name)]),
            None => texts.get("class.teacher").to_owned(),
        };
        dom::write(&el("class-you"), &you);
        dom::show(&el("class-locked"), class.locked);
        dom::show(&el("class-is-open"), class.open);
        let is_muted = classroom.you().is_some_and(|you| you.muted);
        dom::show(&el("class-muted"), is_muted);
        let muted = pick(classroom.is_out, "class.muted_there", "reason.muted");
        dom::write_or_hide(&el("class-muted-why"), texts.get_if(is_muted, muted));
        dom::show(&el("class-out"), classroom.is_out);
        let class_title = title(classroom, texts);
        let back = texts.fill("class.back_to", &[("title", &class_title)]);
        dom::write(&el("class-back"), &back);
        draw_namesakes(classroom, texts);
        dom::write_or_hide(
            &el("class-message"),
            class.message.as_deref().unwrap_or_default(),
        );
        dom::show(&el("class-lost"), classroom.lost_sockets);
        draw_drive(model, texts);
        write_failure("class-refused", classroom.refused.as_ref(), texts);
        dom::show(&el("class-card"), class.card.is_some());
        if let Some(card) = &class.card {
            self.draw_card(card, model, texts);
        }
    }

    fn draw_card(&mut self, card: &Card, model: &Model, texts: &Texts) {
        let classroom = &model.classroom;
        let words = model.card_text(card);
        dom::write_with_code(&el("class-card-title"), &words.title);
        dom::write_with_code(&el("class-card-question"), &words.question);
        dom::show(&el("class-card-question"), !words.question.is_empty());
        let list = el("class-choices");
        let number = card.choices as usize;
        dom::resize_stamped(&mut self.choices, number, "choice-of-class-template", &list);
        let most = card.counts.iter().flatten().sum::<u32>().max(1);
        for (at, item) in self.choices.iter().enumerate() {
            let choice = words.choices.get(at).cloned().unwrap_or_else(|| {
                let number = (at + 1).to_string();
                texts.fill("class.choice", &[("n", &number)])
            });
            let count = card.counts.as_ref().and_then(|counts| counts.get(at));
            draw_choice(item, at, &choice, card, classroom, texts);
            draw_bar(item, &choice, count.copied(), most);
        }
        dom::write(&el("class-card-state"), &state(card, classroom, texts));
        dom::show(&el("class-card-desk"), classroom.is_teacher());
        dom::show(&el("class-card-close"), card.phase == Phase::Asking);
    }
}

/// Draws which other members have the same name.
fn draw_namesakes(classroom: &Classroom, texts: &Texts) {
    let names = classroom.namesakes().zip(classroom.you());
    dom::show(&el("class-namesakes"), names.is_some());
    if let Some((names, you)) = names {
        let others = names.join(texts.get("class.and"));
        let gaps = [("name", &*you.name), ("others", &*others)];
        let text = texts.fill("class.namesakes", &gaps);
        dom::write(&el("class-namesakes-text"), &text);
    }
}

fn draw_drive(model: &Model, texts: &Texts) {
    let classroom = &model.classroom;
    let is_driven = classroom.class().is_some_and(|class| class.drive.is_some());
    dom::show(&el("class-drive"), is_driven);
    if !is_driven {
        return;
    }
    let follows = classroom.follows();
    if classroom.is_out {
        dom::write(&el("class-drive-text"), texts.get("class.drives_there"));
        dom::show(&el("class-drive-leave"), false);
        dom::show(&el("class-drive-follow"), false);
        return;
    }
    let (key, key_of) = match (classroom.is_teacher(), follows) {
        (true, _) => ("class.driving", "class.driving"),
        (false, true) => ("class.following", "class.following_of"),
        (false, false) => ("class.looking_away", "class.looking_away_of"),
    };
    let process = classroom.drive().map(|drive| drive.process);
    let name = process.and_then(|process| model.name_of(process, texts));
    let text = match name {
        Some(name) => texts.fill(key_of, &[("name", &name)]),
        None => texts.get(key).to_owned(),
    };
    dom::write(&el("class-drive-text"), &text);
    dom::show(&el("class-drive-leave"), follows);
    let may_follow = !follows && !classroom.is_teacher();
    dom::show(&el("class-drive-follow"), may_follow);
}

fn draw_choice(
    item: &Element,
    at: usize,
    choice: &str,
    card: &Card,
    classroom: &Classroom,
    texts: &Texts,
) {
    let is_at = |choice: Option<u32>| choice.is_some_and(|choice| choice as usize == at);
    let (is_mine, is_true) = (is_at(classroom.chosen), is_at(card.outcome));
    let is_asked = card.phase == Phase::Asking && !classroom.is_teacher();
    dom::set(item, "data-choice", &at.to_string());
    dom::toggle(item, "data-mine", is_mine);
    dom::toggle(item, "data-true", is_true);
    let (button, text) = (dom::part(item, "choose"), dom::part(item, "text"));
    dom::write_with_code(&button, choice);
    dom::write_with_code(&text, choice);
    dom::show(&button, is_asked);
    dom::show(&text, !is_asked);
    dom::set_bool(&button, "aria-pressed", is_mine);
    let marks = [(is_mine, "class.yours"), (is_true, "class.came_true")];
    let marks = marks.into_iter().filter(|(on, _)| *on);
    let marks: Vec<&str> = marks.map(|(_, key)| texts.get(key)).collect();
    dom::write_or_hide(&dom::part(item, "mark"), &marks.join(" · "));
    let reveal = dom::part(item, "reveal");
    dom::write(&reveal, texts.get("class.reveal"));
    let may_reveal = classroom.is_teacher() && card.phase != Phase::Revealed;
    dom::show(&reveal, may_reveal);
    let choice = choice.replace('`', "");
    let label = [texts.get("class.reveal"), ": ", &choice].concat();
    dom::set(&reveal, "aria-label", &label);
}

fn draw_bar(item: &Element, choice: &str, count: Option<u32>, most: u32) {
    dom::show(&dom::part(item, "bar"), count.is_some());
    let count = count.unwrap_or_default().to_string();
    let meter = dom::part(item, "meter");
    dom::set(&meter, "max", &most.to_string());
    dom::set(&meter, "value", &count);
    dom::set(&meter, "aria-label", &choice.replace('`', ""));
    dom::write(&dom::part(item, "count"), &count);
}

fn state(card: &Card, classroom: &Classroom, texts: &Texts) -> String {
    match card.phase {
        Phase::Asking if classroom.is_teacher() => {
            let totals = classroom.wall.totals();
            let (n, members) = (totals.predictions.to_string(), totals.members.to_string());
            texts.fill("class.card_count", &[("n", &n), ("members", &members)])
        }
        Phase::Asking => texts.get("class.card_asking").to_owned(),
        Phase::Closed => texts.get("class.card_closed").to_owned(),
        Phase::Revealed => texts.get("class.card_revealed").to_owned(),
    }
}
