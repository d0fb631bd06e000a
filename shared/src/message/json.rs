//! The JSON of one of our own types.

/// Our own types have no map with keys that are not strings and no failing `Serialize`: nothing can go wrong.
pub(crate) fn to_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
