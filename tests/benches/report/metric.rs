//! Metrics, and how their values are written.

/// A metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metric {
    /// The median time of an answer.
    P50,
    /// The 99th percentile.
    P99,
    /// The 99.9th percentile.
    P999,
    /// Sentences, datagrams or connections per second.
    Rate,
    /// Bytes per second in one direction.
    Bandwidth,
    /// Processor time per sentence, without the generator.
    Cpu,
    /// Lost sentences, datagrams or packets.
    Lost,
    /// Memory per idle connection.
    Memory,
    /// The longest time.
    Worst,
    /// Events per second.
    Events,
    /// Gaps that a viewer was sent.
    Gaps,
    /// The time until the page's first contentful paint.
    Painted,
    /// The time until a sentence can be sent.
    Ready,
    /// The bytes transferred for the page's first view.
    Weight,
    /// Frames per second.
    Frames,
    /// Rows in the table.
    Rows,
    /// Memory of the page.
    Heap,
}

impl Metric {
    /// Its name, with its unit.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::P50 => "p50 us",
            Self::P99 => "p99 us",
            Self::P999 => "p99.9 us",
            Self::Rate => "per s",
            Self::Bandwidth => "MB/s",
            Self::Cpu => "CPU us",
            Self::Lost => "lost",
            Self::Memory => "KiB each",
            Self::Worst => "worst ms",
            Self::Events => "events/s",
            Self::Gaps => "gaps",
            Self::Painted => "painted ms",
            Self::Ready => "ready ms",
            Self::Weight => "KiB",
            Self::Frames => "frames/s",
            Self::Rows => "rows",
            Self::Heap => "heap MB",
        }
    }

    /// Whether more is better.
    pub(crate) const fn more_is_better(self) -> bool {
        matches!(
            self,
            Self::Rate | Self::Bandwidth | Self::Events | Self::Gaps | Self::Frames | Self::Rows
        )
    }

    /// A value as text.
    pub(crate) fn write(self, value: f64) -> String {
        let counts = matches!(self, Self::Lost | Self::Gaps);
        match value {
            _ if value.is_nan() => "-".to_owned(),
            _ if value >= 1e6 => format!("{:.2}M", value / 1e6),
            _ if value >= 1e4 => format!("{:.1}k", value / 1e3),
            _ if value >= 100.0 || counts => format!("{value:.0}"),
            _ if value >= 10.0 => format!("{value:.1}"),
            _ => format!("{value:.2}"),
        }
    }
}
