//! A page begins a class or joins one, hears of it, follows its teacher, predicts, leaves and comes back.

use shared::{
    class::{Act, Card, Class, Drive, LastCall, News, Phase, Roster, Standing, Tile, Whose, You},
    lab::LabKind,
    message::{Ask, GoodbyeReason, Seat},
};

use super::*;
use crate::model::panes::class::{ClassCommand, EntryKind, JoinError, JoinField, LeaveReason};

pub(super) const TOKEN: &str = "ticket";
const TEACHER: ProcessId = 3;

pub(super) fn class() -> Class {
    Class {
        code: "K7XM3P".to_owned(),
        title: "Tuesday".to_owned(),
        locked: false,
        open: false,
        cap: 300,
        message: None,
        drive: None,
        driven: None,
        card: None,
    }
}

pub(super) fn you() -> You {
    You {
        member: 4,
        name: "Ada".to_owned(),
        muted: false,
        choice: None,
        namesakes: Vec::new(),
    }
}

/// The welcome to the class, as its teacher or as a member; `is_new` where nothing was kept.
pub(super) fn into(is_teacher: bool, is_new: bool, class: Class) -> ServerMessage {
    let ServerMessage::Welcome(mut welcome) = welcome(100) else {
        panic!("a welcome")
    };
    welcome.lab.id = "class7".to_owned();
    welcome.lab.kind = LabKind::Class;
    welcome.lab.first_seq = 1;
    welcome.may_control = is_teacher;
    welcome.process = if is_teacher { TEACHER } else { ME };
    welcome.seat = Some(Seat {
        token: TOKEN.to_owned(),
        heard: 0,
        next_id: 1,
        keep_seconds: 60,
        is_new,
    });
    welcome.class = Some(Box::new(Standing {
        is_teacher,
        you: (!is_teacher).then(you),
        class,
        reach: None,
    }));
    ServerMessage::Welcome(welcome)
}

fn tile(member: u32, process: Option<ProcessId>) -> Tile {
    Tile {
        member,
        name: format!("student {member}"),
        connected: process.is_some(),
        muted: false,
        process,
        call: Some(LastCall {
            name: CallName::SendTo,
            mono_ns: u64::from(member),
            blocked: false,
        }),
        error: None,
        errors: 0,
        sentences: 1,
        elsewhere: false,
        card: None,
    }
}

fn refusal(reason: Reason) -> Outcome {
    let mut failed = failed("EPERM");
    failed.reason = Some(reason);
    Outcome::Failed(failed)
}

impl Page {
    pub(super) fn wishes(&mut self, wish: ClassCommand) {
        self.does(WholeEvent::Class(wish));
    }

    /// The only thing it has asked for.
    pub(super) fn asks_for_one(&mut self) -> (u64, Ask) {
        let ask = |message: ClientMessage| match message.request {
            Request::Ask(ask) => (message.id, ask),
            Request::Call(call) => panic!("no ask but {call:?}"),
        };
        let mut asked: Vec<_> = self.said().into_iter().map(ask).collect();
        assert_eq!(asked.len(), 1, "{asked:?}");
        asked.remove(0)
    }

    pub(super) fn forgets_effects(&mut self) {
        self.effects.clear();
    }

    /// A member of the class.
    pub(super) fn student() -> Self {
        Self::member(class())
    }

    fn member(class: Class) -> Self {
        let mut page = Self::open();
        page.wishes(ClassCommand::Here);
        page.wishes(ClassCommand::Join {
            code: " k7x-m3p".to_owned(),
            name: "Ada".to_owned(),
        });
        let (id, ask) = page.asks_for_one();
        let (code, name) = (" k7x-m3p".to_owned(), "Ada".to_owned());
        let token = None;
        assert_eq!(ask, Ask::JoinClass { code, name, token });
        page.returns(id, Returned::Nothing);
        page.hears(into(false, false, class));
        let line = ["K7XM3P", TOKEN, "Tuesday", "member", "Ada"].join("\t");
        let kept = [
            Effect::StoreClassSeat("K7XM3P".to_owned(), Some(line)),
            Effect::StoreSessionToken(Some(TOKEN.to_owned())),
        ];
        assert_eq!(std::mem::take(&mut page.effects), kept);
        page.seq = 30;
        page
    }

