//! Draws the list of cards, and the open card.

mod events;

use shared::{call::Transport, lab::LabKind};
use web_sys::Element;

pub(crate) use self::events::CARDS_KEY;
pub(super) use self::events::{listen, stored};
use crate::{
    dom::{self, el},
    i18n::Texts,
    model::{
        Model,
        panes::{
            cards::{Card, CardRun, Highlight, Restored, RestoredPart},
            workbench::state_diagram,
        },
        text::explain,
    },
    view::common::{address, pick},
};

/// The cards' elements.
#[derive(Default)]
pub(super) struct CardsView {
    list: Vec<Element>,
    choices: Vec<Element>,
    steps: Vec<Element>,
    check: Vec<Element>,
    sockets: Vec<Element>,
    /// The drawn card, and whether its question was answered: a change moves the focus.
    place: Option<(Option<usize>, bool)>,
}

impl CardsView {
    pub(super) fn draw(&mut self, model: &Model, texts: &Texts) {
        let cards = &model.cards;
        let is_first = model
            .program
            .sentence()
            .is_some_and(|sentence| sentence.ending.is_some());
        dom::show(
            &el("cards-lead"),
            is_first && cards.has_first_cards_left() && !cards.open,
        );
        dom::show(&el("cards"), cards.open);
        let restored = restored(&cards.restored, texts);
        dom::write_or_hide(&el("card-restored"), &restored);
        let played = cards.play.as_ref().zip(cards.card()).filter(|_| cards.open);
        let look = played.and_then(|(play, _)| play.look);
        dom::set(&el("page"), "data-look", look.map_or("", place_name));
        if !cards.open {
            self.place = None;
            return;
        }
        dom::show(&el("cards-shelf"), played.is_none());
        dom::show(&el("card"), played.is_some());
        match played {
            Some((play, card)) => self.draw_card(model, play, card, texts),
            None => self.draw_list(model, texts),
        }
        self.move_focus(played.map(|(play, _)| play));
    }

    fn draw_list(&mut self, model: &Model, texts: &Texts) {
        let cards = &model.cards;
        let list = el("cards-list");
        dom::resize_stamped(
            &mut self.list,
            cards.deck.len(),
            "card-in-list-template",
            &list,
        );
        let next = cards.undone(0);
        let mut done = 0;
        for (at, (item, dealt)) in self.list.iter().zip(&cards.deck).enumerate() {
            let is_done = cards.is_done(at);
            done += usize::from(is_done);
            if let Some(button) = dom::find(item, "button") {
                dom::set(&button, "data-card", &at.to_string());
            }
            dom::set(item, "data-id", &dealt.id);
            dom::toggle(item, "data-done", is_done);
            dom::toggle(item, "data-next", next == Some(at));
            let title = dealt.card.title.get(texts.language);
            dom::write_with_code(&dom::part(item, "title"), title);
            let mark = texts.get_if(is_done, "cards.done");
            dom::write(&dom::part(item, "mark"), mark);
        }
        let numbers = [
            ("done", &*done.to_string()),
            ("all", &*cards.deck.len().to_string()),
        ];
        let count = if cards.deck.is_empty() {
            texts.get("cards.coming").to_owned()
        } else {
            texts.fill("cards.count", &numbers)
        };
        dom::write(&el("cards-count"), &count);
    }

    fn draw_card(&mut self, model: &Model, play: &CardRun, card: &Card, texts: &Texts) {
        let language = texts.language;
        dom::write_with_code(&el("card-title"), card.title.get(language));
        dom::write_with_code(&el("card-ask"), card.question.get(language));
        self.draw_choices(play, card, texts);
        dom::show(&el("card-play"), play.answer.is_some());
        self.draw_steps(model, play, card, texts);
        self.draw_sockets(model, play, texts);
        self.draw_check(play, card, texts);
        let explains = play.explains();
        dom::show(&el("card-tell"), !explains);
        dom::show(&el("card-why"), explains);
        dom::write_with_code(&el("card-why-text"), card.why.get(language));
        let holds = play.check.holds();
        dom::show(
            &el("card-next"),
            holds && model.cards.undone(play.card).is_some(),
        );
        let look = play.look.map_or("", |look| texts.get(look_key(look)));
        dom::write(&el("card-show"), look);
        dom::show(&el("card-look"), play.look.is_some());
    }

