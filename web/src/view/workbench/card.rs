//! Draws the card of one socket.

use std::net::SocketAddr;

use shared::call::Transport;
use web_sys::Element;

use super::{row, state_diagram::StateDiagram};
use crate::{
    dom::{self, el},
    i18n::Texts,
    model::{
        Model,
        core::time::Millis,
        panes::workbench::{
            ArgumentError, SocketCard,
            state_diagram::{self, CurrentState, StateSource},
        },
        text::units,
    },
    view::common::pick,
};

/// How many of its latest calls a card shows.
const LATEST: usize = 3;

/// A card's elements.
pub(super) struct SocketCardView {
    pub(super) key: u64,
    /// Whether the socket is of a saved trace.
    pub(super) archived: bool,
    pub(super) element: Element,
    machine: StateDiagram,
    rows: Vec<Element>,
}

impl SocketCardView {
    pub(super) fn new(card: &SocketCard, archived: bool) -> Self {
        let cards = el("bench-cards");
        let element = dom::stamp("socket-template", &cards);
        // The newest card stands first: it is the one in use.
        let first = cards.first_child();
        cards.insert_before(&element, first.as_ref()).ok();
        dom::set(&element, "data-fd", &card.fd.to_string());
        dom::set(&element, "data-key", &card.key.to_string());
        dom::set(&element, "data-transport", card.transport.as_str());
        let machine = StateDiagram::new(&dom::part(&element, "machine"), card.transport);
        Self {
            key: card.key,
            archived,
            element,
            machine,
            rows: Vec::new(),
        }
    }

    pub(super) fn draw(&mut self, card: &SocketCard, model: &Model, texts: &Texts, now: Millis) {
        let shown = model.shown();
        let state = state_diagram::now(card, shown, now);
        let part = |name: &str| dom::part(&self.element, name);
        let title = ["fd ", &card.fd.to_string(), " · ", card.transport.name()].concat();
        dom::write(&part("title"), &title);
        dom::set(&self.element, "aria-label", &title);
        dom::set(&self.element, "data-state", state.state.name());
        dom::toggle(&self.element, "data-over", state.over);
        dom::write(&part("state"), state.state.name());
        let left = state.left.map(|left| {
            let seconds = units::seconds_left(left);
            texts.fill("bench.left", &[("time", &seconds)])
        });
        dom::write(&part("left"), &left.unwrap_or_default());
        let is_taken = shown.workbench.is_replaced(card);
        dom::write(&part("source"), &source(card, state, is_taken, texts));
        self.draw_ends(card, shown, texts);
        self.machine.draw(card.transport, state, texts);
        self.draw_form(card, model, state, texts);
        self.draw_latest(card, shown, texts, now);
    }

    fn draw_ends(&self, card: &SocketCard, shown: &Model, texts: &Texts) {
        let part = |name: &str| dom::part(&self.element, name);
        let local = card.local.filter(|local| local.port() != 0);
        let none = texts.get("bench.none");
        let write = |address: Option<SocketAddr>| {
            address.map_or_else(|| none.to_owned(), |address| address.to_string())
        };
        dom::write(&part("local"), &write(local));
        let chose = texts.get(pick(card.bound, "bench.you_bound", "bench.kernel_chose"));
        let mut by = local.map(|_| chose.to_owned()).unwrap_or_default();
        if let Some(local) = local.filter(|local| local.ip().is_unspecified()) {
            let seen = shown.seen_as(local).to_string();
            by.push_str(" · ");
            by.push_str(&texts.fill("bench.reached_at", &[("address", &seen)]));
        }
        if card.bound && local.is_some_and(|local| !local.ip().is_unspecified()) {
            by.push_str(" · ");
            by.push_str(texts.get("bench.bound_here"));
        }
        dom::write(&part("local-by"), &by);
        let each = card.transport == Transport::Udp && card.peer.is_none();
        let peer = if each {
            String::new()
        } else {
            write(card.peer)
        };
        dom::write(&part("peer"), &peer);
        let by = match card.peer {
            Some(_) => texts.get("bench.you_connected"),
            None if each => texts.get("bench.each_names"),
            None => "",
        };
        dom::write(&part("peer-by"), by);
    }

