//! A page goes to a lab of its own, loses the connection to it, comes back, reloads, is too late.

use shared::{
    conditions::Conditions,
    lab::LabKind,
    message::{Ask, GoodbyeReason, Seat},
};

use super::*;
use crate::model::core::connection::ConnectionState;

const TOKEN: &str = "secret";

/// The welcome to a lab of one's own, of which so many requests were heard.
fn own(heard: u64, next_id: u64) -> ServerMessage {
    let ServerMessage::Welcome(mut welcome) = welcome(30) else {
        panic!("a welcome")
    };
    welcome.lab.id = "k7f3".to_owned();
    welcome.lab.kind = LabKind::Private;
    welcome.lab.first_seq = 1;
    welcome.seat = Some(Seat {
        token: TOKEN.to_owned(),
        heard,
        next_id,
        keep_seconds: 60,
        is_new: false,
    });
    ServerMessage::Welcome(welcome)
}

impl Page {
    /// In a lab of its own, whose trace it knows from the beginning.
    fn own() -> Self {
        let mut page = Self::open();
        page.does(WholeEvent::Enter(LabKind::Private));
        let [(id, ask)] = &page.asked()[..] else {
            panic!("one ask")
        };
        let lab = LabKind::Private;
        assert_eq!(*ask, Ask::Enter { lab });
        page.returns(*id, Returned::Nothing);
        page.hears(own(0, 1));
        assert_eq!(page.keeps(), [Some(TOKEN.to_owned())]);
        page.watches(1);
        page.seq = 1;
        page
    }

    fn asked(&mut self) -> Vec<(u64, Ask)> {
        let ask = |message: ClientMessage| match message.request {
            Request::Ask(ask) => (message.id, ask),
            Request::Call(call) => panic!("no ask but {call:?}"),
        };
        self.said().into_iter().map(ask).collect()
    }

    /// The tokens it wants kept since the last time.
    fn keeps(&mut self) -> Vec<Option<String>> {
        let is_token = |effect: &mut Effect| matches!(effect, Effect::StoreSessionToken(_));
        let kept = self.effects.extract_if(.., is_token);
        kept.filter_map(|effect| {
            if let Effect::StoreSessionToken(token) = effect {
                Some(token)
            } else {
                None
            }
        })
        .collect()
    }

    /// It has asked for the trace from here on, as the last thing, and gets it.
    fn watches(&mut self, from: u64) -> Vec<ClientMessage> {
        let mut said = self.said();
        let watch = said.pop().expect("it wants the trace");
        assert_eq!(
            watch.request,
            Request::Ask(Ask::Watch { from, whose: None })
        );
        self.returns(watch.id, Returned::Nothing);
        said
    }

    /// The connection breaks and stands again; the page asks for its seat.
    fn comes_back(&mut self) -> Ask {
        self.does(Event::Closed);
        self.does(Event::ConnectNow);
        self.effects.clear();
        self.hears(welcome(500));
        let mut asked = self.asked();
        let (id, ask) = asked.pop().expect("an ask");
        assert!(asked.is_empty() && !self.model.can_send());
        assert_ne!(self.model.connection.state, ConnectionState::Open);
        self.sees_elsewhere();
        self.returns(id, Returned::Nothing);
        ask
    }

    /// Meanwhile the open lab's trace is told.
    fn sees_elsewhere(&mut self) {
        let before = self.model.log.last_seq();
        let what = What::CaptureLost {
            packets: 1,
            within_ns: None,
        };
        self.hears(ServerMessage::Trace(TraceEvent {
            seq: 501,
            mono_ns: 5,
            wall_us: 99,
            what,
        }));
        assert_eq!(self.model.log.last_seq(), before, "that is another lab");
    }
}

fn resume(heard: Option<u64>) -> Ask {
    let token = TOKEN.to_owned();
    Ask::Resume { token, heard }
}

#[test]
fn another_lab_begins_with_nothing_of_the_one_before() {
    let mut page = Page::open();
    page.sees_a_sentence();
    page.said();
    page.does(WholeEvent::Enter(LabKind::Private));
    let id = page.asked()[0].0;
    assert!(!page.model.can_send(), "until it is there");
    page.does(WholeEvent::Server(
        crate::model::panes::server::ServerCommand::Stop,
    ));
    assert_eq!(page.said(), [], "what is wanted now waits");
    page.returns(id, Returned::Nothing);
    page.hears(own(0, 1));
    page.keeps();
    assert_eq!(page.watches(1), [], "and was meant for the lab it left");
    assert!(page.model.log.runs().is_empty() && page.model.program.sentence().is_none());
    assert!(page.model.can_send() && page.model.lab_session.kept_lab().is_none());
}

