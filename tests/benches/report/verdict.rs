//! Compares a run with the goals.

use super::{
    Metric, Results,
    goals::{GOALS, Goal},
};
use crate::subject::{Contender, Side};

/// A goal, and the run's value for it.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// The figure, the cores and the metric.
    pub(crate) figure: String,
    /// The goal.
    pub(crate) goal: String,
    /// The contender for the comparison, and its value.
    pub(crate) against: Option<(String, f64)>,
    /// The best of the other projects' programs.
    pub(crate) best_peer: Option<(String, f64)>,
    /// The relay's access and level of tracing.
    pub(crate) ours: String,
    /// The relay's value.
    pub(crate) value: f64,
    /// The relay's value divided by the other.
    pub(crate) ratio: Option<f64>,
    /// Whether the goal is met; `None` if there was nothing to compare with.
    pub(crate) met: Option<bool>,
    /// The metric of the value.
    pub(crate) metric: Metric,
}

/// The verdict on every goal whose figure was measured.
pub(crate) fn verdicts(results: &Results) -> Vec<Verdict> {
    GOALS
        .iter()
        .filter_map(|goal| verdict(results, goal))
        .collect()
}

fn verdict(results: &Results, goal: &Goal) -> Option<Verdict> {
    let Goal {
        figure,
        placement,
        metric,
        ours,
        rule,
    } = *goal;
    let median = |contender| results.median(figure, placement, contender, metric);
    let value = median(ours)?;
    let compared = |contender: &Contender| Some((contender.name(), median(*contender)?));
    let against = rule.of().iter().find_map(compared);
    let ratio = against.as_ref().map(|(_, theirs)| value / theirs);
    let judged = if rule.of().is_empty() {
        Some(value)
    } else {
        ratio
    };
    Some(Verdict {
        figure: format!("{figure}, {}, {}", placement.name(), metric.name()),
        goal: rule.to_string(),
        against,
        best_peer: best_peer(results, goal),
        ours: ours.name(),
        value,
        ratio,
        met: judged.map(|judged| rule.holds(judged)),
        metric,
    })
}

/// The best of the other projects' programs in this figure that have the same transport behind them.
fn best_peer(results: &Results, goal: &Goal) -> Option<(String, f64)> {
    let Goal {
        figure,
        placement,
        metric,
        ours,
        ..
    } = *goal;
    let to = ours.leads_to();
    let theirs = results.cells.iter().filter(|cell| {
        cell.figure == figure
            && cell.placement == placement
            && cell.metric == metric
            && cell.contender.side() == Side::Peer
            && cell.contender.leads_to() == to
    });
    let values = theirs.map(|cell| (cell.contender.name(), cell.median()));
    if metric.more_is_better() {
        values.max_by(|(_, a), (_, b)| a.total_cmp(b))
    } else {
        values.min_by(|(_, a), (_, b)| a.total_cmp(b))
    }
}
