//! The relay is no longer heard: the page notices, says so, and connects again; a slow timer is no silence.

use shared::message::GoodbyeReason;

use super::*;
use crate::model::{
    core::{
        connection::{ConnectionState, NextAttempt, Trouble},
        refusal::Refusal,
    },
    dispatch::event_journal::EventJournal,
};

impl Page {
    /// Sleeps from one wake-up to the next, as often as the model wants to within this time.
    fn lives(&mut self, ms: Millis) {
        let end = self.now + ms;
        while let Some(at) = self.model.wakes_at(self.now).filter(|at| *at <= end) {
            assert!(at > self.now, "it would never sleep");
            self.now = at;
            self.does(Event::TimerFired);
        }
        self.now = end;
    }

    /// The pings it has sent since the last time; it has said nothing else.
    fn pings(&mut self) -> Vec<u64> {
        let ping = |message: ClientMessage| {
            assert!(
                matches!(message.request, Request::Ask(Ask::Ping)),
                "no ping but {:?}",
                message.request
            );
            message.id
        };
        self.said_and_pinged().into_iter().map(ping).collect()
    }

    fn is_open(&self) -> bool {
        self.model.connection.state == ConnectionState::Open
    }

    fn silence(&self) -> Option<Millis> {
        self.model.connection.silence(self.now)
    }
}

#[test]
fn a_quiet_line_that_answers_stays() {
    let mut page = Page::open();
    for _ in 0..5 {
        page.lives(7_000);
        let pings = page.pings();
        let [ping] = pings[..] else {
            panic!("one ping: {pings:?}")
        };
        page.lives(400);
        assert_eq!(page.silence(), None, "an answer takes its time");
        page.returns(ping, Returned::Nothing);
        assert!(page.is_open());
    }
}

#[test]
fn whoever_is_heard_is_not_asked() {
    let mut page = Page::open();
    for n in 0..20 {
        page.lives(5_000);
        page.sees(
            n,
            What::CaptureLost {
                packets: 1,
                within_ns: None,
            },
        );
        assert!(page.pings().is_empty());
    }
}

#[test]
fn a_dead_line_is_noticed_within_15_seconds_and_left() {
    let mut page = Page::open();
    let heard_at = page.now;
    page.lives(8_600);
    assert_eq!(page.pings().len(), 1);
    assert!(
        page.is_open() && page.silence() == Some(8_600),
        "in doubt, and told"
    );
    page.lives(6_000);
    assert_eq!(
        page.effects.remove(0),
        Effect::Disconnect,
        "the WebSocket would stay for minutes"
    );
    assert_eq!(
        page.model.connection.state,
        ConnectionState::Lost {
            since: heard_at,
            told: None
        }
    );
    assert_eq!(page.model.connection.trouble, Some(Trouble::Silent));
    page.lives(1_000);
    assert!(
        page.effects.contains(&Effect::Connect),
        "{:?}",
        page.effects
    );
    page.effects.clear();
    page.hears(welcome(10));
    assert!(page.is_open() && page.model.connection.trouble.is_none());
}

#[test]
fn anything_heard_ends_the_doubt() {
    let mut page = Page::open();
    page.lives(10_000);
    assert_eq!(page.pings().len(), 1);
    page.sees(
        1,
        What::CaptureLost {
            packets: 1,
            within_ns: None,
        },
    );
    assert_eq!(page.silence(), None);
    page.lives(6_900);
    assert!(page.is_open() && page.pings().is_empty());
}

#[test]
fn a_timer_the_browser_held_back_is_no_silence() {
    let mut page = Page::open();
    for _ in 0..5 {
        // Once a minute, as in a hidden tab; after an hour, as on a phone that slept.
        for late in [60_000, 3_600_000] {
            page.waits(late);
            assert_eq!(page.pings().len(), 1);
            assert!(page.is_open());
        }
    }
    page.lives(4_900);
    assert!(page.is_open(), "it is awake again, and waits");
    page.lives(200);
    assert!(!page.is_open(), "and nothing came");
}

#[test]
fn who_wakes_up_asks_at_once() {
    let mut page = Page::open();
    page.now += 1_000;
    page.does(Event::ConnectionInDoubt);
    let ping = page.pings()[0];
    page.returns(ping, Returned::Nothing);
    page.does(Event::ConnectionInDoubt);
    assert_eq!(page.pings().len(), 1);
    page.lives(5_000);
    assert!(!page.is_open());
    page.effects.clear();
    assert!(matches!(page.model.connection.next, NextAttempt::At(_)));
    page.does(Event::ConnectionInDoubt);
    assert_eq!(page.effects, [Effect::Connect], "it does not wait its turn");
    page.effects.clear();
    page.does(Event::ConnectionInDoubt);
    assert_eq!(page.effects, [], "that attempt is under way");
}