#[test]
fn another_lab_of_ones_own_is_no_way_back_to_the_one_before() {
    let mut page = Page::own();
    page.sees(5, What::ProcessEnded { process: 9 });
    page.does(WholeEvent::Enter(LabKind::Private));
    let asked = page.asked();
    page.returns(asked[0].0, Returned::Nothing);
    let ServerMessage::Welcome(mut other) = own(0, 1) else {
        panic!("a welcome")
    };
    other.lab.id = "another".to_owned();
    other.lab.next_seq = 1;
    page.hears(ServerMessage::Welcome(other));
    assert!(!page.model.connection.restarted, "the relay is the same");
    page.watches(1);
}

#[test]
fn who_may_not_go_stays_and_is_told() {
    let mut page = Page::open();
    page.does(WholeEvent::Enter(LabKind::Private));
    let id = page.asked()[0].0;
    let mut refusal = failed("EAGAIN");
    refusal.reason = Some(Reason::TooManyLabs);
    page.ends(id, Outcome::Failed(refusal.clone()));
    assert_eq!(page.model.lab_session.refused, Some(refusal));
    page.sends("hello");
    assert_eq!(page.calls().len(), 1);
    assert_eq!(
        page.model.lab_session.refused, None,
        "told until the next sentence"
    );
}

#[test]
fn a_program_goes_on_over_a_break_with_nothing_lost_and_nothing_twice() {
    let mut page = Page::own();
    page.sends("hello");
    let socket = page.calls()[0].0;
    page.returns(socket, Returned::Socket { fd: 3 });
    let calls = page.calls();
    assert_eq!(calls.len(), 2, "sendto and recvfrom");
    // The watch and the socket were answered; the relay hears of sendto, not of recvfrom.
    assert_eq!(page.comes_back(), resume(Some(2)));
    page.hears(own(3, 90));
    let again = page.watches(1);
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].id, calls[1].0, "recvfrom, under its own number");
    page.returns(calls[0].0, Returned::Sent { sent: 5 });
    page.returns(calls[1].0, datagram("HELLO"));
    assert_eq!(page.reply(), "HELLO");
    let close = page.calls();
    assert!(matches!(close[..], [(90.., Call::Close { fd: 3 })]));
    // Heard were: watch, socket, watch again, sendto, recvfrom.
    assert_eq!(page.comes_back(), resume(Some(5)));
    page.hears(own(5, 200));
    let again = page.watches(1);
    assert_eq!(again[0].id, close[0].0);
}

#[test]
fn a_watch_that_was_not_heard_is_not_said_again() {
    let mut page = Page::own();
    assert_eq!(page.comes_back(), resume(Some(1)));
    page.hears(own(1, 50));
    assert_eq!(page.said().len(), 1, "a watch");
    page.sends("hi");
    let socket = page.calls()[0].0;
    assert_eq!(page.comes_back(), resume(Some(1)));
    page.hears(own(1, 60));
    let again = page.watches(1);
    assert_eq!(
        again.iter().map(|said| said.id).collect::<Vec<_>>(),
        [socket]
    );
    page.returns(socket, Returned::Socket { fd: 3 });
    assert_eq!(page.calls().len(), 2);
    // The first watch, the last one, the socket; and the relay had heard of those only.
    assert_eq!(page.comes_back(), resume(Some(3)));
    page.hears(own(3, 70));
    assert_eq!(page.watches(1).len(), 2);
}

#[test]
fn what_is_wanted_while_away_is_said_when_back() {
    let mut page = Page::own();
    page.sends("hello");
    let socket = page.calls()[0].0;
    page.does(Event::Closed);
    page.does(Event::StopWaiting);
    assert_eq!(page.said(), []);
    assert_eq!(page.comes_back(), resume(Some(1)));
    page.hears(own(2, 70));
    let said = page.watches(1);
    assert!(
        matches!(&said[..], [ClientMessage { request: Request::Call(Call::Cancel { of }), .. }] if *of == socket)
    );
}

