//! The ladder in words, moment by moment, for those who hear it: bars and arrows have no order to be read in.

use shared::trace::CallId;

use super::{Arrow, ArrowSpan, Bar, Ladder};
use crate::{
    i18n::Texts,
    model::{
        text::{format_call, units},
        trace::log::{Call, Side},
    },
};

/// How much of a text is told.
const MOST: usize = 40;

/// One sentence for each thing that happened, in the order of their moments.
pub(crate) fn describe<'a>(
    ladder: &Ladder,
    find: impl Fn(CallId) -> Option<&'a Call>,
    texts: &Texts,
) -> Vec<String> {
    let mut told: Vec<(i32, String)> = Vec::new();
    let time = |y: i32| {
        let rungs = ladder.rungs.partition_point(|rung| rung.y <= y);
        let rung = ladder.rungs.get(rungs.saturating_sub(1));
        units::duration(rung.map_or(0, |rung| rung.after_ns))
    };
    for bar in &ladder.bars {
        if let Some(call) = find(bar.call) {
            add_call(bar, call, &time, texts, &mut told);
        }
    }
    let crossed = ladder
        .arrows
        .iter()
        .filter(|arrow| arrow.way != ArrowSpan::AtEdge);
    told.extend(crossed.map(|arrow| {
        (
            arrow.from_y,
            transmission(arrow, &time(arrow.from_y), texts),
        )
    }));
    // An arrow leaves from the middle of the rung at whose upper edge its call stands.
    told.sort_by_key(|(y, _)| *y);
    told.into_iter().map(|(_, sentence)| sentence).collect()
}

fn add_call(
    bar: &Bar,
    call: &Call,
    time: &dyn Fn(i32) -> String,
    texts: &Texts,
    told: &mut Vec<(i32, String)>,
) {
    let who = texts.get(side(bar.side == Side::Client));
    let name = format_call::brief(call, MOST);
    let is_blocked = bar.side == Side::Client && call.is_open();
    let value = if is_blocked {
        texts.get("row.blocked").to_owned()
    } else {
        format_call::brief_result(call, texts, MOST)
    };
    let later = bar.result.filter(|_| !is_blocked && !value.is_empty());
    let gaps = |y: i32| {
        [
            ("time", time(y)),
            ("who", who.to_owned()),
            ("call", name.clone()),
            ("value", value.clone()),
        ]
    };
    let fill = |key, y| {
        let gaps = gaps(y);
        let gaps: Vec<(&str, &str)> = gaps
            .iter()
            .map(|(name, text)| (*name, text.as_str()))
            .collect();
        (y, texts.fill(key, &gaps))
    };
    let is_whole = later.is_none() && !value.is_empty();
    told.push(fill(
        if is_whole { "told.ended" } else { "told.call" },
        bar.label,
    ));
    told.extend(later.map(|y| fill("told.returns", y)));
}

fn transmission(arrow: &Arrow, time: &str, texts: &Texts) -> String {
    let (what, fate) = (arrow.carried.label(texts), arrow.fate(texts));
    let [from, to] = [arrow.to_server, !arrow.to_server].map(|client| texts.get(side(client)));
    let truth = texts.get(if arrow.captured {
        "wire.captured"
    } else {
        "wire.derived"
    });
    let key = match arrow.way {
        ArrowSpan::FromEdge => "told.goes_on",
        ArrowSpan::Whole | ArrowSpan::ToEdge | ArrowSpan::AtEdge if fate.is_empty() => {
            "told.crosses"
        }
        ArrowSpan::Whole | ArrowSpan::ToEdge | ArrowSpan::AtEdge => "told.fate",
    };
    let gaps = [
        ("time", time),
        ("what", &what),
        ("from", from),
        ("to", to),
        ("truth", truth),
        ("fate", &fate),
    ];
    texts.fill(key, &gaps)
}

const fn side(is_client: bool) -> &'static str {
    if is_client {
        "wire.client"
    } else {
        "wire.server"
    }
}
