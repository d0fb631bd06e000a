//! What the wire and the kernel tell of calls, put to their runs.

use shared::trace::{CallId, Facts, Packet};

use super::{
    ClientId, Log, MAX_UNASSIGNED, Numbers, RECENT_RUNS, Run, RunId, Transmission,
    TransmissionKind, clients::PacketOwner,
};
use crate::model::trace::packet;

impl Log {
    /// A packet was captured; its own clock is the wall's.
    pub(super) fn add_packet(&mut self, captured: &Packet, event: [u64; 3]) {
        let [seq, mono_ns, wall_us] = event;
        let seen_ns = captured.kernel_s.saturating_mul(1_000_000_000);
        let seen_ns = seen_ns.saturating_add(captured.kernel_ns.into());
        let at_ns = (mono_ns + seen_ns).saturating_sub(wall_us.saturating_mul(1_000));
        if let Some(mut transmission) = packet::read(captured, at_ns) {
            transmission.seq = seq;
            self.add_crossing(transmission, captured.call);
        }
    }

    /// The run a packet is in, by the number of its event.
    pub(crate) fn run_with(&self, seq: u64) -> Option<&Run> {
        let has = |run: &&Run| {
            run.transmissions
                .iter()
                .any(|transmission| transmission.seq == seq)
        };
        self.runs.iter().rev().find(has)
    }

    pub(super) fn add_crossing(&mut self, transmission: Transmission, call: Option<CallId>) {
        let run_id = self.run_for(&transmission, call);
        self.version += 1;
        let version = self.version;
        let Some(run_id) = run_id else {
            if self.unassigned.len() == MAX_UNASSIGNED {
                self.unassigned.pop_front();
            }
            self.unassigned.push_back(transmission);
            return;
        };
        if let Some(run) = self.runs.iter_mut().find(|run| run.id == run_id) {
            run.transmissions.push(transmission);
            run.version = version;
        }
    }

    /// The run of what crossed: its call's, and else its socket's.
    fn run_for(&mut self, transmission: &Transmission, call: Option<CallId>) -> Option<RunId> {
        let by_call = call.and_then(|call| self.run_of(call));
        let by_call = by_call.map(|run| (run.id, was_under_way(run, call, transmission)));
        let clients = &mut self.owners.clients;
        if matches!(transmission.kind, TransmissionKind::Derived(_)) {
            let mut ends = [transmission.from, transmission.to].into_iter().flatten();
            let at = |end| clients.run_at_time((transmission.transport, end), transmission.at_ns);
            return by_call.map(|(run, _)| run).or_else(|| ends.find_map(at));
        }
        let claim = clients.claim(transmission);
        let by_socket = match claim {
            PacketOwner::Known(client) => clients.run(client),
            PacketOwner::New(_) | PacketOwner::Unknown => None,
        };
        // An older relay gave a connection's first packets to the call of the one before.
        let by_call =
            by_call.filter(|(_, under_way)| transmission.direction.is_some() || *under_way);
        let run_id = match by_call.map(|(run, _)| run) {
            Some(run) if transmission.direction.is_some() => Some(run),
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
        let mut transmissions = Vec::new();
        let version = self.version;
        if let Some(before) = self.runs.iter_mut().find(|run| Some(run.id) == before) {
            let ended_ns = before.ends_ns();
            transmissions.extend(before.transmissions.extract_if(.., |transmission| {
                transmission.at_ns > ended_ns && clients.sent(client, transmission)
            }));
            before.version = version;
        }
        self.unassigned.retain(|transmission| {
            let comes = clients.is_of(client, transmission);
            if comes {
                transmissions.push(transmission.clone());
            }
            !comes
        });
        if let Some(run) = self.runs.iter_mut().find(|known| known.id == run) {
            run.transmissions.extend(transmissions);
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
fn was_under_way(run: &Run, call: Option<CallId>, transmission: &Transmission) -> bool {
    let call = run.calls.iter().find(|known| Some(known.id) == call);
    let end = call.and_then(|call| call.end.as_ref());
    let opens = transmission.numbers.and_then(Numbers::opens).is_some();
    !opens || end.is_none_or(|end| end.at_ns >= transmission.at_ns)
}
