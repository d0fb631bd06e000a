//! What the first part of the page has met leads the whole to the same.

use super::*;
use crate::model::dispatch::event_journal::EventJournal;

/// A page that writes down what it meets.
struct First {
    model: Model,
    diary: EventJournal,
    now: Millis,
}

impl First {
    fn new() -> Self {
        Self {
            model: Model::default(),
            diary: EventJournal::default(),
            now: 0,
        }
    }

    fn meets(&mut self, event: Event) {
        self.now += 7;
        self.diary.note(&event, self.now, 5);
        drop(self.model.update(event, self.now, 5));
    }

    fn hears(&mut self, message: ServerMessage) {
        self.meets(Event::MessageReceived(codec::encode_server(&message)));
    }
}

fn with_a_sentence() -> First {
    let mut first = First::new();
    for event in [
        Event::SetLanguage(Language::Chinese),
        Event::ChooseTransport(Transport::Tcp),
        Event::KeepConnection(true),
        Event::Started,
    ] {
        first.meets(event);
    }
    first.hears(welcome(10));
    first.meets(Event::SentenceEdited);
    first.meets(Event::Submit {
        text: "two  spaces,\na line\nand 世界 ".to_owned(),
        upper_case_bytes: 30,
    });
    first.meets(Event::TimerFired);
    first.meets(Event::StopWaiting);
    first.meets(Event::EndSending);
    first.meets(Event::CloseConnection);
    first
}

#[test]
fn the_whole_is_where_the_first_part_was() {
    let first = with_a_sentence();
    let mut whole = Model::default();
    let entries = first.diary.close().expect("all of it");
    entries.iter().for_each(|entry| whole.relive(entry));
    assert_eq!(format!("{whole:?}"), format!("{:?}", first.model));
    assert!(whole.program.is_busy(), "the sentence is under way");
}

#[test]
fn after_a_break_the_whole_begins_anew() {
    let mut first = with_a_sentence();
    first.meets(Event::Closed);
    first.hears(welcome(20));
    assert_eq!(first.diary.close(), None);
}

#[test]
fn what_comes_late_is_not_kept_for_ever() {
    let mut first = First::new();
    for _ in 0..5 {
        first.meets(Event::MessageReceived("x".repeat(1 << 20)));
    }
    assert_eq!(first.diary.close(), None);
}

#[test]
fn what_is_no_entry_changes_nothing() {
    let mut whole = Model::default();
    let before = format!("{whole:?}");
    for entry in ["", "1", "1 2", "1 2 x ", "a b started ", "1 2 submit x"] {
        whole.relive(entry);
    }
    assert_eq!(format!("{whole:?}"), before);
}
