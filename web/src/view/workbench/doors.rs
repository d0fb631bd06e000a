//! Draws the server as a house with doors (the book's picture), and the same as text.

use std::net::SocketAddr;

use shared::{call::Transport, trace::SocketState};
use web_sys::Element;

use crate::{
    dom::{self, el},
    i18n::{Language, Texts},
    model::{
        Model,
        core::time::Millis,
        panes::workbench::doors::{House, house},
        text::units,
    },
};

/// Positions in the picture.
const WIDTH: i32 = 320;
const GROUND: i32 = 74;
const WALL: i32 = 96;
const DOOR: [i32; 2] = [24, 36];
const PITCH: i32 = 40;
/// Maximum number of people and of doors in the picture.
const PEOPLE: usize = 4;
const DOORS: usize = 4;

/// The picture's cache key, and the elements of its text.
#[derive(Default)]
pub(in crate::view) struct HouseView {
    drawn: Option<(Option<House>, Transport, Option<SocketAddr>, Language)>,
    lines: Vec<Element>,
}

impl HouseView {
    pub(in crate::view) fn draw(&mut self, shown: &Model, texts: &Texts, now: Millis) {
        let transport = shown.transport();
        let server = shown.servers.get(transport);
        let house = server.and_then(|server| house(server, &shown.kernel, &shown.accepted, now));
        // Only whole seconds are shown, so only they are part of the key.
        let house = house.map(|mut house| {
            for (.., left) in &mut house.fading {
                *left = left.map(|left| left.div_ceil(1_000));
            }
            house.held = house.held.map(|held| held.div_ceil(1_000));
            house
        });
        let address = server.map(|server| server.address);
        let wanted = Some((house, transport, address, texts.language));
        if self.drawn == wanted {
            return;
        }
        self.drawn = wanted;
        let Some((house, ..)) = &self.drawn else {
            return;
        };
        dom::show(&el("doors"), house.is_some());
        let (Some(house), Some(server)) = (house, server) else {
            return;
        };
        picture(house, transport);
        let lines = lines(house, transport, server.address.port(), texts);
        let list = el("doors-list");
        dom::resize_stamped(&mut self.lines, lines.len(), "remark-template", &list);
        for (element, (kind, line)) in self.lines.iter().zip(lines) {
            dom::set(element, "data-door", kind);
            dom::write(element, &line);
        }
        let source = if house.by_list {
            "doors.by_list"
        } else {
            "doors.by_calls"
        };
        let is_told = house.by_list || transport == Transport::Tcp;
        dom::write_or_hide(&el("doors-source"), texts.get_if(is_told, source));
    }
}

/// The house as text.
fn lines(
    house: &House,
    transport: Transport,
    port: u16,
    texts: &Texts,
) -> Vec<(&'static str, String)> {
    let port = port.to_string();
    let waiting = house.waiting.len().to_string();
    let first = match (transport, house.welcomes) {
        (_, false) => texts.get("doors.closed").to_owned(),
        (Transport::Udp, true) => {
            let key = if house.by_list {
                "doors.udp"
            } else {
                "doors.udp_calls"
            };
            texts.fill(key, &[("port", &port), ("n", &units::bytes(house.bytes))])
        }
        (Transport::Tcp, true) => match house.backlog.filter(|_| house.by_list) {
            Some(backlog) => {
                let most = backlog.to_string();
                let values = [("port", &*port), ("n", &waiting), ("most", &most)];
                texts.fill("doors.queue", &values)
            }
            None => texts.fill("doors.welcome", &[("port", &port)]),
        },
    };
    let with =
        |key: &str, address: &SocketAddr| texts.fill(key, &[("address", &address.to_string())]);
    let mut lines = vec![("welcome", first)];
    let arriving = house.arriving.iter();
    lines.extend(arriving.map(|address| ("arriving", with("doors.arriving", address))));
    let waiting = house.waiting.iter();
    lines.extend(waiting.map(|address| ("waiting", with("doors.waiting", address))));
    for (address, state) in &house.rooms {
        let mut line = with("doors.room", address);
        if let Some(state) = state {
            line.push_str(" · ");
            line.push_str(name(*state));
        }
        lines.push(("connection", line));
    }
    for (address, state, left) in &house.fading {
        let mut line = with("doors.fading", address);
        line.push(' ');
        line.push_str(name(*state));
        if let Some(left) = left {
            line.push_str(" · ");
            line.push_str(&texts.fill(
                "bench.left",
                &[("time", &units::seconds_left(left * 1_000))],
            ));
        }
        lines.push(("fading", line));
    }
    if let Some(held) = house.held.filter(|held| *held > 0) {
        let time = units::seconds_left(held * 1_000);
        lines.push(("held", texts.fill("doors.held", &[("time", &time)])));
    }
    lines
}

