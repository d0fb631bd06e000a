//! The results as tables.

use super::{Metric, Results, Verdict};
use crate::machine::Placement;

/// Prints all values of a figure, one line per contender.
pub(crate) fn print_figure(results: &Results, figure: &str, placement: Placement) {
    let cells: Vec<_> = results
        .cells
        .iter()
        .filter(|cell| cell.figure == figure && cell.placement == placement)
        .collect();
    let mut metrics: Vec<Metric> = Vec::new();
    let mut contenders = Vec::new();
    for cell in &cells {
        if !metrics.contains(&cell.metric) {
            metrics.push(cell.metric);
        }
        if !contenders.contains(&cell.contender) {
            contenders.push(cell.contender);
        }
    }
    let mut rows = vec![vec![format!("{figure}, {}", placement.name())]];
    rows[0].extend(metrics.iter().map(|metric| metric.name().to_owned()));
    for contender in contenders {
        let value = |metric: &Metric| {
            let median = results.median(figure, placement, contender, *metric);
            metric.write(median.unwrap_or(f64::NAN))
        };
        let mut row = vec![contender.name()];
        row.extend(metrics.iter().map(value));
        rows.push(row);
    }
    print(&rows);
}

/// Prints the verdicts.
pub(crate) fn print_verdicts(verdicts: &[Verdict]) {
    let titles = [
        "figure",
        "goal",
        "compared with",
        "best peer",
        "ours",
        "",
        "ratio",
        "",
    ];
    let mut rows = vec![titles.map(str::to_owned).to_vec()];
    for verdict in verdicts {
        let value = |other: &Option<(String, f64)>| match other {
            Some((name, value)) => format!("{name} {}", verdict.metric.write(*value)),
            None => "-".to_owned(),
        };
        let met = match verdict.met {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "nothing to compare with",
        };
        rows.push(vec![
            verdict.figure.clone(),
            verdict.goal.clone(),
            value(&verdict.against),
            value(&verdict.best_peer),
            verdict.ours.clone(),
            verdict.metric.write(verdict.value),
            verdict
                .ratio
                .map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}")),
            met.to_owned(),
        ]);
    }
    print(&rows);
}

/// Prints the goals as the table of `tests/benches/README.md`, one row each. A row whose goal names a peer that was not
/// measured shows the best of the others, without a verdict.
pub(crate) fn print_markdown(verdicts: &[Verdict]) {
    println!("\n| what | goal | compared with | ours | ratio | |\n|---|---|--:|--:|--:|---|");
    for verdict in verdicts {
        let against = verdict.against.as_ref().or(verdict.best_peer.as_ref());
        let ratio = against
            .filter(|(_, theirs)| *theirs > 0.0)
            .map_or_else(String::new, |(_, theirs)| {
                format!("{:.2}", verdict.value / theirs)
            });
        let against = against.map_or_else(String::new, |(name, value)| {
            format!("{name} {}", verdict.metric.write(*value))
        });
        let met = match verdict.met {
            Some(true) => "✓",
            Some(false) => "missed",
            None => "",
        };
        println!(
            "| {}: {} | {} | {against} | {} | {ratio} | {met} |",
            verdict.ours,
            verdict.figure,
            verdict.goal,
            verdict.metric.write(verdict.value)
        );
    }
}

/// Prints rows in columns, the first of them as a head.
fn print(rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |at: usize| {
        let lengths = rows
            .iter()
            .filter_map(|row| row.get(at))
            .map(|text| text.chars().count());
        lengths.max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    println!();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate();
        let line: Vec<String> = cells
            .map(|(at, (text, width))| {
                if at == 0 {
                    format!("{text:<width$}")
                } else {
                    format!("{text:>width$}")
                }
            })
            .collect();
        println!("| {} |", line.join(" | "));
    }
}
