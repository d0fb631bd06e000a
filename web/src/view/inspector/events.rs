//! Turns clicks, keys and scrolling in the packets' pane into events. Its own listeners run before the document's.

use wasm_bindgen::JsCast;
use web_sys::{Element, Event as DomEvent, HtmlInputElement};

use crate::{
    dom::{self, Listener, el},
    inbox::send,
    model::{
        WholeEvent,
        panes::inspector::{InspectorCommand, TableMove, query::FilterInput, tree::TreeStep},
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
                send_stroke(FilterInput::Leave)
            }
        }),
    ];
    let mut listeners = dom::listen(&el("list"), handlers);
    listeners.push(Listener::on(&el("packets-scroll"), "scroll", |_| {
        scrolled()
    }));
    for scroller in ["packet-bytes", "filter"] {
        listeners.push(Listener::on(&el(scroller), "scroll", |_| {
            act(InspectorCommand::Look)
        }));
    }
    listeners.push(Listener::on(&el("arrows"), "click", |event| arrow(&event)));
    listeners.extend(
        web_sys::window()
            .map(|window| Listener::on(&window, "resize", |_| act(InspectorCommand::Look))),
    );
    listeners
}

fn act(action: InspectorCommand) {
    send(WholeEvent::Inspect(action));
}

fn send_stroke(stroke: FilterInput) {
    act(InspectorCommand::Filter(stroke));
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
        InspectorCommand::Scrolled(true)
    } else if top < placed {
        InspectorCommand::Scrolled(false)
    } else {
        InspectorCommand::Look
    });
}

fn click(source: &Element) {
    let number = |around: &str, attribute: &str| {
        dom::closest_attribute(source, around, attribute)?
            .parse::<usize>()
            .ok()
    };
    match dom::closest_attribute(source, "button, input", "id").as_deref() {
        Some("calls-tab") => return act(InspectorCommand::Open(false)),
        Some("packets-tab") => return act(InspectorCommand::Open(true)),
        Some("newest") => return act(InspectorCommand::Newest),
        Some("follow") => {
            return act(InspectorCommand::Follow(!dom::is_true(
                &el("follow"),
                "aria-pressed",
            )));
        }
        Some("follow-as-text") => return act(InspectorCommand::Hex(false)),
        Some("follow-as-hex") => return act(InspectorCommand::Hex(true)),
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
            act(InspectorCommand::Select(seq));
        }
        if dom::is_inside(source, "packets") {
            dom::focus(&el("packets"));
        }
    } else if dom::is_inside(source, "packet-detail") {
        let turns = dom::closest_attribute(source, ".turn", "class").is_some();
        if let Some(at) = number(".line", "data-at") {
            act(InspectorCommand::Line(at));
            if turns {
                act(InspectorCommand::Toggle(at));
            }
        }
    } else if let Some(at) = number("[data-byte]", "data-byte") {
        act(InspectorCommand::Byte(at));
    } else if let Some(at) = number("#filter-fields [data-at]", "data-at") {
        send_stroke(FilterInput::TakeAt(at));
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
        act(InspectorCommand::Select(seq));
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
    send_stroke(FilterInput::Typed(text, bytes));
}

fn key(event: &DomEvent, source: &Element) {
    let Some(key) = dom::key(event) else { return };
    let is_handled = match source.id().as_str() {
        "filter" => filter_key(&key),
        "packets" | "packets-scroll" => table_key(&key),
        "packet-detail" => tree_key(&key),
        "packet-bytes" => bytes_key(&key),
        "calls-tab" | "packets-tab" => tab_key(&key),
        _ => false,
    };
    if is_handled {
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
        "ArrowDown" => (FilterInput::Next, true),
        "ArrowUp" => (FilterInput::Previous, is_drawn("aria-expanded")),
        "Enter" => (FilterInput::Take, true),
        "Tab" => (FilterInput::Take, is_drawn("aria-activedescendant")),
        "Escape" => {
            if !is_drawn("aria-expanded") {
                leave_filter();
            }
            (FilterInput::Escape, true)
        }
        "ArrowLeft" | "ArrowRight" | "Home" | "End" => (FilterInput::Leave, false),
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
        "ArrowDown" => TableMove::Down,
        "ArrowUp" => TableMove::Up,
        "PageDown" => TableMove::PageDown,
        "PageUp" => TableMove::PageUp,
        "Home" => TableMove::Home,
        "End" => TableMove::End,
        "Enter" => {
            dom::focus(&el("packet-detail"));
            act(InspectorCommand::MoveLine(TreeStep::Next));
            return true;
        }
        _ => return false,
    };
    let seen = dom::all("#packet-rows > :not([hidden])").len();
    act(InspectorCommand::MoveRow(go, seen.saturating_sub(2).max(1)));
    true
}

fn tree_key(key: &str) -> bool {
    act(InspectorCommand::MoveLine(match key {
        "ArrowDown" => TreeStep::Next,
        "ArrowUp" => TreeStep::Previous,
        "ArrowRight" => TreeStep::In,
        "ArrowLeft" => TreeStep::Out,
        "Home" => TreeStep::First,
        "End" => TreeStep::Last,
        "Enter" | " " => TreeStep::Toggle,
        _ => return false,
    }));
    true
}

fn bytes_key(key: &str) -> bool {
    let row = dom::all("#byte-rows > :not([hidden]):first-child .hex > :not([hidden])").len();
    let row = isize::try_from(row.max(1)).unwrap_or(1);
    act(InspectorCommand::MoveByte(match key {
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
    act(InspectorCommand::Open(open));
    dom::focus(&el(if open { "packets-tab" } else { "calls-tab" }));
    true
}
