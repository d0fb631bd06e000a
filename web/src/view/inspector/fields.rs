//! Draws the opened packet: the expert information, and its fields as a tree.

use web_sys::Element;

use crate::{
    dom::{self, el},
    i18n::{Language, Texts, fields::meaning},
    model::{
        Model,
        panes::inspector::{
            Inspector, OpenedPacket,
            expert_info::ExpertInfo,
            rows::Severity,
            tree::{self, LineText, Tree, TreeLine},
        },
        text::explain,
    },
};

#[derive(Default)]
pub(super) struct Fields {
    lines: Vec<Element>,
    expert_info: Vec<Element>,
    drawn: Option<(u64, u64, Language)>,
    seen: Vec<bool>,
    chosen: Option<usize>,
}

impl Fields {
    pub(super) fn draw(&mut self, model: &Model, texts: &Texts) {
        let inspector = &model.inspector;
        let Some(opened) = &inspector.opened else {
            return;
        };
        let wanted = (opened.seq, opened.version, texts.language);
        let is_new = self.drawn != Some(wanted);
        if is_new {
            self.drawn = Some(wanted);
            self.draw_expert_info(model, opened, texts);
            self.draw_lines(&inspector.tree, texts);
        }
        self.fold(&inspector.tree, is_new);
        self.choose(inspector, texts, is_new);
    }

    fn draw_expert_info(&mut self, model: &Model, opened: &OpenedPacket, texts: &Texts) {
        let why = model
            .inspector
            .record()
            .filter(|(_, record)| record.inferred().is_some())
            .and_then(|_| why_derived(model, texts));
        let infos = opened
            .expert_info
            .iter()
            .map(|info| (tone(info), info_text(info, texts)));
        let infos: Vec<(&str, String)> = why
            .into_iter()
            .map(|why| ("odd", why))
            .chain(infos)
            .collect();
        dom::resize_stamped(
            &mut self.expert_info,
            infos.len(),
            "remark-template",
            &el("remarks"),
        );
        for (element, (tone, text)) in self.expert_info.iter().zip(&infos) {
            dom::set(element, "data-tone", tone);
            dom::write(element, text);
        }
        dom::show(&el("remarks"), !infos.is_empty());
    }

    fn draw_lines(&mut self, tree: &Tree, texts: &Texts) {
        dom::resize_stamped(
            &mut self.lines,
            tree.lines.len(),
            "line-template",
            &el("packet-detail"),
        );
        let places = tree.places();
        for (at, (element, line)) in self.lines.iter().zip(&tree.lines).enumerate() {
            draw_line(element, at, line, texts);
            let (place, of) = places.get(at).copied().unwrap_or_default();
            dom::set(element, "aria-posinset", &place.to_string());
            dom::set(element, "aria-setsize", &of.to_string());
        }
        self.chosen = None;
    }

    /// Hides the lines in folded branches.
    fn fold(&mut self, tree: &Tree, is_new: bool) {
        let seen = tree.seen();
        if seen == self.seen && !is_new {
            return;
        }
        for ((element, line), seen) in self.lines.iter().zip(&tree.lines).zip(&seen) {
            dom::show(element, *seen);
            if line.branch {
                dom::set_bool(element, "aria-expanded", tree.is_open(line));
            } else {
                element.remove_attribute("aria-expanded").ok();
            }
        }
        self.seen = seen;
    }

    fn choose(&mut self, inspector: &Inspector, texts: &Texts, is_new: bool) {
        let chosen = inspector.tree.chosen();
        if chosen == self.chosen && !is_new {
            return;
        }
        let tree = el("packet-detail");
        for (at, element) in self.lines.iter().enumerate() {
            let is_it = chosen == Some(at);
            dom::set_bool(element, "aria-selected", is_it);
            let line = inspector.tree.lines.get(at).filter(|_| is_it);
            let meaning = line.map_or("", |line| meaning(&line.field, texts.language));
            dom::write_or_hide(&dom::part(element, "means"), meaning);
        }
        match chosen.and_then(|at| self.lines.get(at)) {
            Some(element) => {
                dom::set(&tree, "aria-activedescendant", &element.id());
                dom::reveal_in(&el("packet-fields"), element);
            }
            None => drop(tree.remove_attribute("aria-activedescendant")),
        }
        self.chosen = chosen;
    }
}

fn draw_line(element: &Element, at: usize, line: &TreeLine, texts: &Texts) {
    let LineText {
        name,
        value,
        raw,
        state,
    } = tree::line_text(line, texts);
    let (source, says) = tree::source(line.source);
    for (attribute, text) in [
        ("id", ["line-", &at.to_string()].concat().as_str()),
        ("data-at", &at.to_string()),
        ("data-field", &line.field),
        ("data-source", source),
        ("data-state", state.unwrap_or_default()),
        ("aria-level", &line.level.to_string()),
    ] {
        dom::set(element, attribute, text);
    }
    dom::toggle(element, "data-branch", line.branch);
    for (part, text) in [
        ("name", name.as_str()),
        ("value", &value),
        ("raw", &raw),
        ("source", texts.get(says)),
    ] {
        dom::write(&dom::part(element, part), text);
    }
}

fn info_text(info: &ExpertInfo, texts: &Texts) -> String {
    let values: Vec<(&str, &str)> = info
        .values
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    texts.fill(info.key, &values)
}

const fn tone(info: &ExpertInfo) -> &'static str {
    match info.tone {
        Severity::Error => "bad",
        Severity::Note => "odd",
    }
}

/// Why the packet was not captured, and what would help.
fn why_derived(model: &Model, texts: &Texts) -> Option<String> {
    let truth = &model.welcome.as_ref()?.truth;
    let (level, _) = explain::level_keys(truth.level);
    let why = texts.fill("derived.why", &[("level", texts.get(level))]);
    let remedy = truth.why_not_higher.as_ref().map_or("", |obstacle| {
        texts.get(explain::obstacle_key(obstacle.kind))
    });
    Some([meaning("derived", texts.language), " ", &why, " ", remedy].concat())
}
