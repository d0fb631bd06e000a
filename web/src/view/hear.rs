//! What people do with the page, turned into the model's events. One listener for each kind of event hears them all.

use shared::{call::Transport, lab::LabKind};
use web_sys::{Element, Event as DomEvent};

use super::server::wanted;
use crate::{
    WHOLE,
    dom::{self, Listener, el},
    i18n::Language,
    model::{Event, panes::server::ServerCommand},
    shell::tell,
    window,
};

/// Where this tab keeps its seat's token.
pub(crate) const SEAT: &str = "seat";

/// Takes in one kind of event; the element is the one it came from.
type Hear = fn(&DomEvent, &Element);

/// Listens to everything.
pub(crate) fn listen() -> Vec<Listener> {
    let document = dom::document();
    let kinds: [(&'static str, Hear); 7] = [
        ("click", click),
        ("change", |_, source| change(&source.id())),
        ("submit", submit),
        ("input", |_, _| tell(Event::Typed)),
        ("keydown", key),
        ("focusin", focus),
        ("focusout", blur),
    ];
    let listen = |(kind, hear): (&'static str, Hear)| {
        Listener::on(&document, kind, move |event| {
            if let Some(source) = dom::source(&event) {
                hear(&event, &source);
            }
        })
    };
    let mut listeners: Vec<Listener> = kinds.into_iter().map(listen).collect();
    let wakes = Listener::on(&document, "visibilitychange", |_| {
        if !dom::document().hidden() {
            tell(Event::LineInDoubt);
        }
    });
    listeners.push(wakes);
    // A sleeping phone's page is shown again, or its network has changed.
    for kind in ["pageshow", "online", "offline"] {
        let window = window::target();
        let listen = |window| Listener::on(&window, kind, |_| tell(Event::LineInDoubt));
        listeners.extend(window.map(listen));
    }
    listeners
}

/// What was chosen before, here or in an earlier visit; a browser may have kept the form over a reload.
pub(crate) fn remembered() -> Vec<Event> {
    if let Some(theme) = window::remembered("theme") {
        dom::set(&dom::root(), "data-theme", &theme);
    }
    let chosen = window::remembered("language").and_then(|tag| Language::of_tag(&tag));
    let language =
        chosen.unwrap_or_else(|| Language::choose(window::languages().iter().map(String::as_str)));
    let transport = if dom::is_checked("transport-tcp") {
        Transport::Tcp
    } else {
        Transport::Udp
    };
    let mut events = vec![
        Event::Speak(language),
        Event::Choose(transport),
        Event::Keep(dom::is_checked("keep")),
    ];
    let kept = || window::kept(&window::of_this_relay(SEAT));
    let token = window::teachers_token().or_else(kept);
    events.extend(token.map(Event::HadSeat));
    events
}

/// What the first part of the page could not know what to do with.
pub(crate) fn remembered_by_the_whole() -> Vec<Event> {
    let mut events = super::listing::remembered();
    events.extend(super::cards::remembered());
    events.extend(super::workbench::remembered());
    events.extend(super::link::opened());
    events.push(super::link::remembered());
    events.extend(super::class::remembered());
    events
}

/// Whether a button's press is heard here, in this part of the page.
pub(crate) fn hears(button: &str) -> bool {
    matches!(button, "send" | "language" | "theme") || pressed(button).is_some()
}

fn click(_: &DomEvent, source: &Element) {
    match dom::around(source, "button", "id").as_deref() {
        Some("language") => other_language(),
        Some("theme") => other_theme(),
        Some(button) => pressed(button).into_iter().for_each(tell),
        None if dom::is_in(source, "ladder") => tell(Event::Select(call_at(source))),
        None => {}
    }
}

/// What it means that this button was pressed.
fn pressed(button: &str) -> Option<Event> {
    Some(match button {
        "try-now" => Event::TryNow,
        "cancel" => Event::StopWaiting,
        "end-sending" => Event::EndSending,
        "close-connection" => Event::CloseConnection,
        _ if WHOLE => return pressed_in_the_whole(button),
        _ => return None,
    })
}

fn pressed_in_the_whole(button: &str) -> Option<Event> {
    Some(match button {
        "server-stop" => Event::Server(ServerCommand::Stop),
        "server-kill" => Event::Server(ServerCommand::Kill),
        "server-start" => Event::Server(ServerCommand::Start(wanted())),
        "server-restart" => Event::Server(ServerCommand::Restart(wanted())),
        "enter-own" => Event::Enter(LabKind::Private),
        "enter-open" => Event::Enter(LabKind::Open),
        "take-back" => Event::TakeBack,
        "clear" => Event::Clear,
        _ => return None,
    })
}

fn change(id: &str) {
    tell(match id {
        "transport-udp" => Event::Choose(Transport::Udp),
        "transport-tcp" => Event::Choose(Transport::Tcp),
        "keep" => Event::Keep(dom::is_checked("keep")),
        "server-task-choice" => return super::server::choose_letter(),
        _ => return,
    });
}

fn submit(event: &DomEvent, source: &Element) {
    if source.id() != "composer" && source.id() != "sentence" {
        return;
    }
    event.prevent_default();
    if el("send").has_attribute("disabled") {
        return;
    }
    let text = dom::value("sentence");
    let shouted = window::bytes_in_upper_case(&text);
    tell(Event::Submit { text, shouted });
    // Selected, it can be sent again or written over.
    dom::select("sentence");
}

fn key(event: &DomEvent, source: &Element) {
    let Some(key) = dom::key(event) else { return };
    match key.as_str() {
        "Enter" if source.id() == "sentence" => submit(event, source),
        "Escape" => {
            // Browsers empty a field for searching, and undo does not bring it back.
            if source.matches("[type=search]").unwrap_or(false) {
                event.prevent_default();
            }
            dom::toggle(&el("truth"), "open", false);
            dom::toggle(&el("network"), "open", false);
            tell(Event::Select(None));
        }
        key if dom::is_in(source, "calls") && move_focus(key, source) => event.prevent_default(),
        _ => {}
    }
}

/// A row that gets the focus is the one looked at.
fn focus(_: &DomEvent, source: &Element) {
    if let Some(call) = call_at(source).filter(|_| dom::is_in(source, "calls")) {
        tell(Event::Select(Some(call)));
    }
}

/// What is open closes when one looks elsewhere.
fn blur(event: &DomEvent, source: &Element) {
    let truth = el("truth");
    if truth.contains(Some(source)) && dom::leaves(event, &truth) {
        dom::toggle(&truth, "open", false);
    }
}

/// Moves to another row; tells whether that key does so.
fn move_focus(key: &str, from: &Element) -> bool {
    let rows = dom::all("#calls [data-id]");
    let Some(at) = rows.iter().position(|row| row == from) else {
        return false;
    };
    let to = match key {
        "ArrowDown" => at + 1,
        "ArrowUp" => at.saturating_sub(1),
        "Home" => 0,
        "End" => rows.len() - 1,
        _ => return false,
    };
    if let Some(row) = rows.get(to) {
        dom::focus(row);
    }
    true
}

fn call_at(source: &Element) -> Option<u64> {
    dom::around(source, "[data-id]", "data-id")?.parse().ok()
}

fn other_language() {
    let spoken = dom::root().get_attribute("lang").unwrap_or_default();
    let language = Language::of_tag(&spoken).unwrap_or_default().other();
    window::remember("language", language.tag());
    tell(Event::Speak(language));
}

fn other_theme() {
    let root = dom::root();
    let is_dark = root
        .get_attribute("data-theme")
        .map_or_else(window::prefers_dark, |theme| theme == "dark");
    let theme = if is_dark { "light" } else { "dark" };
    dom::set(&root, "data-theme", theme);
    window::remember("theme", theme);
}
