//! The results: all that was measured, and all that went wrong.

use super::Metric;
use crate::{machine::Placement, subject::Contender};

/// One number of one contender in one figure, once per round.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    /// The figure.
    pub(crate) figure: String,
    /// The cores on which it ran.
    pub(crate) placement: Placement,
    /// The contender.
    pub(crate) contender: Contender,
    /// The metric.
    pub(crate) metric: Metric,
    /// One value per round.
    pub(crate) values: Vec<f64>,
}

/// All results of a run.
#[derive(Debug, Default)]
pub(crate) struct Results {
    /// What was measured, in order.
    pub(crate) cells: Vec<Cell>,
    /// The number of cores that other programs kept busy, per turn.
    pub(crate) foreign: Vec<f64>,
    /// What could not be measured, and why.
    pub(crate) notes: Vec<String>,
    /// Wrong answers: the run has failed.
    pub(crate) failures: Vec<String>,
}

impl Cell {
    /// The median of its values.
    pub(crate) fn median(&self) -> f64 {
        median(&self.values)
    }
}

impl Results {
    /// Adds one value.
    pub(crate) fn add(
        &mut self,
        figure: &str,
        placement: Placement,
        contender: Contender,
        (metric, value): (Metric, f64),
    ) {
        match self
            .cells
            .iter_mut()
            .find(|cell| cell.is(figure, placement, contender, metric))
        {
            Some(cell) => cell.values.push(value),
            None => self.cells.push(Cell {
                figure: figure.to_owned(),
                placement,
                contender,
                metric,
                values: vec![value],
            }),
        }
    }

    /// The median of the values of one cell.
    pub(crate) fn median(
        &self,
        figure: &str,
        placement: Placement,
        contender: Contender,
        metric: Metric,
    ) -> Option<f64> {
        let cell = self
            .cells
            .iter()
            .find(|cell| cell.is(figure, placement, contender, metric))?;
        Some(cell.median())
    }

    /// Adds a note, unless it is there.
    pub(crate) fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

impl Cell {
    fn is(&self, figure: &str, placement: Placement, contender: Contender, metric: Metric) -> bool {
        self.figure == figure
            && self.placement == placement
            && self.contender == contender
            && self.metric == metric
    }
}

/// The median; of an even number of values, the mean of the two in the middle.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match (sorted.len(), sorted.len() / 2) {
        (0, _) => f64::NAN,
        (length, middle) if length % 2 == 0 => f64::midpoint(sorted[middle - 1], sorted[middle]),
        (_, middle) => sorted[middle],
    }
}
