//! A member plays a card in a lab of its own and comes back; a step that is refused says so; a card puts back what it
//! has changed; and a browser finds back to the seats it had.

use shared::{
    class::{Act as ClassAct, News, Progress, You},
    conditions::{Conditions, Way},
    lab::LabKind,
    message::{Ask, Seat},
};

use super::{
    class::{TOKEN, class, into, you},
    *,
};
use crate::model::panes::{
    cards::{CardsCommand, RestoredPart},
    class::{ClassCommand, LeaveReason, MemberName},
    network, server,
};

const OWN: &str = "own";

/// A card of one step, which does these.
fn card(deeds: &str) -> String {
    let said = r#"{"en":"a","zh":"一"}"#;
    format!(
        r#"[{{"id":"40-lost","card":{{"title":{said},"question":{said},
        "choices":[{{"text":{said}}},{{"text":{said},"right":true}}],
        "steps":[{{"text":{said},"do":[{deeds}],"decisive":true}}],
        "check":[{{"see":"call.name == \"sendto\"","text":{said}}}],"why":{said}}}}}]"#
    )
}

const LOSES: &str = r#"{"network":{"request":{"loss_percent":100,"delay_ms":0,"jitter_ms":0,"duplicate_percent":0,"reorder_percent":0,"by_hand":false},"reply":{"loss_percent":0,"delay_ms":0,"jitter_ms":0,"duplicate_percent":0,"reorder_percent":0,"by_hand":false},"seed":1}}"#;

/// The welcome to a lab of one's own, with the class one is still in.
fn out() -> ServerMessage {
    let ServerMessage::Welcome(mut welcome) = into(false, false, class()) else {
        panic!("a welcome")
    };
    welcome.lab.id = OWN.to_owned();
    welcome.lab.kind = LabKind::Private;
    welcome.may_control = true;
    welcome.seat = Some(Seat {
        token: OWN.to_owned(),
        heard: 0,
        next_id: 1,
        keep_seconds: 60,
        is_new: false,
    });
    ServerMessage::Welcome(welcome)
}

impl Page {
    fn plays(&mut self, deeds: &str) {
        self.does(WholeEvent::Cards(CardsCommand::Look));
        self.does(WholeEvent::Cards(CardsCommand::Deal(card(deeds))));
        self.does(WholeEvent::Cards(CardsCommand::Take(0)));
        self.does(WholeEvent::Cards(CardsCommand::Answer(None)));
    }

    fn asks_now(&mut self) -> Vec<(u64, Ask)> {
        let is_say = |effect: &Effect| matches!(effect, Effect::Send(_));
        self.effects.retain(is_say);
        let said = self.said().into_iter();
        said.filter_map(|message| match message.request {
            Request::Ask(ask) => Some((message.id, ask)),
            Request::Call(_) => None,
        })
        .collect()
    }

