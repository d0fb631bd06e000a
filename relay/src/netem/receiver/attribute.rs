//! Which client a received datagram belongs to, and which call sent it.

use std::net::SocketAddr;

use shared::{
    call::Transport,
    trace::{CallId, CallName},
};

use super::{ImpairedReceiver, InTransit, ReceiverSide};

impl ImpairedReceiver {
    /// Fills in the client and the call. Without a kernel timestamp the call stays unknown: several may have sent it.
    pub(super) fn attribute(&self, datagram: InTransit, received_ns: Option<u64>) -> InTransit {
        let trace = &self.netem.trace;
        let client = match self.side {
            ReceiverSide::Server => datagram.from,
            ReceiverSide::Client { .. } => datagram.to,
        };
        let door = (Transport::Udp, client);
        let sending_call = |by_ns| -> Option<CallId> {
            let last = match self.side {
                ReceiverSide::Server => trace.last_call(door, by_ns, |call| {
                    !call.by_server && matches!(call.name, CallName::Send | CallName::SendTo)
                }),
                ReceiverSide::Client { server, .. } if is_address_of(server, datagram.from) => {
                    trace.last_call(door, by_ns, |call| {
                        call.by_server && call.name == CallName::SendTo
                    })
                }
                // The calls of other senders are not traced.
                ReceiverSide::Client { .. } => None,
            };
            last.map(|call| call.call)
        };
        InTransit {
            process: Some(match self.side {
                ReceiverSide::Server => trace.sender_at(door, || received_ns),
                ReceiverSide::Client { .. } => trace.client_at(door),
            }),
            call: received_ns.and_then(sending_call),
            ..datagram
        }
    }
}

/// Whether a server bound to `server` sends from `address`. A server that is bound to the unspecified address has
/// every address of the host. An IPv6 socket reports IPv4 addresses in mapped form.
fn is_address_of(server: SocketAddr, address: SocketAddr) -> bool {
    let is_its_host = server.ip().is_unspecified() || server.ip() == address.ip().to_canonical();
    server.port() == address.port() && is_its_host
}
