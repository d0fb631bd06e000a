//! The diagram of a socket's states. It is drawn once; after that only the lit state changes.

use shared::call::Transport;
use web_sys::Element;

use crate::{
    dom,
    i18n::Texts,
    model::panes::workbench::state_diagram::{
        CurrentState, DiagramBox, DiagramState, TCP, TCP_WAYS, UDP, UDP_WAYS,
    },
};

const WIDTH: i32 = 94;
const HEIGHT: i32 = 22;
/// The distance from one box to the next: columns, rows.
const STEP: [i32; 2] = [116, 36];
const EDGE: i32 = 2;

/// The diagram's elements.
pub(super) struct StateDiagram {
    svg: Element,
    boxes: Vec<(DiagramState, Element)>,
    lit: Option<DiagramState>,
}

impl StateDiagram {
    pub(super) fn new(svg: &Element, transport: Transport) -> Self {
        let (places, ways) = of(transport);
        let rows = places.iter().map(|(_, [_, row])| *row).max().unwrap_or(0);
        let size = [
            2 * STEP[0] + WIDTH + 2 * EDGE,
            rows * STEP[1] + HEIGHT + 2 * EDGE,
        ];
        let view = ["0 0 ", &size[0].to_string(), " ", &size[1].to_string()].concat();
        dom::set(svg, "viewBox", &view);
        for way in ways {
            draw_way(svg, places, *way);
        }
        let boxes = places.iter().map(|place| (place.0, draw_box(svg, place)));
        Self {
            svg: svg.clone(),
            boxes: boxes.collect(),
            lit: None,
        }
    }

    pub(super) fn draw(&mut self, transport: Transport, now: CurrentState, texts: &Texts) {
        let names: Vec<&str> = self.boxes.iter().map(|(state, _)| state.name()).collect();
        let values = [
            ("state", now.state.name()),
            ("transport", transport.name()),
            ("states", &*names.join(", ")),
        ];
        dom::set(
            &self.svg,
            "aria-label",
            &texts.fill("bench.machine", &values),
        );
        if self.lit.replace(now.state) == Some(now.state) {
            return;
        }
        for (state, element) in &self.boxes {
            dom::toggle(element, "data-on", *state == now.state);
        }
    }
}

const fn of(transport: Transport) -> (&'static [DiagramBox], &'static [[DiagramState; 2]]) {
    match transport {
        Transport::Udp => (&UDP, &UDP_WAYS),
        Transport::Tcp => (&TCP, &TCP_WAYS),
    }
}

fn draw_box(svg: &Element, (state, place): &DiagramBox) -> Element {
    let group = dom::svg("g", svg);
    let [x, y] = corner(*place);
    let rect = dom::svg("rect", &group);
    for (name, value) in [
        ("x", x),
        ("y", y),
        ("width", WIDTH),
        ("height", HEIGHT),
        ("rx", 5),
    ] {
        dom::set(&rect, name, &value.to_string());
    }
    let text = dom::svg("text", &group);
    dom::set(&text, "x", &(x + WIDTH / 2).to_string());
    dom::set(&text, "y", &(y + 15).to_string());
    dom::write(&text, state.name());
    group
}

fn draw_way(svg: &Element, places: &[DiagramBox], [from, to]: [DiagramState; 2]) {
    let at = |state| {
        let place = places.iter().find(|(known, _)| *known == state);
        place.map(|(_, place)| *place)
    };
    let (Some(from), Some(to)) = (at(from), at(to)) else {
        return;
    };
    let ([x, y], [to_x, to_y]) = (corner(from), corner(to));
    let middle = HEIGHT / 2;
    let line = match (from[0] == to[0], from[1] == to[1]) {
        (false, true) if from[0] < to[0] => [x + WIDTH, y + middle, to_x, to_y + middle],
        (false, true) => [x, y + middle, to_x + WIDTH, to_y + middle],
        (true, _) => [x + WIDTH / 2, y + HEIGHT, to_x + WIDTH / 2, to_y],
        (false, false) => [x + 8, y + HEIGHT, to_x + WIDTH - 8, to_y],
    };
    let element = dom::svg("line", svg);
    for (name, value) in ["x1", "y1", "x2", "y2"].into_iter().zip(line) {
        dom::set(&element, name, &value.to_string());
    }
    dom::set(&element, "marker-end", "url(#way)");
}

const fn corner([column, row]: [i32; 2]) -> [i32; 2] {
    [EDGE + column * STEP[0], EDGE + row * STEP[1]]
}
