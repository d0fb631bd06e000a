//! The sequence diagram of one run as plain numbers: which bar from where to where, which arrow between which.
//!
//! Time goes down, one rung for each moment at which something happened; a long pause is a little more room and says
//! how long it was. So microseconds and minutes fit into one picture. Coordinates are whole pixels.

mod arrows;

use shared::trace::CallId;

pub(crate) use self::arrows::{Arrow, Carried};
use super::{
    Millis,
    log::{Call, Run, Side},
};

/// Between the edge of a rung and the bars in it.
const MARGIN: i32 = 4;
/// How far a waiting server's bar reaches below the last rung.
const TAIL: i32 = 14;
/// A blocked bar grows by this much a second, up to the most.
const GROWTH: i32 = 24;
const MOST_GROWTH: i32 = 120;

/// One run, laid out.
#[derive(Debug, Default)]
pub(crate) struct Ladder {
    /// How high it all is.
    pub(crate) height: i32,
    /// The moments.
    pub(crate) rungs: Vec<Rung>,
    /// The calls.
    pub(crate) bars: Vec<Bar>,
    /// What crossed the wire.
    pub(crate) arrows: Vec<Arrow>,
}

/// A moment at which something happened.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rung {
    /// Its upper edge.
    pub(crate) y: i32,
    /// Since the run began.
    pub(crate) after_ns: u64,
}

/// A call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Bar {
    /// Which.
    pub(crate) call: CallId,
    /// Whose.
    pub(crate) side: Side,
    /// 0 at the lane; more where calls of one side overlap.
    pub(crate) lane: i32,
    /// Its upper end.
    pub(crate) top: i32,
    /// Its lower end.
    pub(crate) bottom: i32,
    /// The rung its name stands at.
    pub(crate) label: i32,
    /// The rung its result stands at, where that is another one.
    pub(crate) result: Option<i32>,
    /// It had begun before.
    pub(crate) from_before: bool,
    /// It still runs.
    pub(crate) open: bool,
}

/// Where a call's moments are: the index of its rung, twice.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    start: Option<usize>,
    end: Option<usize>,
}

/// What happens at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Start(usize),
    End(usize),
    Crossing(usize),
}

/// Lays out a run. `waiting` are the servers' calls of which nobody knows yet whom they will be for.
pub(crate) fn lay(run: &Run, waiting: &[Call], pitch: i32, now: Millis) -> Ladder {
    let Some(began) = run.began_ns() else {
        return Ladder::default();
    };
    let after = |call: &&Call| Some(call.transport) == run.transport() && call.started_ns >= began;
    let calls: Vec<&Call> = run
        .calls
        .iter()
        .chain(waiting.iter().filter(after))
        .collect();
    let (rungs, spans, crossing_rungs) = place(run, &calls, began, pitch);
    let foot = rungs.last().map_or(0, |rung| rung.y + pitch);
    let mut bars: Vec<Bar> = Vec::with_capacity(calls.len());
    for (call, span) in calls.iter().zip(&spans) {
        let is_trailing =
            call.side == Side::Server && waiting.iter().any(|other| other.id == call.id);
        let growth = if is_trailing { TAIL } else { growth(call, now) };
        bars.push(bar(call, *span, &rungs, pitch, foot + growth));
    }
    part_lanes(&mut bars);
    let arrows = arrows::draw(run, &calls, &spans, &crossing_rungs, &rungs, pitch);
    let height = bars
        .iter()
        .map(|bar| bar.bottom + MARGIN)
        .max()
        .unwrap_or(0)
        .max(foot);
    Ladder {
        height,
        rungs,
        bars,
        arrows,
    }
}

fn growth(call: &Call, now: Millis) -> i32 {
    let elapsed = i32::try_from(now.saturating_sub(call.seen).min(60_000)).unwrap_or(60_000);
    (elapsed / 200 * GROWTH / 5).min(MOST_GROWTH)
}

/// Gives every moment its rung. A call that returns before anything else happens needs only one.
fn place(run: &Run, calls: &[&Call], began: u64, pitch: i32) -> (Vec<Rung>, Vec<Span>, Vec<usize>) {
    let mut rungs: Vec<Rung> = Vec::new();
    let mut spans = vec![Span::default(); calls.len()];
    let mut crossing_rungs = vec![0; run.crossings.len()];
    let mut before: Option<(u64, Mark)> = None;
    for (at_ns, mark) in moments(run, calls) {
        let shares = matches!((before, mark), (Some((_, Mark::Start(one))), Mark::End(other)) if one == other);
        if !shares {
            let pause = before.map_or(0, |(last_ns, _)| room_for(at_ns.saturating_sub(last_ns)));
            let y = rungs.last().map_or(0, |rung| rung.y + pitch + pause);
            rungs.push(Rung {
                y,
                after_ns: at_ns.saturating_sub(began),
            });
        }
        let rung = rungs.len().saturating_sub(1);
        match mark {
            Mark::Start(call) => spans[call].start = Some(rung),
            Mark::End(call) => spans[call].end = Some(rung),
            Mark::Crossing(crossing) => crossing_rungs[crossing] = rung,
        }
        before = Some((at_ns, mark));
    }
    (rungs, spans, crossing_rungs)
}

fn moments(run: &Run, calls: &[&Call]) -> Vec<(u64, Mark)> {
    let mut moments = Vec::with_capacity(calls.len() * 2);
    for (at, call) in calls.iter().enumerate() {
        if !call.from_before {
            moments.push((call.started_ns, Mark::Start(at)));
        }
        if let Some(end) = &call.end {
            moments.push((end.at_ns, Mark::End(at)));
        }
    }
    for (at, crossing) in run
        .crossings
        .iter()
        .enumerate()
        .filter(|(_, crossing)| arrows::has_own_rung(crossing))
    {
        moments.push((crossing.at_ns, Mark::Crossing(at)));
    }
    moments.sort_by_key(|(at_ns, _)| *at_ns);
    moments
}

/// A longer pause gets more room, though never its true share.
const fn room_for(pause_ns: u64) -> i32 {
    match pause_ns {
        0..500_000 => 0,
        500_000..5_000_000 => 6,
        5_000_000..100_000_000 => 12,
        _ => 20,
    }
}

fn bar(call: &Call, span: Span, rungs: &[Rung], pitch: i32, foot: i32) -> Bar {
    let y = |rung: usize| rungs.get(rung).map_or(0, |rung| rung.y);
    let end = span.end.map(y);
    let label = span.start.map(y).or(end).unwrap_or(0);
    Bar {
        call: call.id,
        side: call.side,
        lane: 0,
        top: if call.from_before { 0 } else { label + MARGIN },
        bottom: end.map_or(foot, |end| end + pitch) - MARGIN,
        label,
        result: end.filter(|end| *end != label),
        from_before: call.from_before,
        open: call.end.is_none(),
    }
}

/// Bars of one side that would lie over each other get lanes of their own.
fn part_lanes(bars: &mut [Bar]) {
    for at in 0..bars.len() {
        let (placed, rest) = bars.split_at_mut(at);
        let bar = &mut rest[0];
        let overlaps = |other: &&Bar, lane: i32| {
            other.side == bar.side
                && other.lane == lane
                && other.top < bar.bottom
                && bar.top < other.bottom
        };
        let free = (0..).find(|lane| !placed.iter().any(|other| overlaps(&other, *lane)));
        bar.lane = free.unwrap_or(0);
    }
}
