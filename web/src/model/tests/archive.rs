//! What is taken along and brought back.

use shared::{
    lab::Level,
    saved::{FORMAT, Form, Saved},
    trace::{Link, Packet},
};

use super::{log::from_client, *};
use crate::model::past::archive::{ArchiveCommand, Capture, File, OpenError, capture};

impl Page {
    /// The file it hands out.
    fn takes(&mut self, wish: ArchiveCommand) -> Option<File> {
        self.effects.clear();
        self.does(WholeEvent::Archive(wish));
        self.effects.pop().map(|effect| {
            let Effect::Download(file) = effect else {
                panic!("no file but {effect:?}")
            };
            file
        })
    }

    fn opens(&mut self, text: &str) -> Option<OpenError> {
        self.does(WholeEvent::Archive(ArchiveCommand::Open {
            name: "trace.json".to_owned(),
            text: Ok(text.to_owned()),
        }));
        self.model.archive.wrong.as_ref().map(|(_, wrong)| *wrong)
    }

    fn saved(&mut self) -> String {
        let file = self.takes(ArchiveCommand::Trace).expect("a file");
        String::from_utf8(file.bytes).expect("text")
    }

    fn sees_a_packet(&mut self) {
        self.sees(
            500,
            What::Packet(Box::new(Packet {
                interface: "lo".to_owned(),
                link: Link::Raw,
                bytes: vec![0x45; 28],
                length: 28,
                kernel_s: 1,
                kernel_ns: 2,
                checksum_unfinished: true,
                burst: None,
                process: None,
                call: None,
                direction: None,
            })),
        );
    }
}

#[test]
fn the_page_saves_what_it_saw_in_the_format_of_the_relay() {
    let mut page = Page::open();
    assert_eq!(
        page.takes(ArchiveCommand::Trace),
        None,
        "nothing happened yet"
    );
    page.sees_a_sentence();
    let events = page.model.raw_events.len();
    let file = page.takes(ArchiveCommand::Trace).expect("a file");
    let saved: Saved = serde_json::from_slice(&file.bytes).expect("a saved trace");
    assert_eq!(saved.events.len(), events);
    assert_eq!(saved.head.socket_playground_trace, FORMAT);
    assert_eq!(saved.head.lab.first_seq, saved.events[0].seq);
    let last = saved.events.last().map(|event| event.seq);
    assert_eq!(last.map(|last| last + 1), Some(saved.head.lab.next_seq));
    assert_eq!(
        file.name,
        format!("trace-open-10-{}.json", last.unwrap_or_default())
    );
}

#[test]
fn a_saved_trace_opens_and_shows_the_same() {
    let mut page = Page::open();
    page.sees_a_sentence();
    let text = page.saved();
    let mut other = Page::open();
    assert_eq!(other.opens(&text), None);
    let shown = other.model.shown();
    let names = |model: &Model| -> Vec<CallName> {
        let runs = model.log.runs().iter();
        runs.flat_map(|run| run.calls.iter().map(|call| call.name))
            .collect()
    };
    assert_eq!(names(shown), names(&page.model));
    assert_eq!(other.saved(), text, "saved again it is the same");
}

#[test]
fn the_lab_goes_on_behind_a_saved_trace_and_does_not_mix_in() {
    let mut page = Page::open();
    page.sees_a_sentence();
    let text = page.saved();
    page.opens(&text);
    let (live, shown) = (page.model.log.version(), page.model.shown().log.version());
    page.sees_a_packet();
    page.does(WholeEvent::Select(Some(11)));
    assert_eq!(page.model.shown().log.version(), shown);
    assert_eq!(page.model.shown().selected, Some(11));
    assert_eq!(page.model.selected, None);
    assert_eq!(page.model.log.version(), live, "it belongs to no run");
    assert!(page.model.raw_events.has_packets(), "but it was heard");
    page.does(WholeEvent::Archive(ArchiveCommand::Leave));
    assert!(page.model.archive.opened.is_none());
}

#[test]
fn nothing_is_sent_while_one_looks_back() {
    let mut before = Page::open();
    before.sees_a_sentence();
    let text = before.saved();
    let mut page = Page::open();
    page.opens(&text);
    assert!(!page.model.can_send());
    page.sends("hello");
    assert!(page.said().is_empty());
    page.does(WholeEvent::Archive(ArchiveCommand::Leave));
    assert!(page.model.can_send());
}