    fn draw_choices(&mut self, play: &CardRun, card: &Card, texts: &Texts) {
        let home = el("card-choices");
        dom::resize_stamped(
            &mut self.choices,
            card.choices.len(),
            "choice-template",
            &home,
        );
        for (at, (button, choice)) in self.choices.iter().zip(&card.choices).enumerate() {
            dom::set(button, "data-choice", &at.to_string());
            dom::write_with_code(button, choice.text.get(texts.language));
        }
        let asks = play.answer.is_none();
        dom::show(&home, asks);
        dom::show(&el("card-skip"), asks);
        dom::write_or_hide(&el("card-answer"), &answer(play, card, texts));
    }

    fn draw_steps(&mut self, model: &Model, play: &CardRun, card: &Card, texts: &Texts) {
        let home = el("card-steps");
        dom::resize_stamped(&mut self.steps, card.steps.len(), "step-template", &home);
        let next = play.next();
        for (at, (item, step)) in self.steps.iter().zip(&card.steps).enumerate() {
            let is_done = play.done.get(at) == Some(&true);
            let runs = play.running == Some(at);
            let refused = play.refused.get(at).and_then(Option::as_ref);
            let rest = pick(refused.is_some(), "refused", "open");
            let state = pick(runs, "running", pick(is_done, "done", rest));
            dom::set(item, "data-state", state);
            dom::toggle(
                item,
                "data-next",
                next == Some(at) && play.running.is_none(),
            );
            let text = step.text.get(texts.language);
            dom::write_with_code(&dom::part(item, "text"), text);
            let button = dom::part(item, "do");
            dom::set(&button, "data-step", &at.to_string());
            dom::write(&button, texts.get("cards.do"));
            let label = [texts.get("cards.do"), ": ", &text.replace('`', "")].concat();
            dom::set(&button, "aria-label", &label);
            let may = model.can_act() && play.running.is_none();
            // A disabled button would lose the focus.
            dom::set_bool(&button, "aria-disabled", !may);
            dom::show(&button, !is_done);
            let mark = match state {
                "done" => texts.get("cards.did"),
                "running" => texts.get("cards.doing"),
                _ => "",
            };
            let why = refused.filter(|_| state == "refused").map(|failed| {
                let why = explain::failure(failed, texts);
                texts.fill("cards.refused", &[("why", &why)])
            });
            dom::write_or_hide(&dom::part(item, "mark"), why.as_deref().unwrap_or(mark));
        }
        let missing_socket = play.missing_socket.as_ref();
        let missing_socket =
            missing_socket.map(|name| texts.fill("cards.lacks", &[("name", name)]));
        dom::write_or_hide(&el("card-lacks"), &missing_socket.unwrap_or_default());
        // Warns a class member before a step that needs a private lab.
        let is_member = model.classroom.you().is_some() && !model.classroom.is_out;
        let mut actions = card.steps.iter().flat_map(|step| &step.actions);
        let goes_out = is_member && actions.any(|deed| deed.lab == Some(LabKind::Private));
        dom::show(&el("card-goes-out"), goes_out);
    }

    fn draw_sockets(&mut self, model: &Model, play: &CardRun, texts: &Texts) {
        let home = el("card-sockets");
        let bench = &model.workbench;
        let keys = play.keys();
        let sockets: Vec<_> = keys
            .filter_map(|(name, key)| Some((name, bench.card(key)?)))
            .collect();
        dom::resize_stamped(
            &mut self.sockets,
            sockets.len(),
            "card-socket-template",
            &home,
        );
        dom::show(&home, !sockets.is_empty());
        for (item, (name, card)) in self.sockets.iter().zip(sockets) {
            let part = |name: &str| dom::part(item, name);
            let state = state_diagram::now(card, model, 0);
            dom::set(item, "data-transport", card.transport.as_str());
            dom::write(
                &part("name"),
                &texts.fill("cards.socket", &[("name", name)]),
            );
            dom::write(&part("state"), state.state.name());
            let fd = ["fd ", &card.fd.to_string()].concat();
            dom::write(&part("fd"), &fd);
            let mut ends = address(card.local);
            if card.peer.is_some() {
                ends.push_str(" ⇄ ");
                ends.push_str(&address(card.peer));
            }
            dom::write(&part("ends"), &ends);
        }
    }

