//! Arguments of requests that refuse unknown keys. A request's own keys are refused by its derive.

use serde::{Deserialize, Deserializer};

use crate::{
    class::{Drive, Progress},
    conditions::{Conditions, Way},
    lab::Settings,
    trace::ProcessId,
};

/// [`Settings`] of a page. In the other direction, and in a saved trace, unknown keys are ignored.
#[derive(Deserialize)]
#[serde(remote = "Settings", deny_unknown_fields)]
struct StrictSettings {
    backlog: u32,
    receive_size: u32,
    think_ms: u32,
    reuse_address: bool,
}

/// The same of [`Conditions`].
#[derive(Deserialize)]
#[serde(remote = "Conditions", deny_unknown_fields)]
pub(super) struct StrictConditions {
    #[serde(with = "StrictWay")]
    request: Way,
    #[serde(with = "StrictWay")]
    reply: Way,
    seed: u64,
}

/// The same of [`Way`].
#[derive(Deserialize)]
#[serde(remote = "Way", deny_unknown_fields)]
struct StrictWay {
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
struct StrictDrive {
    process: ProcessId,
    #[serde(default)]
    seq: Option<u64>,
    #[serde(default)]
    hides_name: bool,
}

/// The same of [`Progress`].
#[derive(Deserialize)]
#[serde(remote = "Progress", deny_unknown_fields)]
struct StrictProgress {
    id: String,
    step: u32,
    steps: u32,
    #[serde(default)]
    done: bool,
}

pub(super) fn settings<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Settings>, D::Error> {
    #[derive(Deserialize)]
    struct SettingsArgument(#[serde(with = "StrictSettings")] Settings);
    Ok(Option::<SettingsArgument>::deserialize(deserializer)?
        .map(|SettingsArgument(settings)| settings))
}

/// For [`Act::Drive`](crate::class::Act::Drive).
pub(crate) fn drive<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Drive>, D::Error> {
    #[derive(Deserialize)]
    struct DriveArgument(#[serde(with = "StrictDrive")] Drive);
    Ok(Option::<DriveArgument>::deserialize(deserializer)?.map(|DriveArgument(drive)| drive))
}

/// For [`Act::Progress`](crate::class::Act::Progress).
pub(crate) fn progress<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Progress>, D::Error> {
    #[derive(Deserialize)]
    struct ProgressArgument(#[serde(with = "StrictProgress")] Progress);
    Ok(Option::<ProgressArgument>::deserialize(deserializer)?
        .map(|ProgressArgument(progress)| progress))
}
