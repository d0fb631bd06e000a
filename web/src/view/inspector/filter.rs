//! The filter box: the error marked where it is, the fields that are offered, and how much is let through.

use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlInputElement};

use crate::{
    dom::{self, el},
    filter::{Candidate, ParseError, ValueType},
    i18n::{Language, Texts, fields::meaning},
    model::{
        core::time::Millis,
        panes::inspector::{Inspector, query::Query},
        text::units::count,
    },
};

#[derive(Default)]
pub(super) struct FilterBox {
    offered: Vec<Element>,
    drawn: Option<(Vec<Candidate>, Language)>,
    chosen: Option<usize>,
}

impl FilterBox {
    pub(super) fn draw(&mut self, inspector: &Inspector, texts: &Texts, now: Millis) {
        let query = &inspector.query;
        let field = el("filter");
        if let Some(field) = field
            .dyn_ref::<HtmlInputElement>()
            .filter(|field| field.value() != query.text)
        {
            dom::rewrite(field, &query.text);
            let cursor = query
                .text
                .get(..query.cursor)
                .map_or(0, |before| before.encode_utf16().count());
            let cursor = u32::try_from(cursor).unwrap_or(0);
            field.set_selection_range(cursor, cursor).ok();
        }
        dom::set(
            &field,
            "aria-invalid",
            if query.told(now).is_some() {
                "true"
            } else {
                "false"
            },
        );
        draw_error(query, texts, now);
        self.draw_offered(query, texts);
        let shown = inspector.sieve.len(&inspector.store) as u64;
        let all = inspector.store.len() as u64;
        let number = texts.fill(
            "packets.of",
            &[("shown", &count(shown)), ("all", &count(all))],
        );
        dom::say(
            &el("filter-count"),
            if query.is_in_force() { &number } else { "" },
        );
    }

    fn draw_offered(&mut self, query: &Query, texts: &Texts) {
        let list = el("filter-fields");
        let wanted = (query.offered.clone(), texts.language);
        if self.drawn.as_ref() != Some(&wanted) {
            dom::show(&list, !query.offered.is_empty());
            dom::set(
                &el("filter"),
                "aria-expanded",
                if query.offered.is_empty() {
                    "false"
                } else {
                    "true"
                },
            );
            dom::resize(&mut self.offered, query.offered.len(), &|| {
                dom::stamp("field-template", &list)
            });
            for (at, (element, candidate)) in self.offered.iter().zip(&query.offered).enumerate() {
                draw_candidate(element, at, candidate, texts);
            }
            self.drawn = Some(wanted);
            self.chosen = None;
        }
        if self.chosen != query.chosen {
            for (at, element) in self.offered.iter().enumerate() {
                dom::set(
                    element,
                    "aria-selected",
                    if query.chosen == Some(at) {
                        "true"
                    } else {
                        "false"
                    },
                );
            }
            if let Some(element) = query.chosen.and_then(|at| self.offered.get(at)) {
                reveal(&list, element);
            }
            self.chosen = query.chosen;
        }
        let active = query
            .chosen
            .and_then(|at| self.offered.get(at))
            .map(Element::id);
        match active {
            Some(id) => dom::set(&el("filter"), "aria-activedescendant", &id),
            None => drop(el("filter").remove_attribute("aria-activedescendant")),
        }
    }
}

fn draw_candidate(element: &Element, at: usize, candidate: &Candidate, texts: &Texts) {
    element.set_id(&["offered-", &at.to_string()].concat());
    dom::set(element, "data-at", &at.to_string());
    dom::set(element, "aria-selected", "false");
    dom::write(&dom::part(element, "name"), candidate.name);
    dom::write(
        &dom::part(element, "type"),
        texts.get(type_key(candidate.value_type)),
    );
    dom::write(
        &dom::part(element, "means"),
        meaning(candidate.name, texts.language),
    );
}

/// The same text lies under the field, unseen but for what underlines the error.
fn draw_error(query: &Query, texts: &Texts, now: Millis) {
    let mirror = el("filter-mirror");
    let error = query.told(now);
    let range = error.map_or(0..0, |error| error.range.clone());
    let split = |range: std::ops::Range<usize>| query.text.get(range).unwrap_or_default();
    dom::write(&dom::part(&mirror, "before"), split(0..range.start));
    // Something that is missing is marked as the place where it should be.
    let wrong = split(range.clone());
    let wrong = if error.is_some() && wrong.is_empty() {
        "\u{2003}"
    } else {
        wrong
    };
    dom::write(&dom::part(&mirror, "wrong"), wrong);
    mirror.set_scroll_left(el("filter").scroll_left());
    // While a field is still being chosen, that it is not whole yet is no news.
    let said = error.filter(|_| query.offered.is_empty());
    let said = said.map(|error| say(error, &query.text, texts));
    dom::say(&el("filter-error"), &said.unwrap_or_default());
}

fn say(error: &ParseError, text: &str, texts: &Texts) -> String {
    let arguments = error.arguments(text);
    let values = arguments.iter().map(|(name, value)| match *name {
        "type" => ("type", texts.get(type_named(value))),
        name => (name, value.as_str()),
    });
    texts.fill(error.reason.key(), &values.collect::<Vec<_>>())
}

const fn type_key(value_type: ValueType) -> &'static str {
    match value_type {
        ValueType::Protocol => "type.protocol",
        ValueType::Unsigned(_) => "type.number",
        ValueType::Bool => "type.bool",
        ValueType::Ipv4 => "type.ipv4",
        ValueType::Ipv6 => "type.ipv6",
        ValueType::Mac => "type.mac",
        ValueType::Bytes => "type.bytes",
        ValueType::Text => "type.text",
    }
}

/// The text for a type that is known by its own key.
fn type_named(key: &str) -> &'static str {
    const ALL: [ValueType; 8] = [
        ValueType::Protocol,
        ValueType::Unsigned(64),
        ValueType::Bool,
        ValueType::Ipv4,
        ValueType::Ipv6,
        ValueType::Mac,
        ValueType::Bytes,
        ValueType::Text,
    ];
    ALL.into_iter()
        .find(|value_type| value_type.key() == key)
        .map_or("", type_key)
}

fn reveal(list: &Element, element: &Element) {
    let Some(element) = element.dyn_ref::<web_sys::HtmlElement>() else {
        return;
    };
    let (top, bottom) = (
        element.offset_top(),
        element.offset_top() + element.offset_height(),
    );
    if top < list.scroll_top() {
        list.set_scroll_top(top);
    } else if bottom > list.scroll_top() + list.client_height() {
        list.set_scroll_top(bottom - list.client_height());
    }
}
