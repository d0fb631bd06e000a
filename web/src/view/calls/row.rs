//! Draws one row of the list: one call.

use shared::{
    outcome::{Failed, Outcome},
    trace::{Fact, Source},
};
use web_sys::Element;

use crate::{
    dom,
    i18n::Texts,
    model::{
        core::time::Millis,
        text::{explain, format_call, units},
        trace::log::{Call, Side},
    },
    view::common::{address, pick},
};

pub(super) fn draw(
    row: &Element,
    number: usize,
    call: &Call,
    selected: bool,
    texts: &Texts,
    waiting: Option<Millis>,
) {
    write_attributes(row, call, selected);
    let most = if selected {
        format_call::LONG
    } else {
        format_call::SHORT
    };
    let is_client = call.side == Side::Client;
    let end = call.end.as_ref();
    for (cell, text) in [
        ("number", number.to_string().as_str()),
        (
            "side",
            texts.get(pick(is_client, "row.client", "row.server")),
        ),
        ("call", &format_call::call(call, most)),
        ("result", &format_call::result(call, texts, most)),
        ("time", &time(call, waiting)),
        ("local", &address(end.and_then(|end| end.local))),
        ("peer", &address(end.and_then(|end| end.peer))),
    ] {
        dom::write(&dom::part(row, cell), text);
    }
    let detail = selected.then(|| detail(call, texts));
    dom::write_or_hide(&dom::part(row, "detail"), &detail.unwrap_or_default());
}

/// Writes the attributes that tests, styles and screen readers use.
fn write_attributes(row: &Element, call: &Call, selected: bool) {
    let errno = failure(call).map_or("", |failed| failed.errno.as_str());
    for (name, value) in [
        ("data-id", call.id.to_string().as_str()),
        ("data-call", call.name.as_str()),
        (
            "data-side",
            pick(call.side == Side::Client, "client", "server"),
        ),
        ("data-state", super::state(call)),
        ("data-transport", call.transport.as_str()),
        ("data-errno", errno),
        ("aria-selected", pick(selected, "true", "false")),
    ] {
        dom::set(row, name, value);
    }
}

fn failure(call: &Call) -> Option<&Failed> {
    match &call.end.as_ref()?.outcome {
        Outcome::Failed(failed) => Some(failed),
        Outcome::Returned(_) => None,
    }
}

/// How long the call took, or has blocked so far. A server's wait for a client is not shown.
fn time(call: &Call, waiting: Option<Millis>) -> String {
    match &call.end {
        Some(end) => units::duration(end.took_ns),
        None if call.gone || call.side == Side::Server => String::new(),
        None => format_call::blocked_for(call, waiting),
    }
}

/// Why it failed, and the kernel's facts about it.
fn detail(call: &Call, texts: &Texts) -> String {
    let why = failure(call).map(|failed| explain::failure(failed, texts));
    let facts = call.facts.iter().map(|fact| fact_line(fact, texts));
    why.into_iter().chain(facts).collect::<Vec<_>>().join("\n")
}

fn fact_line(fact: &Fact, texts: &Texts) -> String {
    let source = match fact.source {
        Source::Captured => "source.captured",
        Source::Kernel => "source.kernel",
        Source::Computed => "source.computed",
        Source::Derived => "source.derived",
    };
    [&fact.name, " = ", &fact.value, " (", texts.get(source), ")"].concat()
}
