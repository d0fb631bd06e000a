//! What can be measured, and how it is written.

/// One kind of number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metric {
    /// Half of the sentences were answered by then.
    P50,
    /// 99 of 100.
    P99,
    /// 999 of 1000.
    P999,
    /// Sentences, datagrams or connections in a second.
    Rate,
    /// Bytes one way.
    Bandwidth,
    /// Processor time of all of the way but the generator, for one sentence.
    Cpu,
    /// Sentences, datagrams or packets that did not come.
    Lost,
    /// Memory for one connection that is left alone.
    Memory,
    /// The longest of all.
    Worst,
    /// Events that were there to be seen, in a second.
    Events,
    /// Gaps a viewer was told of.
    Gaps,
    /// Until the page's first content is to be seen.
    Painted,
    /// Until a sentence can be sent.
    Ready,
    /// What crosses for the page's first view.
    Weight,
    /// Frames in a second.
    Frames,
    /// Rows in the table.
    Rows,
    /// Memory of the page.
    Heap,
}

impl Metric {
    /// What it is called, with its unit.
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

    /// A value for people.
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