    fn draw_check(&mut self, play: &CardRun, card: &Card, texts: &Texts) {
        let home = el("card-check");
        dom::resize_stamped(&mut self.check, card.check.len(), "check-template", &home);
        for (at, (item, wanted)) in self.check.iter().zip(&card.check).enumerate() {
            let seen = play.check.has_seen(at);
            dom::toggle(item, "data-seen", seen);
            dom::show(item, seen || !wanted.extra);
            let key = pick(seen, "cards.seen", "cards.not_yet");
            dom::write(&dom::part(item, "mark"), texts.get(key));
            dom::write_with_code(&dom::part(item, "text"), wanted.text.get(texts.language));
        }
        let wrong = play.check.wrong.and_then(|at| card.never.get(at));
        let holds = play.check.holds();
        let verdict = wrong.map_or_else(
            || texts.get_if(holds, "cards.holds"),
            |wrong| wrong.text.get(texts.language),
        );
        let element = el("card-verdict");
        dom::write_with_code(&element, verdict);
        dom::show(&element, !verdict.is_empty());
        dom::set_bool(&element, "data-holds", holds);
    }

    /// Moves the focus to the next thing to do when a card is opened, closed or answered.
    fn move_focus(&mut self, play: Option<&CardRun>) {
        let place = (
            play.map(|play| play.card),
            play.is_some_and(|play| play.answer.is_some()),
        );
        let before = self.place.replace(place);
        if before.is_none() || before == Some(place) {
            return;
        }
        match place {
            (Some(_), true) => {
                if let Some(button) = self.steps.first().map(|step| dom::part(step, "do")) {
                    dom::focus(&button);
                }
            }
            (Some(_), false) => dom::focus(&el("card-title")),
            (None, _) => {
                let last = before
                    .and_then(|(card, _)| card)
                    .and_then(|at| self.list.get(at));
                if let Some(button) = last.and_then(|item| dom::find(item, "button")) {
                    dom::focus(&button);
                }
            }
        }
    }
}

/// Which of a card's changes were undone, and which were not.
fn restored(restored: &Restored, texts: &Texts) -> String {
    let part_text = |key: &str, parts: &[RestoredPart]| {
        let names: Vec<&str> = parts
            .iter()
            .map(|part| texts.get(part_key(*part)))
            .collect();
        let what = names.join(texts.get("class.and"));
        (!parts.is_empty()).then(|| texts.fill(key, &[("what", &what)]))
    };
    let texts = [
        part_text("cards.put_back", &restored.back),
        part_text("cards.left_as_is", &restored.left),
    ];
    texts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

const fn part_key(part: RestoredPart) -> &'static str {
    match part {
        RestoredPart::Network => "cards.the_network",
        RestoredPart::Server(Transport::Udp) => "cards.the_udp_server",
        RestoredPart::Server(Transport::Tcp) => "cards.the_tcp_server",
    }
}

/// The predicted answer and, once the check is complete, whether it was right.
fn answer(play: &CardRun, card: &Card, texts: &Texts) -> String {
    let choice_text = |choice: usize| {
        let choice = card.choices.get(choice);
        choice.map_or("", |choice| choice.text.get(texts.language))
    };
    let right = card.choices.iter().position(|choice| choice.right);
    let fact = choice_text(right.unwrap_or_default()).replace('`', "");
    let shows = play.check.holds();
    match play.answer {
        None => String::new(),
        Some(None) if shows => texts.fill("cards.it_is", &[("fact", &fact)]),
        Some(None) => String::new(),
        Some(Some(choice)) => {
            let expected = choice_text(choice).replace('`', "");
            let gaps = [("expected", &*expected), ("fact", &*fact)];
            let key = match shows {
                false => "cards.expected",
                true if Some(choice) == right => "cards.was_right",
                true => "cards.was_wrong",
            };
            texts.fill(key, &gaps)
        }
    }
}

/// The name of a place in the stylesheet.
const fn place_name(look: Highlight) -> &'static str {
    match look {
        Highlight::Wire => "wire",
        Highlight::List => "list",
        Highlight::Server => "server",
        Highlight::Doors => "doors",
        Highlight::Network => "network",
        Highlight::Held => "held",
        Highlight::Sockets => "sockets",
    }
}

const fn look_key(look: Highlight) -> &'static str {
    match look {
        Highlight::Wire => "cards.look_wire",
        Highlight::List => "cards.look_list",
        Highlight::Server => "cards.look_server",
        Highlight::Doors => "cards.look_doors",
        Highlight::Network => "cards.look_network",
        Highlight::Held => "cards.look_held",
        Highlight::Sockets => "cards.look_sockets",
    }
}
