//! What the relay's edge did to a run's datagrams: after the kernel had received them, before the program did.

use shared::{
    call::Transport,
    conditions::{DatagramId, Direction, Fate},
    trace::Edge,
};

use super::{Call, Log, Run};

/// The fact by which a receive says which datagram it got.
const DATAGRAM: &str = "edge.datagram";

/// The edge did something to a datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Impaired {
    /// The number of its event.
    pub(crate) seq: u64,
    /// When, in the lab's own time.
    pub(crate) at_ns: u64,
    /// What.
    pub(crate) edge: Edge,
}

/// What has become of a datagram, all told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DatagramFate {
    /// The dice lost it.
    Lost(Direction),
    /// Somebody lost it.
    Killed(Direction),
    /// There was no room for it.
    NoRoom,
    /// Its socket was closed before it went on.
    Unclaimed,
    /// Delayed by this many milliseconds.
    Delayed(u32),
    /// It goes on twice.
    Doubled,
    /// The next one goes before it.
    Overtaken,
    /// It waits for somebody's decision.
    Held,
    /// Somebody let it go on.
    Released,
}

impl DatagramFate {
    /// Whether no program will ever receive it.
    pub(crate) const fn is_end(self) -> bool {
        matches!(
            self,
            Self::Lost(_) | Self::Killed(_) | Self::NoRoom | Self::Unclaimed
        )
    }

    const fn of(edge: &Edge) -> Self {
        match edge.fate {
            Fate::Lost if edge.by_hand => Self::Killed(edge.direction),
            Fate::Lost => Self::Lost(edge.direction),
            Fate::Delayed { milliseconds } => Self::Delayed(milliseconds),
            Fate::Doubled => Self::Doubled,
            Fate::Overtaken => Self::Overtaken,
            Fate::Held => Self::Held,
            Fate::Released => Self::Released,
            Fate::NoRoom => Self::NoRoom,
            Fate::Unclaimed => Self::Unclaimed,
        }
    }
}

impl Call {
    /// The datagram the edge had touched before this call got it.
    pub(crate) fn datagram(&self) -> Option<DatagramId> {
        let fact = self.facts.iter().find(|fact| fact.name == DATAGRAM)?;
        fact.value.parse().ok()
    }
}

impl Run {
    /// The run's datagrams that the edge has touched, each by what was done to it first.
    pub(crate) fn impaired(&self) -> impl Iterator<Item = &Impaired> {
        let is_first = |(at, touch): &(usize, &Impaired)| {
            let mut before = self.impairments.iter().take(*at);
            !before.any(|before| before.edge.datagram == touch.edge.datagram)
        };
        let impairments = self.impairments.iter().enumerate().filter(is_first);
        impairments.map(|(_, touch)| touch)
    }

    /// What has become of one, and the last thing that was done to it.
    pub(crate) fn fate(&self, datagram: DatagramId) -> Option<(DatagramFate, &Impaired)> {
        let its = |touch: &&Impaired| touch.edge.datagram == datagram;
        let last = self.impairments.iter().rfind(its)?;
        let mut all = self
            .impairments
            .iter()
            .filter(its)
            .map(|touch| DatagramFate::of(&touch.edge));
        // That it was doubled is more than that it was delayed too; what ends it is more than either.
        let end = DatagramFate::of(&last.edge);
        let doubled = all.find(|fate| *fate == DatagramFate::Doubled);
        Some((doubled.filter(|_| !end.is_end()).unwrap_or(end), last))
    }
}

impl Log {
    /// The edge did something to a datagram: that belongs to the run of who sent it, or got it, or asked for it.
    pub(super) fn add_impairment(&mut self, edge: Edge, seq: u64, at_ns: u64) {
        self.version += 1;
        let version = self.version;
        let before = |run: &&Run| {
            run.impairments
                .iter()
                .any(|touch| touch.edge.datagram == edge.datagram)
        };
        let known = self.runs.iter().rev().find(before).map(|run| run.id);
        let by_call = || {
            edge.call
                .and_then(|call| self.run_of(call))
                .map(|run| run.id)
        };
        let clients = &self.owners.clients;
        let at = |end| clients.run_at_time((Transport::Udp, end), at_ns);
        let run_id = known
            .or_else(by_call)
            .or_else(|| [edge.from, edge.to].into_iter().find_map(at));
        if let Some(run) = self
            .runs
            .iter_mut()
            .rev()
            .find(|run| Some(run.id) == run_id)
        {
            run.impairments.push(Impaired { seq, at_ns, edge });
            run.version = version;
        }
    }
}
