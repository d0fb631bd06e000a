//! Whose a datagram is that comes to a gate, and which call sent it.

use shared::{
    call::Transport,
    trace::{CallId, CallName},
};

use super::{
    super::crossing::{Crossing, is_at},
    Gate, Side,
};

impl Gate {
    /// Whose it is, and which call sent it. Without the kernel's time of it the call is not known: of several it
    /// may be any.
    pub(super) fn belongs(&self, crossing: Crossing, received_ns: Option<u64>) -> Crossing {
        let trace = &self.edge.trace;
        let client = match self.side {
            Side::Server => crossing.from,
            Side::Client { .. } => crossing.to,
        };
        let door = (Transport::Udp, client);
        let sent = |by_ns| -> Option<CallId> {
            let last = match self.side {
                Side::Server => trace.last_call(door, by_ns, |lately| {
                    !lately.by_server && matches!(lately.name, CallName::Send | CallName::SendTo)
                }),
                Side::Client { server, .. } if is_at(server, crossing.from) => {
                    trace.last_call(door, by_ns, |lately| {
                        lately.by_server && lately.name == CallName::SendTo
                    })
                }
                // Somebody else's, whose calls are not seen.
                Side::Client { .. } => None,
            };
            last.map(|lately| lately.call)
        };
        Crossing {
            process: Some(match self.side {
                Side::Server => trace.sender_at(door, || received_ns),
                Side::Client { .. } => trace.client_at(door),
            }),
            call: received_ns.and_then(sent),
            ..crossing
        }
    }
}
