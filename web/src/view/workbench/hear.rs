//! What people do at the workbench, with keys or with a pointer.

use shared::{
    call::{Family, Transport},
    trace::CallName,
};
use web_sys::{Element, Event as DomEvent};

use crate::{
    dom::{self, Listener, el},
    model::{
        Event,
        panes::workbench::{CallForm, ProgramLanguage, WorkbenchCommand, arguments::call_named},
    },
    shell::tell,
    window,
};

/// Where it is remembered which view one was at.
pub(in crate::view) const VIEW: &str = "view";

/// Listens to all of it.
pub(in crate::view) fn listen() -> Vec<Listener> {
    let document = dom::document();
    let hear = |name, hear: fn(&DomEvent, &Element)| {
        Listener::on(&document, name, move |event| {
            if let Some(source) = dom::source(&event) {
                hear(&event, &source);
            }
        })
    };
    vec![
        hear("click", |_, source| click(source)),
        hear("submit", submit),
        hear("keydown", key),
    ]
}

fn click(source: &Element) {
    let button = dom::around(source, "button", "id").unwrap_or_default();
    let tongue = ProgramLanguage::ALL
        .into_iter()
        .find(|tongue| tongue.id() == button);
    let act = match button.as_str() {
        "view-play" => return look(false),
        "view-workbench" => return look(true),
        "bench-new-udp" => WorkbenchCommand::Open(Transport::Udp, family()),
        "bench-new-tcp" => WorkbenchCommand::Open(Transport::Tcp, family()),
        "bench-clear" => WorkbenchCommand::Clear,
        "equivalent-copy" => WorkbenchCommand::Copy,
        _ => match tongue
            .map(WorkbenchCommand::Read)
            .or_else(|| of_card(source))
        {
            Some(act) => act,
            None => return,
        },
    };
    tell(Event::Bench(act));
}

/// Turns to the workbench or away from it; that is remembered.
fn look(open: bool) {
    window::remember(VIEW, if open { "workbench" } else { "play" });
    tell(Event::Bench(WorkbenchCommand::Look(open)));
}

fn of_card(source: &Element) -> Option<WorkbenchCommand> {
    if let Some(request) = dom::around(source, "[data-cancel]", "data-cancel") {
        return request.parse().ok().map(WorkbenchCommand::Cancel);
    }
    let name = dom::around(source, "#bench form button[data-call]", "data-call")?;
    make(source, call_named(&name)?)
}

/// The call with what stands in the form around it.
fn make(source: &Element, name: CallName) -> Option<WorkbenchCommand> {
    let key = dom::around(source, "[data-key]", "data-key")?
        .parse()
        .ok()?;
    let form = source.closest("form").ok()??;
    let field = |name| dom::typed(&form, name);
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
        tell(Event::Bench(WorkbenchCommand::Resolve(dom::typed(
            source, "name",
        ))));
    }
}

/// Enter in a field makes the call beside it: of several the one that usually comes next. Arrows move among the tabs.
fn key(event: &DomEvent, source: &Element) {
    let Some(key) = dom::key(event) else { return };
    match key.as_str() {
        "Enter" if dom::around(source, ".socket input", "data-argument").is_some() => {
            event.prevent_default();
            let row = source.closest(".calls-row").ok().flatten();
            let button = row.and_then(|row| {
                dom::find(&row, "button[data-next]").or_else(|| dom::find(&row, "button"))
            });
            if let Some(act) = button.as_ref().and_then(of_card) {
                tell(Event::Bench(act));
            }
        }
        "ArrowRight" | "ArrowLeft" if source.id().starts_with("equivalent-") => {
            let tabs = ProgramLanguage::ALL;
            let Some(at) = tabs.iter().position(|tongue| tongue.id() == source.id()) else {
                return;
            };
            let step = if key == "ArrowRight" {
                1
            } else {
                tabs.len() - 1
            };
            if let Some(tongue) = tabs.get((at + step) % tabs.len()) {
                tell(Event::Bench(WorkbenchCommand::Read(*tongue)));
                dom::focus(&el(tongue.id()));
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

/// Where one was the last time.
pub(in crate::view) fn remembered() -> Option<Event> {
    let open = window::remembered(VIEW).as_deref() == Some("workbench");
    open.then_some(Event::Bench(WorkbenchCommand::Look(true)))
}
