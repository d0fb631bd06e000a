//! What people do with the packets. The elements hear it themselves, before the rest of the page does.

use wasm_bindgen::JsCast;
use web_sys::{Element, Event as DomEvent, HtmlInputElement};

use crate::{
    dom::{self, Listener, el},
    model::{
        Event,
        panes::inspector::{Action, Go, query::Stroke, tree::Step},
    },
    shell::tell,
};

/// So near to its end the table follows what comes.
const NEAR_THE_END: i32 = 4;

/// Listens to all of it.
pub(in crate::view) fn listen() -> Vec<Listener> {
    let list = el("list");
    let on = |kind: &'static str, hear: fn(&DomEvent, &Element)| {
        Listener::on(&list, kind, move |event| {
            if let Some(source) = dom::source(&event) {
                hear(&event, &source);
            }
        })
    };
    let mut listeners = vec![
        on("click", |_, source| click(source)),
        on("keydown", key),
        on("input", typed),
        on("mousedown", keep_focus),
        on("focusout", |_, source| {
            if source.id() == "filter" {
                tell_filter(Stroke::Leave)
            }
        }),
    ];
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
    tell(Event::Inspect(action));
}

fn tell_filter(stroke: Stroke) {
    act(Action::Filter(stroke));
}

/// Against what is drawn: what has come since is no reason to stop following it. Only who scrolls up from where the
/// table had put itself does not want to follow; that it has become smaller is nobody's wish.
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
        dom::around(source, around, attribute)?
            .parse::<usize>()
            .ok()
    };
    match dom::around(source, "button, input", "id").as_deref() {
        Some("calls-tab") => return act(Action::Open(false)),
        Some("packets-tab") => return act(Action::Open(true)),
        Some("newest") => return act(Action::Newest),
        Some("follow") => {
            return act(Action::Follow(
                el("follow").get_attribute("aria-pressed").as_deref() != Some("true"),
            ));
        }
        Some("follow-as-text") => return act(Action::Hex(false)),
        Some("follow-as-hex") => return act(Action::Hex(true)),
        Some("filter") => return typed_into(source),
        Some(_) | None => {}
    }
    let seq = || dom::around(source, "[data-seq]", "data-seq")?.parse().ok();
    if dom::is_in(source, "packets") || dom::is_in(source, "follow-text") {
        if let Some(seq) = seq() {
            act(Action::Select(seq));
        }
        if dom::is_in(source, "packets") {
            dom::focus(&el("packets"));
        }
    } else if dom::is_in(source, "packet-detail") {
        let turns = dom::around(source, ".turn", "class").is_some();
        if let Some(at) = number(".line", "data-at") {
            act(Action::Line(at));
            if turns {
                act(Action::Turn(at));
            }
        }
    } else if let Some(at) = number("[data-byte]", "data-byte") {
        act(Action::Byte(at));
    } else if let Some(at) = number("#filter-fields [data-at]", "data-at") {
        tell_filter(Stroke::TakeThis(at));
    }
}

/// An arrow of the ladder that is a captured packet is that packet, not only its call.
fn arrow(event: &DomEvent) {
    let seq =
        dom::source(event).and_then(|source| dom::around(&source, "g", "data-seq")?.parse().ok());
    if let Some(seq) = seq {
        event.stop_propagation();
        act(Action::Select(seq));
    }
}

/// Choosing from the list does not leave the box.
fn keep_focus(event: &DomEvent, source: &Element) {
    if dom::is_in(source, "filter-fields") {
        event.prevent_default();
    }
}

fn typed(_: &DomEvent, source: &Element) {
    if source.id() == "filter" && !dom::is_being_rewritten() {
        typed_into(source);
    }
}

/// What stands in the box, and where the cursor is: browsers count it in units of UTF-16.
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
    tell_filter(Stroke::Typed(text, bytes));
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

/// Which fields are offered is the model's matter: what is drawn may be a frame behind who types. Escape closes their
/// list, and then leaves the box as it is, as in other analysers.
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
    tell_filter(stroke);
    is_ours
}

/// To the table, or where there is none to its tab.
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
        "ArrowRight" | "ArrowLeft" => {
            el("packets-tab").get_attribute("aria-selected").as_deref() != Some("true")
        }
        "Home" => false,
        "End" => true,
        _ => return false,
    };
    act(Action::Open(open));
    dom::focus(&el(if open { "packets-tab" } else { "calls-tab" }));
    true
}
