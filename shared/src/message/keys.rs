//! Which keys each call and each ask has, beside `id` and its own name: any other is refused, never ignored.

use serde::{Deserialize, Deserializer};

use super::UNKNOWN;
use crate::{
    class::{Drive, Progress},
    conditions::{Conditions, Way},
    lab::Settings,
    trace::ProcessId,
};

/// The keys of a call or an ask; none if there is none of this name.
pub(super) fn of(name: &str) -> Option<&'static [&'static str]> {
    Some(match name {
        "socket" => &["transport", "family"],
        "getaddrinfo" => &["name", "transport"],
        "bind" => &["fd", "port"],
        "connect" => &["fd", "to"],
        "send" => &["fd", "data"],
        "sendto" => &["fd", "to", "data"],
        "recv" | "recvfrom" => &["fd", "size"],
        "settimeout" => &["fd", "milliseconds"],
        "setsockopt" => &["fd", "option", "value"],
        "getsockname" | "getpeername" | "close" => &["fd"],
        "shutdown" => &["fd", "how"],
        "cancel" => &["of"],
        "enter" => &["lab"],
        "resume" => &["token", "heard"],
        "set_conditions" => &["conditions"],
        "decide" => &["datagram", "verdict"],
        "start_server" => &["transport", "program", "task", "settings"],
        "kill_server" | "stop_server" => &["transport"],
        "watch" => &["from", "whose"],
        "create_class" => &["title", "admin"],
        "join_class" => &["code", "name", "token"],
        "class" => &["act"],
        "save" => &["events", "days"],
        "delete_link" => &["link", "secret"],
        "unwatch" | "ping" => &[],
        _ => return None,
    })
}

/// A key that the call or ask has not; likewise.
pub(crate) const UNKNOWN_KEY: &str = "unknown key";

/// Why a message that has a key too many is refused; `of` is its call's or ask's name.
pub(crate) fn refused_key(of: Option<&str>, key: &str) -> String {
    let Some(of) = of else {
        return format!("{UNKNOWN_KEY} {key:?}");
    };
    match self::of(of) {
        Some([]) => format!("{UNKNOWN_KEY} {key:?}: {of} has none"),
        Some(known) => format!("{UNKNOWN_KEY} {key:?}: {of} has {}", known.join(", ")),
        None => format!("{UNKNOWN}: {of:.40}"),
    }
}

/// [`Settings`] as a page says them. In the other direction, and in a saved trace, unknown keys are ignored.
#[derive(Deserialize)]
#[serde(remote = "Settings", deny_unknown_fields)]
struct SaidSettings {
    backlog: u32,
    receive_size: u32,
    think_ms: u32,
    reuse_address: bool,
}

/// The same of [`Conditions`].
#[derive(Deserialize)]
#[serde(remote = "Conditions", deny_unknown_fields)]
struct SaidConditions {
    #[serde(with = "SaidWay")]
    request: Way,
    #[serde(with = "SaidWay")]
    reply: Way,
    seed: u64,
}

/// The same of [`Way`].
#[derive(Deserialize)]
#[serde(remote = "Way", deny_unknown_fields)]
struct SaidWay {
    loss_percent: u8,
    duplicate_percent: u8,
    reorder_percent: u8,
    delay_ms: u32,
    jitter_ms: u32,
    by_hand: bool,
}

/// The same of [`Drive`].
#[derive(Deserialize)]
#[serde(remote = "Drive", deny_unknown_fields)]
struct SaidDrive {
    process: ProcessId,
    #[serde(default)]
    seq: Option<u64>,
    #[serde(default)]
    hides_name: bool,
}

/// The same of [`Progress`].
#[derive(Deserialize)]
#[serde(remote = "Progress", deny_unknown_fields)]
struct SaidProgress {
    id: String,
    step: u32,
    steps: u32,
    #[serde(default)]
    done: bool,
}

pub(super) fn settings<'de, D: Deserializer<'de>>(said: D) -> Result<Option<Settings>, D::Error> {
    #[derive(Deserialize)]
    struct Said(#[serde(with = "SaidSettings")] Settings);
    Ok(Option::<Said>::deserialize(said)?.map(|Said(settings)| settings))
}

pub(super) fn conditions<'de, D: Deserializer<'de>>(
    said: D,
) -> Result<Option<Conditions>, D::Error> {
    #[derive(Deserialize)]
    struct Said(#[serde(with = "SaidConditions")] Conditions);
    Ok(Option::<Said>::deserialize(said)?.map(|Said(conditions)| conditions))
}

/// For [`Act::Drive`](crate::class::Act::Drive).
pub(crate) fn drive<'de, D: Deserializer<'de>>(said: D) -> Result<Option<Drive>, D::Error> {
    #[derive(Deserialize)]
    struct Said(#[serde(with = "SaidDrive")] Drive);
    Ok(Option::<Said>::deserialize(said)?.map(|Said(drive)| drive))
}

/// For [`Act::Progress`](crate::class::Act::Progress).
pub(crate) fn progress<'de, D: Deserializer<'de>>(said: D) -> Result<Option<Progress>, D::Error> {
    #[derive(Deserialize)]
    struct Said(#[serde(with = "SaidProgress")] Progress);
    Ok(Option::<Said>::deserialize(said)?.map(|Said(progress)| progress))
}
