//! Draws the programs of both sides: lines, variables, and the controls of the client's.

use shared::lab::{Program as ServerProgram, ServerState};
use web_sys::{Element, Event as DomEvent};

use crate::{
    dom::{self, Listener, el},
    i18n::{Language, Texts, lines},
    inbox::send,
    model::{
        Model, WholeEvent,
        core::time::{Millis, TICK},
        panes::{
            listing::{LinePosition, ListingCommand, ListingLine, ListingView, Phase},
            server::{ServerCommand, ServerOptions},
        },
        text::{explain, units},
        trace::log::Side,
    },
    view::common::pick,
};

/// The programs' elements and cache key.
#[derive(Default)]
pub(super) struct Listings {
    client: ProgramView,
    server: ProgramView,
    drawn: Option<ListingKey>,
}

/// The elements of one program.
#[derive(Default)]
struct ProgramView {
    lines: Vec<Element>,
    values: Vec<Element>,
    shown: Vec<(String, String)>,
    at: Option<usize>,
}

/// What the drawing depends on.
type ListingKey = ([u64; 4], [Option<u64>; 2], Language, Millis, bool);

impl Listings {
    pub(super) fn draw(&mut self, model: &Model, texts: &Texts, now: Millis) {
        let shown = model.shown();
        let views = [Side::Client, Side::Server].map(|side| shown.listing_view(side));
        let blocked = views.iter().flatten().any(|view| {
            view.lines
                .iter()
                .any(|line| matches!(line.at, LinePosition::In(_)))
        });
        let key: ListingKey = (
            [
                shown.log.version(),
                model.listing.version(),
                shown.transport() as u64,
                views.iter().flatten().count() as u64,
            ],
            [shown.selected, shown.inspector.selected],
            texts.language,
            if blocked { now / TICK } else { 0 },
            model.can_run_listing(),
        );
        if self.drawn.replace(key) == Some(key) {
            return;
        }
        let [client, server] = views;
        draw_controls(model, texts);
        if let Some(view) = &client {
            self.client.draw("client", view, now);
        }
        let text = client.map(|view| client_text(model, &view, texts));
        dom::write(&el("client-said"), &text.unwrap_or_default());
        dom::show(&el("server-listing"), server.is_some());
        draw_none(shown, server.is_some(), texts);
        if let Some(view) = &server {
            self.server.draw("server", view, now);
            dom::write(&el("server-said"), &server_text(shown, view, texts));
        }
    }
}

impl ProgramView {
    fn draw(&mut self, side: &str, view: &ListingView, now: Millis) {
        let id = |part: &str| [side, part].concat();
        let file = view.program.name();
        dom::write(&el(&id("-file")), file);
        let list = el(&id("-lines"));
        dom::resize_stamped(&mut self.lines, view.lines.len(), "code-template", &list);
        for (at, (element, line)) in self.lines.iter().zip(&view.lines).enumerate() {
            draw_line(element, &[side, "-", &at.to_string()].concat(), line, now);
        }
        let selected = view.lines.iter().position(|line| line.selected);
        let active = selected.map_or(String::new(), |at| [side, "-", &at.to_string()].concat());
        dom::set(&list, "aria-activedescendant", &active);
        self.follow(&list, view, selected);
        self.draw_values(&el(&id("-values")), view);
        dom::show(&el(&id("-variables")), !view.variables.is_empty());
    }

    /// Scrolls to the current line, else to the selected one.
    fn follow(&mut self, list: &Element, view: &ListingView, selected: Option<usize>) {
        let at = view
            .lines
            .iter()
            .position(|line| line.at != LinePosition::Elsewhere);
        let at = at.or(selected);
        if self.at == at {
            return;
        }
        self.at = at;
        if let Some(element) = at.and_then(|at| self.lines.get(at)) {
            dom::center_in(list, element);
        }
    }

    /// Draws the variables and marks those that have changed.
    fn draw_values(&mut self, table: &Element, view: &ListingView) {
        dom::resize_stamped(
            &mut self.values,
            view.variables.len(),
            "value-template",
            table,
        );
        let mut shown = Vec::new();
        for (row, variable) in self.values.iter().zip(&view.variables) {
            for (part, text) in [
                ("name", variable.name.as_str()),
                ("value", &variable.value),
                ("kind", variable.kind),
            ] {
                dom::write(&dom::part(row, part), text);
            }
            shown.push((variable.name.clone(), variable.value.clone()));
        }
        if shown != self.shown {
            for (row, pair) in self.values.iter().zip(&shown) {
                dom::toggle(row, "data-new", !self.shown.contains(pair));
            }
            self.shown = shown;
        }
    }
}