    /// A member who has gone out for a card.
    fn out() -> Self {
        let mut page = Self::student();
        page.plays(r#"{"lab":"private"},{"call":"socket","on":"a","transport":"udp"}"#);
        page.forgets_effects();
        page.does(WholeEvent::Cards(CardsCommand::Step(0)));
        let (id, ask) = page.asks_now().remove(0);
        let lab = LabKind::Private;
        assert_eq!(ask, Ask::Enter { lab });
        page.returns(id, Returned::Nothing);
        page.hears(out());
        page
    }

    fn refusal(&self) -> Option<Reason> {
        let play = self.model.cards.play.as_ref().expect("a card");
        play.refused[0].as_ref().and_then(|failed| failed.reason)
    }

    fn lab(&self) -> &str {
        &self.model.welcome.as_ref().expect("welcomed").lab.id
    }
}

fn refused(reason: Reason) -> Outcome {
    Outcome::Failed(Failed {
        source: FailureSource::Relay,
        reason: Some(reason),
        ..failed("EPERM")
    })
}

#[test]
fn a_member_goes_out_for_a_card_and_comes_back_as_it_leaves_it() {
    let mut page = Page::out();
    assert_eq!(page.lab(), OWN);
    assert_eq!(
        page.model.classroom.you(),
        Some(&you()),
        "it is still in the class"
    );
    assert!(page.model.lab_session.is_out_of_class() && page.model.may_control());
    assert_eq!(
        page.model.lab_session.token(),
        Some(TOKEN),
        "a reload leads to the class"
    );
    page.forgets_effects();
    let told = News::Class(shared::class::Class {
        message: Some("look up".to_owned()),
        ..class()
    });
    page.hears(ServerMessage::Class(told));
    let told = page.model.classroom.class().expect("a class");
    assert_eq!(told.message.as_deref(), Some("look up"));
    page.does(WholeEvent::Cards(CardsCommand::PutBack));
    let asked = page.asks_now();
    let (token, heard) = (TOKEN.to_owned(), None);
    let (id, _) = asked
        .iter()
        .find(|(_, ask)| {
            *ask == Ask::Resume {
                token: token.clone(),
                heard,
            }
        })
        .expect("the way back");
    page.returns(*id, Returned::Nothing);
    page.hears(into(false, false, class()));
    assert_eq!(page.lab(), "class7");
    assert!(!page.model.lab_session.is_out_of_class() && !page.model.classroom.is_out);
}

#[test]
fn a_break_while_out_leads_back_out_or_else_to_the_class() {
    let mut page = Page::out();
    page.does(Event::Closed);
    page.does(Event::ConnectNow);
    page.forgets_effects();
    page.hears(welcome(10));
    let (id, ask) = page.asks_now().remove(0);
    assert!(matches!(ask, Ask::Resume { token, heard: Some(_) } if token == OWN));
    page.ends(id, refused(Reason::NoSuchSeat));
    let (id, ask) = page.asks_now().remove(0);
    assert!(matches!(ask, Ask::Resume { token, heard: None } if token == TOKEN));
    page.returns(id, Returned::Nothing);
    page.hears(into(false, false, class()));
    assert_eq!(page.lab(), "class7");
}

#[test]
fn the_teacher_is_told_how_far_one_is() {
    let mut page = Page::student();
    page.plays(r#"{"call":"socket","on":"a","transport":"udp"}"#);
    let progress = |step, done| {
        let id = "40-lost".to_owned();
        let steps = 1;
        Ask::Class {
            act: ClassAct::Progress(Some(Progress {
                id,
                step,
                steps,
                done,
            })),
        }
    };
    assert_eq!(page.asks_now().pop().expect("told").1, progress(0, false));
    page.does(WholeEvent::Cards(CardsCommand::PutBack));
    let act = ClassAct::Progress(None);
    assert_eq!(page.asks_now().pop().expect("told").1, Ask::Class { act });
}

#[test]
fn a_step_that_is_refused_is_not_done_and_says_why() {
    // Of the network, of a server, of a lab, of a call.
    for (deed, reason) in [
        (LOSES, Reason::OnlyThisMachine),
        (
            r#"{"server":"kill","transport":"udp"}"#,
            Reason::OnlyThisMachine,
        ),
        (r#"{"lab":"private"}"#, Reason::TooManyLabsFromAddress),
        (
            r#"{"call":"socket","on":"a","transport":"udp"}"#,
            Reason::TooManySockets,
        ),
    ] {
        let mut page = Page::open();
        page.plays(deed);
        page.forgets_effects();
        page.does(WholeEvent::Cards(CardsCommand::Step(0)));
        let id = page.said().pop().expect("it asks").id;
        page.ends(id, refused(reason));
        let play = page.model.cards.play.as_ref().expect("a card");
        assert_eq!(
            (&play.done[..], play.running),
            (&[false][..], None),
            "{deed}"
        );
        assert_eq!(page.refusal(), Some(reason));
        page.forgets_effects();
        page.does(WholeEvent::Cards(CardsCommand::Step(0)));
        assert_eq!(page.refusal(), None, "it is tried again");
    }
}

#[test]
fn what_a_kernel_says_to_a_card_is_no_refusal() {
    let mut page = Page::open();
    page.plays(r#"{"call":"socket","on":"a","transport":"udp"}"#);
    page.forgets_effects();
    page.does(WholeEvent::Cards(CardsCommand::Step(0)));
    let id = page.said().pop().expect("it asks").id;
    page.ends(id, Outcome::Failed(failed("EMFILE")));
    let play = page.model.cards.play.as_ref().expect("a card");
    assert_eq!((&play.done[..], page.refusal()), (&[true][..], None));
}

#[test]
fn a_muted_member_sends_nothing_and_in_its_own_lab_goes_on() {
    let muted = You {
        muted: true,
        ..you()
    };
    let mut page = Page::student();
    page.sends("hello");
    let run = page.model.shown_run().map(|run| run.id);
    page.hears(ServerMessage::Class(News::You(muted.clone())));
    assert!(page.model.classroom.is_muted() && !page.model.can_send());
    assert_eq!(
        page.model.shown_run().map(|run| run.id),
        run,
        "its ladder stays"
    );
    let mut page = Page::out();
    page.hears(ServerMessage::Class(News::You(muted)));
    assert!(!page.model.classroom.is_muted());
}

/// The page's network is like this now.
fn conditions(page: &mut Page, conditions: Conditions) {
    page.sees(500, What::Conditions(conditions));
}

fn lossy() -> Conditions {
    let request = Way {
        loss_percent: 100,
        ..Way::default()
    };
    Conditions {
        request,
        seed: 1,
        ..Conditions::default()
    }
}

fn sets(page: &mut Page) -> Vec<Conditions> {
    let asked = page.asks_now().into_iter();
    asked
        .filter_map(|(_, ask)| {
            let Ask::SetConditions { conditions } = ask else {
                return None;
            };
            Some(conditions)
        })
        .collect()
}

#[test]
fn a_card_that_is_left_puts_the_network_back_unless_somebody_set_it_meanwhile() {
    for by_hand in [false, true] {
        let mut page = Page::open();
        page.plays(LOSES);
        page.forgets_effects();
        let before = page.model.network.conditions;
        page.does(WholeEvent::Cards(CardsCommand::Step(0)));
        let (id, _) = page.asks_now().remove(0);
        page.returns(id, Returned::Nothing);
        conditions(&mut page, lossy());
        if by_hand {
            let slow = Way {
                delay_ms: 300,
                ..Way::default()
            };
            let slow = Conditions {
                reply: slow,
                ..Conditions::default()
            };
            page.does(WholeEvent::Network(network::NetworkCommand::Set(slow)));
            page.forgets_effects();
            conditions(&mut page, slow);
        }
        page.does(WholeEvent::Cards(CardsCommand::PutBack));
        let restored = &page.model.cards.restored;
        let part = vec![RestoredPart::Network];
        if by_hand {
            assert_eq!((&restored.back, &restored.left), (&Vec::new(), &part));
            assert_eq!(sets(&mut page), []);
        } else {
            assert_eq!((&restored.back, &restored.left), (&part, &Vec::new()));
            assert_eq!(sets(&mut page), [before]);
        }
    }
}

#[test]
fn in_another_lab_than_the_cards_nothing_is_put_back() {
    let mut page = Page::open();
    page.plays(LOSES);
    page.forgets_effects();
    page.does(WholeEvent::Cards(CardsCommand::Step(0)));
    let (id, _) = page.asks_now().remove(0);
    page.returns(id, Returned::Nothing);
    conditions(&mut page, lossy());
    page.does(WholeEvent::Enter(LabKind::Private));
    let (id, _) = page.asks_now().remove(0);
    page.returns(id, Returned::Nothing);
    page.hears(out());
    page.forgets_effects();
    page.does(WholeEvent::Cards(CardsCommand::PutBack));
    assert_eq!(sets(&mut page), []);
}

#[test]
fn a_server_that_a_card_has_killed_runs_again_after_it() {
    let mut page = Page::open();
    let ServerMessage::Welcome(mut own) = welcome(20) else {
        unreachable!("a welcome");
    };
    own.may_control = true;
    page.hears(ServerMessage::Welcome(own));
    page.plays(r#"{"server":"kill","transport":"udp"}"#);
    page.forgets_effects();
    page.does(WholeEvent::Cards(CardsCommand::Step(0)));
    let (id, ask) = page.asks_now().remove(0);
    assert!(matches!(ask, Ask::KillServer { .. }));
    page.returns(id, Returned::Nothing);
    let udp = page
        .model
        .servers
        .get(Transport::Udp)
        .expect("it is known")
        .clone();
    let killed = Server {
        state: ServerState::Killed,
        ..udp
    };
    page.sees(600, What::Server(killed));
    page.does(WholeEvent::Cards(CardsCommand::PutBack));
    let asked = page.asks_now();
    assert!(
        asked.iter().any(|(_, ask)| matches!(
            ask,
            Ask::StartServer {
                transport: Transport::Udp,
                ..
            }
        )),
        "{asked:?}"
    );
    assert_eq!(
        page.model.cards.restored.back,
        [RestoredPart::Server(Transport::Udp)]
    );
    page.does(WholeEvent::Server(server::ServerCommand::Stop));
}

#[test]
fn a_server_that_has_died_of_a_card_is_not_left_or_put_back_dead() {
    const STARTS: &str = r#"{"server":"start","transport":"udp"}"#;
    for starts in [false, true] {
        let mut page = Page::open();
        let ServerMessage::Welcome(mut own) = welcome(20) else {
            unreachable!("a welcome");
        };
        own.may_control = true;
        page.hears(ServerMessage::Welcome(own));
        let also = if starts { STARTS } else { LOSES };
        page.plays(&format!("{LOSES},{also}"));
        page.forgets_effects();
        page.does(WholeEvent::Cards(CardsCommand::Step(0)));
        let udp = page.model.servers.get(Transport::Udp).cloned();
        let running = udp.expect("it is known");
        let why = "UnicodeDecodeError".to_owned();
        let state = ServerState::Dead { why };
        page.sees(
            600,
            What::Server(Server {
                state,
                ..running.clone()
            }),
        );
        let (id, _) = page.asks_now().remove(0);
        page.returns(id, Returned::Nothing);
        if starts {
            let (id, ask) = page.asks_now().remove(0);
            assert!(matches!(ask, Ask::StartServer { .. }), "{ask:?}");
            page.returns(id, Returned::Nothing);
            page.sees(601, What::Server(running));
        }
        page.forgets_effects();
        page.does(WholeEvent::Cards(CardsCommand::PutBack));
        let asked = page.asks_now();
        let count = |wanted: fn(&Ask) -> bool| asked.iter().filter(|(_, ask)| wanted(ask)).count();
        let restarts = count(|ask| matches!(ask, Ask::StartServer { .. }));
        let stops = count(|ask| matches!(ask, Ask::StopServer { .. }));
        assert_eq!((restarts, stops), (usize::from(!starts), 0), "{asked:?}");
    }
}

#[test]
fn the_next_card_begins_when_the_last_one_has_put_all_back() {
    let mut page = Page::open();
    page.plays(LOSES);
    page.forgets_effects();
    page.does(WholeEvent::Cards(CardsCommand::Step(0)));
    let (id, _) = page.asks_now().remove(0);
    page.returns(id, Returned::Nothing);
    conditions(&mut page, lossy());
    page.does(WholeEvent::Cards(CardsCommand::PutBack));
    let (id, _) = page.asks_now().remove(0);
    page.plays(r#"{"call":"socket","on":"a","transport":"udp"}"#);
    page.does(WholeEvent::Cards(CardsCommand::Step(0)));
    assert_eq!(page.said(), [], "the network is not yet as it was");
    page.returns(id, Returned::Nothing);
    assert_eq!(page.said().len(), 1, "now the step is done");
}

#[test]
fn a_browser_finds_back_to_its_seat_and_forgets_it_when_it_is_gone() {
    let line = ["K7XM3P", TOKEN, "Tuesday", "teacher", ""].join("\t");
    let mut page = Page::open();
    page.wishes(ClassCommand::Here);
    page.wishes(ClassCommand::Remember(vec![
        line.clone(),
        "nonsense".to_owned(),
    ]));
    assert_eq!(page.model.classroom.remembered.len(), 1);
    page.wishes(ClassCommand::BackTo("K7XM3P".to_owned()));
    let (id, ask) = page.asks_for_one();
    let (token, heard) = (TOKEN.to_owned(), None);
    assert_eq!(ask, Ask::Resume { token, heard });
    page.returns(id, Returned::Nothing);
    page.hears(into(true, false, class()));
    assert!(page.model.classroom.is_teacher() && page.model.classroom.open);
    page.forgets_effects();
    page.wishes(ClassCommand::CopyTeachersLink("http://lab".to_owned()));
    let link = format!("http://lab/c/K7XM3P#teacher={TOKEN}");
    assert_eq!(page.effects, [Effect::Copy(link)]);

    for (reason, parting, kept) in [
        (Reason::NoSuchSeat, LeaveReason::Gone, 0),
        (Reason::Removed, LeaveReason::KeptOut, 1),
    ] {
        let mut page = Page::open();
        page.wishes(ClassCommand::Remember(vec![line.clone()]));
        page.wishes(ClassCommand::BackTo("K7XM3P".to_owned()));
        let (id, _) = page.asks_for_one();
        page.ends(id, refused(reason));
        assert_eq!(page.model.classroom.left, Some(parting));
        assert_eq!(page.model.classroom.remembered.len(), kept);
        assert!(page.model.can_send(), "it stays where it was");
    }
}

#[test]
fn whoever_is_driven_is_called_as_the_teacher_calls_it() {
    let drive = shared::class::Drive {
        process: 12,
        seq: None,
        hides_name: false,
    };
    let driven = |name: Option<&str>| shared::class::Driven {
        member: 4,
        name: name.map(str::to_owned),
    };
    for (driven, called) in [
        (Some(driven(Some("Chidi"))), MemberName::Name("Chidi")),
        (Some(driven(None)), MemberName::Number(4)),
        (None, MemberName::Teacher),
    ] {
        let mut page = Page::student();
        let told = shared::class::Class {
            drive: Some(drive),
            driven,
            ..class()
        };
        page.hears(ServerMessage::Class(News::Class(told)));
        assert_eq!(page.model.classroom.member_name(12), Some(called));
        assert_eq!(
            page.model.classroom.member_name(13),
            None,
            "and nobody else"
        );
    }
}
