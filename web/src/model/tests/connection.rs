//! The connection to the relay breaks, comes back, or is ended.

use shared::{
    call::Transport::Udp,
    message::{Ask, Gap, GoodbyeReason},
};

use super::*;
use crate::model::core::connection::{ConnectionState, NextAttempt};

impl Page {
    fn state(&self) -> &ConnectionState {
        &self.model.connection.state
    }

    fn is_lost(&self) -> bool {
        matches!(self.state(), ConnectionState::Lost { .. })
    }

    fn connects(&mut self) -> bool {
        std::mem::take(&mut self.effects) == [Effect::Connect]
    }

    /// Waits as long as the model wants to, and looks.
    fn waits_until_it_wakes(&mut self) {
        let at = self.model.wakes_at(self.now).expect("something is to come");
        assert!(at > self.now, "it would never sleep");
        self.now = at;
        self.does(Event::TimerFired);
    }

    fn waits_for_the_next_attempt(&mut self) -> Millis {
        let before = self.now;
        while !self.connects() {
            self.waits_until_it_wakes();
        }
        self.now - before
    }
}

#[test]
fn it_comes_back_by_itself_ever_more_patiently() {
    let mut page = Page::open();
    page.does(Event::Closed);
    assert!(page.is_lost());
    for full in [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000] {
        let waited = page.waits_for_the_next_attempt();
        assert_eq!(waited, full / 2, "half of it, where chance is 0");
        page.does(Event::Closed);
        assert!(page.is_lost());
    }
    page.waits_for_the_next_attempt();
    page.hears(welcome(10));
    assert_eq!(*page.state(), ConnectionState::Open);
    page.does(Event::Closed);
    assert_eq!(
        page.waits_for_the_next_attempt(),
        250,
        "patience starts anew"
    );
}

#[test]
fn chance_spreads_the_attempts_between_half_and_all_of_the_wait() {
    for random in [0, 1, 250, 251, 1_000_000, u32::MAX] {
        let mut page = Page::open();
        let _ = page.model.update(Event::Closed, page.now, random);
        let NextAttempt::At(at) = page.model.connection.next else {
            panic!("an attempt is to come")
        };
        assert!((250..=500).contains(&(at - page.now)), "{random}: {at}");
    }
}

#[test]
fn who_cannot_wait_tries_now() {
    let mut page = Page::open();
    page.does(Event::Closed);
    page.does(Event::ConnectNow);
    assert!(page.connects());
    assert!(page.is_lost(), "until the relay speaks");
}

#[test]
fn an_attempt_that_takes_too_long_has_failed() {
    let mut page = Page::open();
    page.does(Event::Closed);
    page.waits_for_the_next_attempt();
    page.waits_until_it_wakes();
    assert!(matches!(page.model.connection.next, NextAttempt::At(_)));
}

#[test]
fn the_first_connection_that_fails_is_tried_again_too() {
    let mut page = Page {
        model: Model::default(),
        now: 0,
        effects: Vec::new(),
        seq: 0,
    };
    page.does(Event::Started);
    assert!(page.connects());
    assert_eq!(*page.state(), ConnectionState::Connecting);
    page.does(Event::Closed);
    assert!(page.is_lost());
    page.waits_for_the_next_attempt();
}

#[test]
fn the_trace_goes_on_where_it_was_cut() {
    let mut page = Page::open();
    page.sees(1, What::Server(server(Udp, ServerState::Stopped)));
    page.does(Event::Closed);
    page.waits_for_the_next_attempt();
    page.hears(welcome(40));
    let said = page.said();
    assert_eq!(said.len(), 1);
    assert_eq!(
        said[0].request,
        Request::Ask(Ask::Watch {
            from: 11,
            whose: None
        })
    );
    page.returns(said[0].id, Returned::Nothing);
    page.hears(ServerMessage::Gap(Gap { from: 11, to: 39 }));
    assert_eq!(page.model.log.last_seq(), Some(39));
    assert!(!page.model.connection.restarted);
}

#[test]
fn another_relay_with_a_younger_trace_is_noticed() {
    let mut page = Page::open();
    page.sees(1, What::Server(server(Udp, ServerState::Stopped)));
    page.does(Event::Closed);
    page.waits_for_the_next_attempt();
    page.hears(welcome(5));
    assert!(page.model.connection.restarted);
    assert_eq!(page.said(), [], "there is nothing to go on with");
    assert!(page.model.log.runs().is_empty());
}

#[test]
fn another_relay_with_an_older_trace_is_noticed_by_its_clock() {
    let mut page = Page::open();
    page.sees(1, What::Server(server(Udp, ServerState::Stopped)));
    page.does(Event::Closed);
    page.waits_for_the_next_attempt();
    page.hears(welcome(1_000));
    let watch = page.said()[0].id;
    page.returns(watch, Returned::Nothing);
    let what = What::Server(server(Udp, ServerState::Running));
    let event = TraceEvent {
        seq: 500,
        mono_ns: 7,
        wall_us: 1_700_000_500_000_000,
        what,
    };
    page.hears(ServerMessage::Trace(event));
    assert!(page.model.connection.restarted);
    assert_eq!(page.model.log.runs().len(), 1);
}

#[test]
fn an_idle_page_comes_back_when_somebody_types() {
    let mut page = Page::open();
    page.hears(goodbye(GoodbyeReason::Idle));
    page.does(Event::Closed);
    assert!(
        matches!(page.state(), ConnectionState::Ended(goodbye) if goodbye.reason == GoodbyeReason::Idle)
    );
    assert_eq!(
        page.model.wakes_at(page.now),
        None,
        "else it would never be idle"
    );
    page.does(Event::SentenceEdited);
    assert!(page.connects());
}

#[test]
fn a_relay_that_stops_says_so_and_is_looked_for() {
    let mut page = Page::open();
    page.hears(goodbye(GoodbyeReason::ShuttingDown));
    page.does(Event::Closed);
    assert!(matches!(page.state(), ConnectionState::Ended(_)));
    page.waits_for_the_next_attempt();
    page.does(Event::Closed);
    let ConnectionState::Lost { told, .. } = page.state() else {
        panic!("it does not even answer")
    };
    assert_eq!(
        told.as_ref().map(|goodbye| goodbye.reason),
        Some(GoodbyeReason::ShuttingDown)
    );
    page.waits_for_the_next_attempt();
    page.hears(welcome(2));
    assert_eq!(*page.state(), ConnectionState::Open);
}

#[test]
fn what_was_lost_is_told_until_the_next_sentence() {
    let mut page = Page::open();
    page.sends("hello");
    page.does(Event::Closed);
    assert_eq!(page.model.connection.lost.calls, 1);
    assert!(page.note().text.contains("Send again"));
    page.effects.clear();
    page.waits_for_the_next_attempt();
    page.hears(welcome(10));
    assert_eq!(page.model.connection.lost.calls, 1);
    page.sends("hello");
    assert_eq!(page.model.connection.lost.calls, 0);
}

#[test]
fn what_is_no_message_changes_nothing() {
    let mut page = Page::open();
    for text in [
        "",
        "{}",
        "[]",
        "{\"trace\":{}}",
        "{\"welcome\":null}",
        "\u{0}",
    ] {
        page.does(Event::MessageReceived(text.to_owned()));
    }
    assert_eq!(*page.state(), ConnectionState::Open);
    assert_eq!(page.said(), []);
}
