//! What the wire and the kernel tell of calls, put to their runs.

use std::net::SocketAddr;

use shared::trace::{CallId, Facts, Packet};

use super::{Crossing, HOMELESS, Log, RECENT, Run, RunId, same};
use crate::model::packet;

impl Log {
    /// A packet was captured; its own clock is the wall's.
    pub(super) fn captured(&mut self, captured: &Packet, event: [u64; 3]) {
        let [seq, mono_ns, wall_us] = event;
        let seen_ns = captured.kernel_s.saturating_mul(1_000_000_000);
        let seen_ns = seen_ns.saturating_add(captured.kernel_ns.into());
        let at_ns = (mono_ns + seen_ns).saturating_sub(wall_us.saturating_mul(1_000));
        if let Some(mut crossing) = packet::read(captured, at_ns) {
            crossing.seq = seq;
            self.cross(crossing, captured.call);
        }
    }

    /// The run a packet is in, by the number of its event.
    pub(crate) fn run_with(&self, seq: u64) -> Option<&Run> {
        let has = |run: &&Run| run.crossings.iter().any(|crossing| crossing.seq == seq);
        self.runs.iter().rev().find(has)
    }

    pub(super) fn cross(&mut self, crossing: Crossing, call: Option<CallId>) {
        let by_call = call.and_then(|call| self.run_of(call)).map(|run| run.id);
        let ends = [crossing.from, crossing.to].into_iter().flatten();
        let home = by_call.or_else(|| {
            ends.clone()
                .find_map(|end| self.places.at(crossing.transport, end))
        });
        self.version += 1;
        let version = self.version;
        let Some(home) = home else {
            if self.homeless.len() == HOMELESS {
                self.homeless.pop_front();
            }
            self.homeless.push_back(crossing);
            return;
        };
        if let Some(run) = self.runs.iter_mut().find(|run| run.id == home) {
            run.crossings.push(crossing);
            run.version = version;
        }
    }

    /// A visitor's run has begun: a packet of his that came first was the reason for it, or the reason why the server
    /// learned of him. `before` is the run he had until now.
    pub(super) fn comes_home(&mut self, run: RunId, before: Option<RunId>, client: SocketAddr) {
        let mut crossings = Vec::new();
        let is_his = |end: Option<SocketAddr>| end.is_some_and(|end| same(end, client));
        let Some(transport) = self.run(run).and_then(Run::transport) else {
            return;
        };
        let version = self.version;
        if let Some(before) = self.runs.iter_mut().find(|run| Some(run.id) == before) {
            let ended_ns = before.ends_ns();
            let is_later = |crossing: &Crossing| is_his(crossing.from) && crossing.at_ns > ended_ns;
            crossings.extend(
                before
                    .crossings
                    .extract_if(.., |crossing| is_later(crossing)),
            );
            before.version = version;
        }
        self.homeless.retain(|crossing| {
            let ends = is_his(crossing.from) || is_his(crossing.to);
            let comes = crossing.transport == transport && ends;
            if comes {
                crossings.push(crossing.clone());
            }
            !comes
        });
        if let Some(run) = self.runs.iter_mut().find(|known| known.id == run) {
            run.crossings.extend(crossings);
        }
    }

    pub(super) fn facts(&mut self, facts: Facts) {
        self.version += 1;
        let Some(id) = facts.call else { return };
        for run in self.runs.iter_mut().rev().take(RECENT) {
            if let Some(call) = run.calls.iter_mut().find(|call| call.id == id) {
                call.facts.extend(facts.facts);
                run.version = self.version;
                return;
            }
        }
    }
}
