//! What the wire and the kernel tell of calls, put to their runs.

use shared::trace::{CallId, Facts, Packet};

use super::{
    ClientId, Crossing, CrossingKind, Log, MAX_UNASSIGNED, Numbers, RECENT_RUNS, Run, RunId,
    clients::PacketOwner,
};
use crate::model::trace::packet;

impl Log {
    /// A packet was captured; its own clock is the wall's.
    pub(super) fn add_packet(&mut self, captured: &Packet, event: [u64; 3]) {
        let [seq, mono_ns, wall_us] = event;
        let seen_ns = captured.kernel_s.saturating_mul(1_000_000_000);
        let seen_ns = seen_ns.saturating_add(captured.kernel_ns.into());
        let at_ns = (mono_ns + seen_ns).saturating_sub(wall_us.saturating_mul(1_000));
        if let Some(mut crossing) = packet::read(captured, at_ns) {
            crossing.seq = seq;
            self.add_crossing(crossing, captured.call);
        }
    }

    /// The run a packet is in, by the number of its event.
    pub(crate) fn run_with(&self, seq: u64) -> Option<&Run> {
        let has = |run: &&Run| run.crossings.iter().any(|crossing| crossing.seq == seq);
        self.runs.iter().rev().find(has)
    }

    pub(super) fn add_crossing(&mut self, crossing: Crossing, call: Option<CallId>) {
        let run_id = self.run_for(&crossing, call);
        self.version += 1;
        let version = self.version;
        let Some(run_id) = run_id else {
            if self.unassigned.len() == MAX_UNASSIGNED {
                self.unassigned.pop_front();
            }
            self.unassigned.push_back(crossing);
            return;
        };
        if let Some(run) = self.runs.iter_mut().find(|run| run.id == run_id) {
            run.crossings.push(crossing);
            run.version = version;
        }
    }

    /// The run of what crossed: its call's, and else its socket's.
    fn run_for(&mut self, crossing: &Crossing, call: Option<CallId>) -> Option<RunId> {
        let by_call = call.and_then(|call| self.run_of(call));
        let by_call = by_call.map(|run| (run.id, was_under_way(run, call, crossing)));
        let clients = &mut self.owners.clients;
        if matches!(crossing.kind, CrossingKind::Derived(_)) {
            let mut ends = [crossing.from, crossing.to].into_iter().flatten();
            let at = |end| clients.run_at_time((crossing.transport, end), crossing.at_ns);
            return by_call.map(|(run, _)| run).or_else(|| ends.find_map(at));
        }
        let claim = clients.claim(crossing);
        let by_socket = match claim {
            PacketOwner::Known(client) => clients.run(client),
            PacketOwner::New(_) | PacketOwner::Unknown => None,
        };
        // An older relay gave a connection's first packets to the call of the one before.
        let by_call = by_call.filter(|(_, under_way)| crossing.direction.is_some() || *under_way);
        let run_id = match by_call.map(|(run, _)| run) {
            Some(run) if crossing.direction.is_some() => Some(run),
            by_call => by_socket.or(by_call),
        };
        if let (Some(run), PacketOwner::New(client)) = (run_id, claim) {
            clients.set_run(client, run);
        }
        run_id
    }

    /// A client's run has begun, or its address has turned out: a packet of its socket that came first was the reason
    /// for it, or the reason why the server learned of it. `before` is the run it had until now.
    pub(super) fn assign_packets(&mut self, run: RunId, before: Option<RunId>, client: ClientId) {
        let clients = &self.owners.clients;
        let mut crossings = Vec::new();
        let version = self.version;
        if let Some(before) = self.runs.iter_mut().find(|run| Some(run.id) == before) {
            let ended_ns = before.ends_ns();
            crossings.extend(before.crossings.extract_if(.., |crossing| {
                crossing.at_ns > ended_ns && clients.sent(client, crossing)
            }));
            before.version = version;
        }
        self.unassigned.retain(|crossing| {
            let comes = clients.is_of(client, crossing);
            if comes {
                crossings.push(crossing.clone());
            }
            !comes
        });
        if let Some(run) = self.runs.iter_mut().find(|known| known.id == run) {
            run.crossings.extend(crossings);
        }
    }

    pub(super) fn add_facts(&mut self, facts: Facts) {
        self.version += 1;
        let Some(id) = facts.call else { return };
        for run in self.runs.iter_mut().rev().take(RECENT_RUNS) {
            if let Some(call) = run.calls.iter_mut().find(|call| call.id == id) {
                call.facts.extend(facts.facts);
                run.version = self.version;
                return;
            }
        }
    }
}

/// Whether the call was not over yet when something crossed.
fn was_under_way(run: &Run, call: Option<CallId>, crossing: &Crossing) -> bool {
    let call = run.calls.iter().find(|known| Some(known.id) == call);
    let end = call.and_then(|call| call.end.as_ref());
    let opens = crossing.numbers.and_then(Numbers::opens).is_some();
    !opens || end.is_none_or(|end| end.at_ns >= crossing.at_ns)
}
