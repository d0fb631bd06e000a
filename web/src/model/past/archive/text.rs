//! The ladder of a run as plain text: two columns with the wire between them, a line for each moment.
//!
//! It is laid out by the same [`ladder`](crate::model::trace::ladder) as the picture, and drawn with ASCII alone, so that it
//! looks the same in a mail, a forum and a terminal.

use crate::{
    i18n::Texts,
    model::{
        text::{format_call, units},
        trace::{
            ladder::{self, Arrow, ArrowSpan, Ladder},
            log::{Call, DatagramFate, Run, Side},
        },
    },
};

/// Any room between rungs will do.
const PITCH: i32 = 12;
/// How much of a text is shown.
const MOST: usize = 40;
/// The narrowest wire, in characters.
const WIRE: usize = 24;

/// The least an arrow has beside its label, in characters.
const STROKES: usize = 8;

/// A moment's line, or one of its lines.
#[derive(Clone, Debug, Default)]
struct TextRow {
    client: String,
    wire: Option<Arrow>,
    server: String,
}

/// Writes a run; `heads` say who the client and who the server was.
pub(crate) fn ladder(run: &Run, waiting: &[Call], heads: [&str; 2], texts: &Texts) -> String {
    let ladder = ladder::lay(run, waiting, PITCH, None);
    let mut moments: Vec<Vec<TextRow>> = vec![Vec::new(); ladder.rungs.len()];
    let mut put = |y: i32, fits: &dyn Fn(&TextRow) -> bool, set: &dyn Fn(&mut TextRow)| {
        let at = ladder.rungs.partition_point(|rung| rung.y <= y);
        let Some(lines) = moments.get_mut(at.saturating_sub(1)) else {
            return;
        };
        match lines.iter_mut().find(|line| fits(line)) {
            Some(line) => set(line),
            None => {
                let mut line = TextRow::default();
                set(&mut line);
                lines.push(line);
            }
        }
    };
    for (y, side, text) in names(run, waiting, &ladder, texts) {
        match side {
            Side::Client => put(y, &|line| line.client.is_empty(), &|line| {
                line.client.clone_from(&text)
            }),
            Side::Server => put(y, &|line| line.server.is_empty(), &|line| {
                line.server.clone_from(&text)
            }),
        }
    }
    let moves = |arrow: &&Arrow| arrow.way != ArrowSpan::AtEdge;
    for arrow in ladder.arrows.iter().filter(moves) {
        put(arrow.from_y, &|line| line.wire.is_none(), &|line| {
            line.wire = Some(arrow.clone())
        });
    }
    let times = ladder.rungs.iter().map(|rung| units::moment(rung.after_ns));
    let moments: Vec<(String, Vec<TextRow>)> = times.zip(moments).collect();
    let text = write(&moments, heads, &ladder.arrows, texts);
    text.replace('\u{202f}', " ")
}

/// What stands beside the lanes, and where.
fn names(run: &Run, waiting: &[Call], ladder: &Ladder, texts: &Texts) -> Vec<(i32, Side, String)> {
    let mut names = Vec::new();
    for bar in &ladder.bars {
        let mut calls = run.calls.iter().chain(waiting);
        let Some(call) = calls.find(|call| call.id == bar.call) else {
            continue;
        };
        let mut name = format_call::brief(call, MOST);
        let value = if call.side == Side::Client && call.is_open() {
            texts.get("row.blocked").to_owned()
        } else {
            format_call::brief_result(call, texts, MOST)
        };
        let value = if value.is_empty() || call.is_open() {
            value
        } else {
            ["-> ", &value].concat()
        };
        match bar.result {
            Some(y) => names.push((y, bar.side, value)),
            None if value.is_empty() => {}
            None => name = [&name, " ", &value].concat(),
        }
        names.push((bar.label, bar.side, name));
    }
    names
}

/// How wide the columns are.
struct TextTable {
    time: usize,
    client: usize,
    wire: usize,
    text: String,
}

impl TextTable {
    fn add(&mut self, time: &str, client: &str, wire: &str, server: &str) {
        for part in [
            &pad(self.time, time),
            time,
            "  ",
            &pad(self.client, client),
            client,
            " ",
            wire,
        ] {
            self.text.push_str(part);
        }
        if !server.is_empty() {
            self.text.push_str(&pad(self.wire, wire));
            self.text.push(' ');
            self.text.push_str(server);
        }
        self.text.truncate(self.text.trim_end_matches(' ').len());
        self.text.push('\n');
    }
}

