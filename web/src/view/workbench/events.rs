//! Turns clicks and keys at the workbench into events.

use shared::{
    call::{Family, Transport},
    trace::CallName,
};
use web_sys::{Element, Event as DomEvent};

use crate::{
    dom::{self, Listener, el},
    inbox::send,
    model::{
        WholeEvent,
        panes::workbench::{CallForm, ProgramLanguage, WorkbenchCommand, arguments::call_named},
    },
    window,
};

/// The storage key of the last view.
pub(in crate::view) const VIEW_KEY: &str = "view";

/// Listens for all events of the workbench.
pub(in crate::view) fn listen() -> Vec<Listener> {
    let handlers: [(&str, dom::Handler); 3] = [
        ("click", |_, source| click(source)),
        ("submit", submit),
        ("keydown", key),
    ];
    dom::listen(&dom::document(), handlers)
}

fn click(source: &Element) {
    let button = dom::closest_attribute(source, "button", "id").unwrap_or_default();
    let language = ProgramLanguage::ALL
        .into_iter()
        .find(|language| language.id() == button);
    let act = match button.as_str() {
        "view-play" => return open_workbench(false),
        "view-workbench" => return open_workbench(true),
        "bench-new-udp" => WorkbenchCommand::Open(Transport::Udp, family()),
        "bench-new-tcp" => WorkbenchCommand::Open(Transport::Tcp, family()),
        "bench-clear" => WorkbenchCommand::Clear,
        "equivalent-copy" => WorkbenchCommand::Copy,
        _ => match language
            .map(WorkbenchCommand::Read)
            .or_else(|| of_card(source))
        {
            Some(act) => act,
            None => return,
        },
    };
    send(WholeEvent::Workbench(act));
}

/// Opens or closes the workbench, and stores that.
fn open_workbench(open: bool) {
    window::store(VIEW_KEY, if open { "workbench" } else { "play" });
    send(WholeEvent::Workbench(WorkbenchCommand::Look(open)));
}

fn of_card(source: &Element) -> Option<WorkbenchCommand> {
    if let Some(request) = dom::closest_attribute(source, "[data-cancel]", "data-cancel") {
        return request.parse().ok().map(WorkbenchCommand::Cancel);
    }
    let name = dom::closest_attribute(source, "#bench form button[data-call]", "data-call")?;
    make(source, call_named(&name)?)
}

/// The call with the arguments from the form around its button.
fn make(source: &Element, name: CallName) -> Option<WorkbenchCommand> {
    let key = dom::closest_attribute(source, "[data-key]", "data-key")?
        .parse()
        .ok()?;
    let form = source.closest("form").ok()??;
    let field = |name| dom::form_value(&form, name);
    let typed = CallForm {
        data: field("data"),
        hex: field("form") == "hex",
        to: field("to"),
        port: field("port"),
        size: field("size"),
        timeout: field("timeout"),
        option: field("option"),
        value: field("value"),
        how: field("how"),
    };
    Some(WorkbenchCommand::Call(key, name, typed))
}

fn submit(event: &DomEvent, source: &Element) {
    if source.id() == "bench-resolve" {
        event.prevent_default();
        send(WholeEvent::Workbench(WorkbenchCommand::Resolve(
            dom::form_value(source, "name"),
        )));
    }
}

/// Enter in a field makes the call comparison it; of several calls, the usual next one. Arrow keys move among the tabs.
fn key(event: &DomEvent, source: &Element) {
    let Some(key) = dom::key(event) else { return };
    match key.as_str() {
        "Enter" if dom::closest_attribute(source, ".socket input", "data-argument").is_some() => {
            event.prevent_default();
            let row = source.closest(".calls-row").ok().flatten();
            let button = row.and_then(|row| {
                dom::find(&row, "button[data-next]").or_else(|| dom::find(&row, "button"))
            });
            if let Some(act) = button.as_ref().and_then(of_card) {
                send(WholeEvent::Workbench(act));
            }
        }
        "ArrowRight" | "ArrowLeft" if source.id().starts_with("equivalent-") => {
            let tabs = ProgramLanguage::ALL;
            let Some(at) = tabs
                .iter()
                .position(|language| language.id() == source.id())
            else {
                return;
            };
            let step = if key == "ArrowRight" {
                1
            } else {
                tabs.len() - 1
            };
            if let Some(language) = tabs.get((at + step) % tabs.len()) {
                send(WholeEvent::Workbench(WorkbenchCommand::Read(*language)));
                dom::focus(&el(language.id()));
            }
        }
        _ => {}
    }
}

fn family() -> Family {
    if dom::value("bench-family") == "inet6" {
        Family::Inet6
    } else {
        Family::Inet
    }
}

/// Opens the workbench if it was open the last time.
pub(in crate::view) fn stored() -> Option<WholeEvent> {
    let open = window::stored(VIEW_KEY).as_deref() == Some("workbench");
    open.then_some(WholeEvent::Workbench(WorkbenchCommand::Look(true)))
}
