//! The wire between both lanes: an SVG whose lines go from edge to edge, whatever its width.

use shared::trace::CallId;
use web_sys::Element;

use super::pick;
use crate::{
    dom::{self, el},
    i18n::Texts,
    model::{
        past::archive::text::width,
        trace::{
            fate,
            ladder::{Arrow, ArrowContent, ArrowSpan},
            log::DatagramFate,
        },
    },
};

/// How far an arrow goes of which nobody knows whether it came in.
const HALFWAY: [&str; 2] = ["62%", "38%"];
/// From edge to edge.
const ALL_THE_WAY: [&str; 2] = ["100%", "0%"];
/// The relay's edge is just before the program that receives.
const TO_EDGE: [&str; 2] = ["86%", "14%"];
/// A label stands this much above its line.
const ABOVE: i32 = 5;
/// And what became of it this much below.
const BELOW: i32 = 13;
/// Where both stand: in the middle of the line they belong to.
const MIDDLE: &str = "50%";
const MIDDLE_TO_EDGE: [&str; 2] = ["43%", "57%"];

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
    fate: String,
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

/// Says how many columns a text is wide, so that the stylesheet makes it fit between the lanes. A mark at the edge takes
/// a fifth of that.
fn fit(text: &Element, columns: usize, beside_mark: bool) {
    let columns = if beside_mark {
        columns * 5 / 4
    } else {
        columns
    };
    dom::number_for_style(text, "--wide", columns.max(1));
}

fn group() -> Element {
    let group = dom::svg("g", &el("arrows"));
    dom::svg("line", &group);
    for _ in 0..2 {
        dom::svg("text", &group);
    }
    group
}

fn draw(group: &Element, stroke: &Stroke<'_>, selected: Selected) {
    let arrow = stroke.arrow;
    let line = group.first_element_child();
    if let Some(line) = &line {
        draw_line(line, stroke);
    }
    let middle = stroke.from_y.midpoint(stroke.to_y);
    let label = line.and_then(|line| line.next_element_sibling());
    let fate = group.last_element_child();
    let ends_early = arrow.way == ArrowSpan::ToEdge;
    let x = if ends_early {
        pick(stroke.to_server, MIDDLE_TO_EDGE[0], MIDDLE_TO_EDGE[1])
    } else {
        MIDDLE
    };
    for (text, y, said) in [
        (label, middle - ABOVE, &stroke.label),
        (fate, middle + BELOW, &stroke.fate),
    ] {
        if let Some(text) = text {
            dom::set(&text, "x", x);
            dom::set(&text, "y", &y.to_string());
            dom::write(&text, said);
            fit(&text, width(said), ends_early);
        }
    }
    let is_lost = arrow.becoming.is_some_and(DatagramFate::is_end);
    let is_bad = is_lost || matches!(arrow.carried, ArrowContent::Rst | ArrowContent::Unreachable);
    let call = arrow.call.map(|call| call.to_string()).unwrap_or_default();
    let seq = arrow.seq.map(|seq| seq.to_string()).unwrap_or_default();
    // Where a packet is looked at, its call's other packets are not.
    let is_selected = match selected.packet {
        Some(_) if arrow.seq.is_some() => arrow.seq == selected.packet,
        Some(_) | None => selected.call.is_some() && arrow.call == selected.call,
    };
    let truth = match arrow.way {
        ArrowSpan::AtEdge | ArrowSpan::FromEdge => "edge",
        ArrowSpan::Whole | ArrowSpan::ToEdge => pick(arrow.captured, "captured", "derived"),
    };
    dom::set(group, "data-fate", arrow.becoming.map_or("", fate::name));
    dom::set(group, "data-truth", truth);
    dom::set(group, "data-kind", pick(is_bad, "bad", "good"));
    dom::set(group, "data-id", &call);
    dom::set(group, "data-seq", &seq);
    dom::toggle(group, "data-selected", is_selected);
}

fn draw_line(line: &Element, stroke: &Stroke<'_>) {
    let arrow = stroke.arrow;
    let [starts, ends] = match arrow.way {
        ArrowSpan::AtEdge => [TO_EDGE, TO_EDGE],
        ArrowSpan::FromEdge => [TO_EDGE, ALL_THE_WAY],
        ArrowSpan::ToEdge => [["0%", "100%"], TO_EDGE],
        ArrowSpan::Whole if arrow.arrives => [["0%", "100%"], ALL_THE_WAY],
        ArrowSpan::Whole => [["0%", "100%"], HALFWAY],
    };
    let marker = match arrow.becoming.filter(|_| arrow.way == ArrowSpan::ToEdge) {
        Some(DatagramFate::Held) => "url(#lost)",
        Some(becoming) if becoming.is_end() => "url(#gone)",
        Some(_) | None if arrow.way == ArrowSpan::AtEdge => "none",
        Some(_) | None => pick(arrow.arrives, "url(#head)", "url(#lost)"),
    };
    for (name, value) in [
        ("x1", pick(stroke.to_server, starts[0], starts[1])),
        ("y1", &stroke.from_y.to_string()),
        ("x2", pick(stroke.to_server, ends[0], ends[1])),
        ("y2", &stroke.to_y.to_string()),
        ("marker-end", marker),
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
    // From the edge on it needs no name: it has one before.
    let label = if matches!(arrow.way, ArrowSpan::AtEdge | ArrowSpan::FromEdge) {
        String::new()
    } else {
        arrow.carried.label(texts)
    };
    if arrow.carried != ArrowContent::Handshake {
        strokes.push(Stroke {
            arrow,
            to_server,
            from_y,
            to_y,
            label,
            fate: arrow.fate(texts),
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
            fate: String::new(),
        });
    }
}