fn draw_line(element: &Element, id: &str, line: &ListingLine, now: Millis) {
    let (at, since) = match line.at {
        LinePosition::Elsewhere => ("", None),
        LinePosition::Next => ("next", None),
        LinePosition::In(since) => ("in", Some(since).filter(|since| *since <= now)),
        LinePosition::Died => ("died", None),
    };
    dom::set(element, "id", id);
    dom::set(element, "data-at", at);
    dom::set_bool(element, "aria-selected", line.selected);
    match line.call {
        Some(call) => dom::set(element, "data-call", &call.to_string()),
        None => dom::toggle(element, "data-call", false),
    }
    let code = line.text.trim_start();
    dom::toggle(element, "data-indent", code.len() < line.text.len());
    dom::write_code(&dom::part(element, "text"), code);
    let waited = since.map(|since| units::elapsed((now - since) / TICK * TICK));
    dom::write(&dom::part(element, "took"), &waited.unwrap_or_default());
}

fn draw_controls(model: &Model, texts: &Texts) {
    let client = &model.listing.client;
    let run = pick(client.runs, "listing.pause", "listing.run");
    dom::write(&el("listing-run"), texts.get(run));
    dom::toggle(&el("listing-run"), "disabled", !model.can_run_listing());
    dom::toggle(&el("listing-step"), "disabled", !model.can_run_listing());
    // A disabled button would lose the focus.
    for (id, off) in [
        ("listing-step", client.is_blocked()),
        ("listing-interrupt", !client.is_blocked()),
        ("listing-reset", !client.is_there()),
    ] {
        dom::set_bool(&el(id), "aria-disabled", off);
    }
    for (id, side) in [("client-copy", Side::Client), ("server-copy", Side::Server)] {
        let is_copied = model.listing.copied == Some(side);
        dom::write(
            &el(id),
            texts.get(pick(is_copied, "copy.done", "code.copy")),
        );
    }
    dom::write_or_hide(&el("listing-screen"), &client.screen);
    dom::show(&el("send-held"), client.is_held() && !model.is_past());
}

/// Draws why there is no listing, and what to do about it.
fn draw_none(model: &Model, listed: bool, texts: &Texts) {
    let server = model.servers.get(model.transport());
    let key = server
        .filter(|_| !listed)
        .map(|server| match server.program {
            ServerProgram::Book => "",
            ServerProgram::Sturdy => "listing.sturdy",
            ServerProgram::External => "listing.external",
        });
    let key = key.unwrap_or_default();
    dom::show(&el("no-listing"), !key.is_empty());
    if key.is_empty() {
        return;
    }
    dom::write(&el("no-listing-why"), texts.get(key));
    let may = model
        .welcome
        .as_ref()
        .is_some_and(|welcome| welcome.may_control);
    dom::show(&el("server-book"), may && key == "listing.sturdy");
}

/// A line's number and what it does.
fn about(key: &str, view: &ListingView, line: &ListingLine, texts: &Texts) -> String {
    let meaning = lines::meaning(&view.about(line), texts.language);
    numbered(key, view, line, texts) + meaning
}

fn numbered(key: &str, view: &ListingView, line: &ListingLine, texts: &Texts) -> String {
    let at = view.lines.iter().position(|other| other == line);
    texts.fill(key, &[("n", &at.map_or(0, |at| at + 1).to_string())])
}

fn client_text(model: &Model, view: &ListingView, texts: &Texts) -> String {
    let client = &model.listing.client;
    let line = view.line();
    let about = |key| line.map_or(String::new(), |line| about(key, view, line, texts));
    let numbered = |key| line.map_or(String::new(), |line| numbered(key, view, line, texts));
    match &client.phase {
        Phase::Fresh => match line {
            Some(_) => about("listing.about"),
            None => texts.get("listing.fresh").to_owned(),
        },
        Phase::Ready => about("listing.next"),
        Phase::InCall(..) => about("listing.waits"),
        Phase::Reading => numbered("listing.reads"),
        Phase::Ended => match line {
            Some(_) => about("listing.about"),
            None => texts.get("listing.ended").to_owned(),
        },
        Phase::Died => numbered("listing.died"),
        Phase::Refused(failed) => explain::failure(failed, texts),
        Phase::Lost => texts.get("listing.lost").to_owned(),
    }
}

