//! The controls of a replay: buttons, keys and a slider.

use shared::trace::{CallId, Event as TraceEvent, ProcessId, What};
use web_sys::{Element, Event as DomEvent};

use crate::{
    dom::{self, Listener, el},
    i18n::Texts,
    inbox::send,
    model::{
        Model, WholeEvent,
        past::replay::{Replay, ReplayCommand, ReplayStep, Speed},
        text::units,
        trace::log::Side,
    },
    view::common::pick,
    window,
};

/// A button that steps forward or back.
struct Button {
    id: &'static str,
    label: &'static str,
    step: ReplayStep,
    back: bool,
    /// The key that does the same, and its label.
    key: [&'static str; 2],
}

const STEPS: [Button; 6] = [
    button(
        "replay-rewind",
        "replay.rewind",
        ReplayStep::Start,
        true,
        ["Home", "Home"],
    ),
    button(
        "replay-call-back",
        "replay.call_back",
        ReplayStep::CallBack,
        true,
        ["Shift+ArrowLeft", "Shift ←"],
    ),
    button(
        "replay-event-back",
        "replay.event_back",
        ReplayStep::EventBack,
        true,
        ["ArrowLeft", "←"],
    ),
    button(
        "replay-event",
        "replay.event",
        ReplayStep::Event,
        false,
        ["ArrowRight", "→"],
    ),
    button(
        "replay-call",
        "replay.call",
        ReplayStep::Call,
        false,
        ["Shift+ArrowRight", "Shift →"],
    ),
    button(
        "replay-to-end",
        "replay.to_end",
        ReplayStep::End,
        false,
        ["End", "End"],
    ),
];

const fn button(
    id: &'static str,
    label: &'static str,
    step: ReplayStep,
    back: bool,
    key: [&'static str; 2],
) -> Button {
    Button {
        id,
        label,
        step,
        back,
        key,
    }
}

/// Elements that use keys themselves.
const FIELDS: &str = "input, textarea, select, dialog, [popover]";
const PRESSED_BY_SPACE: &str = "button, summary, a";
const WALKED_BY_KEYS: &str = "[role=tablist], [role=listbox], [role=grid], [role=tree]";

pub(super) fn draw(model: &Model, texts: &Texts) {
    let replay = model.archive.replay.as_deref();
    dom::show(&el("replay"), replay.is_some());
    let can_begin = replay.is_none() && model.source().raw_events.len() > 0;
    dom::show(&el("replay-begin"), can_begin);
    let Some(replay) = replay else { return };
    let (at, all) = (replay.at(), replay.len());
    for button in &STEPS {
        let is_there = if button.back { at == 0 } else { at == all };
        let element = el(button.id);
        // A disabled button would lose the focus.
        dom::set_bool(&element, "aria-disabled", is_there);
        name_key(&element, texts.get(button.label), button.key[1]);
    }
    let run = texts.get(pick(replay.runs(), "replay.hold", "replay.run"));
    dom::write(&el("replay-run"), run);
    name_key(&el("replay-run"), run, texts.get("replay.space"));
    draw_moment(replay, texts);
    let chosen = Speed::ALL
        .iter()
        .find(|(_, speed)| *speed == replay.speed());
    dom::select_option("replay-speed", chosen.map_or("10", |(name, _)| name));
    let slowed = replay.slowed();
    let slowed = slowed.map(|times| texts.fill("replay.slowed", &[("n", &units::count(times))]));
    dom::write_or_hide(&el("replay-slowed"), &slowed.unwrap_or_default());
}

/// Writes a button's tooltip: what it does, and its key.
fn name_key(button: &Element, label: &str, key: &str) {
    dom::set(button, "title", &[label, " (", key, ")"].concat());
}

fn draw_moment(replay: &Replay, texts: &Texts) {
    let (at, all) = (replay.at(), replay.len());
    let slider = el("replay-at");
    dom::set(&slider, "max", &all.to_string());
    if dom::value("replay-at") != at.to_string() {
        dom::set_value("replay-at", &at.to_string());
    }
    let time = units::duration(replay.moment_ns());
    let (n, all) = (units::count(at as u64), units::count(all as u64));
    let gaps = [("n", &*n), ("all", &all), ("time", &time)];
    let moment = texts.fill("replay.moment", &gaps);
    dom::set(&slider, "aria-valuetext", &moment);
    dom::write(&el("replay-moment"), &moment);
    let latest = replay.latest().map_or_else(
        || texts.get("replay.before").to_owned(),
        |event| happened(event, &replay.model, texts),
    );
    dom::set(
        &el("replay-latest"),
        "aria-live",
        pick(replay.runs(), "off", "polite"),
    );
    dom::write(&el("replay-latest"), &latest);
}

/// A short text of an event.
fn happened(event: &TraceEvent, model: &Model, texts: &Texts) -> String {
    let of_call = |key: &str, process: ProcessId, call: CallId| {
        let who = pick(
            Side::of(process) == Side::Client,
            "wire.client",
            "wire.server",
        );
        let waits = || model.log.waiting().iter().find(|known| known.id == call);
        let name = model.log.call(call).or_else(waits);
        let name = name.map_or("…", |call| call.name.as_str());
        texts.fill(key, &[("who", texts.get(who)), ("call", name)])
    };
    let key = match &event.what {
        What::CallStarted(call) => return of_call("replay.calls", call.process, call.call),
        What::CallReturned(call) => return of_call("replay.returns", call.process, call.call),
        What::Packet(_) => "replay.packet",
        What::Derived(_) => "replay.derived",
        What::Facts(_) | What::Sockets(_) => "replay.kernel",
        What::Server(_) => "replay.server",
        What::Conditions(_) => "replay.conditions",
        What::Edge(_) => "replay.edge",
        What::Process(_) => "replay.process",
        What::ProcessEnded { .. } => "replay.process_ended",
        What::CaptureLost { .. } => "replay.capture_lost",
    };
    texts.get(key).to_owned()
}

/// Listens for all events of the controls.
pub(super) fn listen() -> Vec<Listener> {
    let handlers: [(&str, dom::Handler); 4] = [
        ("click", |_, source| send_command(click(source))),
        ("input", |_, source| send_command(slide(source))),
        ("change", |_, source| send_command(change(source))),
        ("keydown", |event, source| {
            let command = key_command(event, source);
            if command.is_some() {
                event.prevent_default();
            }
            send_command(command);
        }),
    ];
    dom::listen(&dom::document(), handlers)
}

fn send_command(command: Option<ReplayCommand>) {
    command
        .into_iter()
        .for_each(|command| send(WholeEvent::Replay(command)));
}

/// The command of a key, unless the focused element uses the key itself.
fn key_command(event: &DomEvent, source: &Element) -> Option<ReplayCommand> {
    let is_shown = !el("replay").has_attribute("hidden");
    if !is_shown || event.default_prevented() || dom::is_shortcut(event) {
        return None;
    }
    let is_in = |what: &str| source.closest(what).is_ok_and(|found| found.is_some());
    if is_in(FIELDS) {
        return None;
    }
    let key = dom::key(event)?;
    if key == " " {
        return (!is_in(PRESSED_BY_SPACE)).then_some(ReplayCommand::RunOrPause);
    }
    let button = STEPS.iter().find(|button| button.key[0] == key)?;
    (!is_in(WALKED_BY_KEYS)).then_some(ReplayCommand::Go(button.step))
}

fn click(source: &Element) -> Option<ReplayCommand> {
    let button = dom::closest_attribute(source, "button", "id")?;
    Some(match button.as_str() {
        "replay-begin" => ReplayCommand::Begin(!window::prefers_reduced_motion()),
        "replay-run" => ReplayCommand::RunOrPause,
        "replay-end" => ReplayCommand::End,
        id => ReplayCommand::Go(STEPS.iter().find(|button| button.id == id)?.step),
    })
}

fn slide(source: &Element) -> Option<ReplayCommand> {
    (source.id() == "replay-at")
        .then(|| ReplayCommand::To(dom::number("replay-at", u32::MAX) as usize))
}

fn change(source: &Element) -> Option<ReplayCommand> {
    let chosen = (source.id() == "replay-speed").then(|| dom::value("replay-speed"))?;
    let speed = Speed::ALL.iter().find(|(name, _)| *name == chosen)?.1;
    Some(ReplayCommand::At(speed))
}
