//! The programs that are compared: the relay, the floors, and other projects' programs if they are installed.

mod floor;
mod others;
mod relay;

pub(crate) use others::Peer;
pub(crate) use relay::{NO_EVENTS, SINGLE_EVENTS, Service, Tracing, start as start_relay};

use crate::subject::{Contender, Subject};

/// Starts a contender; the error says why it is not available here.
pub(crate) fn start(contender: Contender) -> Result<Subject, String> {
    match contender {
        Contender::Relay(service, tracing) => relay::subject(service, tracing),
        Contender::RawUdp | Contender::RawTcp | Contender::Echo | Contender::Bridge => {
            Ok(floor::subject(contender))
        }
        Contender::Peer(peer) => others::subject(peer),
    }
}