#[test]
fn what_is_no_good_trace_says_why_and_changes_nothing() {
    let mut page = Page::open();
    page.sees_a_sentence();
    let text = page.saved();
    page.opens(&text);
    let newer = text.replacen("trace\":1", "trace\":7", 1);
    let half = &text[..text.len() / 2];
    let lost = text.replacen("\"wall_us\"", "\"wall\"", 1);
    for (text, wrong) in [
        ("", OpenError::NotATrace),
        ("hello", OpenError::NotATrace),
        ("{\"lab\":1}", OpenError::NotATrace),
        ("[1,2]", OpenError::NotATrace),
        (&newer, OpenError::TooNew(7)),
        (half, OpenError::Damaged),
        (&lost, OpenError::Damaged),
    ] {
        assert_eq!(page.opens(text), Some(wrong), "{text}");
        assert!(page.model.archive.opened.is_some());
    }
    assert_eq!(page.opens(&text), None, "a good one is no mistake");
}

#[test]
fn the_relays_own_file_opens() {
    let mut page = Page::open();
    page.sees_a_sentence();
    let pretty: Saved = serde_json::from_str(&page.saved()).expect("a saved trace");
    let pretty = serde_json::to_string_pretty(&pretty).expect("JSON");
    assert_eq!(page.opens(&pretty), None, "however it is laid out");
}

#[test]
fn no_capture_file_is_empty() {
    let mut page = Page::open();
    page.sees_a_sentence();
    assert_eq!(capture(&page.model), Capture::NotAt(Level::L1));
    assert_eq!(page.takes(ArchiveCommand::Packets(Form::Captured)), None);
    page.sees_a_packet();
    let file = page
        .takes(ArchiveCommand::Packets(Form::Captured))
        .expect("a file");
    assert!(file.name.ends_with(".pcapng"));
    assert_eq!(file.bytes[..4], [0x0a, 0x0d, 0x0d, 0x0a]);
}

#[test]
fn what_is_wiped_is_not_taken_along() {
    let mut page = Page::open();
    page.sees_a_sentence();
    page.does(WholeEvent::Clear);
    assert_eq!(page.takes(ArchiveCommand::Trace), None);
}

#[test]
fn a_message_that_is_laid_out_otherwise_is_kept_all_the_same() {
    let mut page = Page::open();
    page.sees_a_sentence();
    let text = page.saved();
    let mut other = Page::open();
    let saved: Saved = serde_json::from_str(&text).expect("a saved trace");
    for event in saved.events {
        let message = codec::encode_server(&ServerMessage::Trace(event));
        other.does(Event::MessageReceived(message.replacen(':', " :", 1)));
    }
    assert_eq!(other.saved(), text);
}

#[test]
fn the_ladder_is_copied_as_text() {
    let mut page = Page::open();
    page.sees_a_sentence();
    page.effects.clear();
    page.does(WholeEvent::Archive(ArchiveCommand::CopyLadder));
    let Some(Effect::Copy(text)) = page.effects.pop() else {
        panic!("something to copy")
    };
    let expected = [
        " µs  client 127.0.0.1:49152                          server 127.0.0.1:12000",
        "  0        socket() -> fd 3",
        "100         sendto(\"hello\") ....... UDP 5 B .......>",
        "101              recvfrom()",
        "105                                                  recvfrom(…) -> \"hello\"",
        "107                                                  upper() -> \"HELLO\"",
        "109                         <....... UDP 5 B ....... sendto(\"HELLO\")",
        "111                                                  recvfrom()",
        "115              -> \"HELLO\"",
        "",
        "...> derived from the calls",
    ];
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    assert!(!page.model.is_copied());
    page.does(WholeEvent::Archive(ArchiveCommand::Copied));
    assert!(page.model.is_copied());
    page.ended(900, from_server_close());
    assert!(!page.model.is_copied(), "it is another ladder now");
}

fn from_server_close() -> CallReturned {
    from_client(returned(14, UDP_SERVER, Returned::Nothing))
}