    pub(super) fn teacher() -> Self {
        let mut page = Self::open();
        page.wishes(ClassCommand::Here);
        page.wishes(ClassCommand::Create {
            title: "Tuesday".to_owned(),
            admin: String::new(),
        });
        let (id, ask) = page.asks_for_one();
        let title = "Tuesday".to_owned();
        assert_eq!(ask, Ask::CreateClass { title, admin: None });
        page.returns(id, Returned::Nothing);
        page.hears(into(true, false, class()));
        page.forgets_effects();
        page.seq = 30;
        page
    }

    fn hears_class(&mut self, change: impl FnOnce(&mut Class)) {
        let mut class = self.model.classroom.class().expect("a class").clone();
        change(&mut class);
        self.hears(ServerMessage::Class(News::Class(class)));
    }

    fn hears_roster(&mut self, tiles: Vec<Tile>) {
        let roster = Roster {
            tiles,
            ..Roster::default()
        };
        self.hears(ServerMessage::Class(News::Roster(roster)));
    }

    /// A sentence of that process begins, as event number `seq` and call `call`.
    fn sees_call_of(&mut self, process: ProcessId, call: u64) -> u64 {
        let seq = self.seq;
        let begun = started(call, process, CallName::Socket, None, None);
        self.sees(seq * 10, What::CallStarted(Box::new(begun)));
        seq
    }
}

#[test]
fn who_joins_begins_with_a_sentence_and_who_creates_with_the_code() {
    let student = Page::student();
    assert!(!student.model.classroom.open && student.model.can_send());
    assert_eq!(student.model.classroom.you(), Some(&you()));
    let teacher = Page::teacher();
    assert!(teacher.model.classroom.open && teacher.model.classroom.is_teacher());
}

#[test]
fn what_is_no_code_is_not_asked_for() {
    let mut page = Page::open();
    page.wishes(ClassCommand::Join {
        code: " - ".to_owned(),
        name: "Ada".to_owned(),
    });
    assert_eq!(page.said(), []);
    let wrong = page.model.classroom.join_form.wrong.clone();
    assert_eq!(wrong, Some(JoinError::NoCode));
}

#[test]
fn a_refusal_stands_beside_the_field_that_is_wrong() {
    for (door, reason, field) in [
        (EntryKind::Join, Reason::NoSuchClass, JoinField::Code),
        (EntryKind::Join, Reason::ClassLocked, JoinField::Code),
        (EntryKind::Join, Reason::ClassFull, JoinField::Code),
        (EntryKind::Join, Reason::TextTooLong, JoinField::Name),
        (EntryKind::Join, Reason::TextMissing, JoinField::Name),
        (EntryKind::Join, Reason::TextNotPlain, JoinField::Name),
        (EntryKind::Create, Reason::TextNotPlain, JoinField::Title),
        (EntryKind::Create, Reason::TooManyClasses, JoinField::Title),
        (
            EntryKind::Create,
            Reason::OnlyWithAdminToken,
            JoinField::Admin,
        ),
    ] {
        let mut page = Page::open();
        page.wishes(match door {
            EntryKind::Create => ClassCommand::Create {
                title: String::new(),
                admin: String::new(),
            },
            EntryKind::Join => ClassCommand::Join {
                code: "K7XM3P".to_owned(),
                name: "Ada".to_owned(),
            },
        });
        let (id, _) = page.asks_for_one();
        page.ends(id, refusal(reason));
        let join_form = &page.model.classroom.join_form;
        let wrong = join_form.wrong.as_ref().map(JoinError::field);
        assert_eq!(wrong, Some(field), "{reason:?}");
        assert_eq!(join_form.wants_admin, field == JoinField::Admin);
        assert_eq!(page.model.lab_session.refused, None, "told once");
        assert!(page.model.can_send(), "it stays where it was");
    }
}

#[test]
fn the_admin_token_goes_along_once_it_is_asked_for() {
    let mut page = Page::open();
    page.wishes(ClassCommand::Create {
        title: "T".to_owned(),
        admin: "sesame".to_owned(),
    });
    let (title, admin) = ("T".to_owned(), Some("sesame".to_owned()));
    assert_eq!(page.asks_for_one().1, Ask::CreateClass { title, admin });
}

