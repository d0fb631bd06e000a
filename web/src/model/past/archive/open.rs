//! Reads a saved trace back: into a model of its own, which every view can show as it shows the lab.

use serde::Deserialize;
use shared::{
    PROTOCOL_V1,
    lab::{Lab, Truth},
    limits::Limits,
    message::Welcome,
    saved::FORMAT,
    trace::Event,
};

use crate::{
    json,
    model::{Model, panes::workbench::Workbench, trace::log::Log},
};

/// The longest file that is opened, in bytes.
pub(crate) const MAX_FILE_BYTES: u64 = 64_000_000;
/// The member by which a saved trace is known. It comes first.
const MARK: &str = "\"socket_playground_trace\"";
/// Where it must stand at the latest, for a file that is cut off to be known by it.
const BEGINNING: usize = 256;

/// Why a file cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OpenError {
    /// It is no saved trace.
    NotATrace,
    /// It is of a format that this page does not know yet.
    TooNew(u64),
    /// It is a trace, but not all of it can be read.
    Damaged,
    /// The file is too long: its length in bytes.
    TooLong(u64),
    /// The browser could not read it.
    Unreadable,
    /// No trace is saved under this link, or no longer.
    NoSuchLink,
    /// The relay did not give it.
    NotFetched,
}

/// An opened saved trace.
#[derive(Debug)]
pub(crate) struct Opened {
    /// The file's name.
    pub(crate) name: String,
    /// When its first and its last event were: microseconds since 1970-01-01 UTC.
    pub(crate) when_us: Option<(u64, u64)>,
    /// What a page knows that saw all of it happen, and does nothing.
    pub(crate) model: Model,
}

/// What of a file is looked at first.
#[derive(Deserialize)]
struct FormatMark {
    socket_playground_trace: u64,
}

/// A saved trace, as [`shared::saved::Saved`].
#[derive(Deserialize)]
struct SavedFile {
    version: String,
    lab: Lab,
    truth: Truth,
    events: Vec<Event>,
}

impl Opened {
    /// Reads a file. `nth` parts its runs from those of the lab and of the files before.
    ///
    /// # Errors
    /// [`OpenError`] says what is the matter with it.
    pub(crate) fn read(name: String, text: &str, nth: u64) -> Result<Self, OpenError> {
        let file = read(text)?;
        let first_and_last = file.events.first().zip(file.events.last());
        let when_us = first_and_last.map(|(first, last)| (first.wall_us, last.wall_us));
        Ok(Self {
            name,
            when_us,
            model: see(file, nth),
        })
    }
}

fn read(text: &str) -> Result<SavedFile, OpenError> {
    let Some(mark) = json::read::<FormatMark>(text) else {
        let begins = text.get(..text.floor_char_boundary(BEGINNING));
        let is_one = begins.is_some_and(|begins| begins.contains(MARK));
        return Err(if is_one {
            OpenError::Damaged
        } else {
            OpenError::NotATrace
        });
    };
    if mark.socket_playground_trace > u64::from(FORMAT) {
        return Err(OpenError::TooNew(mark.socket_playground_trace));
    }
    json::read(text).ok_or(OpenError::Damaged)
}

/// Lets a model see all of it.
fn see(file: SavedFile, nth: u64) -> Model {
    let mut model = Model {
        log: Log::of_past(nth, nth),
        workbench: Workbench::of_past(nth),
        ..Model::default()
    };
    // First of all: whose packet one is, is told by the servers' addresses.
    model.servers.set_all(&file.lab.servers);
    let mut last = None;
    for event in file.events {
        // The log of a lab only goes on.
        if last.is_some_and(|last| event.seq <= last) {
            continue;
        }
        last = Some(event.seq);
        model.raw_events.keep_saved(&event);
        model.handle_trace_event(event, 0);
    }
    model.network.conditions = file.lab.conditions;
    model.welcome = Some(Welcome {
        protocol: PROTOCOL_V1.to_owned(),
        version: file.version,
        process: 0,
        lab: file.lab,
        limits: nothing_allowed(),
        truth: file.truth,
        may_control: false,
        seat: None,
        class: None,
    });
    model
}

/// In the past nothing can be done.
const fn nothing_allowed() -> Limits {
    Limits {
        message_bytes: 0,
        data_bytes: 0,
        sockets: 0,
        calls: 0,
        queued_bytes: 0,
        pages_per_address: 0,
        pages: 0,
        connections: 0,
        connections_per_address: 0,
        handshake_seconds: 0,
        idle_seconds: 0,
        unread_seconds: 0,
        ping_seconds: 0,
        trace_bytes: 0,
        lab_trace_bytes: 0,
        labs: 0,
        labs_per_address: 0,
        keep_seconds: 0,
        classes: 0,
        members: 0,
        members_per_address: 0,
        links: 0,
        links_per_address: 0,
        links_bytes: 0,
        links_bytes_per_address: 0,
        link_bytes: 0,
        link_days: 0,
    }
}
