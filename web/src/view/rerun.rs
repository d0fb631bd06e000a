//! RecordedCall calls made again: what came of each now, comparison what came of it then.

use shared::outcome::Outcome;
use web_sys::Element;

use crate::{
    dom::{self, Listener, el},
    i18n::{Language, Texts},
    inbox::send,
    model::{
        Model, WholeEvent,
        core::connection::ConnectionState,
        past::rerun::{
            Comparison, RecordedCall, Rerun, RerunCommand, RerunState, RerunStep, Unrepeatable,
        },
        text::{format_call, units},
    },
};

/// Maximum characters of a text in a row.
const MOST: usize = 60;

/// The list's elements and cache keys.
#[derive(Default)]
pub(super) struct RerunList {
    rows: Vec<Element>,
    drawn: Option<(u64, usize, Language)>,
    offered: Option<(u64, Option<u64>, bool)>,
}

impl RerunList {
    pub(super) fn draw(&mut self, model: &Model, texts: &Texts) {
        self.draw_offer(model);
        dom::show(&el("again"), model.rerun.is_some());
        let Some(again) = &model.rerun else {
            self.drawn = None;
            return;
        };
        dom::show(&el("again-back"), model.archive.has_aside());
        let wanted = (again.version, again.steps.len(), texts.language);
        if self.drawn.replace(wanted) == Some(wanted) {
            return;
        }
        dom::show(&el("again-stop"), !again.is_over());
        dom::write(&el("again-said"), &status_text(again, texts));
        let list = el("again-list");
        dom::resize_stamped(&mut self.rows, again.steps.len(), "again-template", &list);
        for (row, step) in self.rows.iter().zip(&again.steps) {
            draw_row(row, step, texts);
        }
    }

    /// Draws which calls can be executed again; looked up only when the ladder has changed.
    fn draw_offer(&mut self, model: &Model) {
        let shown = model.shown();
        let replay = model.archive.replay.as_deref();
        let holds = model.is_past() && replay.is_none_or(|replay| !replay.runs());
        let wanted = (shown.log.version(), shown.selected, holds);
        if !holds {
            dom::show(&el("again-run"), false);
            dom::show(&el("again-all"), false);
            self.offered = None;
        } else if self.offered.replace(wanted) != Some(wanted) {
            let (run, all) = (model.calls_to_make(false), model.calls_to_make(true));
            dom::show(&el("again-run"), !run.is_empty());
            dom::show(&el("again-all"), all.len() > run.len());
        }
        let is_there = model.connection.state == ConnectionState::Open;
        for id in ["again-run", "again-all"] {
            dom::toggle(&el(id), "disabled", !is_there);
        }
    }
}

fn draw_row(row: &Element, step: &RerunStep, texts: &Texts) {
    let part = |name: &str| dom::part(row, name);
    let comparison = match step.comparison() {
        Comparison::Open => "open",
        Comparison::Same => "same",
        Comparison::Other => "other",
    };
    dom::set(row, "data-beside", comparison);
    dom::set(row, "data-call", step.then.name.as_str());
    dom::write(&part("call"), &call(&step.then));
    let then = match &step.then.outcome {
        Some(outcome) => ended(outcome, step.then.took_ns, texts),
        None => texts.get("again.never").to_owned(),
    };
    dom::write(&part("then"), &then);
    let now = match &step.now {
        RerunState::Waits => texts.get("again.waits").to_owned(),
        RerunState::Made(..) => texts.get("row.blocked").to_owned(),
        RerunState::Over(outcome, took) => ended(outcome, *took, texts),
        RerunState::Left => texts.get("again.left").to_owned(),
        RerunState::Cannot(cannot) => texts.get(cannot_key(*cannot)).to_owned(),
    };
    dom::write(&part("now"), &now);
    let sign = texts.get_if(step.comparison() == Comparison::Other, "again.differs");
    dom::write_or_hide(&part("sign"), sign);
    for (name, key) in [("then-is", "again.then"), ("now-is", "again.now")] {
        dom::write(&part(name), texts.get(key));
    }
}

const fn cannot_key(cannot: Unrepeatable) -> &'static str {
    match cannot {
        Unrepeatable::NoSocket => "again.no_socket",
        Unrepeatable::NoTarget => "again.no_target",
        Unrepeatable::Unknown => "again.unknown",
    }
}

fn call(then: &RecordedCall) -> String {
    let arguments = then.arguments.as_ref().map_or_else(
        || "…".to_owned(),
        |arguments| format_call::arguments_of(then.name, then.transport, arguments, MOST),
    );
    let fd = then.fd.map(|fd| fd.to_string()).into_iter();
    let parts = fd.chain(Some(arguments).filter(|text| !text.is_empty()));
    let parts: Vec<String> = parts.collect();
    [then.name.as_str(), "(", &parts.join(", "), ")"].concat()
}

fn ended(outcome: &Outcome, took_ns: u64, texts: &Texts) -> String {
    let value = match outcome {
        Outcome::Failed(failed) => failed.errno.clone(),
        Outcome::Returned(returned) => format_call::value(returned, texts, MOST),
    };
    [&value, " · ", &units::duration(took_ns)].concat()
}

fn status_text(again: &Rerun, texts: &Texts) -> String {
    let (over, others) = again.score();
    let all = again.steps.len().to_string();
    let key = match (again.is_over(), others) {
        (false, _) => "again.goes_on",
        (true, 0) => "again.all_same",
        (true, _) => "again.some_differ",
    };
    let (over, others) = (over.to_string(), others.to_string());
    texts.fill(key, &[("n", &*over), ("all", &all), ("others", &others)])
}

/// Listens for clicks on its buttons.
pub(super) fn listen() -> Vec<Listener> {
    let handlers: [(&str, dom::Handler); 1] = [("click", |_, source| {
        let button = dom::closest_attribute(source, "button", "id");
        let command = match button.as_deref() {
            Some("again-run") => RerunCommand::Begin(false),
            Some("again-all") => RerunCommand::Begin(true),
            Some("again-stop") => RerunCommand::Stop,
            Some("again-back") => RerunCommand::Back,
            Some("again-close") => RerunCommand::Close,
            _ => return,
        };
        send(WholeEvent::Rerun(command));
    })];
    dom::listen(&dom::document(), handlers)
}