#[test]
fn a_page_opened_by_a_link_asks_only_for_the_name() {
    let mut page = Page::open();
    page.wishes(ClassCommand::CameBy("K7XM3P".to_owned()));
    assert!(page.model.classroom.open);
    assert_eq!(
        page.model.classroom.join_form.code.as_deref(),
        Some("K7XM3P")
    );
    let mut student = Page::student();
    student.wishes(ClassCommand::CameBy("K7XM3P".to_owned()));
    assert!(!student.model.classroom.open, "it is there already");
}

#[test]
fn after_a_break_a_member_comes_back_to_its_sockets() {
    let mut page = Page::student();
    page.sees_call_of(ME, 90);
    page.does(Event::Closed);
    page.does(Event::ConnectNow);
    page.forgets_effects();
    page.hears(welcome(10));
    let (id, ask) = page.asks_for_one();
    let (token, heard) = (TOKEN.to_owned(), Some(0));
    assert_eq!(ask, Ask::Resume { token, heard });
    page.returns(id, Returned::Nothing);
    page.hears(into(false, false, class()));
    let (from, whose) = (31, None);
    assert_eq!(page.asks_for_one().1, Ask::Watch { from, whose });
    assert!(page.model.log.call(90).is_some(), "nothing is forgotten");
    assert!(!page.model.classroom.lost_sockets);
}

#[test]
fn who_finds_nothing_kept_is_told_and_begins_anew() {
    let mut page = Page::student();
    page.sees_call_of(ME, 90);
    page.sends("hello");
    page.does(Event::Closed);
    page.does(Event::ConnectNow);
    page.forgets_effects();
    page.hears(welcome(10));
    let (id, _) = page.asks_for_one();
    page.returns(id, Returned::Nothing);
    page.hears(into(false, true, class()));
    let (from, whose) = (1, None);
    assert_eq!(
        page.asks_for_one().1,
        Ask::Watch { from, whose },
        "and nothing is said again"
    );
    assert!(page.model.classroom.lost_sockets);
    assert!(page.model.log.call(90).is_none() && page.model.can_send());
    page.wishes(ClassCommand::Dismiss);
    assert!(!page.model.classroom.lost_sockets);
}

#[test]
fn after_a_reload_the_token_leads_back() {
    let mut page = Page::open();
    page = Page {
        model: Model::default(),
        effects: Vec::new(),
        ..page
    };
    page.does(Event::SessionRemembered(TOKEN.to_owned()));
    page.does(Event::Started);
    page.forgets_effects();
    page.hears(welcome(10));
    let (id, ask) = page.asks_for_one();
    let (token, heard) = (TOKEN.to_owned(), None);
    assert_eq!(ask, Ask::Resume { token, heard });
    page.returns(id, Returned::Nothing);
    page.hears(into(true, false, class()));
    page.wishes(ClassCommand::Here);
    assert!(page.model.classroom.is_teacher() && page.model.classroom.open);
}

#[test]
fn who_steps_out_is_kept_and_goes_back() {
    let mut page = Page::student();
    page.wishes(ClassCommand::StepOut);
    let (id, ask) = page.asks_for_one();
    let lab = LabKind::Open;
    assert_eq!(ask, Ask::Enter { lab });
    page.returns(id, Returned::Nothing);
    page.hears(welcome(40));
    assert_eq!(page.model.lab_session.kept_lab(), Some(LabKind::Class));
    assert_eq!(page.model.classroom.class(), None);
    page.waits(3_600_000);
    assert_eq!(
        page.model.lab_session.kept_lab(),
        Some(LabKind::Class),
        "for as long as the class lives"
    );
    page.forgets_effects();
    page.does(WholeEvent::Enter(LabKind::Private));
    let (token, heard) = (TOKEN.to_owned(), None);
    assert_eq!(
        page.asks_for_one().1,
        Ask::Resume { token, heard },
        "the place in the class is not given up"
    );
}

#[test]
fn who_is_removed_does_not_come_back() {
    for reason in [GoodbyeReason::Removed, GoodbyeReason::ClassEnded] {
        let mut page = Page::student();
        page.hears(goodbye(reason));
        let line = ["K7XM3P", TOKEN, "Tuesday", "removed", "Ada"].join("\t");
        let line = (reason == GoodbyeReason::Removed).then_some(line);
        let kept = [
            Effect::StoreClassSeat("K7XM3P".to_owned(), line),
            Effect::StoreSessionToken(None),
        ];
        assert_eq!(std::mem::take(&mut page.effects), kept);
        page.does(Event::Closed);
        page.does(Event::ConnectNow);
        page.forgets_effects();
        page.hears(welcome(10));
        assert_eq!(page.said(), []);
        assert_eq!(
            page.model.classroom.left,
            Some(LeaveReason::Told(reason)),
            "it is told why"
        );
        assert!(page.model.classroom.open && page.model.can_send());
    }
}

