//! The wire between both lanes: an SVG whose lines go from edge to edge, whatever its width.

use shared::trace::CallId;
use web_sys::Element;

use crate::{
    dom::{self, Result},
    i18n::Texts,
    model::{
        ladder::{Arrow, Carried},
        units,
    },
};

/// How far an arrow goes of which nobody knows whether it came in, in percent of the wire.
const HALFWAY: i32 = 62;
/// A label stands this much above its line.
const ABOVE: i32 = 5;

pub(super) struct Arrows {
    svg: Element,
    lines: Vec<Line>,
}

struct Line {
    group: Element,
    line: Element,
    label: Element,
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
    pub(super) const fn new(svg: Element) -> Self {
        Self {
            svg,
            lines: Vec::new(),
        }
    }

    /// Draws them; `anew` where they belong to another run, so that they come in once.
    pub(super) fn draw(
        &mut self,
        arrows: &[Arrow],
        selected: Option<CallId>,
        anew: bool,
        texts: &Texts,
    ) -> Result<()> {
        let strokes: Vec<Stroke<'_>> = arrows
            .iter()
            .flat_map(|arrow| strokes(arrow, texts))
            .collect();
        let svg = &self.svg;
        if anew {
            self.lines.drain(..).for_each(|line| line.group.remove());
        }
        dom::resize(
            &mut self.lines,
            strokes.len(),
            || Line::new(svg),
            |line| &line.group,
        )?;
        for (line, stroke) in self.lines.iter().zip(&strokes) {
            line.draw(stroke, selected);
        }
        Ok(())
    }
}

impl Line {
    fn new(svg: &Element) -> Result<Self> {
        let group = dom::svg(svg, "g")?;
        let (line, label) = (dom::svg(&group, "line")?, dom::svg(&group, "text")?);
        dom::set(&label, "x", "50%");
        Ok(Self { group, line, label })
    }

    fn draw(&self, stroke: &Stroke<'_>, selected: Option<CallId>) {
        let Stroke {
            arrow,
            to_server,
            from_y,
            to_y,
            label,
        } = stroke;
        let far = if arrow.arrives { 100 } else { HALFWAY };
        let (x1, x2) = if *to_server {
            (0, far)
        } else {
            (100, 100 - far)
        };
        for (name, value) in [("x1", x1), ("x2", x2)] {
            dom::set(&self.line, name, &format!("{value}%"));
        }
        for (name, value) in [("y1", *from_y), ("y2", *to_y)] {
            dom::set(&self.line, name, &value.to_string());
        }
        dom::set(
            &self.line,
            "marker-end",
            if arrow.arrives {
                "url(#head)"
            } else {
                "url(#lost)"
            },
        );
        dom::set(
            &self.label,
            "y",
            &(from_y.midpoint(*to_y) - ABOVE).to_string(),
        );
        dom::set_text(&self.label, label);
        dom::set(
            &self.group,
            "data-truth",
            if arrow.captured {
                "captured"
            } else {
                "derived"
            },
        );
        dom::set(
            &self.group,
            "data-kind",
            if matches!(arrow.carried, Carried::Rst | Carried::Unreachable) {
                "bad"
            } else {
                "good"
            },
        );
        match arrow.call {
            Some(call) => dom::set(&self.group, "data-id", &call.to_string()),
            None => dom::toggle(&self.group, "data-id", false),
        }
        dom::toggle(
            &self.group,
            "data-selected",
            selected.is_some() && arrow.call == selected,
        );
    }
}

/// An arrow's lines: one, or the three of a handshake.
fn strokes<'a>(arrow: &'a Arrow, texts: &Texts) -> Vec<Stroke<'a>> {
    if arrow.carried != Carried::Handshake {
        let Arrow {
            to_server,
            from_y,
            to_y,
            ..
        } = *arrow;
        return vec![Stroke {
            arrow,
            to_server,
            from_y,
            to_y,
            label: label(&arrow.carried, texts),
        }];
    }
    let (top, height) = (arrow.from_y, (arrow.to_y - arrow.from_y).max(18));
    let stroke = |at: i32, to_server: bool, label: String| Stroke {
        arrow,
        to_server,
        from_y: top + height * at / 3,
        to_y: top + height * (at + 1) / 3,
        label,
    };
    let there = arrow.to_server;
    vec![
        stroke(0, there, texts.get("wire.handshake").to_owned()),
        stroke(1, !there, String::new()),
        stroke(2, there, String::new()),
    ]
}

fn label(carried: &Carried, texts: &Texts) -> String {
    match carried {
        Carried::Bytes(transport, length) => {
            format!("{} {}", transport.name(), units::bytes(*length))
        }
        Carried::Segment(flags, 0) => flags.clone(),
        Carried::Segment(flags, length) => format!("{flags} {}", units::bytes(*length)),
        Carried::Handshake => texts.get("wire.handshake").to_owned(),
        Carried::Fin => "FIN".to_owned(),
        Carried::Rst => "RST".to_owned(),
        Carried::Unreachable => texts.get("wire.unreachable").to_owned(),
    }
}
