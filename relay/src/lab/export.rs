//! A lab's trace as a file: JSON that opens in the page again, and captures for protocol analysers.

use bytes::Bytes;
use shared::{
    lab::Level,
    saved::{CLOSING, FORMAT, Form, Head, opening, pcapng},
};

use super::Lab;
use crate::trace::Recorded;

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
    let events = lab.trace().read(first, None, usize::MAX).events;
    match format {
        Format::Json => {
            let version = env!("CARGO_PKG_VERSION").to_owned();
            let head = Head {
                socket_playground_trace: FORMAT,
                version,
                lab: lab.told(),
                truth: truth.clone(),
            };
            Export::File(json(&head, events.iter().map(AsRef::as_ref)))
        }
        Format::Pcapng(_) if truth.level < Level::L2 => Export::NothingCaptured(truth.level),
        Format::Pcapng(form) => {
            let (file, _) = pcapng(events.iter().map(|recorded| &recorded.event), form);
            Export::File(vec![file.into()])
        }
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