fn server_text(model: &Model, view: &ListingView, texts: &Texts) -> String {
    let server = model.servers.get(view.program.transport);
    let state = server.map(|server| &server.state);
    let line = view.line();
    if let Some((exception, line)) = view.exception.as_ref().zip(line) {
        let died = numbered("listing.died_at", view, line, texts);
        return died + exception;
    }
    match line {
        Some(line) if matches!(line.at, LinePosition::In(_)) => {
            about("listing.waits", view, line, texts)
        }
        Some(line) => about("listing.about", view, line, texts),
        None if state == Some(&ServerState::Running) => texts.get("listing.unseen").to_owned(),
        None => texts.get("listing.down").to_owned(),
    }
}

/// Listens for all events of the programs.
pub(super) fn listen() -> Vec<Listener> {
    let handlers: [(&str, dom::Handler); 4] = [
        ("click", |_, source| click(source)),
        ("change", |_, source| {
            if source.id() == "listing-pace" {
                send_command(ListingCommand::Pace(
                    dom::number("listing-pace", u32::MAX).into(),
                ));
            }
        }),
        ("input", |_, source| {
            if source.id() == "sentence" {
                send_command(ListingCommand::Typed(dom::value("sentence")));
            }
        }),
        ("keydown", key),
    ];
    dom::listen(&dom::document(), handlers)
}

/// The state that the user or the browser gave the form before the whole page was loaded.
pub(super) fn stored() -> Vec<WholeEvent> {
    let open = el("listing").has_attribute("open");
    let pace = dom::number("listing-pace", u32::MAX);
    let acts = [
        ListingCommand::Look(open),
        ListingCommand::Pace(pace.into()),
    ];
    acts.into_iter().map(WholeEvent::Listing).collect()
}

fn send_command(act: ListingCommand) {
    send(WholeEvent::Listing(act));
}

fn click(source: &Element) {
    if let Some(call) = dom::closest_attribute(source, ".code-line", "data-call") {
        return send(WholeEvent::Select(call.parse().ok()));
    }
    if dom::closest_attribute(source, "#listing > summary", "data-t").is_some() {
        // This click toggles it: it is open if it was not.
        return send_command(ListingCommand::Look(!el("listing").has_attribute("open")));
    }
    let button = dom::closest_attribute(source, "button", "id");
    send_command(match button.as_deref() {
        Some("listing-run") => {
            send_command(ListingCommand::Typed(dom::value("sentence")));
            ListingCommand::Run
        }
        Some("listing-step") => {
            send_command(ListingCommand::Typed(dom::value("sentence")));
            ListingCommand::Step
        }
        Some("listing-interrupt") => ListingCommand::Interrupt,
        Some("listing-reset" | "send-reset") => ListingCommand::Reset,
        Some("client-copy") => ListingCommand::Copy(Side::Client),
        Some("server-copy") => ListingCommand::Copy(Side::Server),
        Some("server-book") => {
            let program = Some(ServerProgram::Book);
            let wanted = ServerOptions {
                program,
                ..ServerOptions::default()
            };
            return send(WholeEvent::Server(ServerCommand::Restart(wanted)));
        }
        _ => return,
    });
}

/// Arrow keys move among the lines that have made a call.
fn key(event: &DomEvent, source: &Element) {
    if dom::closest_attribute(source, ".lines", "id").is_none() {
        return;
    }
    let lines = dom::all_in(source, "[data-call]");
    let selected = |line: &Element| dom::is_true(line, "aria-selected");
    let at = lines.iter().position(selected);
    let to = match (dom::key(event).as_deref(), at) {
        (Some("ArrowDown"), at) => at.map_or(0, |at| at + 1),
        (Some("ArrowUp"), at) => at.unwrap_or(lines.len()).saturating_sub(1),
        (Some("Home"), _) => 0,
        (Some("End"), _) => lines.len().saturating_sub(1),
        _ => return,
    };
    event.prevent_default();
    if let Some(call) = lines
        .get(to)
        .and_then(|line| line.get_attribute("data-call"))
    {
        send(WholeEvent::Select(call.parse().ok()));
    }
}
