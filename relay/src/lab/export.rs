//! A lab's trace as a file: JSON that opens in the page again, and captures for protocol analysers.

use bytes::Bytes;
use shared::{
    lab::Level,
    outcome::{Failed, Reason},
    saved::{CLOSING, FORMAT, Form, Head, opening, pcapng},
};

use super::Lab;
use crate::{
    failure,
    trace::{Recorded, Sight},
};

/// What can be exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The whole trace.
    Json,
    /// Its captured packets.
    Pcapng(Form),
}

/// What comes of an export.
#[derive(Debug)]
pub enum Export {
    /// The file, in pieces.
    File(Vec<Bytes>),
    /// At this level of truth nothing is captured, and packets are not invented.
    NothingCaptured(Level),
}

/// Writes a lab's trace as it is now.
#[must_use]
pub fn export(lab: &Lab, format: Format) -> Export {
    let truth = lab.truth();
    let (first, _) = lab.trace().range();
    let events = lab.trace().read(first, Sight::All, usize::MAX).events;
    match format {
        Format::Json => {
            let pieces = json(&head(lab), events.iter().map(AsRef::as_ref));
            Export::File(pieces)
        }
        Format::Pcapng(_) if truth.level < Level::L2 => Export::NothingCaptured(truth.level),
        Format::Pcapng(form) => {
            let (file, _) = pcapng(events.iter().map(|recorded| &recorded.event), form);
            Export::File(vec![file.into()])
        }
    }
}

/// What of a trace is to be saved as a link.
#[derive(Debug)]
pub struct TraceSelection {
    /// Whose.
    pub visibility: Sight,
    /// The first and the last number of every stretch; none where all is wanted.
    pub ranges: Option<Vec<(u64, u64)>>,
    /// More bytes it must not have.
    pub max_bytes: u64,
}

/// Writes a part of a lab's trace as it is now. The lab's name, which opens all of its trace, is not in it.
///
/// # Errors
/// Where nothing is in it, or too much.
pub fn export_selection(lab: &Lab, selection: &TraceSelection) -> Result<Vec<u8>, Failed> {
    let mut events = lab.trace().read(0, selection.visibility, usize::MAX).events;
    if let Some(ranges) = &selection.ranges {
        let mut ranges: Vec<(u64, u64)> = ranges.clone();
        ranges.sort_unstable();
        let wanted = |seq: u64| {
            // The last one that begins by then; ranges that overlap are none a page would ask for.
            let after = ranges.partition_point(|(first, _)| *first <= seq);
            ranges[..after].last().is_some_and(|(_, last)| seq <= *last)
        };
        events.retain(|recorded| wanted(recorded.event.seq));
    }
    if events.is_empty() {
        let message = "no event is in that part of the trace, or no longer";
        return Err(failure::relay(Reason::NothingToSave, message));
    }
    let mut head = head(lab);
    SAVED_LAB_ID.clone_into(&mut head.lab.id);
    head.lab.first_seq = events.first().map_or(1, |recorded| recorded.event.seq);
    let pieces = json(&head, events.iter().map(AsRef::as_ref));
    let bytes: usize = pieces.iter().map(Bytes::len).sum();
    if bytes as u64 > selection.max_bytes {
        let limit = selection.max_bytes;
        let message = format!("a saved trace has at most {limit} bytes, this one {bytes}");
        return Err(failure::limit(Reason::TraceTooLong, limit, message));
    }
    Ok(pieces.concat())
}

/// The name of the lab in a saved trace.
const SAVED_LAB_ID: &str = "saved";

fn head(lab: &Lab) -> Head {
    Head {
        socket_playground_trace: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        lab: lab.to_message(&lab.default_client_host()),
        truth: lab.truth().clone(),
    }
}

/// The head's object, with the events as its last member.
fn json<'a>(head: &Head, events: impl Iterator<Item = &'a Recorded>) -> Vec<Bytes> {
    let mut pieces = vec![Bytes::from(opening(head))];
    for (at, recorded) in events.enumerate() {
        pieces.push(Bytes::from_static(if at == 0 { b"\n" } else { b",\n" }));
        pieces.push(recorded.event_json());
    }
    pieces.push(Bytes::from_static(CLOSING.as_bytes()));
    pieces
}