#[test]
fn who_was_away_when_the_class_ended_is_told() {
    let mut page = Page::student();
    page.does(Event::Closed);
    page.does(Event::ConnectNow);
    page.forgets_effects();
    page.hears(welcome(10));
    let (id, _) = page.asks_for_one();
    page.ends(id, refusal(Reason::NoSuchSeat));
    let kept = [
        Effect::StoreClassSeat("K7XM3P".to_owned(), None),
        Effect::StoreSessionToken(None),
    ];
    assert_eq!(page.effects, kept);
    assert_eq!(page.model.classroom.left, Some(LeaveReason::Gone));
    assert_eq!(page.model.lab_session.refused, None, "told once");
    assert!(page.model.classroom.open && page.model.can_send());
}

#[test]
fn the_class_is_as_the_relay_says() {
    let mut page = Page::student();
    page.hears_class(|class| class.message = Some("look".to_owned()));
    let class = page.model.classroom.class().expect("a class");
    assert_eq!(class.message.as_deref(), Some("look"));
    let muted = You {
        muted: true,
        ..you()
    };
    page.hears(ServerMessage::Class(News::You(muted)));
    assert!(page.model.classroom.you().is_some_and(|you| you.muted));
}

#[test]
fn a_refused_act_is_told_until_the_next() {
    let mut page = Page::teacher();
    page.wishes(ClassCommand::Do(Act::Lock(true)));
    let (id, ask) = page.asks_for_one();
    let act = Act::Lock(true);
    assert_eq!(ask, Ask::Class { act });
    page.ends(id, refusal(Reason::NotKept));
    assert!(page.model.classroom.refused.is_some());
    page.wishes(ClassCommand::Do(Act::Lock(true)));
    assert!(page.model.classroom.refused.is_none());
}

#[test]
fn opening_a_tile_shows_that_member_alone() {
    let mut page = Page::teacher();
    page.hears_roster(vec![tile(4, Some(ME)), tile(5, None)]);
    page.wishes(ClassCommand::Open(Some(4)));
    let (id, ask) = page.asks_for_one();
    let (from, whose) = (1, Some(Whose::Process(ME)));
    assert_eq!(ask, Ask::Watch { from, whose });
    page.returns(id, Returned::Nothing);
    page.sees_call_of(ME, 91);
    page.sees_call_of(TEACHER, 92);
    let shown = page.model.shown_run().expect("a run");
    assert!(shown.is_of(ME), "though the teacher's own is newer");

    // It comes back as another process: its ladder goes on.
    page.hears_roster(vec![tile(4, Some(9))]);
    let whose = Some(Whose::Process(9));
    let (id, ask) = page.asks_for_one();
    assert_eq!(ask, Ask::Watch { from, whose });
    page.returns(id, Returned::Nothing);

    page.wishes(ClassCommand::Open(None));
    let whose = None;
    assert_eq!(page.asks_for_one().1, Ask::Watch { from, whose });
}

#[test]
fn a_member_who_is_removed_closes_its_tile() {
    let mut page = Page::teacher();
    page.hears_roster(vec![tile(4, Some(ME))]);
    page.wishes(ClassCommand::Open(Some(4)));
    page.forgets_effects();
    let removed = Roster {
        removed: vec![4],
        ..Roster::default()
    };
    page.hears(ServerMessage::Class(News::Roster(removed)));
    assert_eq!(page.model.classroom.opened, None);
}

