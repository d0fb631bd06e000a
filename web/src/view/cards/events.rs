//! Turns clicks on cards into events.

use web_sys::Element;

use crate::{
    dom::{self, Listener, el},
    inbox::send,
    model::{WholeEvent, panes::cards::CardsCommand},
    view::workbench::VIEW_KEY,
    window,
};

/// The storage key of the cards that are done.
pub(crate) const CARDS_KEY: &str = "cards";

/// Listens for clicks on cards.
pub(in crate::view) fn listen() -> Vec<Listener> {
    let handlers: [(&str, dom::Handler); 1] = [("click", |_, source| {
        if let Some(act) = act(source) {
            send(WholeEvent::Cards(act));
        }
    })];
    dom::listen(&dom::document(), handlers)
}

fn act(source: &Element) -> Option<CardsCommand> {
    let number = |name: &str| -> Option<usize> {
        let selector = ["[", name, "]"].concat();
        dom::closest_attribute(source, &selector, name)?
            .parse()
            .ok()
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
    Some(
        match dom::closest_attribute(source, "button", "id")?.as_str() {
            "view-cards" => open_cards(CardsCommand::Look),
            "cards-begin" => open_cards(CardsCommand::Begin),
            "card-skip" => CardsCommand::Answer(None),
            "card-back" => CardsCommand::PutBack,
            "card-tell" => CardsCommand::Tell,
            "card-again" => CardsCommand::Again,
            "card-next" => CardsCommand::Next,
            "card-show" => return show(),
            _ => return None,
        },
    )
}

/// Opens the cards, and stores that.
fn open_cards(act: CardsCommand) -> CardsCommand {
    window::store(VIEW_KEY, CARDS_KEY);
    act
}

/// Scrolls to the place that the card names.
fn show() -> Option<CardsCommand> {
    let look = el("page").get_attribute("data-look").unwrap_or_default();
    let id = if look == "sockets" {
        "card-sockets"
    } else {
        &look
    };
    if !look.is_empty() {
        dom::scroll_into_view(&el(id));
    }
    None
}

/// Which cards are done, and whether they were open the last time.
pub(in crate::view) fn stored() -> Vec<WholeEvent> {
    let done = window::stored(CARDS_KEY).map(CardsCommand::WereDone);
    let view = window::stored(VIEW_KEY);
    let look = view
        .filter(|view| view == CARDS_KEY)
        .map(|_| CardsCommand::Look);
    done.into_iter()
        .chain(look)
        .map(WholeEvent::Cards)
        .collect()
}