#[test]
fn the_countdown_goes_second_by_second() {
    let mut page = Page::own();
    assert_eq!(page.model.lab_session.kept_for(page.now), None);
    page.does(Event::Closed);
    assert_eq!(page.model.lab_session.kept_for(page.now), Some(60_000));
    assert_eq!(
        page.model.lab_session.kept_for(page.now + 12_345),
        Some(47_655)
    );
    assert!(
        page.model
            .wakes_at(page.now)
            .is_some_and(|at| at <= page.now + 1_000)
    );
}

#[test]
fn too_late_means_the_open_lab_and_no_token() {
    let mut page = Page::own();
    page.sends("hello");
    page.calls();
    page.does(Event::Closed);
    page.does(Event::ConnectNow);
    page.effects.clear();
    page.hears(welcome(500));
    let (id, _) = page.asked()[0].clone();
    let mut refusal = failed("ENOENT");
    refusal.reason = Some(Reason::NoSuchSeat);
    page.ends(id, Outcome::Failed(refusal.clone()));
    assert_eq!(page.keeps(), [None]);
    assert_eq!(page.model.lab_session.refused, Some(refusal));
    assert_eq!(page.model.connection.state, ConnectionState::Open);
    assert!(page.model.can_send() && page.model.program.sentence().is_none());
    assert_eq!(page.said(), [], "the open lab is seen from now on");
}

#[test]
fn replies_that_are_no_longer_kept_are_read_in_the_trace() {
    let mut page = Page::own();
    page.sends("hello");
    page.calls();
    page.does(Event::Closed);
    page.does(Event::ConnectNow);
    page.effects.clear();
    page.hears(welcome(500));
    let id = page.asked()[0].0;
    let mut refusal = failed("ENOENT");
    (refusal.reason, refusal.limit) = (Some(Reason::NoSuchSeat), Some(1_000));
    page.ends(id, Outcome::Failed(refusal));
    let (id, ask) = page.asked()[0].clone();
    assert_eq!(ask, resume(None));
    page.returns(id, Returned::Nothing);
    page.hears(own(9, 30));
    assert_eq!(page.watches(1), [], "nothing is said again");
    assert_eq!(page.keeps(), []);
    assert!(page.model.can_send() && page.model.lab_session.refused.is_none());
}

#[test]
fn a_page_that_was_reloaded_knows_all_from_the_trace() {
    let mut page = Page {
        model: Model::default(),
        now: 0,
        effects: Vec::new(),
        seq: 0,
    };
    page.does(Event::SessionRemembered(TOKEN.to_owned()));
    page.does(Event::Started);
    page.effects.clear();
    page.hears(welcome(500));
    let (id, ask) = page.asked()[0].clone();
    assert_eq!(ask, resume(None));
    page.sees_elsewhere();
    page.returns(id, Returned::Nothing);
    page.hears(own(15, 80));
    page.watches(1);
    assert_eq!(page.keeps(), [], "it is kept already");
    page.seq = 1;
    let call = |call, name, fd, request| started(call, ME, name, fd, Some(request));
    page.sees(
        1,
        What::CallStarted(Box::new(call(10, CallName::Socket, None, 2))),
    );
    let returns = What::CallReturned(Box::new(returned(10, ME, Returned::Socket { fd: 3 })));
    page.sees(2, returns);
    let mut sendto = call(11, CallName::SendTo, Some(3), 3);
    sendto.arguments.data = Some("hello".into());
    page.sees(3, What::CallStarted(Box::new(sendto)));
    let run = page.model.shown_run().expect("a run");
    let own = crate::model::trace::log::RunKind::Own(Transport::Udp, "hello".to_owned());
    assert_eq!((&run.kind, run.calls.len()), (&own, 2));
    page.sends("again");
    let [(id, Call::Socket { .. })] = page.calls()[..] else {
        panic!("a program")
    };
    assert!(id >= 80, "no number is used twice");
    assert_eq!(page.comes_back(), resume(Some(1)), "counted since then");
}

