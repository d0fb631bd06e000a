//! Draws one call of the workbench: arguments, result, and the usual cause of a failure.

use shared::outcome::{Outcome, Returned};
use web_sys::Element;

use crate::{
    dom,
    i18n::Texts,
    model::{
        core::time::{Millis, TICK},
        panes::workbench::CallRecord,
        text::{explain, format_call, units},
    },
};

/// Maximum characters of a text in a row.
const MOST: usize = 120;

pub(super) fn draw(row: &Element, number: usize, made: &CallRecord, texts: &Texts, now: Millis) {
    let state = match &made.end {
        Some((Outcome::Returned(_), _)) => "returned",
        Some((Outcome::Failed(_), _)) => "failed",
        None if made.gone => "failed",
        None => "blocked",
    };
    let request = made.request.filter(|_| made.is_open());
    let request = request.map(|request| request.to_string());
    dom::set(row, "data-call", made.name.as_str());
    dom::set(row, "data-state", state);
    let failed = made.failed();
    dom::set(row, "data-errno", failed.map_or("", |failed| &failed.errno));
    dom::write(&dom::part(row, "number"), &number.to_string());
    dom::write(&dom::part(row, "call"), &call(made));
    dom::write(&dom::part(row, "result"), &result(made, texts, now));
    let why = failed.map(|failed| explain::failure(failed, texts));
    dom::write_or_hide(&dom::part(row, "means"), &why.unwrap_or_default());
    let cancel = dom::part(row, "cancel");
    dom::show(&cancel, request.is_some());
    dom::set(
        &cancel,
        "data-cancel",
        request.as_deref().unwrap_or_default(),
    );
    dom::write(&cancel, texts.get("bench.cancel"));
}

/// `sendto(3, "hello", 127.0.0.1:12000)`, as strace(1) writes it.
fn call(made: &CallRecord) -> String {
    let fd = made.fd.map(|fd| fd.to_string());
    let arguments = format_call::arguments_of(made.name, made.transport, &made.arguments, MOST);
    let parts: Vec<String> = fd.into_iter().chain(Some(arguments)).collect();
    let parts: Vec<&str> = parts
        .iter()
        .map(String::as_str)
        .filter(|part| !part.is_empty())
        .collect();
    [made.name.as_str(), "(", &parts.join(", "), ")"].concat()
}

fn result(made: &CallRecord, texts: &Texts, now: Millis) -> String {
    let (outcome, took) = match &made.end {
        Some((outcome, took)) => (outcome, units::duration(*took)),
        None if made.gone => return texts.get("row.gone").to_owned(),
        None if made.waits_for_its_turn() => return texts.get("bench.turn").to_owned(),
        None => {
            let waited = now.saturating_sub(made.since) / TICK * TICK;
            return [texts.get("row.blocked"), " ", &units::elapsed(waited)].concat();
        }
    };
    let value = match outcome {
        Outcome::Failed(failed) => failed.errno.clone(),
        Outcome::Returned(Returned::Datagram { from, .. }) => {
            let value = value(outcome, texts);
            [&value, " ← ", &from.to_string()].concat()
        }
        Outcome::Returned(_) => value(outcome, texts),
    };
    [&value, " · ", &took].concat()
}

fn value(outcome: &Outcome, texts: &Texts) -> String {
    match outcome {
        Outcome::Returned(returned) => format_call::value(returned, texts, MOST),
        Outcome::Failed(_) => String::new(),
    }
}
