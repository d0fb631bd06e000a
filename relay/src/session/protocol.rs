//! The versions of the conversation on `/ws`, which differ in how a page gets the events of a trace.

use shared::{PROTOCOL_V1, PROTOCOL_V2};

/// A version of the conversation, by its WebSocket subprotocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// Each event is a message: [`shared::message::ServerMessage::Trace`].
    #[default]
    V1,
    /// Events come in batches: [`shared::message::ServerMessage::Traces`].
    V2,
}

impl Protocol {
    /// The newest of the versions that a client offers, if it offers one.
    pub fn choose<'a>(offered: impl Iterator<Item = &'a str>) -> Option<Self> {
        let known = offered.filter_map(|name| match name {
            PROTOCOL_V1 => Some(Self::V1),
            PROTOCOL_V2 => Some(Self::V2),
            _ => None,
        });
        known.max_by_key(|version| *version == Self::V2)
    }

    /// Its subprotocol's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::V1 => PROTOCOL_V1,
            Self::V2 => PROTOCOL_V2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_offered_version_is_chosen() {
        let choose = |offered: &[&'static str]| Protocol::choose(offered.iter().copied());
        assert_eq!(choose(&[PROTOCOL_V2, PROTOCOL_V1]), Some(Protocol::V2));
        assert_eq!(
            choose(&["chat", PROTOCOL_V1, PROTOCOL_V2]),
            Some(Protocol::V2)
        );
        assert_eq!(choose(&[PROTOCOL_V1]), Some(Protocol::V1));
        assert_eq!(choose(&["socket-playground.v0"]), None);
    }
}