fn picture(house: &House, transport: Transport) {
    let svg = el("doors-picture");
    dom::empty(&svg);
    let view = ["0 0 ", &WIDTH.to_string(), " 100"].concat();
    dom::set(&svg, "viewBox", &view);
    shape(&svg, "path", "roof", "M90 26 L206 4 L318 26");
    rect(&svg, "house", [WALL, 26, WIDTH - WALL - 4, GROUND - 26]);
    shape(&svg, "path", "ground", "M2 74 H318");
    if house.welcomes {
        rect(
            &svg,
            "welcome",
            [WALL + 6, GROUND - DOOR[1], DOOR[0], DOOR[1]],
        );
    }
    let queue = house
        .waiting
        .iter()
        .map(|_| "person")
        .chain(house.arriving.iter().map(|_| "arriving"));
    let outside = house.waiting.len() + house.arriving.len();
    for (at, class) in queue.take(PEOPLE).enumerate() {
        let at = i32::try_from(at).unwrap_or(0);
        person(&svg, class, WALL - 12 - at * 18);
    }
    if outside > PEOPLE {
        label(
            &svg,
            10,
            92,
            &["+", &(outside - PEOPLE).to_string()].concat(),
        );
    }
    let rooms = house
        .rooms
        .iter()
        .map(|(address, _)| ("connection", address, None));
    let fading = house
        .fading
        .iter()
        .map(|(address, _, left)| ("fading", address, *left));
    for (at, (class, address, left)) in rooms.chain(fading).take(DOORS).enumerate() {
        let x = WALL + 52 + i32::try_from(at).unwrap_or(0) * (PITCH + 4);
        rect(&svg, class, [x, GROUND - DOOR[1], DOOR[0], DOOR[1]]);
        if class == "connection" {
            person(&svg, "guest", x + DOOR[0] / 2);
        }
        let text = match left {
            Some(left) => [&left.to_string(), "\u{202f}s"].concat(),
            None => address.port().to_string(),
        };
        label(&svg, x + DOOR[0] / 2, 90, &text);
    }
    let more = (house.rooms.len() + house.fading.len()).saturating_sub(DOORS);
    if more > 0 {
        label(&svg, WIDTH - 14, 62, &["+", &more.to_string()].concat());
    }
    if transport == Transport::Udp && house.bytes > 0 {
        label(&svg, WALL + 6 + DOOR[0] / 2, 90, &units::bytes(house.bytes));
    }
}

fn rect(svg: &Element, class: &str, place: [i32; 4]) {
    let rect = dom::svg("rect", svg);
    dom::set(&rect, "class", class);
    for (name, value) in ["x", "y", "width", "height"].into_iter().zip(place) {
        dom::set(&rect, name, &value.to_string());
    }
}

fn shape(svg: &Element, name: &str, class: &str, path: &str) {
    let shape = dom::svg(name, svg);
    dom::set(&shape, "class", class);
    dom::set(&shape, "d", path);
}

fn person(svg: &Element, class: &str, x: i32) {
    let at = |dx: i32, y: i32| [&(x + dx).to_string(), " ", &y.to_string()].concat();
    let path = [
        "M",
        &at(-5, GROUND),
        " v-10 a5 5 0 0 1 10 0 v10 z M",
        &at(-3, GROUND - 20),
        " a3 3 0 1 0 6 0 a3 3 0 1 0 -6 0 z",
    ];
    shape(svg, "path", class, &path.concat());
}

fn label(svg: &Element, x: i32, y: i32, text: &str) {
    let label = dom::svg("text", svg);
    dom::set(&label, "x", &x.to_string());
    dom::set(&label, "y", &y.to_string());
    dom::write(&label, text);
}

/// The state as RFC 9293 §3.3.2 writes it.
const fn name(state: SocketState) -> &'static str {
    match state {
        SocketState::Bound => "bound",
        SocketState::Connected => "connected",
        SocketState::Listen => "LISTEN",
        SocketState::SynSent => "SYN-SENT",
        SocketState::SynReceived => "SYN-RECEIVED",
        SocketState::Established => "ESTABLISHED",
        SocketState::FinWait1 => "FIN-WAIT-1",
        SocketState::FinWait2 => "FIN-WAIT-2",
        SocketState::CloseWait => "CLOSE-WAIT",
        SocketState::Closing => "CLOSING",
        SocketState::LastAck => "LAST-ACK",
        SocketState::TimeWait => "TIME-WAIT",
        SocketState::Closed => "CLOSED",
    }
}
