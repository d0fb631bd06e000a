//! What people do with the cards.

use web_sys::Element;

use crate::{
    dom::{self, Listener, el},
    model::{Event, panes::cards::CardsCommand},
    shell::tell,
    view::workbench::VIEW,
    window,
};

/// Where it is remembered which cards are done.
pub(crate) const CARDS: &str = "cards";

/// Listens to all of it.
pub(in crate::view) fn listen() -> Vec<Listener> {
    let document = dom::document();
    vec![Listener::on(&document, "click", |event| {
        if let Some(act) = dom::source(&event).as_ref().and_then(act) {
            tell(Event::Cards(act));
        }
    })]
}

fn act(source: &Element) -> Option<CardsCommand> {
    let number = |name: &str| -> Option<usize> {
        let selector = ["[", name, "]"].concat();
        dom::around(source, &selector, name)?.parse().ok()
    };
    if let Some(step) = number("data-step") {
        return Some(CardsCommand::Step(step));
    }
    if let Some(card) = number("data-card") {
        return Some(CardsCommand::Take(card));
    }
    if let Some(choice) = number("data-choice") {
        return Some(CardsCommand::Answer(Some(choice)));
    }
    Some(match dom::around(source, "button", "id")?.as_str() {
        "view-cards" => look(CardsCommand::Look),
        "cards-begin" => look(CardsCommand::Begin),
        "card-skip" => CardsCommand::Answer(None),
        "card-back" => CardsCommand::PutBack,
        "card-tell" => CardsCommand::Tell,
        "card-again" => CardsCommand::Again,
        "card-next" => CardsCommand::Next,
        "card-show" => return show(),
        _ => return None,
    })
}

/// Turns to the cards; that is remembered.
fn look(act: CardsCommand) -> CardsCommand {
    window::remember(VIEW, CARDS);
    act
}

/// Leads to the place where something is to be seen.
fn show() -> Option<CardsCommand> {
    let look = el("page").get_attribute("data-look").unwrap_or_default();
    let id = if look == "sockets" {
        "card-sockets"
    } else {
        &look
    };
    if !look.is_empty() {
        dom::scroll_to(&el(id));
    }
    None
}

/// Where one was the last time, and which cards were done by then.
pub(in crate::view) fn remembered() -> Vec<Event> {
    let done = window::remembered(CARDS).map(CardsCommand::WereDone);
    let view = window::remembered(VIEW);
    let look = view
        .filter(|view| view == CARDS)
        .map(|_| CardsCommand::Look);
    done.into_iter().chain(look).map(Event::Cards).collect()
}
