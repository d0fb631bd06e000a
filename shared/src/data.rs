//! Bytes as they travel in the conversation: text where they are text, base64 where they are not.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error, ser::SerializeMap};

/// The payload of one call: any bytes, also none.
///
/// In JSON `{"text":"…"}` where the bytes are valid UTF-8, else `{"base64":"…"}` (RFC 4648 §4).
/// Either form is understood whatever the bytes are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Data(pub Vec<u8>);

impl Data {
    /// The bytes as text, where they are valid UTF-8.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// How many bytes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none: an empty datagram is a real datagram.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&str> for Data {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl From<&[u8]> for Data {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl Serialize for Data {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        match self.as_text() {
            Some(text) => map.serialize_entry("text", text)?,
            None => map.serialize_entry("base64", &STANDARD.encode(&self.0))?,
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Repr {
            text: Option<String>,
            base64: Option<String>,
        }
        let repr = Repr::deserialize(deserializer)?;
        match (repr.text, repr.base64) {
            (Some(text), None) => Ok(Self(text.into_bytes())),
            (None, Some(base64)) => STANDARD.decode(base64).map(Self).map_err(D::Error::custom),
            (Some(_), Some(_)) => Err(D::Error::custom("data is either text or base64, not both")),
            (None, None) => Err(D::Error::custom("data needs text or base64")),
        }
    }
}

/// Bytes that are never text, such as a packet: always one base64 string.
pub(crate) mod base64_bytes {
    use super::{Deserialize, Deserializer, Engine, Error, STANDARD, Serializer};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map_err(D::Error::custom)
    }
}
