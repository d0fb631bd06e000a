//! What the wire and the kernel tell of calls, put to their runs.

use shared::trace::{CallId, Facts, Packet};

use super::{Crossing, Log, RECENT};
use crate::model::packet;

impl Log {
    /// A packet was captured; its own clock is the wall's.
    pub(super) fn captured(&mut self, captured: &Packet, mono_ns: u64, wall_us: u64) {
        let seen_ns = captured.kernel_s.saturating_mul(1_000_000_000);
        let seen_ns = seen_ns.saturating_add(captured.kernel_ns.into());
        let at_ns = (mono_ns + seen_ns).saturating_sub(wall_us.saturating_mul(1_000));
        if let Some(crossing) = packet::read(captured, at_ns) {
            self.cross(crossing, captured.call);
        }
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
        if let Some(run) = home.and_then(|home| self.runs.iter_mut().find(|run| run.id == home)) {
            run.crossings.push(crossing);
            run.version = version;
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
