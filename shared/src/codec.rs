//! Messages to JSON and back: the only room that knows the format.

use std::fmt;

use serde::Deserialize;

use crate::{
    message::{ClientMessage, ServerMessage, UNKNOWN},
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
    struct OnlyId {
        id: Option<serde_json::Value>,
    }
    let Ok(OnlyId { id }) = serde_json::from_str(text) else {
        return DecodeError::NotAConversation;
    };
    let message = error.to_string();
    let reason = if message.starts_with(UNKNOWN) {
        Reason::UnknownCall
    } else {
        Reason::Malformed
    };
    DecodeError::NotAMessage {
        id: id.and_then(|id| id.as_u64()),
        reason,
        message,
    }
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
