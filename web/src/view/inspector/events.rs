//! Turns clicks, keys and scrolling in the packets' pane into events. Its own listeners run before the document's.

use wasm_bindgen::JsCast;
use web_sys::{Element, Event as DomEvent, HtmlInputElement};

use crate::{
    dom::{self, Listener, el},
    inbox::send,
    model::{
        Event,
        panes::inspector::{Action, Go, query::Stroke, tree::Step},
    },
};

/// Within this distance of its end, in pixels, the table follows new packets.
const NEAR_THE_END: i32 = 4;

/// Listens for all events of the packets' pane.
pub(in crate::view) fn listen() -> Vec<Listener> {
    let handlers: [(&str, dom::Handler); 5] = [
        ("click", |_, source| click(source)),
        ("keydown", key),
        ("input", typed),
        ("mousedown", keep_focus),
        ("focusout", |_, source| {
            if source.id() == "filter" {
                send_stroke(Stroke::Leave)
            }
        }),
    ];
    let mut listeners = dom::listen(&el("list"), handlers);
    listeners.push(Listener::on(&el("packets-scroll"), "scroll", |_| {
        scrolled()
    }));
    for scroller in ["packet-bytes", "filter"] {
        listeners.push(Listener::on(&el(scroller), "scroll", |_| act(Action::Look)));
    }
    listeners.push(Listener::on(&el("arrows"), "click", |event| arrow(&event)));
    listeners.extend(
        web_sys::window().map(|window| Listener::on(&window, "resize", |_| act(Action::Look))),
    );
    listeners
}

fn act(action: Action) {
    send(Event::Inspect(action));
}

fn send_stroke(stroke: Stroke) {
    act(Action::Filter(stroke));
}

/// Compares with the position at the last drawing, as packets may have been added since. Stop following only when the
/// user scrolls up, not when the table shrinks.
fn scrolled() {
    let table = el("packets-scroll");
    let top = table.scroll_top();
    let left = table.scroll_height() - top - table.client_height();
    let placed = table
        .get_attribute("data-top")
        .and_then(|top| top.parse().ok())
        .unwrap_or(0);
    act(if left <= NEAR_THE_END {
        Action::Scrolled(true)
    } else if top < placed {
        Action::Scrolled(false)
    } else {
        Action::Look
    });
}

fn click(source: &Element) {
    let number = |around: &str, attribute: &str| {
        dom::closest_attribute(source, around, attribute)?
            .parse::<usize>()
            .ok()
    };
    match dom::closest_attribute(source, "button, input", "id").as_deref() {
        Some("calls-tab") => return act(Action::Open(false)),
        Some("packets-tab") => return act(Action::Open(true)),
        Some("newest") => return act(Action::Newest),
        Some("follow") => {
            return act(Action::Follow(!dom::is_true(&el("follow"), "aria-pressed")));
        }
        Some("follow-as-text") => return act(Action::Hex(false)),
        Some("follow-as-hex") => return act(Action::Hex(true)),
        Some("filter") => return typed_into(source),
        Some(_) | None => {}
    }
    let seq = || {
        dom::closest_attribute(source, "[data-seq]", "data-seq")?
            .parse()
            .ok()
    };
    if dom::is_inside(source, "packets") || dom::is_inside(source, "follow-text") {
        if let Some(seq) = seq() {
            act(Action::Select(seq));
        }
        if dom::is_inside(source, "packets") {
            dom::focus(&el("packets"));
        }
    } else if dom::is_inside(source, "packet-detail") {
        let turns = dom::closest_attribute(source, ".turn", "class").is_some();
        if let Some(at) = number(".line", "data-at") {
            act(Action::Line(at));
            if turns {
                act(Action::Turn(at));
            }
        }
    } else if let Some(at) = number("[data-byte]", "data-byte") {
        act(Action::Byte(at));
    } else if let Some(at) = number("#filter-fields [data-at]", "data-at") {
        send_stroke(Stroke::TakeThis(at));
    }
}

/// A click on an arrow of the ladder selects its packet, if it has one, and not only its call.
fn arrow(event: &DomEvent) {
    let seq = dom::source(event).and_then(|source| {
        dom::closest_attribute(&source, "g", "data-seq")?
            .parse()
            .ok()
    });
    if let Some(seq) = seq {
        event.stop_propagation();
        act(Action::Select(seq));
    }
}

