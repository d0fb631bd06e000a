//! Draws the arrows between the lanes, in an SVG of any width.

use shared::trace::CallId;
use web_sys::Element;

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
    view::common::pick,
};

/// The end of an arrow whose arrival is unknown: to the server, to the client.
const HALFWAY: [&str; 2] = ["62%", "38%"];
/// The end of an arrow that arrives.
const ALL_THE_WAY: [&str; 2] = ["100%", "0%"];
/// The relay's edge, just before the receiving program.
const TO_EDGE: [&str; 2] = ["86%", "14%"];
/// The distance of a label above its line, in pixels.
const ABOVE: i32 = 5;
/// The distance of a fate's text below its line, in pixels.
const BELOW: i32 = 13;
/// The horizontal position of both texts: the middle of the line.
const MIDDLE: &str = "50%";
const MIDDLE_TO_EDGE: [&str; 2] = ["43%", "57%"];

#[derive(Default)]
pub(super) struct Arrows {
    groups: Vec<Element>,
}

/// The selected call, packet, or both.
#[derive(Clone, Copy)]
pub(super) struct Selected {
    pub(super) call: Option<CallId>,
    pub(super) packet: Option<u64>,
}

/// One line of an arrow.
struct ArrowLine<'a> {
    arrow: &'a Arrow,
    to_server: bool,
    from_y: i32,
    to_y: i32,
    label: String,
    fate: String,
}

impl Arrows {
    /// Draws the arrows; `anew` if they are of another run, so that they are animated once.
    pub(super) fn draw(&mut self, arrows: &[Arrow], selected: Selected, anew: bool, texts: &Texts) {
        let mut lines = Vec::with_capacity(arrows.len());
        for arrow in arrows {
            add_lines(arrow, texts, &mut lines);
        }
        if anew {
            dom::resize(&mut self.groups, 0, &group);
        }
        dom::resize(&mut self.groups, lines.len(), &group);
        for (group, line) in self.groups.iter().zip(&lines) {
            draw(group, line, selected);
        }
    }
}

/// Gives the stylesheet the text's width in columns, so that it fits between the lanes. A mark at the edge takes a
/// fifth of the width.
fn fit(text: &Element, columns: usize, beside_mark: bool) {
    let columns = if beside_mark {
        columns * 5 / 4
    } else {
        columns
    };
    dom::set_style_number(text, "--wide", columns.max(1));
}

fn group() -> Element {
    let group = dom::svg("g", &el("arrows"));
    dom::svg("line", &group);
    for _ in 0..2 {
        dom::svg("text", &group);
    }
    group
}

fn draw(group: &Element, drawn: &ArrowLine<'_>, selected: Selected) {
    let arrow = drawn.arrow;
    let line = group.first_element_child();
    if let Some(line) = &line {
        draw_line(line, drawn);
    }
    let middle = drawn.from_y.midpoint(drawn.to_y);
    let label = line.and_then(|line| line.next_element_sibling());
    let fate = group.last_element_child();
    let ends_early = arrow.way == ArrowSpan::ToEdge;
    let x = if ends_early {
        pick(drawn.to_server, MIDDLE_TO_EDGE[0], MIDDLE_TO_EDGE[1])
    } else {
        MIDDLE
    };
    for (element, y, text) in [
        (label, middle - ABOVE, &drawn.label),
        (fate, middle + BELOW, &drawn.fate),
    ] {
        if let Some(element) = element {
            dom::set(&element, "x", x);
            dom::set(&element, "y", &y.to_string());
            dom::write(&element, text);
            fit(&element, width(text), ends_early);
        }
    }
    let is_lost = arrow.fate.is_some_and(DatagramFate::is_end);
    let is_bad = is_lost || matches!(arrow.carried, ArrowContent::Rst | ArrowContent::Unreachable);
    let call = arrow.call.map(|call| call.to_string()).unwrap_or_default();
    let seq = arrow.seq.map(|seq| seq.to_string()).unwrap_or_default();
    // While a packet is selected, its call's other packets are not.
    let is_selected = match selected.packet {
        Some(_) if arrow.seq.is_some() => arrow.seq == selected.packet,
        Some(_) | None => selected.call.is_some() && arrow.call == selected.call,
    };
    let truth = match arrow.way {
        ArrowSpan::AtEdge | ArrowSpan::FromEdge => "edge",
        ArrowSpan::Whole | ArrowSpan::ToEdge => pick(arrow.captured, "captured", "derived"),
    };
    dom::set(group, "data-fate", arrow.fate.map_or("", fate::name));
    dom::set(group, "data-truth", truth);
    dom::set(group, "data-kind", pick(is_bad, "bad", "good"));
    dom::set(group, "data-id", &call);
    dom::set(group, "data-seq", &seq);
    dom::toggle(group, "data-selected", is_selected);
}

fn draw_line(line: &Element, drawn: &ArrowLine<'_>) {
    let arrow = drawn.arrow;
    let [starts, ends] = match arrow.way {
        ArrowSpan::AtEdge => [TO_EDGE, TO_EDGE],
        ArrowSpan::FromEdge => [TO_EDGE, ALL_THE_WAY],
        ArrowSpan::ToEdge => [["0%", "100%"], TO_EDGE],
        ArrowSpan::Whole if arrow.arrives => [["0%", "100%"], ALL_THE_WAY],
        ArrowSpan::Whole => [["0%", "100%"], HALFWAY],
    };
    let marker = match arrow.fate.filter(|_| arrow.way == ArrowSpan::ToEdge) {
        Some(DatagramFate::Held) => "url(#lost)",
        Some(fate) if fate.is_end() => "url(#gone)",
        Some(_) | None if arrow.way == ArrowSpan::AtEdge => "none",
        Some(_) | None => pick(arrow.arrives, "url(#head)", "url(#lost)"),
    };
    for (name, value) in [
        ("x1", pick(drawn.to_server, starts[0], starts[1])),
        ("y1", &drawn.from_y.to_string()),
        ("x2", pick(drawn.to_server, ends[0], ends[1])),
        ("y2", &drawn.to_y.to_string()),
        ("marker-end", marker),
    ] {
        dom::set(line, name, value);
    }
}

/// Adds an arrow's lines: one, or the three of a handshake.
fn add_lines<'a>(arrow: &'a Arrow, texts: &Texts, lines: &mut Vec<ArrowLine<'a>>) {
    let Arrow {
        to_server,
        from_y,
        to_y,
        ..
    } = *arrow;
    // The part behind the edge needs no label: the part before it has one.
    let label = if matches!(arrow.way, ArrowSpan::AtEdge | ArrowSpan::FromEdge) {
        String::new()
    } else {
        arrow.carried.label(texts)
    };
    if arrow.carried != ArrowContent::Handshake {
        lines.push(ArrowLine {
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
        lines.push(ArrowLine {
            arrow,
            to_server: to_server ^ (at == 1),
            from_y,
            to_y: from_y + third,
            label,
            fate: String::new(),
        });
    }
}
