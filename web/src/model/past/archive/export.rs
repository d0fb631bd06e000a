//! The page's trace as files to take along, made in the page itself: they also come where the relay is gone.

use shared::{
    lab::Level,
    saved::{CLOSING, FORMAT, Form, Head, opening, pcapng},
    trace::Event,
};

use crate::{json, model::Model};

/// A file to take along.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct File {
    /// Its name.
    pub(crate) name: String,
    /// Its media type.
    pub(crate) kind: &'static str,
    /// What is in it.
    pub(crate) bytes: Vec<u8>,
}

/// A debugger need not see what is in it.
impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} bytes", self.name, self.bytes.len())
    }
}

/// Whether there can be a capture file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Capture {
    /// There are packets.
    Ready,
    /// Packets are captured, but none came yet.
    NonePassed,
    /// At this level nobody captures.
    NotAt(Level),
}

/// What a capture file would be made of.
pub(crate) fn capture(model: &Model) -> Capture {
    match model.welcome.as_ref().map(|welcome| welcome.truth.level) {
        Some(Level::L2) if model.raw_events.has_packets() => Capture::Ready,
        Some(Level::L2) => Capture::NonePassed,
        Some(level) => Capture::NotAt(level),
        None => Capture::NonePassed,
    }
}

/// The trace, in the format in which the relay gives it out; none where there is nothing.
pub(crate) fn trace(model: &Model) -> Option<File> {
    let head = head(model)?;
    let mut text = opening(&head);
    for (at, event) in model.raw_events.texts().enumerate() {
        text.push_str(if at == 0 { "\n" } else { ",\n" });
        text.push_str(event);
    }
    text.push_str(CLOSING);
    Some(File {
        name: name(&head, "json"),
        kind: "application/json",
        bytes: text.into_bytes(),
    })
}

/// The captured packets as a capture file; none where none was captured, for an empty one would say that none passed.
pub(crate) fn packets(model: &Model, form: Form) -> Option<File> {
    let head = head(model)?;
    let events: Vec<Event> = model.raw_events.texts().filter_map(json::read).collect();
    let (bytes, packets) = pcapng(events.iter(), form);
    let kind = match form {
        Form::Captured => "pcapng",
        Form::Completed => "completed.pcapng",
    };
    (packets > 0).then(|| File {
        name: name(&head, kind),
        kind: "application/x-pcapng",
        bytes,
    })
}

/// The lab as it is now, from the first event that is kept on.
fn head(model: &Model) -> Option<Head> {
    let welcome = model.welcome.as_ref()?;
    let (first, last) = model.raw_events.first().zip(model.raw_events.last())?;
    let mut lab = welcome.lab.clone();
    for server in &mut lab.servers {
        if let Some(now) = model.servers.get(server.transport) {
            server.clone_from(now);
        }
    }
    (lab.first_seq, lab.next_seq) = (first, last + 1);
    Some(Head {
        socket_playground_trace: FORMAT,
        version: welcome.version.clone(),
        lab,
        truth: welcome.truth.clone(),
    })
}

/// The lab, and from which event to which.
fn name(head: &Head, kind: &str) -> String {
    let lab = &head.lab;
    let last = lab.next_seq.saturating_sub(1);
    format!("trace-{}-{}-{last}.{kind}", lab.id, lab.first_seq)
}
