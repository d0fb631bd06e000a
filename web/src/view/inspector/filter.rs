//! Draws the filter box: the error's mark and text, the offered fields, and how many packets pass.

use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlInputElement};

use shared::filter::{Candidate, ParseError, ValueType};

use crate::{
    dom::{self, el},
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
        dom::set_bool(&field, "aria-invalid", query.visible_error(now).is_some());
        draw_error(query, texts, now);
        self.draw_offered(query, texts);
        let shown = inspector.display_filter.len(&inspector.store) as u64;
        let all = inspector.store.len() as u64;
        let number = texts.fill(
            "packets.of",
            &[("shown", &count(shown)), ("all", &count(all))],
        );
        dom::write_or_hide(
            &el("filter-count"),
            if query.is_in_force() { &number } else { "" },
        );
    }

    fn draw_offered(&mut self, query: &Query, texts: &Texts) {
        let list = el("filter-fields");
        let wanted = (query.offered.clone(), texts.language);
        if self.drawn.as_ref() != Some(&wanted) {
            dom::show(&list, !query.offered.is_empty());
            dom::set_bool(&el("filter"), "aria-expanded", !query.offered.is_empty());
            dom::resize_stamped(
                &mut self.offered,
                query.offered.len(),
                "field-template",
                &list,
            );
            for (at, (element, candidate)) in self.offered.iter().zip(&query.offered).enumerate() {
                draw_candidate(element, at, candidate, texts);
            }
            self.drawn = Some(wanted);
            self.chosen = None;
        }
        if self.chosen != query.chosen {
            for (at, element) in self.offered.iter().enumerate() {
                dom::set_bool(element, "aria-selected", query.chosen == Some(at));
            }
            if let Some(element) = query.chosen.and_then(|at| self.offered.get(at)) {
                dom::reveal_in(&list, element);
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
    dom::set_bool(element, "aria-selected", false);
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

/// The same text lies invisible under the field, to underline the error's range.
fn draw_error(query: &Query, texts: &Texts, now: Millis) {
    let mirror = el("filter-mirror");
    let error = query.visible_error(now);
    let range = error.map_or(0..0, |error| error.range.clone());
    let split = |range: std::ops::Range<usize>| query.text.get(range).unwrap_or_default();
    dom::write(&dom::part(&mirror, "before"), split(0..range.start));
    // What is missing is marked by a blank.
    let wrong = split(range.clone());
    let wrong = if error.is_some() && wrong.is_empty() {
        "\u{2003}"
    } else {
        wrong
    };
    dom::write(&dom::part(&mirror, "wrong"), wrong);
    mirror.set_scroll_left(el("filter").scroll_left());
    // While fields are offered, an incomplete filter is not reported.
    let text = error.filter(|_| query.offered.is_empty());
    let text = text.map(|error| error_text(error, &query.text, texts));
    dom::write_or_hide(&el("filter-error"), &text.unwrap_or_default());
}

fn error_text(error: &ParseError, text: &str, texts: &Texts) -> String {
    let arguments = error.arguments(text);
    let values = arguments.iter().map(|(name, value)| match *name {
        "type" => ("type", texts.get(type_key_by_name(value))),
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

/// The text's key of a type, by the type's key.
fn type_key_by_name(key: &str) -> &'static str {
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