#[test]
fn a_lab_that_was_left_is_kept_and_can_be_gone_back_to() {
    let mut page = Page::own();
    page.does(WholeEvent::Enter(LabKind::Open));
    let (id, ask) = page.asked()[0].clone();
    assert_eq!(ask, Ask::Enter { lab: LabKind::Open });
    page.returns(id, Returned::Nothing);
    page.hears(welcome(500));
    assert_eq!(page.said(), []);
    assert!(page.model.lab_session.kept_lab().is_some() && page.model.can_send());
    page.waits(20_000);
    assert_eq!(page.model.lab_session.kept_for(page.now), Some(40_000));
    page.does(Event::Closed);
    page.does(Event::ConnectNow);
    page.effects.clear();
    page.hears(welcome(500));
    assert_eq!(page.said(), [], "it stays where it went");
    page.does(WholeEvent::Enter(LabKind::Private));
    let (id, ask) = page.asked()[0].clone();
    assert_eq!(ask, resume(None));
    page.returns(id, Returned::Nothing);
    page.hears(own(4, 40));
    assert!(page.model.lab_session.kept_lab().is_none());
    page.watches(1);
}

#[test]
fn a_lab_nobody_goes_back_to_is_forgotten_in_time() {
    let mut page = Page::own();
    page.does(WholeEvent::Enter(LabKind::Open));
    let id = page.asked()[0].0;
    page.returns(id, Returned::Nothing);
    page.hears(welcome(500));
    page.waits(59_000);
    assert_eq!(page.keeps(), []);
    page.waits(1_000);
    assert_eq!(page.keeps(), [None]);
    page.does(WholeEvent::Enter(LabKind::Private));
    assert!(matches!(page.asked()[..], [(_, Ask::Enter { .. })]));
}

#[test]
fn a_lab_that_was_taken_over_is_taken_back_by_hand_only() {
    let mut page = Page::own();
    page.sends("hello");
    page.calls();
    page.hears(goodbye(GoodbyeReason::TakenOver));
    page.does(Event::Closed);
    assert!(page.model.connection.is_taken_over());
    page.does(Event::SentenceEdited);
    page.waits(120_000);
    assert_eq!(page.effects, [], "nothing by itself");
    page.does(WholeEvent::TakeBack);
    assert_eq!(std::mem::take(&mut page.effects), [Effect::Connect]);
    page.hears(welcome(500));
    let (id, ask) = page.asked()[0].clone();
    assert_eq!(
        ask,
        resume(None),
        "the other page has heard what came since"
    );
    page.returns(id, Returned::Nothing);
    page.hears(own(9, 30));
    page.watches(1);
    assert!(page.model.can_send());
}

#[test]
fn conditions_are_those_of_the_lab() {
    let mut page = Page::own();
    let seed = 7;
    let lossy = Conditions {
        seed,
        ..Conditions::default()
    };
    page.sees(1, What::Conditions(lossy));
    assert_eq!(page.model.network.conditions, lossy);
}

#[test]
fn pings_are_neither_requests_nor_replies_of_the_seat() {
    let mut page = Page::own();
    page.waits(7_000);
    let [ping] = page.said_and_pinged().try_into().expect("a ping");
    page.returns(ping.id, Returned::Nothing);
    page.waits(7_000);
    let pings = page.said_and_pinged().len();
    assert_eq!(pings, 1, "another one, which is not answered");
    assert_eq!(page.comes_back(), resume(Some(1)), "the watch alone");
    page.hears(own(1, 50));
    assert_eq!(page.watches(1), [], "no ping is said again");
}

#[test]
fn in_a_seat_a_dead_line_leaves_the_call_waiting() {
    let mut page = Page::own();
    page.sends("hello");
    let socket = page.calls()[0].0;
    page.returns(socket, Returned::Socket { fd: 3 });
    let calls = page.calls();
    page.waits(7_000);
    page.waits(5_000);
    assert!(matches!(
        page.model.connection.state,
        ConnectionState::Lost { .. }
    ));
    assert!(page.model.program.is_busy(), "it goes on at the relay");
    let note = page.note().text;
    assert!(
        note.contains("no contact") && !note.contains("UDP"),
        "{note}"
    );
    page.effects.clear();
    assert_eq!(page.comes_back(), resume(Some(2)));
    page.hears(own(4, 90));
    page.watches(1);
    page.returns(calls[0].0, Returned::Sent { sent: 5 });
    page.returns(calls[1].0, datagram("HELLO"));
    assert_eq!(page.reply(), "HELLO");
}