#[test]
fn an_idle_page_that_wakes_up_leaves_the_relay_alone() {
    let mut page = Page::open();
    page.hears(goodbye(GoodbyeReason::Idle));
    page.does(Event::Closed);
    page.does(Event::ConnectionInDoubt);
    assert_eq!(page.effects, []);
    assert_eq!(page.model.wakes_at(page.now), None);
}

#[test]
fn a_lost_line_is_never_explained_as_udps_silence() {
    let mut page = Page::open();
    page.sends("hello");
    let socket = page.calls()[0].0;
    page.returns(socket, Returned::Socket { fd: 3 });
    let sendto = page.calls()[0].0;
    page.returns(sendto, Returned::Sent { sent: 5 });
    page.lives(6_000);
    assert!(page.note().text.contains("UDP does not tell"));
    page.lives(3_000);
    let note = page.note().text;
    assert!(
        note.contains("no contact") && !note.contains("UDP"),
        "{note}"
    );
    page.lives(5_000);
    let note = page.note().text;
    assert!(!page.is_open() && !note.contains("UDP"), "{note}");
}

#[test]
fn what_the_first_part_of_the_page_asked_the_whole_knows() {
    let (mut first, mut diary) = (Model::default(), EventJournal::default());
    let mut meets = |model: &mut Model, event: Event, now| {
        diary.note(&event, now, 0);
        model.update(event, now, 0)
    };
    meets(&mut first, Event::Started, 0);
    let text = codec::encode_server(&welcome(10));
    meets(&mut first, Event::MessageReceived(text), 1);
    meets(&mut first, Event::ConnectionInDoubt, 2);
    meets(&mut first, Event::TimerFired, 2_000);
    let mut whole = Model::default();
    let entries = diary.close().expect("all of it");
    entries.iter().for_each(|entry| whole.relive(entry));
    assert_eq!(format!("{whole:?}"), format!("{first:?}"));
    let mut torn = EventJournal::default();
    torn.note(&Event::Started, 0, 0);
    torn.tear();
    torn.note(&Event::TimerFired, 1, 0);
    assert_eq!(torn.close(), None, "the first part has hung up");
}

#[test]
fn a_page_that_gets_no_conversation_asks_why() {
    let mut page = Page {
        model: Model::default(),
        now: 0,
        effects: Vec::new(),
        seq: 0,
    };
    page.does(Event::Started);
    page.effects.clear();
    page.does(Event::Closed);
    assert_eq!(page.effects, [Effect::ProbeRefusal], "from the first on");
    let answer = |status, text: &str| Event::RefusalProbed(Some((status, text.to_owned())));
    page.does(answer(404, "<html>"));
    let refused = |page: &Page| match &page.model.connection.trouble {
        Some(Trouble::Refused(refusal)) => Some(refusal.clone()),
        Some(Trouble::Silent) | None => None,
    };
    assert_eq!(refused(&page), Some(Refusal::NotFound(404)));
    page.does(Event::RefusalProbed(None));
    assert_eq!(refused(&page), Some(Refusal::Unreachable));
    page.does(Event::ConnectNow);
    page.hears(welcome(10));
    assert_eq!(refused(&page), None);
    page.does(answer(404, ""));
    assert_eq!(refused(&page), None, "that came too late");
}

#[test]
fn a_relay_that_is_started_again_is_no_proxy_that_drops_the_upgrade() {
    let mut page = Page::open();
    page.effects.clear();
    page.does(Event::Closed);
    assert_eq!(page.effects, [], "that happens");
    page.does(Event::ConnectNow);
    page.effects.clear();
    page.does(Event::Closed);
    assert_eq!(
        page.effects,
        [Effect::ProbeRefusal],
        "twice is worth a question"
    );
    let no_upgrade = || {
        let text = "No WebSocket: here a WebSocket is expected\n".to_owned();
        Event::RefusalProbed(Some((400, text)))
    };
    page.does(no_upgrade());
    assert_eq!(page.model.connection.trouble, None, "it may just be back");
    page.does(no_upgrade());
    assert_eq!(
        page.model.connection.trouble,
        Some(Trouble::Refused(Refusal::NoUpgrade))
    );
}