fn write(
    moments: &[(String, Vec<TextRow>)],
    heads: [&str; 2],
    arrows: &[Arrow],
    texts: &Texts,
) -> String {
    let [client, server] = [("wire.client", heads[0]), ("wire.server", heads[1])];
    let head = |(key, who): (&str, &str)| [texts.get(key), " ", who].concat();
    let (client, server) = (head(client), head(server));
    let clients = moments
        .iter()
        .flat_map(|(_, lines)| lines)
        .map(|line| line.client.as_str());
    let labels = arrows
        .iter()
        .map(|arrow| width(&label(arrow, texts)) + STROKES);
    let mut sheet = TextTable {
        time: widest(moments.iter().map(|(time, _)| time.as_str())).max(2),
        client: widest(clients).max(width(&client)),
        wire: labels.max().unwrap_or(0).max(WIRE),
        text: String::new(),
    };
    sheet.add("µs", &client, "", &server);
    for (time, lines) in moments {
        let mut time = time.as_str();
        for line in lines {
            let wire = line
                .wire
                .as_ref()
                .map(|arrow| draw(arrow, sheet.wire, texts));
            sheet.add(time, &line.client, &wire.unwrap_or_default(), &line.server);
            time = "";
        }
    }
    sheet.text.push('\n');
    sheet.text.push_str(&legend(arrows, texts));
    sheet.text
}

/// What the strokes mean that are used.
fn legend(arrows: &[Arrow], texts: &Texts) -> String {
    let has = |is: &dyn Fn(&Arrow) -> bool| arrows.iter().any(is);
    let used = [
        ("text.captured", has(&|arrow| arrow.captured)),
        (
            "text.derived",
            has(&|arrow| {
                !arrow.captured && matches!(arrow.way, ArrowSpan::Whole | ArrowSpan::ToEdge)
            }),
        ),
        ("text.lost", has(&|arrow| !arrow.arrives)),
        ("text.edge_lost", has(&|arrow| end(arrow) == "x")),
        ("text.edge_holds", has(&|arrow| end(arrow) == "o")),
        ("text.edge", has(&|arrow| end(arrow) == "|")),
        (
            "text.goes_on",
            has(&|arrow| arrow.way == ArrowSpan::FromEdge),
        ),
    ];
    let used = used.into_iter().filter(|(_, used)| *used);
    used.map(|(key, _)| [texts.get(key), "\n"].concat())
        .collect()
}

fn widest<'a>(texts: impl Iterator<Item = &'a str>) -> usize {
    texts.map(width).max().unwrap_or(0)
}

/// What stands on an arrow.
fn label(arrow: &Arrow, texts: &Texts) -> String {
    let fate = arrow.fate(texts);
    let label = arrow.carried.label(texts);
    if fate.is_empty() {
        return label;
    }
    [&label, texts.get("conn.and"), &fate].concat()
}

/// What an arrow ends in; nothing where it simply comes in.
fn end(arrow: &Arrow) -> &'static str {
    match arrow.fate {
        _ if !arrow.arrives => "?",
        Some(fate) if arrow.way == ArrowSpan::ToEdge => match fate {
            DatagramFate::Held => "o",
            DatagramFate::Lost(_)
            | DatagramFate::Killed(_)
            | DatagramFate::NoRoom
            | DatagramFate::Unclaimed => "x",
            DatagramFate::Delayed(_)
            | DatagramFate::Doubled
            | DatagramFate::Overtaken
            | DatagramFate::Released => "|",
        },
        Some(_) | None => "",
    }
}

/// `---- UDP 5 B --->`
fn draw(arrow: &Arrow, wide: usize, texts: &Texts) -> String {
    let label = label(arrow, texts);
    let stroke = match arrow.way {
        ArrowSpan::AtEdge | ArrowSpan::FromEdge => "~",
        ArrowSpan::Whole | ArrowSpan::ToEdge if arrow.captured => "-",
        ArrowSpan::Whole | ArrowSpan::ToEdge => ".",
    };
    let strokes = wide.saturating_sub(width(&label) + 3);
    let (before, after) = (strokes / 2, strokes - strokes / 2);
    let (before, after) = (stroke.repeat(before), stroke.repeat(after));
    let end = end(arrow);
    if arrow.to_server {
        let end = if end.is_empty() { ">" } else { end };
        [&before, " ", &label, " ", &after, end].concat()
    } else {
        let end = if end.is_empty() { "<" } else { end };
        [end, &after, " ", &label, " ", &before].concat()
    }
}

/// What brings a text to this width, when it stands before it.
fn pad(wide: usize, text: &str) -> String {
    " ".repeat(wide.saturating_sub(width(text)))
}

/// How many columns of a fixed-width font a text takes: East Asian characters and emoji take two (Unicode Annex 11).
pub(crate) fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

const fn columns(character: char) -> usize {
    match character as u32 {
        0x300..=0x36f | 0x200b..=0x200f | 0x2066..=0x2069 | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f
        | 0x2e80..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1_f300..=0x1_faff
        | 0x2_0000..=0x3_fffd => 2,
        _ => 1,
    }
}
