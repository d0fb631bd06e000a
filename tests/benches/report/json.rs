//! The results as JSON.

use serde_json::{Value, json};

use super::{Cell, Results, Verdict};
use crate::{machine, subject::Side};

/// All values of every round, and the verdicts.
pub(crate) fn json(results: &Results, verdicts: &[Verdict], short: bool) -> Value {
    json!({
        "short": short,
        "cores": machine::how_many(),
        "foreign_cores": results.foreign,
        "measured": results.cells.iter().map(measured).collect::<Vec<_>>(),
        "goals": verdicts.iter().map(judged).collect::<Vec<_>>(),
        "notes": results.notes,
        "failures": results.failures,
    })
}

fn measured(cell: &Cell) -> Value {
    let side = match cell.contender.side() {
        Side::Ours => "ours",
        Side::Floor => "floor",
        Side::Peer => "peer",
    };
    json!({
        "figure": cell.figure,
        "placement": cell.placement.name(),
        "contender": cell.contender.name(),
        "side": side,
        "metric": cell.metric.name(),
        "median": cell.median(),
        "rounds": cell.values,
    })
}

fn judged(verdict: &Verdict) -> Value {
    let other = |other: &Option<(String, f64)>| {
        other
            .as_ref()
            .map(|(name, value)| json!({ "contender": name, "median": value }))
    };
    json!({
        "figure": verdict.figure,
        "goal": verdict.goal,
        "compared_with": other(&verdict.against),
        "best_peer": other(&verdict.best_peer),
        "ours": { "contender": verdict.ours, "median": verdict.value },
        "ratio": verdict.ratio,
        "met": verdict.met,
    })
}
