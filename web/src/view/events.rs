//! Turns clicks, keys and forms into the model's events, with one listener for each kind of event. Panes of the whole
//! page have rooms of their own for this.

use shared::{call::Transport, lab::LabKind};
use web_sys::{Element, Event as DomEvent};

use super::server::wanted;
use crate::{
    WHOLE,
    dom::{self, Listener, el},
    i18n::Language,
    inbox::send,
    model::{Event, WholeEvent, panes::server::ServerCommand},
    window,
};

/// The storage key of this tab's session token.
pub(crate) const SEAT_KEY: &str = "seat";

/// Listens for all events of the first part.
pub(crate) fn listen() -> Vec<Listener> {
    let document = dom::document();
    let handlers: [(&str, dom::Handler); 7] = [
        ("click", click),
        ("change", |_, source| change(&source.id())),
        ("submit", submit),
        ("input", |_, _| send(Event::SentenceEdited)),
        ("keydown", key),
        ("focusin", focus),
        ("focusout", blur),
    ];
    let mut listeners = dom::listen(&document, handlers);
    let wakes = Listener::on(&document, "visibilitychange", |_| {
        if !dom::document().hidden() {
            send(Event::ConnectionInDoubt);
        }
    });
    listeners.push(wakes);
    // A phone wakes up and shows the page again, or its network changes.
    for kind in ["pageshow", "online", "offline"] {
        let window = window::event_target();
        let listen = |window| Listener::on(&window, kind, |_| send(Event::ConnectionInDoubt));
        listeners.extend(window.map(listen));
    }
    listeners
}

/// The user's stored choices, and those the browser has restored in the form.
pub(crate) fn stored() -> Vec<Event> {
    if let Some(theme) = window::stored("theme") {
        dom::set(&dom::root(), "data-theme", &theme);
    }
    let chosen = window::stored("language").and_then(|tag| Language::of_tag(&tag));
    let language =
        chosen.unwrap_or_else(|| Language::choose(window::languages().iter().map(String::as_str)));
    let transport = if dom::is_checked("transport-tcp") {
        Transport::Tcp
    } else {
        Transport::Udp
    };
    let mut events = vec![
        Event::SetLanguage(language),
        Event::ChooseTransport(transport),
        Event::KeepConnection(dom::is_checked("keep")),
    ];
    let kept = || window::session_value(&window::relay_key(SEAT_KEY));
    let token = window::take_teacher_token().or_else(kept);
    events.extend(token.map(Event::SessionRemembered));
    events
}

/// The stored choices that only the whole page handles.
pub(crate) fn stored_for_whole_page() -> Vec<WholeEvent> {
    let mut events = super::listing::stored();
    events.extend(super::cards::stored());
    events.extend(super::workbench::stored());
    events.extend(super::saved_links::opened());
    events.push(super::saved_links::stored());
    events.extend(super::class::stored());
    events
}

/// Whether this part of the page handles a click on the button.
pub(crate) fn handles_button(button: &str) -> bool {
    matches!(button, "send" | "language" | "theme") || button_event(button).is_some()
}

fn click(_: &DomEvent, source: &Element) {
    match dom::closest_attribute(source, "button", "id").as_deref() {
        Some("language") => other_language(),
        Some("theme") => other_theme(),
        Some(button) => button_event(button).into_iter().for_each(send),
        None if dom::is_inside(source, "ladder") => send(WholeEvent::Select(call_at(source))),
        None => {}
    }
}

/// The event of a click on this button.
fn button_event(button: &str) -> Option<Event> {
    Some(match button {
        "try-now" => Event::ConnectNow,
        "cancel" => Event::StopWaiting,
        "end-sending" => Event::EndSending,
        "close-connection" => Event::CloseConnection,
        _ if WHOLE => return whole_page_button_event(button).map(Event::Whole),
        _ => return None,
    })
}

fn whole_page_button_event(button: &str) -> Option<WholeEvent> {
    Some(match button {
        "server-stop" => WholeEvent::Server(ServerCommand::Stop),
        "server-kill" => WholeEvent::Server(ServerCommand::Kill),
        "server-start" => WholeEvent::Server(ServerCommand::Start(wanted())),
        "server-restart" => WholeEvent::Server(ServerCommand::Restart(wanted())),
        "enter-own" => WholeEvent::Enter(LabKind::Private),
        "enter-open" => WholeEvent::Enter(LabKind::Open),
        "take-back" => WholeEvent::TakeBack,
        "clear" => WholeEvent::Clear,
        _ => return None,
    })
}

fn change(id: &str) {
    send(match id {
        "transport-udp" => Event::ChooseTransport(Transport::Udp),
        "transport-tcp" => Event::ChooseTransport(Transport::Tcp),
        "keep" => Event::KeepConnection(dom::is_checked("keep")),
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
    let upper_case_bytes = window::upper_case_len(&text);
    send(Event::Submit {
        text,
        upper_case_bytes,
    });
    // Selected, the text can be sent again or overwritten.
    dom::select_text("sentence");
}

fn key(event: &DomEvent, source: &Element) {
    let Some(key) = dom::key(event) else { return };
    match key.as_str() {
        "Enter" if source.id() == "sentence" => submit(event, source),
        "Escape" => {
            // Browsers clear a search field on Escape, which undo does not revert.
            if source.matches("[type=search]").unwrap_or(false) {
                event.prevent_default();
            }
            dom::toggle(&el("truth"), "open", false);
            dom::toggle(&el("network"), "open", false);
            send(WholeEvent::Select(None));
        }
        key if dom::is_inside(source, "calls") && move_focus(key, source) => {
            event.prevent_default()
        }
        _ => {}
    }
}

/// Selects the call whose row gets the focus.
fn focus(_: &DomEvent, source: &Element) {
    if let Some(call) = call_at(source).filter(|_| dom::is_inside(source, "calls")) {
        send(WholeEvent::Select(Some(call)));
    }
}

/// Closes a panel when the focus leaves it.
fn blur(event: &DomEvent, source: &Element) {
    let truth = el("truth");
    if truth.contains(Some(source)) && dom::is_focus_leaving(event, &truth) {
        dom::toggle(&truth, "open", false);
    }
}

/// Moves the focus to another row. Returns whether the key does that.
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
    dom::closest_attribute(source, "[data-id]", "data-id")?
        .parse()
        .ok()
}

fn other_language() {
    let spoken = dom::root().get_attribute("lang").unwrap_or_default();
    let language = Language::of_tag(&spoken).unwrap_or_default().other();
    window::store("language", language.tag());
    send(Event::SetLanguage(language));
}

fn other_theme() {
    let root = dom::root();
    let is_dark = root
        .get_attribute("data-theme")
        .map_or_else(window::prefers_dark, |theme| theme == "dark");
    let theme = if is_dark { "light" } else { "dark" };
    dom::set(&root, "data-theme", theme);
    window::store("theme", theme);
}
