//! The sequence diagram of one run as plain numbers: which bar from where to where, which arrow between which.
//!
//! Time goes down, one rung for each moment at which something happened; a long pause is a little more room and says
//! how long it was. So microseconds and minutes fit into one picture. Coordinates are whole pixels.

mod arrows;
pub(crate) mod description;
mod impairments;

use shared::trace::{CallId, CallName};

use self::arrows::ArrowLayout;
pub(crate) use self::arrows::{Arrow, ArrowContent, ArrowSpan};
use crate::model::{
    core::time::{Millis, TICK},
    trace::log::{Call, Run, Side},
};

/// Between the edge of a rung and the bars in it.
const MARGIN: i32 = 4;
/// A pause that must be seen, whatever lies around it.
const LONG_PAUSE: u64 = 100_000_000;
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
    /// Where its result stands, if not beside its name; or how long it is blocked already.
    pub(crate) result: Option<i32>,
    /// It spans more than one moment.
    pub(crate) long: bool,
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
enum RungMark {
    Start(usize),
    End(usize),
    Transmission(usize),
    Touch(usize),
}

/// The rungs, and the rung of each call, transmission and impairment.
#[derive(Default)]
struct RungLayout {
    rungs: Vec<Rung>,
    spans: Vec<Span>,
    transmissions: Vec<usize>,
    impairments: Vec<usize>,
}

/// Lays out a run. `waiting` are the servers' calls of which nobody knows yet whom they will be for; `now` is there
/// while somebody waits for a call that has not returned.
pub(crate) fn lay(run: &Run, waiting: &[Call], pitch: i32, now: Option<Millis>) -> Ladder {
    let Some(began) = run.began_ns() else {
        return Ladder::default();
    };
    let ends = run.ends_ns();
    let meanwhile = |call: &&Call| {
        Some(call.transport) == run.transport() && (began..=ends).contains(&call.started_ns)
    };
    let calls: Vec<&Call> = run
        .calls
        .iter()
        .chain(waiting.iter().filter(meanwhile))
        .collect();
    let places = place(run, &calls, began, pitch);
    let rungs = &places.rungs;
    let foot = rungs.last().map_or(0, |rung| rung.y + pitch);
    let mut bars: Vec<Bar> = Vec::with_capacity(calls.len());
    for (call, span) in calls.iter().zip(&places.spans) {
        let is_trailing =
            call.side == Side::Server && waiting.iter().any(|other| other.id == call.id);
        let growth = if is_trailing { TAIL } else { growth(call, now) };
        bars.push(bar(call, *span, rungs, pitch, foot + growth));
    }
    part_lanes(&mut bars);
    if now.is_some() {
        give_room_to_blocked(&mut bars, pitch);
    }
    let layout = ArrowLayout::new(&calls, &places, pitch);
    let mut arrows = layout.arrows(run, &places.transmissions);
    impairments::add(run, &layout, &places.impairments, &mut arrows);
    let bottom = |bar: &Bar| {
        let result = bar.result.map_or(0, |y| y + pitch);
        result.max(bar.bottom + MARGIN)
    };
    let height = bars.iter().map(bottom).max().unwrap_or(0).max(foot);
    Ladder {
        height,
        rungs: places.rungs,
        bars,
        arrows,
    }
}

/// How long a client's call is blocked stands below its name, where nothing else does.
fn give_room_to_blocked(bars: &mut [Bar], pitch: i32) {
    for at in 0..bars.len() {
        let bar = &bars[at];
        let y = bar.label + pitch;
        let is_near = |other: i32| (other - y).abs() < pitch;
        let is_taken = bars.iter().enumerate().any(|(place, other)| {
            place != at
                && other.side == Side::Client
                && (is_near(other.label) || other.result.is_some_and(is_near))
        });
        if bar.open && bar.side == Side::Client && !is_taken {
            bars[at].result = Some(y);
        }
    }
}

fn growth(call: &Call, now: Option<Millis>) -> i32 {
    let elapsed = now.unwrap_or(0).saturating_sub(call.since).min(60_000);
    let steps = i32::try_from(elapsed / TICK).unwrap_or(0);
    TAIL + (steps * GROWTH / 5).min(MOST_GROWTH)
}

/// Gives every moment its rung. A return that brings nothing new shares the rung before it.
fn place(run: &Run, calls: &[&Call], began: u64, pitch: i32) -> RungLayout {
    let mut places = RungLayout {
        rungs: Vec::new(),
        spans: vec![Span::default(); calls.len()],
        transmissions: vec![0; run.transmissions.len()],
        impairments: vec![0; run.impairments.len()],
    };
    let mut before: Option<(u64, RungMark)> = None;
    for (at_ns, mark) in moments(run, calls) {
        let pause_ns = before.map_or(0, |(last_ns, _)| at_ns.saturating_sub(last_ns));
        let follows = before
            .map(|(_, mark)| mark)
            .filter(|_| pause_ns < LONG_PAUSE);
        if !shares_rung(calls, follows, mark) {
            let pause = room_for(pause_ns);
            let y = places.rungs.last();
            let y = y.map_or(0, |rung| rung.y + pitch + pause);
            places.rungs.push(Rung {
                y,
                after_ns: at_ns.saturating_sub(began),
            });
        }
        let rung = places.rungs.len().saturating_sub(1);
        match mark {
            RungMark::Start(call) => places.spans[call].start = Some(rung),
            RungMark::End(call) => places.spans[call].end = Some(rung),
            RungMark::Transmission(transmission) => places.transmissions[transmission] = rung,
            RungMark::Touch(touch) => places.impairments[touch] = rung,
        }
        before = Some((at_ns, mark));
    }
    places
}

/// That something was sent is no news, and a packet leaves from the call before it; what is received came from
/// elsewhere and has a moment of its own.
fn shares_rung(calls: &[&Call], before: Option<RungMark>, mark: RungMark) -> bool {
    match (before, mark) {
        (Some(RungMark::Start(before)), RungMark::End(call)) if before == call => true,
        (Some(_), RungMark::End(call)) => !brings(calls[call]),
        (Some(RungMark::Start(call)), RungMark::Transmission(_)) => !brings(calls[call]),
        // What the edge does at once, it does to what has just arrived.
        (Some(_), RungMark::Touch(_)) => true,
        _ => false,
    }
}

/// Whether a call's return brings something from elsewhere.
fn brings(call: &Call) -> bool {
    matches!(
        call.name,
        CallName::Recv | CallName::RecvFrom | CallName::Accept
    )
}

fn moments(run: &Run, calls: &[&Call]) -> Vec<(u64, RungMark)> {
    let mut moments = Vec::with_capacity(calls.len() * 2);
    let mut add = |at_ns: u64, mark: RungMark| {
        let at = moments.partition_point(|(other_ns, _)| *other_ns <= at_ns);
        moments.insert(at, (at_ns, mark));
    };
    for (at, call) in calls.iter().enumerate() {
        if !call.from_before {
            add(call.started_ns, RungMark::Start(at));
        }
        if let Some(end) = &call.end {
            add(end.at_ns, RungMark::End(at));
        }
    }
    for (at, transmission) in run.transmissions.iter().enumerate() {
        if arrows::has_own_rung(transmission) {
            add(transmission.at_ns, RungMark::Transmission(at));
        }
    }
    for (at, touch) in run.impairments.iter().enumerate() {
        add(touch.at_ns, RungMark::Touch(at));
    }
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
        result: end.filter(|end| *end != label && brings(call)),
        long: call.from_before || end.is_some_and(|end| end != label),
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
