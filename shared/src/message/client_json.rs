//! A page's message as JSON: a flat object in which `call` or `ask` names the request, and the other keys but `id`
//! are its arguments.
//!
//! serde's own form of a [`Call`] or an [`Ask`] is `{"name":{arguments}}`. This turns one form into the other: it
//! writes text, and reads in one pass, without a copy of the arguments unless some stand before the name.

use std::{borrow::Cow, fmt, vec};

use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeSeed, EnumAccess, Error, IntoDeserializer, MapAccess, VariantAccess, Visitor,
        value::EnumAccessDeserializer,
    },
};
use serde_json::Value;

use super::json::to_json;
use super::{Ask, ClientMessage, Request};
use crate::call::Call;

const ONE_NAME: &str = "a message has either \"call\" or \"ask\"";

/// What is wrong with a JSON object that is no message.
#[derive(Debug)]
pub(crate) enum Wrong {
    /// No call or ask has this name.
    UnknownRequest(String),
    /// The request has no such argument.
    UnknownKey {
        key: String,
        known: &'static [&'static str],
    },
    /// An argument has a key that it must not have: serde's sentence.
    UnknownKeyWithin(String),
    /// The request needs this key.
    Missing(&'static str),
    /// Anything else: one English sentence.
    Other(String),
}

impl Wrong {
    /// The error of an argument's value.
    fn within(error: impl fmt::Display) -> Self {
        let message = error.to_string();
        match message.strip_prefix("unknown field ") {
            Some(rest) => Self::UnknownKeyWithin(format!("unknown key {rest}")),
            None => Self::Other(message),
        }
    }
}

impl Error for Wrong {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Other(message.to_string())
    }

    fn unknown_variant(variant: &str, _: &'static [&'static str]) -> Self {
        Self::UnknownRequest(variant.to_owned())
    }

    fn unknown_field(key: &str, known: &'static [&'static str]) -> Self {
        let key = key.to_owned();
        Self::UnknownKey { key, known }
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Missing(field)
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for Wrong {}

/// Writes a message.
pub(crate) fn write(message: &ClientMessage) -> String {
    let (kind, request) = match &message.request {
        Request::Call(call) => ("call", to_json(call)),
        Request::Ask(ask) => ("ask", to_json(ask)),
    };
    // `{"recv":{"fd":3,"size":9}}`, `{"save":{}}`, or `"ping"`.
    let request = request.trim_start_matches('{');
    let parts = request
        .strip_suffix("}}")
        .and_then(|parts| parts.split_once(":{"));
    let (name, arguments) = parts.unwrap_or((request, ""));
    let comma = if arguments.is_empty() { "" } else { "," };
    format!(
        r#"{{"id":{},"{kind}":{name}{comma}{arguments}}}"#,
        message.id
    )
}

/// Reads a message.
///
/// # Errors
/// What is wrong with it, also where it is no JSON object.
pub(crate) fn read(text: &str) -> Result<ClientMessage, Wrong> {
    let mut wrong = None;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    deserializer
        .deserialize_map(MessageVisitor { wrong: &mut wrong })
        .and_then(|message| deserializer.end().map(|()| message))
        .map_err(|error| wrong.unwrap_or_else(|| Wrong::within(error)))
}

/// A text of the JSON, borrowed where nothing in it is escaped.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

struct MessageVisitor<'a> {
    /// What is wrong, where the error of the JSON's reader cannot tell it.
    wrong: &'a mut Option<Wrong>,
}

impl<'de> Visitor<'de> for MessageVisitor<'_> {
    type Value = ClientMessage;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a message")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<ClientMessage, M::Error> {
        let mut id = None;
        let mut early = Vec::new();
        let request = loop {
            let Some(Text(key)) = map.next_key()? else {
                break Err(Wrong::Other(ONE_NAME.to_owned()));
            };
            match &*key {
                "id" if id.is_none() => id = Some(map.next_value()?),
                "call" | "ask" => {
                    let is_call = key == "call";
                    let request = EnumAccessDeserializer::new(FlatRequest {
                        name: map.next_value()?,
                        early: early.into_iter(),
                        value: None,
                        rest: map,
                        id: &mut id,
                    });
                    break if is_call {
                        Call::deserialize(request).map(Request::Call)
                    } else {
                        Ask::deserialize(request).map(Request::Ask)
                    };
                }
                _ => early.push((key, map.next_value()?)),
            }
        };
        let message = request.and_then(|request| {
            let id = id.ok_or(Wrong::Missing("id"))?;
            Ok(ClientMessage { id, request })
        });
        message.map_err(|error| {
            *self.wrong = Some(error);
            M::Error::custom("no message")
        })
    }
}

/// The flat object as serde's form of an enum: the variant is the name, its fields are the keys.
struct FlatRequest<'a, 'de, M> {
    name: Text<'de>,
    /// What stands before the name.
    early: vec::IntoIter<(Cow<'de, str>, Value)>,
    /// The value of the early key that was read last.
    value: Option<Value>,
    rest: M,
    id: &'a mut Option<u64>,
}

impl<'de, M: MapAccess<'de>> EnumAccess<'de> for FlatRequest<'_, 'de, M> {
    type Error = Wrong;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Wrong> {
        let name: &str = &self.name.0;
        let variant = seed.deserialize(name.into_deserializer())?;
        Ok((variant, self))
    }
}

impl<'de, M: MapAccess<'de>> VariantAccess<'de> for FlatRequest<'_, 'de, M> {
    type Error = Wrong;

    fn unit_variant(mut self) -> Result<(), Wrong> {
        let key: Option<Text<'_>> = self.next_key()?;
        key.map_or(Ok(()), |Text(key)| Err(Wrong::unknown_field(&key, &[])))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        visitor.visit_map(self)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, Wrong> {
        Err(Wrong::custom("arguments have names"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Wrong> {
        Err(Wrong::custom("arguments have names"))
    }
}

impl<'de, M: MapAccess<'de>> MapAccess<'de> for FlatRequest<'_, 'de, M> {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Wrong> {
        loop {
            let key = if let Some((key, value)) = self.early.next() {
                self.value = Some(value);
                key
            } else {
                match self.rest.next_key().map_err(Wrong::within)? {
                    Some(Text(key)) => key,
                    None => return Ok(None),
                }
            };
            match &*key {
                "id" if self.id.is_none() => *self.id = Some(self.next_value()?),
                "id" => return Err(Wrong::custom("duplicate field `id`")),
                "call" | "ask" => return Err(Wrong::custom(ONE_NAME)),
                _ => return seed.deserialize(key.into_deserializer()).map(Some),
            }
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Wrong> {
        match self.value.take() {
            Some(value) => seed.deserialize(value).map_err(Wrong::within),
            None => self.rest.next_value_seed(seed).map_err(Wrong::within),
        }
    }
}
