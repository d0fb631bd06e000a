//! What the relay says, as JSON: a flat object, told apart by which keys it has.

use std::net::SocketAddr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use super::{Gap, Goodbye, Reply, ServerMessage, Welcome};
use crate::{
    class::News,
    outcome::{Failed, Outcome, Returned},
    trace::Event,
};

/// The flat JSON of a [`ServerMessage`]: the one key that is there tells the variant.
#[derive(Default, Serialize, Deserialize)]
struct ServerRepr {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    returned: Option<Returned>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<Failed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    took_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    local: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    welcome: Option<Box<Welcome>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<Event>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gap: Option<Gap>,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<News>,
    #[serde(skip_serializing_if = "Option::is_none")]
    goodbye: Option<Goodbye>,
}

impl Serialize for ServerMessage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut repr = ServerRepr::default();
        match self.clone() {
            Self::Welcome(welcome) => repr.welcome = Some(welcome),
            Self::Reply(Reply {
                id,
                outcome,
                took_ns,
                local,
                peer,
            }) => {
                (repr.id, repr.took_ns, repr.local, repr.peer) = (id, Some(took_ns), local, peer);
                match outcome {
                    Outcome::Returned(returned) => repr.returned = Some(returned),
                    Outcome::Failed(failed) => repr.failed = Some(failed),
                }
            }
            Self::Trace(event) => repr.trace = Some(event),
            Self::Gap(gap) => repr.gap = Some(gap),
            Self::Class(news) => repr.class = Some(news),
            Self::Goodbye(goodbye) => repr.goodbye = Some(goodbye),
        }
        repr.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ServerMessage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let repr = ServerRepr::deserialize(deserializer)?;
        let outcome = match (repr.returned, repr.failed) {
            (Some(returned), None) => Some(Outcome::Returned(returned)),
            (None, Some(failed)) => Some(Outcome::Failed(failed)),
            _ => None,
        };
        let reply = outcome.map(|outcome| {
            let took_ns = repr.took_ns.unwrap_or_default();
            Self::Reply(Reply {
                id: repr.id,
                outcome,
                took_ns,
                local: repr.local,
                peer: repr.peer,
            })
        });
        reply
            .or(repr.trace.map(Self::Trace))
            .or(repr.welcome.map(Self::Welcome))
            .or(repr.gap.map(Self::Gap))
            .or(repr.class.map(Self::Class))
            .or(repr.goodbye.map(Self::Goodbye))
            .ok_or_else(|| {
                D::Error::custom("neither reply nor trace, class, welcome, gap or goodbye")
            })
    }
}