/// Keeps the focus in the box while a field is chosen from the list.
fn keep_focus(event: &DomEvent, source: &Element) {
    if dom::is_inside(source, "filter-fields") {
        event.prevent_default();
    }
}

fn typed(_: &DomEvent, source: &Element) {
    if source.id() == "filter" && !dom::is_being_rewritten() {
        typed_into(source);
    }
}

/// Sends the text of the box and the cursor in bytes. Browsers count UTF-16 code units.
fn typed_into(field: &Element) {
    let Some(field) = field.dyn_ref::<HtmlInputElement>() else {
        return;
    };
    let text = field.value();
    let cursor = field.selection_start().ok().flatten().unwrap_or(0) as usize;
    let mut units = 0;
    let before = text.chars().take_while(|character| {
        units += character.len_utf16();
        units <= cursor
    });
    let bytes = before.map(char::len_utf8).sum();
    send_stroke(Stroke::Typed(text, bytes));
}

fn key(event: &DomEvent, source: &Element) {
    let Some(key) = dom::key(event) else { return };
    let heard = match source.id().as_str() {
        "filter" => filter_key(&key),
        "packets" | "packets-scroll" => table_key(&key),
        "packet-detail" => tree_key(&key),
        "packet-bytes" => bytes_key(&key),
        "calls-tab" | "packets-tab" => tab_key(&key),
        _ => false,
    };
    if heard {
        event.prevent_default();
        event.stop_propagation();
    }
}

/// The model decides which fields are offered: the drawn list may be a frame behind. Escape closes the list, and at the
/// next press leaves the box and its text.
fn filter_key(key: &str) -> bool {
    let is_drawn = |name: &str| {
        el("filter")
            .get_attribute(name)
            .is_some_and(|value| value != "false")
    };
    let (stroke, is_ours) = match key {
        "ArrowDown" => (Stroke::Next, true),
        "ArrowUp" => (Stroke::Previous, is_drawn("aria-expanded")),
        "Enter" => (Stroke::Take, true),
        "Tab" => (Stroke::Take, is_drawn("aria-activedescendant")),
        "Escape" => {
            if !is_drawn("aria-expanded") {
                leave_filter();
            }
            (Stroke::Escape, true)
        }
        "ArrowLeft" | "ArrowRight" | "Home" | "End" => (Stroke::Leave, false),
        _ => return false,
    };
    send_stroke(stroke);
    is_ours
}

/// Moves the focus to the table, or to its tab if the table is hidden.
fn leave_filter() {
    let table = el("packets");
    let is_there = !table.has_attribute("hidden");
    dom::focus(&if is_there { table } else { el("packets-tab") });
}

fn table_key(key: &str) -> bool {
    let go = match key {
        "ArrowDown" => Go::Down,
        "ArrowUp" => Go::Up,
        "PageDown" => Go::PageDown,
        "PageUp" => Go::PageUp,
        "Home" => Go::Home,
        "End" => Go::End,
        "Enter" => {
            dom::focus(&el("packet-detail"));
            act(Action::Step(Step::Next));
            return true;
        }
        _ => return false,
    };
    let seen = dom::all("#packet-rows > :not([hidden])").len();
    act(Action::Go(go, seen.saturating_sub(2).max(1)));
    true
}

fn tree_key(key: &str) -> bool {
    act(Action::Step(match key {
        "ArrowDown" => Step::Next,
        "ArrowUp" => Step::Previous,
        "ArrowRight" => Step::In,
        "ArrowLeft" => Step::Out,
        "Home" => Step::First,
        "End" => Step::Last,
        "Enter" | " " => Step::Turn,
        _ => return false,
    }));
    true
}

fn bytes_key(key: &str) -> bool {
    let row = dom::all("#byte-rows > :not([hidden]):first-child .hex > :not([hidden])").len();
    let row = isize::try_from(row.max(1)).unwrap_or(1);
    act(Action::MoveByte(match key {
        "ArrowRight" => 1,
        "ArrowLeft" => -1,
        "ArrowDown" => row,
        "ArrowUp" => -row,
        "Home" => isize::MIN,
        "End" => isize::MAX,
        _ => return false,
    }));
    true
}

fn tab_key(key: &str) -> bool {
    let open = match key {
        "ArrowRight" | "ArrowLeft" => !dom::is_true(&el("packets-tab"), "aria-selected"),
        "Home" => false,
        "End" => true,
        _ => return false,
    };
    act(Action::Open(open));
    dom::focus(&el(if open { "packets-tab" } else { "calls-tab" }));
    true
}
