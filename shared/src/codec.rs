//! Messages to JSON and back: the only room that knows the format.

use std::{fmt, ops::Range};

use serde_json::{Map, Value};

use crate::{
    message::{
        ClientMessage, ServerMessage,
        client_json::{self, Wrong},
        json::to_json,
    },
    outcome::Reason,
    trace::Event,
};

/// Why a page's text is no message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// No JSON object: the connection is closed.
    NotAConversation,
    /// A JSON object, but no message; the connection stays open.
    NotAMessage {
        /// The message's id, where it has one that can be read.
        id: Option<u64>,
        /// What kind of mistake.
        reason: Reason,
        /// What is wrong, in one English sentence.
        message: String,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAConversation => f.write_str("not a JSON object"),
            Self::NotAMessage { message, .. } => f.write_str(message),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Reads a page's message.
///
/// # Errors
/// [`DecodeError`] says whether the connection stays open, and which id to answer.
pub fn decode_client(text: &str) -> Result<ClientMessage, DecodeError> {
    // serde would also read a list as an object whose keys were left out.
    if !text.trim_start().starts_with('{') {
        return Err(DecodeError::NotAConversation);
    }
    client_json::read(text).map_err(|wrong| explain(text, wrong))
}

/// Answers a text that is no message with its id, where it has one.
fn explain(text: &str, wrong: Wrong) -> DecodeError {
    let Ok(object) = serde_json::from_str::<Map<String, Value>>(text) else {
        return DecodeError::NotAConversation;
    };
    let name = object.get("call").or(object.get("ask"));
    let name = name.and_then(Value::as_str).unwrap_or("a message");
    let (reason, message) = match wrong {
        Wrong::UnknownRequest(name) => {
            let message = format!("unknown call or ask: {name:.40}");
            (Reason::UnknownCall, message)
        }
        Wrong::UnknownKey { key, known } => {
            let known = known.join(", ");
            let known = Some(known).filter(|known| !known.is_empty());
            let known = known.unwrap_or_else(|| "none".to_owned());
            let message = format!("unknown key {key:?}: {name} has {known}");
            (Reason::UnknownKey, message)
        }
        Wrong::UnknownKeyWithin(message) => (Reason::UnknownKey, message),
        Wrong::Missing(key) => (Reason::Malformed, format!("{name} needs {key:?}")),
        Wrong::Other(message) => match surplus_key(&object) {
            Some(message) => (Reason::UnknownKey, message),
            None => (Reason::Malformed, message),
        },
    };
    DecodeError::NotAMessage {
        id: object.get("id").and_then(Value::as_u64),
        reason,
        message,
    }
}

/// Which argument of those told apart by their only key, such as `{"fd":4}`, has more than one.
fn surplus_key(object: &Map<String, Value>) -> Option<String> {
    ["to", "whose", "act", "task"].into_iter().find_map(|name| {
        let keys = object.get(name)?.as_object()?.keys();
        let keys: Vec<&str> = keys.map(String::as_str).collect();
        let keys = (keys.len() > 1).then(|| keys.join(", "))?;
        Some(format!("unknown key: {name} has only one, not {keys}"))
    })
}

/// Writes a page's message.
#[must_use]
pub fn encode_client(message: &ClientMessage) -> String {
    client_json::write(message)
}

/// Reads a message of the relay.
///
/// # Errors
/// Where it is no message of this protocol.
pub fn decode_server(text: &str) -> Result<ServerMessage, serde_json::Error> {
    serde_json::from_str(text)
}

/// Writes a message of the relay.
#[must_use]
pub fn encode_server(message: &ServerMessage) -> String {
    to_json(message)
}

/// Writes one event of a trace as it stands in `trace.json`.
#[must_use]
pub fn encode_event(event: &Event) -> String {
    to_json(event)
}

/// The start of a message with one event of a trace; the event and `}` follow.
const TRACE_PREFIX: &str = r#"{"trace":"#;

/// Writes the server's message with one event of a trace.
#[must_use]
pub fn encode_trace_message(event: &Event) -> String {
    format!("{TRACE_PREFIX}{}}}", encode_event(event))
}

/// The part of such a message that is the event alone, as [`encode_event`] writes it.
#[must_use]
pub const fn trace_message_event(message_length: usize) -> Range<usize> {
    TRACE_PREFIX.len()..message_length - 1
}

/// The start of a message with the next events of a trace; the events, with commas between, and `]}` follow.
const TRACES_PREFIX: &[u8] = br#"{"traces":["#;
/// The end of such a message.
const TRACES_SUFFIX: &[u8] = b"]}";

/// The length of the message that [`join_events`] writes of this many events with this many bytes in total.
#[must_use]
pub const fn joined_bytes(events: usize, bytes: usize) -> usize {
    TRACES_PREFIX.len() + bytes + events.saturating_sub(1) + TRACES_SUFFIX.len()
}

/// Writes the server's message with the next events of a trace, of events in JSON as [`encode_event`] writes them.
#[must_use]
pub fn join_events<T: AsRef<[u8]>>(events: &[T]) -> Vec<u8> {
    let bytes = events.iter().map(|event| event.as_ref().len()).sum();
    let mut message = Vec::with_capacity(joined_bytes(events.len(), bytes));
    message.extend_from_slice(TRACES_PREFIX);
    for (index, event) in events.iter().enumerate() {
        if index > 0 {
            message.push(b',');
        }
        message.extend_from_slice(event.as_ref());
    }
    message.extend_from_slice(TRACES_SUFFIX);
    message
}
