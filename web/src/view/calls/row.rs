//! One row of the list: one call.

use shared::{
    outcome::{Failed, Outcome},
    trace::{CallId, Fact, Source},
};
use web_sys::Element;

use crate::{
    dom::{self, Result},
    i18n::Texts,
    model::{
        Millis, explain,
        log::{Call, Side},
        units, words,
    },
};

/// A row and its cells.
pub(super) struct Row {
    element: Element,
    number: Element,
    side: Element,
    text: Element,
    result: Element,
    time: Element,
    local: Element,
    peer: Element,
    detail: Element,
    call: Option<CallId>,
}

impl Row {
    pub(super) fn new(group: &Element) -> Result<Self> {
        let element = dom::stamp("call-template")?;
        group.append_child(&element)?;
        let part = |name| dom::part(&element, name);
        Ok(Self {
            number: part("number")?,
            side: part("side")?,
            text: part("call")?,
            result: part("result")?,
            time: part("time")?,
            local: part("local")?,
            peer: part("peer")?,
            detail: part("detail")?,
            call: None,
            element,
        })
    }

    pub(super) const fn element(&self) -> &Element {
        &self.element
    }

    pub(super) const fn call(&self) -> Option<CallId> {
        self.call
    }

    pub(super) fn draw(
        &mut self,
        number: usize,
        call: &Call,
        selected: bool,
        texts: &Texts,
        now: Millis,
    ) {
        self.call = Some(call.id);
        let most = if selected { words::LONG } else { words::SHORT };
        self.mark(call, selected);
        dom::set_text(&self.number, &number.to_string());
        dom::set_text(
            &self.side,
            texts.get(if call.side == Side::Client {
                "row.client"
            } else {
                "row.server"
            }),
        );
        dom::set_text(&self.text, &words::call(call, most));
        dom::set_text(&self.result, &words::result(call, texts, most));
        dom::set_text(&self.time, &time(call, now));
        let end = call.end.as_ref();
        let address = |address: Option<std::net::SocketAddr>| {
            address
                .map(|address| address.to_string())
                .unwrap_or_default()
        };
        dom::set_text(&self.local, &address(end.and_then(|end| end.local)));
        dom::set_text(&self.peer, &address(end.and_then(|end| end.peer)));
        dom::say(
            &self.detail,
            &if selected {
                detail(call, texts)
            } else {
                String::new()
            },
        );
    }

    fn mark(&self, call: &Call, selected: bool) {
        let side = if call.side == Side::Client {
            "client"
        } else {
            "server"
        };
        let errno = failure(call).map_or("", |failed| failed.errno.as_str());
        for (name, value) in [
            ("data-id", call.id.to_string().as_str()),
            ("data-call", call.name.as_str()),
            ("data-side", side),
            ("data-state", super::state(call)),
            ("data-errno", errno),
            ("aria-selected", if selected { "true" } else { "false" }),
        ] {
            dom::set(&self.element, name, value);
        }
    }
}

fn failure(call: &Call) -> Option<&Failed> {
    match &call.end.as_ref()?.outcome {
        Outcome::Failed(failed) => Some(failed),
        Outcome::Returned(_) => None,
    }
}

/// How long it took, or takes already. How long a server waits for somebody is nobody's news.
fn time(call: &Call, now: Millis) -> String {
    match &call.end {
        Some(end) => units::duration(end.took_ns),
        None if call.gone || call.side == Side::Server => String::new(),
        None => words::blocked_for(call, now),
    }
}

/// Why it failed, and what the kernel told along with it.
fn detail(call: &Call, texts: &Texts) -> String {
    let why = failure(call).map(|failed| explain::failure(failed, texts));
    let facts = call.facts.iter().map(|fact| format_fact(fact, texts));
    why.into_iter().chain(facts).collect::<Vec<_>>().join("\n")
}

fn format_fact(fact: &Fact, texts: &Texts) -> String {
    let source = texts.get(match fact.source {
        Source::Captured => "source.captured",
        Source::Kernel => "source.kernel",
        Source::Computed => "source.computed",
        Source::Derived => "source.derived",
    });
    format!("{} = {} ({source})", fact.name, fact.value)
}