    /// Every call can be made at any time, unless the descriptor was reused: then the calls would go to another socket.
    fn draw_form(&self, card: &SocketCard, model: &Model, state: CurrentState, texts: &Texts) {
        let form = dom::part(&self.element, "form");
        let is_usable = !model.shown().workbench.is_replaced(card) && !card.gone;
        dom::show(&form, is_usable);
        let next = state_diagram::next(state);
        for button in dom::all_in(&form, "button[data-call]") {
            let name = button.get_attribute("data-call").unwrap_or_default();
            let is_next = next.iter().any(|call| call.as_str() == name);
            dom::toggle(&button, "data-next", is_next);
            dom::set(&button, "title", texts.get_if(is_next, "bench.next"));
            dom::toggle(&button, "disabled", !model.can_act());
        }
        if card.transport == Transport::Udp {
            offer_neighbours(&form, card, model, texts);
        }
        let error = model.workbench.error.filter(|(key, _)| *key == card.key);
        let error = error.map(|(_, error)| error);
        let text = error.map_or("", |error| texts.get(key_of(error)));
        dom::write_or_hide(&dom::part(&self.element, "mistake"), text);
        for field in dom::all_in(&form, "input[data-argument]") {
            let name = field.get_attribute("data-argument");
            let is_wrong = error.is_some_and(|error| name.as_deref() == Some(error.field()));
            dom::set_bool(&field, "aria-invalid", is_wrong);
        }
    }

    /// Draws the socket's latest calls, and all that have not returned.
    fn draw_latest(&mut self, card: &SocketCard, shown: &Model, texts: &Texts, now: Millis) {
        let made: Vec<_> = shown.workbench.calls.iter().enumerate().collect();
        let own = made.iter().filter(|(_, made)| made.card == Some(card.key));
        let own: Vec<_> = own.collect();
        let from = own.len().saturating_sub(LATEST);
        let first_open = own.iter().position(|(_, made)| made.is_open());
        let from = first_open.map_or(from, |open| open.min(from));
        let own = own.get(from..).unwrap_or_default();
        let list = dom::part(&self.element, "latest");
        dom::resize_stamped(&mut self.rows, own.len(), "made-template", &list);
        for (element, (at, made)) in self.rows.iter().zip(own) {
            row::draw(element, at + 1, made, texts, now);
        }
    }
}

/// Offers the page's other UDP sockets as targets: their datagrams come from a peer that is not the server.
fn offer_neighbours(form: &Element, card: &SocketCard, model: &Model, texts: &Texts) {
    let Some(list) = dom::find(form, "[data-argument=to]") else {
        return;
    };
    let all = model.shown().workbench.cards.iter();
    let others = all.filter(|other| other.transport == Transport::Udp && !other.closed);
    let wanted: Vec<String> = others
        .filter(|other| other.key != card.key)
        .map(|other| other.fd.to_string())
        .collect();
    let offered = dom::all_in(&list, "[data-neighbour]");
    let known = offered.iter().map(|option| option.get_attribute("value"));
    if known.eq(wanted.iter().cloned().map(Some)) {
        return;
    }
    offered.iter().for_each(Element::remove);
    for fd in &wanted {
        let option = dom::stamp("neighbour-template", &list);
        dom::set(&option, "value", fd);
        dom::write(&option, &texts.fill("target.own", &[("fd", fd)]));
    }
}

const fn key_of(error: ArgumentError) -> &'static str {
    match error {
        ArgumentError::Escape => "mistake.escape",
        ArgumentError::Hex => "mistake.hex",
        ArgumentError::Port => "mistake.port",
        ArgumentError::Size => "mistake.size",
        ArgumentError::Timeout => "mistake.timeout",
        ArgumentError::Value => "mistake.value",
    }
}

/// The source of the socket's state.
fn source(card: &SocketCard, state: CurrentState, is_taken: bool, texts: &Texts) -> String {
    if card.gone {
        return texts.get("bench.gone").to_owned();
    }
    if is_taken {
        return texts.get("bench.taken").to_owned();
    }
    let (key, call) = match state.source {
        StateSource::Call(call) => ("bench.by_call", call.as_str()),
        StateSource::Kernel(Some(call)) => ("bench.by_kernel", call.as_str()),
        StateSource::Kernel(None) => ("bench.by_list", ""),
        StateSource::List => ("bench.by_list", ""),
    };
    texts.fill(key, &[("call", call)])
}
