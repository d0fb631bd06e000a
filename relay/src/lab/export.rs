//! Writes a lab's trace as a file: JSON, which the page can open again, or a capture file for protocol analysers. The
//! formats themselves are in `shared::saved`.

use bytes::Bytes;
use shared::{
    lab::Level,
    outcome::{Failed, Reason},
    saved::{CLOSING, FORMAT, Form, Head, opening, pcapng},
};

use super::Lab;
use crate::{
    failure,
    trace::{RecordedEvent, Visibility},
};

/// A format of an exported trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The whole trace as JSON.
    Json,
    /// The captured packets as pcapng.
    Pcapng(Form),
}

/// The result of an export.
#[derive(Debug)]
pub enum Export {
    /// The file, in chunks.
    File(Vec<Bytes>),
    /// There are no captured packets, because the lab's level of truth is too low.
    NothingCaptured(Level),
}

/// Exports a lab's trace as it is now.
#[must_use]
pub fn export(lab: &Lab, format: Format) -> Export {
    let truth = lab.truth();
    let (first, _) = lab.trace().range();
    let events = lab.trace().read(first, Visibility::All, usize::MAX).events;
    match format {
        Format::Json => {
            let chunks = json(&head(lab), events.iter().map(AsRef::as_ref));
            Export::File(chunks)
        }
        Format::Pcapng(_) if truth.level < Level::L2 => Export::NothingCaptured(truth.level),
        Format::Pcapng(form) => {
            let (file, _) = pcapng(events.iter().map(|recorded| &recorded.event), form);
            Export::File(vec![file.into()])
        }
    }
}

/// The part of a trace that is saved as a link.
#[derive(Debug)]
pub struct TraceSelection {
    /// Whose events are included.
    pub visibility: Visibility,
    /// The first and last sequence number of each range; `None` for the whole trace.
    pub ranges: Option<Vec<(u64, u64)>>,
    /// Maximum size of the file in bytes.
    pub max_bytes: u64,
}

/// Exports a part of a lab's trace as JSON. The file does not contain the lab's id, because whoever knows that may read
/// the whole trace.
///
/// # Errors
/// If the part has no events or is too large.
pub fn export_selection(lab: &Lab, selection: &TraceSelection) -> Result<Vec<u8>, Failed> {
    let mut events = lab.trace().read(0, selection.visibility, usize::MAX).events;
    if let Some(ranges) = &selection.ranges {
        let mut ranges: Vec<(u64, u64)> = ranges.clone();
        ranges.sort_unstable();
        let wanted = |seq: u64| {
            // The last range that starts at or before `seq`. Pages do not ask for overlapping ranges.
            let after = ranges.partition_point(|(first, _)| *first <= seq);
            ranges[..after].last().is_some_and(|(_, last)| seq <= *last)
        };
        events.retain(|recorded| wanted(recorded.event.seq));
    }
    if events.is_empty() {
        let message = "this part of the trace has no events; they may have been dropped to make room for newer ones";
        return Err(failure::relay(Reason::NothingToSave, message));
    }
    let mut head = head(lab);
    SAVED_LAB_ID.clone_into(&mut head.lab.id);
    head.lab.first_seq = events.first().map_or(1, |recorded| recorded.event.seq);
    let chunks = json(&head, events.iter().map(AsRef::as_ref));
    let bytes: usize = chunks.iter().map(Bytes::len).sum();
    if bytes as u64 > selection.max_bytes {
        let limit = selection.max_bytes;
        let message = format!(
            "a saved trace may have at most {limit} bytes, and this one has {bytes}: select a smaller part"
        );
        return Err(failure::limit(Reason::TraceTooLong, limit, message));
    }
    Ok(chunks.concat())
}

/// The lab's id in a saved trace.
const SAVED_LAB_ID: &str = "saved";

fn head(lab: &Lab) -> Head {
    Head {
        socket_playground_trace: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        lab: lab.to_message(&lab.default_client_host()),
        truth: lab.truth().clone(),
    }
}

/// Returns the object of `head` with the events as its last member, in chunks.
fn json<'a>(head: &Head, events: impl Iterator<Item = &'a RecordedEvent>) -> Vec<Bytes> {
    let mut chunks = vec![Bytes::from(opening(head))];
    for (at, recorded) in events.enumerate() {
        chunks.push(Bytes::from_static(if at == 0 { b"\n" } else { b",\n" }));
        chunks.push(recorded.event_json());
    }
    chunks.push(Bytes::from_static(CLOSING.as_bytes()));
    chunks
}
