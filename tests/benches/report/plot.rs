//! Curves as SVG, with two logarithmic axes, readable on light and dark pages.

use std::fmt::Write;

use crate::subject::Side;

/// A picture of curves.
#[derive(Debug)]
pub(crate) struct Plot {
    /// The name of its file, without the extension.
    pub(crate) file: &'static str,
    /// Its title.
    pub(crate) title: &'static str,
    /// The label of the horizontal axis, with its unit.
    pub(crate) x: &'static str,
    /// The label of the vertical axis, with its unit and the better direction.
    pub(crate) y: &'static str,
    /// The curves.
    pub(crate) lines: Vec<Line>,
}

/// One curve.
#[derive(Debug)]
pub(crate) struct Line {
    /// The contender.
    pub(crate) name: String,
    /// The role of the contender.
    pub(crate) side: Side,
    /// Its points, from left to right.
    pub(crate) points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = 560.0;
const TOP: f64 = 62.0;
const BOTTOM: f64 = 344.0;
/// The distance between two labels.
const NAME_HEIGHT: f64 = 18.0;
const PEERS: [&str; 5] = ["p0", "p1", "p2", "p3", "p4"];

const STYLE: &str = "\
text{font:13px system-ui,sans-serif;fill:#222}.title{font-weight:600;font-size:16px}.small{font-size:12px;fill:#555}\
.card{fill:#fff;stroke:#ddd}.grid{stroke:#e4e4e4}path{fill:none;stroke-width:2;stroke-linejoin:round}\
.ours{stroke:#0a58ca;stroke-width:3.5}.floor{stroke:#999;stroke-dasharray:5 4}\
.p0{stroke:#c2571a}.p1{stroke:#8a3ffc}.p2{stroke:#007d79}.p3{stroke:#b28600}.p4{stroke:#d12771}\
text.ours{fill:#0a58ca;font-weight:600}text.floor{fill:#666}text.p0{fill:#a3450f}text.p1{fill:#7a2ff0}\
text.p2{fill:#00635f}text.p3{fill:#7a5c00}text.p4{fill:#b01f60}text{stroke:none!important}\
@media(prefers-color-scheme:dark){text{fill:#eee}.small{fill:#aaa}.card{fill:#16181c;stroke:#333}.grid{stroke:#2b2e33}\
.ours{stroke:#6ea8fe}text.ours{fill:#6ea8fe}.floor{stroke:#777}text.floor{fill:#aaa}.p0{stroke:#ff9b5e}.p1{stroke:#b28dff}\
.p2{stroke:#3ddbd9}.p3{stroke:#e8c24a}.p4{stroke:#ff7eb6}text.p0{fill:#ff9b5e}text.p1{fill:#b28dff}text.p2{fill:#3ddbd9}\
text.p3{fill:#e8c24a}text.p4{fill:#ff7eb6}}";

impl Plot {
    /// The picture as SVG; `None` if there is nothing to draw.
    pub(crate) fn svg(&self) -> Option<String> {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let across = Axis::over(points().map(|point| point.0), LEFT, RIGHT)?;
        let up = Axis::over(points().map(|point| point.1), BOTTOM, TOP)?;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
             aria-label=\"{title}: {y} by {x}\">\n<style>{STYLE}</style>\n\
             <rect class=\"card\" x=\"0.5\" y=\"0.5\" width=\"{}\" height=\"{}\" rx=\"8\"/>\n\
             <text class=\"title\" x=\"20\" y=\"28\">{title}</text>\n\
             <text class=\"small\" x=\"20\" y=\"47\">{y}</text>\n\
             <text class=\"small\" x=\"{RIGHT}\" y=\"{}\" text-anchor=\"end\">{x}</text>\n",
            WIDTH - 1.0,
            HEIGHT - 1.0,
            BOTTOM + 40.0,
            title = self.title,
            x = self.x,
            y = self.y,
        );
        grid(&mut svg, &across, &up);
        self.draw(&mut svg, &across, &up);
        svg.push_str("</svg>\n");
        Some(svg)
    }

