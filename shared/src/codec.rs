//! Messages to JSON and back: the only room that knows the format.

use std::fmt;

use serde::Deserialize;

use crate::{
    message::{ClientMessage, ServerMessage, UNKNOWN, UNKNOWN_KEY, refused_key},
    outcome::Reason,
    trace::Event,
};

/// Why a page's text is no message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// Not even a JSON object: no conversation can be had.
    NotAConversation,
    /// A JSON object, but no message; the conversation goes on.
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

/// Reads what a page said.
///
/// # Errors
/// [`DecodeError`] tells whether the conversation can go on, and the id to answer to.
pub fn decode_client(text: &str) -> Result<ClientMessage, DecodeError> {
    // serde would also read a list as an object whose keys were left out.
    if !text.trim_start().starts_with('{') {
        return Err(DecodeError::NotAConversation);
    }
    serde_json::from_str(text).map_err(|error| explain(text, &error))
}

fn explain(text: &str, error: &serde_json::Error) -> DecodeError {
    #[derive(Deserialize)]
    struct Head {
        id: Option<serde_json::Value>,
        call: Option<serde_json::Value>,
        ask: Option<serde_json::Value>,
        #[serde(flatten)]
        tagged: Tagged,
    }
    let Ok(Head {
        id,
        call,
        ask,
        tagged,
    }) = serde_json::from_str(text)
    else {
        return DecodeError::NotAConversation;
    };
    let name = call.or(ask);
    let name = name.as_ref().and_then(serde_json::Value::as_str);
    let message = error.to_string();
    let message = match unknown_field(&message) {
        Some((key, true)) => refused_key(name, key),
        Some((_, false)) => message.replacen("unknown field", UNKNOWN_KEY, 1),
        None => tagged.with_a_key_too_many().unwrap_or(message),
    };
    let reason = if message.starts_with(UNKNOWN) {
        Reason::UnknownCall
    } else if message.starts_with(UNKNOWN_KEY) {
        Reason::UnknownKey
    } else {
        Reason::Malformed
    };
    DecodeError::NotAMessage {
        id: id.and_then(|id| id.as_u64()),
        reason,
        message,
    }
}

/// What is told apart by its only key, such as `{"fd":4}`.
#[derive(Deserialize)]
struct Tagged {
    to: Option<serde_json::Value>,
    whose: Option<serde_json::Value>,
    act: Option<serde_json::Value>,
    task: Option<serde_json::Value>,
}

impl Tagged {
    /// Which of them has more than one, in one English sentence.
    fn with_a_key_too_many(&self) -> Option<String> {
        let Self {
            to,
            whose,
            act,
            task,
        } = self;
        [("to", to), ("whose", whose), ("act", act), ("task", task)]
            .into_iter()
            .find_map(|(name, value)| {
                let keys = value.as_ref()?.as_object()?.keys();
                let keys: Vec<&str> = keys.map(String::as_str).collect();
                let keys = (keys.len() > 1).then(|| keys.join(", "))?;
                Some(format!("{UNKNOWN_KEY}: {name} has only one, not {keys}"))
            })
    }
}

/// The key that serde does not know, and whether it is one of the message itself and not of something in it.
fn unknown_field(message: &str) -> Option<(&str, bool)> {
    let (key, expected) = message.strip_prefix("unknown field `")?.split_once('`')?;
    Some((key, expected.contains("`ask`")))
}

/// Writes what a page says.
#[must_use]
pub fn encode_client(message: &ClientMessage) -> String {
    to_json(message)
}

/// Reads what the relay said.
///
/// # Errors
/// Where it is no message of this protocol.
pub fn decode_server(text: &str) -> Result<ServerMessage, serde_json::Error> {
    serde_json::from_str(text)
}

/// Writes what the relay says.
#[must_use]
pub fn encode_server(message: &ServerMessage) -> String {
    to_json(message)
}

/// Writes one event of a trace as it stands in `trace.json`.
#[must_use]
pub fn encode_event(event: &Event) -> String {
    to_json(event)
}

/// Our own types have no map with keys that are not strings and no failing `Serialize`: nothing can go wrong.
pub(crate) fn to_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
