//! The wire between both lanes: an SVG whose lines go from edge to edge, whatever its width.

use shared::trace::CallId;
use web_sys::Element;

use super::pick;
use crate::{
    dom::{self, el},
    i18n::Texts,
    model::ladder::{Arrow, Carried},
};

/// How far an arrow goes of which nobody knows whether it came in.
const HALFWAY: [&str; 2] = ["62%", "38%"];
/// From edge to edge.
const ALL_THE_WAY: [&str; 2] = ["100%", "0%"];
/// A label stands this much above its line.
const ABOVE: i32 = 5;

#[derive(Default)]
pub(super) struct Arrows {
    groups: Vec<Element>,
}

/// What is looked at: a call, a packet, or both.
#[derive(Clone, Copy)]
pub(super) struct Selected {
    pub(super) call: Option<CallId>,
    pub(super) packet: Option<u64>,
}

/// One line of the drawing.
struct Stroke<'a> {
    arrow: &'a Arrow,
    to_server: bool,
    from_y: i32,
    to_y: i32,
    label: String,
}

impl Arrows {
    /// Draws them; `anew` where they belong to another run, so that they come in once.
    pub(super) fn draw(&mut self, arrows: &[Arrow], selected: Selected, anew: bool, texts: &Texts) {
        let mut strokes = Vec::with_capacity(arrows.len());
        for arrow in arrows {
            add_strokes(arrow, texts, &mut strokes);
        }
        if anew {
            dom::resize(&mut self.groups, 0, &group);
        }
        dom::resize(&mut self.groups, strokes.len(), &group);
        for (group, stroke) in self.groups.iter().zip(&strokes) {
            draw(group, stroke, selected);
        }
    }
}

fn group() -> Element {
    let group = dom::svg("g", &el("arrows"));
    dom::svg("line", &group);
    dom::set(&dom::svg("text", &group), "x", "50%");
    group
}

fn draw(group: &Element, stroke: &Stroke<'_>, selected: Selected) {
    let arrow = stroke.arrow;
    if let Some(line) = group.first_element_child() {
        draw_line(&line, stroke);
    }
    if let Some(text) = group.last_element_child() {
        let y = stroke.from_y.midpoint(stroke.to_y) - ABOVE;
        dom::set(&text, "y", &y.to_string());
        dom::write(&text, &stroke.label);
    }
    let is_bad = matches!(arrow.carried, Carried::Rst | Carried::Unreachable);
    let call = arrow.call.map(|call| call.to_string()).unwrap_or_default();
    let seq = arrow.seq.map(|seq| seq.to_string()).unwrap_or_default();
    // Where a packet is looked at, its call's other packets are not.
    let is_selected = match selected.packet {
        Some(_) if arrow.seq.is_some() => arrow.seq == selected.packet,
        Some(_) | None => selected.call.is_some() && arrow.call == selected.call,
    };
    let truth = pick(arrow.captured, "captured", "derived");
    dom::set(group, "data-truth", truth);
    dom::set(group, "data-kind", pick(is_bad, "bad", "good"));
    dom::set(group, "data-id", &call);
    dom::set(group, "data-seq", &seq);
    dom::toggle(group, "data-selected", is_selected);
}

fn draw_line(line: &Element, stroke: &Stroke<'_>) {
    let arrives = stroke.arrow.arrives;
    let [right, left] = if arrives { ALL_THE_WAY } else { HALFWAY };
    for (name, value) in [
        ("x1", pick(stroke.to_server, "0%", "100%")),
        ("y1", &stroke.from_y.to_string()),
        ("x2", pick(stroke.to_server, right, left)),
        ("y2", &stroke.to_y.to_string()),
        ("marker-end", pick(arrives, "url(#head)", "url(#lost)")),
    ] {
        dom::set(line, name, value);
    }
}

/// An arrow's lines: one, or the three of a handshake.
fn add_strokes<'a>(arrow: &'a Arrow, texts: &Texts, strokes: &mut Vec<Stroke<'a>>) {
    let Arrow {
        to_server,
        from_y,
        to_y,
        ..
    } = *arrow;
    let label = arrow.carried.label(texts);
    if arrow.carried != Carried::Handshake {
        strokes.push(Stroke {
            arrow,
            to_server,
            from_y,
            to_y,
            label,
        });
        return;
    }
    let third = (to_y - from_y).max(18) / 3;
    for (at, label) in [label, String::new(), String::new()]
        .into_iter()
        .enumerate()
    {
        let from_y = from_y + third * i32::try_from(at).unwrap_or(0);
        strokes.push(Stroke {
            arrow,
            to_server: to_server ^ (at == 1),
            from_y,
            to_y: from_y + third,
            label,
        });
    }
}
