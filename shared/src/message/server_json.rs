//! The relay's message as it is read: a flat object, told apart by the keys it has. It is written by derive.

use std::net::SocketAddr;

use serde::{Deserialize, Deserializer, de::Error};

use super::{Gap, Goodbye, Reply, ServerMessage, Welcome};
use crate::{
    class::News,
    outcome::{Failed, Outcome, Returned},
    trace::Event,
};

/// The flat JSON of a [`ServerMessage`]. Read so and not by derive, which would first copy the whole message.
#[derive(Deserialize)]
struct ServerFields {
    id: Option<u64>,
    returned: Option<Returned>,
    failed: Option<Failed>,
    took_ns: Option<u64>,
    local: Option<SocketAddr>,
    peer: Option<SocketAddr>,
    welcome: Option<Box<Welcome>>,
    trace: Option<Event>,
    traces: Option<Vec<Event>>,
    gap: Option<Gap>,
    class: Option<News>,
    goodbye: Option<Goodbye>,
}

impl<'de> Deserialize<'de> for ServerMessage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = ServerFields::deserialize(deserializer)?;
        let outcome = match (fields.returned, fields.failed) {
            (Some(returned), None) => Some(Outcome::Returned(returned)),
            (None, Some(failed)) => Some(Outcome::Failed(failed)),
            _ => None,
        };
        let reply = outcome.map(|outcome| {
            Self::Reply(Reply {
                id: fields.id,
                outcome,
                took_ns: fields.took_ns.unwrap_or_default(),
                local: fields.local,
                peer: fields.peer,
            })
        });
        reply
            .or(fields.trace.map(Self::Trace))
            .or(fields.traces.map(Self::Traces))
            .or(fields.welcome.map(Self::Welcome))
            .or(fields.gap.map(Self::Gap))
            .or(fields.class.map(Self::Class))
            .or(fields.goodbye.map(Self::Goodbye))
            .ok_or_else(|| {
                D::Error::custom("neither reply nor trace, traces, class, welcome, gap or goodbye")
            })
    }
}
