//! How a run stands to the goals.

use super::{
    Metric, Results,
    goals::{GOALS, Goal},
};
use crate::subject::{Contender, Side};

/// A goal, and how far the run is from it.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// The figure, where it was measured, and what of it.
    pub(crate) figure: String,
    /// The goal.
    pub(crate) goal: String,
    /// Whom it is compared with, and its value.
    pub(crate) against: Option<(String, f64)>,
    /// The best of all other programs.
    pub(crate) best_peer: Option<(String, f64)>,
    /// Which of ours.
    pub(crate) ours: String,
    /// Its value.
    pub(crate) value: f64,
    /// Ours by theirs.
    pub(crate) ratio: Option<f64>,
    /// Whether the goal is met; none where there was nothing to compare with.
    pub(crate) met: Option<bool>,
    /// What the value is.
    pub(crate) metric: Metric,
}

/// How the run stands to every goal whose figure was measured.
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

/// The best of all other programs in this figure that lead to the same kind of server.
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
