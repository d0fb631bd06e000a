//! Results: kept by figure, cores, contender and metric; compared with the goals; printed.

mod goals;
mod json;
mod metric;
mod plot;
mod results;
mod table;
mod verdict;

pub(crate) use json::json;
pub(crate) use metric::Metric;
pub(crate) use plot::{Line, Plot};
pub(crate) use results::{Cell, Results, median};
pub(crate) use table::{print_figure, print_markdown, print_verdicts};
pub(crate) use verdict::{Verdict, verdicts};
