//! A replay's controls: the same by buttons, by keys and by a slider.

use shared::trace::{CallId, Event as TraceEvent, ProcessId, What};
use web_sys::Element;

use super::pick;
use crate::{
    dom::{self, Listener, el},
    i18n::Texts,
    model::{
        Event, Model,
        log::Side,
        replay::{Replay, Speed, Step, Wish},
        units,
    },
    shell::tell,
    window,
};

/// The buttons that go on or back, and whether they go back.
const STEPS: [(&str, Step, bool); 6] = [
    ("replay-rewind", Step::Start, true),
    ("replay-call-back", Step::CallBack, true),
    ("replay-event-back", Step::EventBack, true),
    ("replay-event", Step::Event, false),
    ("replay-call", Step::Call, false),
    ("replay-to-end", Step::End, false),
];

pub(super) fn draw(model: &Model, texts: &Texts) {
    let replay = model.archive.replay.as_deref();
    dom::show(&el("replay"), replay.is_some());
    let can_begin = replay.is_none() && model.source().kept.len() > 0;
    dom::show(&el("replay-begin"), can_begin);
    let Some(replay) = replay else { return };
    let (at, all) = (replay.at(), replay.len());
    for (id, _, back) in STEPS {
        let is_there = if back { at == 0 } else { at == all };
        // A button that is switched off would lose the focus.
        dom::set(&el(id), "aria-disabled", pick(is_there, "true", "false"));
    }
    let run = pick(replay.runs(), "replay.hold", "replay.run");
    dom::write(&el("replay-run"), texts.get(run));
    draw_moment(replay, texts);
    let chosen = Speed::ALL
        .iter()
        .find(|(_, speed)| *speed == replay.speed());
    dom::choose("replay-speed", chosen.map_or("10", |(name, _)| name));
    let slowed = replay.slowed();
    let slowed = slowed.map(|times| texts.fill("replay.slowed", &[("n", &units::count(times))]));
    dom::say(&el("replay-slowed"), &slowed.unwrap_or_default());
}

fn draw_moment(replay: &Replay, texts: &Texts) {
    let (at, all) = (replay.at(), replay.len());
    let slider = el("replay-at");
    dom::set(&slider, "max", &all.to_string());
    if dom::value("replay-at") != at.to_string() {
        dom::enter("replay-at", &at.to_string());
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

/// What happened, in few words.
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

/// Listens to all of it.
pub(super) fn listen() -> Vec<Listener> {
    let document = dom::document();
    let hear = |name, hear: fn(&Element) -> Option<Wish>| {
        Listener::on(&document, name, move |event| {
            if let Some(wish) = dom::source(&event).as_ref().and_then(hear) {
                tell(Event::Replay(wish));
            }
        })
    };
    vec![
        hear("click", click),
        hear("input", slide),
        hear("change", change),
    ]
}

fn click(source: &Element) -> Option<Wish> {
    let button = dom::around(source, "button", "id")?;
    Some(match button.as_str() {
        "replay-begin" => Wish::Begin(!window::prefers_stillness()),
        "replay-run" => Wish::RunOrHold,
        "replay-end" => Wish::End,
        _ => Wish::Go(STEPS.iter().find(|(id, ..)| *id == button)?.1),
    })
}

fn slide(source: &Element) -> Option<Wish> {
    (source.id() == "replay-at").then(|| Wish::To(dom::number("replay-at", u32::MAX) as usize))
}

fn change(source: &Element) -> Option<Wish> {
    let chosen = (source.id() == "replay-speed").then(|| dom::value("replay-speed"))?;
    let speed = Speed::ALL.iter().find(|(name, _)| *name == chosen)?.1;
    Some(Wish::At(speed))
}