    fn draw(&self, svg: &mut String, across: &Axis, up: &Axis) {
        let mut peers = PEERS.iter();
        let mut names = Vec::new();
        for line in &self.lines {
            let class = match line.side {
                Side::Ours => "ours",
                Side::Floor => "floor",
                Side::Peer => peers.next().unwrap_or(&PEERS[0]),
            };
            let Some(last) = line.points.last() else {
                continue;
            };
            let path: Vec<String> = line
                .points
                .iter()
                .map(|(x, y)| format!("{:.1} {:.1}", across.at(*x), up.at(*y)))
                .collect();
            put(
                svg,
                &format!("<path class=\"{class}\" d=\"M{}\"/>", path.join("L")),
            );
            names.push((up.at(last.1), class, &line.name));
        }
        names.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut free = TOP;
        for (at, class, name) in names {
            let y = at.max(free);
            free = y + NAME_HEIGHT;
            let text = format!(
                "<text class=\"{class}\" x=\"{:.0}\" y=\"{:.1}\">{}</text>",
                RIGHT + 10.0,
                y + 4.0,
                name.replace('>', "&gt;")
            );
            put(svg, &text);
        }
    }
}

/// Grid lines at powers of ten, with labels.
fn grid(svg: &mut String, across: &Axis, up: &Axis) {
    for power in across.powers() {
        let x = across.at(power);
        let line = format!("<path class=\"grid\" d=\"M{x:.1} {TOP}V{BOTTOM}\"/>");
        let name = format!(
            "<text class=\"small\" x=\"{x:.1}\" y=\"{:.0}\" text-anchor=\"middle\">{}</text>",
            BOTTOM + 20.0,
            short(power)
        );
        put(svg, &line);
        put(svg, &name);
    }
    for power in up.powers() {
        let y = up.at(power);
        let line = format!("<path class=\"grid\" d=\"M{LEFT} {y:.1}H{RIGHT}\"/>");
        let name = format!(
            "<text class=\"small\" x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 8.0,
            y + 4.0,
            short(power)
        );
        put(svg, &line);
        put(svg, &name);
    }
}

fn put(svg: &mut String, line: &str) {
    writeln!(svg, "{line}").expect("a string has room");
}

/// Maps a number to a position, by its logarithm.
struct Axis {
    from: f64,
    to: f64,
    begin: f64,
    end: f64,
}

impl Axis {
    /// A scale for all of these; `None` if none is above zero.
    fn over(values: impl Iterator<Item = f64>, begin: f64, end: f64) -> Option<Self> {
        let logs: Vec<f64> = values
            .filter(|value| *value > 0.0)
            .map(f64::log10)
            .collect();
        let from = logs.iter().copied().reduce(f64::min)?;
        let to = logs.iter().copied().reduce(f64::max)?;
        // The scale has to contain a power of ten.
        let (from, to) = if from.ceil() > to.floor() {
            (from.floor(), to.ceil())
        } else {
            (from, to)
        };
        let margin = (to - from).max(0.1) * 0.04;
        Some(Self {
            from: from - margin,
            to: to + margin,
            begin,
            end,
        })
    }

    fn at(&self, value: f64) -> f64 {
        let log = value.max(f64::MIN_POSITIVE).log10().max(self.from);
        self.begin + (log - self.from) / (self.to - self.from) * (self.end - self.begin)
    }

    fn powers(&self) -> impl Iterator<Item = f64> {
        let (first, last) = (self.from.ceil() as i32, self.to.floor() as i32);
        (first..=last).map(|power| 10.0_f64.powi(power))
    }
}

fn short(power: f64) -> String {
    match power {
        _ if power >= 1e6 => format!("{}M", power / 1e6),
        _ if power >= 1e3 => format!("{}k", power / 1e3),
        _ => format!("{power}"),
    }
}