#[test]
fn the_class_follows_what_the_teacher_selects() {
    let mut page = Page::student();
    let driven = Drive {
        process: TEACHER,
        seq: None,
        hides_name: false,
    };
    page.hears_class(|class| class.drive = Some(driven));
    let (id, ask) = page.asks_for_one();
    let (from, whose) = (1, Some(Whose::Process(TEACHER)));
    assert_eq!(ask, Ask::Watch { from, whose });
    page.returns(id, Returned::Nothing);
    let seq = page.seq;
    let driven = Drive {
        seq: Some(seq),
        ..driven
    };
    page.hears_class(|class| class.drive = Some(driven));
    assert_eq!(page.model.selected, None, "it has not come yet");
    page.sees_call_of(TEACHER, 91);
    assert_eq!(page.model.selected, Some(91));

    page.wishes(ClassCommand::Follow(false));
    let whose = None;
    let (id, ask) = page.asks_for_one();
    assert_eq!(ask, Ask::Watch { from, whose }, "it looks at its own");
    page.returns(id, Returned::Nothing);
    page.hears_class(|class| class.locked = true);
    assert_eq!(page.said(), [], "and stays there");
    page.wishes(ClassCommand::Follow(true));
    let whose = Some(Whose::Process(TEACHER));
    assert_eq!(page.asks_for_one().1, Ask::Watch { from, whose });
}

#[test]
fn what_the_first_part_met_is_followed_once_the_whole_is_here() {
    let mut class = class();
    class.drive = Some(Drive {
        process: TEACHER,
        seq: None,
        hides_name: false,
    });
    let mut page = Page::open();
    page.wishes(ClassCommand::Join {
        code: "K7XM3P".to_owned(),
        name: "Ada".to_owned(),
    });
    page.forgets_effects();
    page.hears(into(false, false, class));
    page.hears_class(|class| class.locked = true);
    page.forgets_effects();
    page.wishes(ClassCommand::Here);
    let (from, whose) = (1, Some(Whose::Process(TEACHER)));
    assert_eq!(page.asks_for_one().1, Ask::Watch { from, whose });
}

#[test]
fn the_teacher_drives_with_what_is_selected() {
    let mut page = Page::teacher();
    page.wishes(ClassCommand::Drive(true));
    let (_, ask) = page.asks_for_one();
    let mut driven = Drive {
        process: TEACHER,
        seq: None,
        hides_name: false,
    };
    let act = Act::Drive(Some(driven));
    assert_eq!(ask, Ask::Class { act });
    page.hears_class(|class| class.drive = Some(driven));
    let seq = page.sees_call_of(TEACHER, 91);
    page.does(WholeEvent::Select(Some(91)));
    driven.seq = Some(seq);
    let act = Act::Drive(Some(driven));
    assert_eq!(page.asks_for_one().1, Ask::Class { act });
    page.does(WholeEvent::Select(Some(91)));
    assert_eq!(page.said(), [], "once");
    page.wishes(ClassCommand::Drive(false));
    let act = Act::Drive(None);
    assert_eq!(page.asks_for_one().1, Ask::Class { act });
}

#[test]
fn a_choice_stays_marked_when_predictions_are_closed() {
    let mut page = Page::student();
    let card = Card {
        id: "udp-lost".to_owned(),
        choices: 3,
        phase: Phase::Asking,
        counts: None,
        outcome: None,
    };
    page.hears_class(|class| class.card = Some(card.clone()));
    page.wishes(ClassCommand::Do(Act::Predict { choice: 2 }));
    page.forgets_effects();
    assert_eq!(page.model.classroom.chosen, None, "until the relay has it");
    let chosen = You {
        choice: Some(2),
        ..you()
    };
    page.hears(ServerMessage::Class(News::You(chosen)));
    page.hears(ServerMessage::Class(News::Class(Class {
        card: Some(Card {
            phase: Phase::Closed,
            counts: Some(vec![0, 1, 2]),
            ..card.clone()
        }),
        ..class()
    })));
    page.hears(ServerMessage::Class(News::You(you())));
    assert_eq!(page.model.classroom.chosen, Some(2));
    page.hears_class(|class| class.card = Some(card));
    assert_eq!(page.model.classroom.chosen, None, "another one is asked");
}

#[test]
fn outside_of_a_class_nothing_of_one_is_heard() {
    let mut page = Page::open();
    page.hears_roster(vec![tile(1, None)]);
    page.hears(ServerMessage::Class(News::Class(class())));
    page.wishes(ClassCommand::Do(Act::End));
    assert_eq!(page.said(), []);
    assert_eq!(page.model.classroom.class(), None);
    assert_eq!(page.model.classroom.wall.tiles().len(), 0);
}
