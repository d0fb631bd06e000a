//! The events that the first part of the page has handled, recorded for the whole page to handle again: the same events
//! at the same times lead the same model to the same state.

use std::borrow::Cow;

use shared::call::Transport;

use crate::{
    i18n::Language,
    model::{Event, Model, core::time::Millis},
};

/// Maximum number of bytes recorded; beyond it the whole page connects anew.
const LONGEST: usize = 4 << 20;

/// The events so far.
#[derive(Debug, Default)]
pub(crate) struct EventJournal {
    /// One event each: time, random number, kind and content.
    entries: Vec<String>,
    bytes: usize,
    is_torn: bool,
}

impl EventJournal {
    /// Writes an event down before it is taken in. A connection that breaks ends it: the first part does not follow
    /// the trace, so it could not say from where on to hear it again.
    pub(crate) fn note(&mut self, event: &Event, now: Millis, random: u32) {
        let Some((kind, says)) = told(event) else {
            return;
        };
        self.bytes = self.bytes.saturating_add(says.len());
        self.is_torn |= kind == CLOSED || self.bytes > LONGEST;
        if self.is_torn {
            self.entries.clear();
        } else {
            let (now, random) = (now.to_string(), random.to_string());
            self.entries
                .push([now.as_str(), &random, kind, &says].join(" "));
        }
    }

    /// What comes now cannot be met again: the first part has closed the connection.
    pub(crate) fn tear(&mut self) {
        self.is_torn = true;
        self.entries.clear();
    }

    /// All of it; nothing where not all of it is there.
    pub(crate) fn close(self) -> Option<Vec<String>> {
        (!self.is_torn).then_some(self.entries)
    }
}

impl Model {
    /// Meets again what was written down. What is to be done because of it was done already.
    pub(crate) fn relive(&mut self, entry: &str) {
        if let Some((event, now, random)) = read(entry) {
            drop(self.update(event, now, random));
        }
    }
}

/// Its kind and what it says, of an event that the first part knows.
fn told(event: &Event) -> Option<(&'static str, Cow<'_, str>)> {
    let (kind, says) = match event {
        Event::Started => (STARTED, ""),
        Event::Closed => (CLOSED, ""),
        Event::TimerFired => (WOKE, ""),
        Event::ConnectionInDoubt => (LINE_IN_DOUBT, ""),
        Event::ConnectNow => (TRY_NOW, ""),
        Event::SentenceEdited => (TYPED, ""),
        Event::StopWaiting => (STOP_WAITING, ""),
        Event::CloseConnection => (CLOSE, ""),
        Event::EndSending => (END_SENDING, ""),
        Event::MessageReceived(text) => (HEARD, text.as_str()),
        Event::SessionRemembered(token) => (HAD_SEAT, token.as_str()),
        Event::SetLanguage(language) => (SPEAK, language.tag()),
        Event::ChooseTransport(Transport::Udp) => (UDP, ""),
        Event::ChooseTransport(Transport::Tcp) => (TCP, ""),
        Event::KeepConnection(true) => (KEEP, ""),
        Event::KeepConnection(false) => (KEEP_NOT, ""),
        Event::Submit {
            text,
            upper_case_bytes,
        } => {
            let says = [&upper_case_bytes.to_string(), " ", text].concat();
            return Some((SUBMIT, Cow::Owned(says)));
        }
        Event::RefusalProbed(_) | Event::Whole(_) => return None,
    };
    Some((kind, Cow::Borrowed(says)))
}

fn read(entry: &str) -> Option<(Event, Millis, u32)> {
    let mut leave_class_on = entry.splitn(4, ' ');
    let now = leave_class_on.next()?.parse().ok()?;
    let random = leave_class_on.next()?.parse().ok()?;
    let (kind, says) = (leave_class_on.next()?, leave_class_on.next()?);
    let event = match kind {
        STARTED => Event::Started,
        WOKE => Event::TimerFired,
        LINE_IN_DOUBT => Event::ConnectionInDoubt,
        TRY_NOW => Event::ConnectNow,
        TYPED => Event::SentenceEdited,
        STOP_WAITING => Event::StopWaiting,
        CLOSE => Event::CloseConnection,
        END_SENDING => Event::EndSending,
        HEARD => Event::MessageReceived(says.to_owned()),
        HAD_SEAT => Event::SessionRemembered(says.to_owned()),
        SPEAK => Event::SetLanguage(Language::of_tag(says)?),
        UDP => Event::ChooseTransport(Transport::Udp),
        TCP => Event::ChooseTransport(Transport::Tcp),
        KEEP => Event::KeepConnection(true),
        KEEP_NOT => Event::KeepConnection(false),
        SUBMIT => {
            let (upper_case_bytes, text) = says.split_once(' ')?;
            Event::Submit {
                text: text.to_owned(),
                upper_case_bytes: upper_case_bytes.parse().ok()?,
            }
        }
        _ => return None,
    };
    Some((event, now, random))
}

const STARTED: &str = "started";
const CLOSED: &str = "closed";
const WOKE: &str = "woke";
const LINE_IN_DOUBT: &str = "line_in_doubt";
const TRY_NOW: &str = "try_now";
const TYPED: &str = "typed";
const STOP_WAITING: &str = "stop_waiting";
const CLOSE: &str = "close";
const END_SENDING: &str = "end_sending";
const HEARD: &str = "heard";
const HAD_SEAT: &str = "had_seat";
const SPEAK: &str = "speak";
const UDP: &str = "udp";
const TCP: &str = "tcp";
const KEEP: &str = "keep";
const KEEP_NOT: &str = "keep_not";
const SUBMIT: &str = "submit";
