//! What a class allows, and that nobody's prediction is told to anybody else.

use clap::Parser;

use super::*;
use crate::{config::Config, lab::secret::digest};

fn limits() -> Limits {
    Config::parse_from(["relay"]).limits.into()
}

fn core() -> Core {
    let class = Class {
        code: "K7XM3P".to_owned(),
        title: String::new(),
        locked: false,
        open: false,
        cap: 3,
        message: None,
        drive: None,
        driven: None,
        card: None,
    };
    Core::new(class, 1)
}

fn join(core: &mut Core) -> Result<MemberId, Failed> {
    core.joins("Ada", digest("token"))
}

fn act(core: &mut Core, act: Act) -> Result<(), Option<Reason>> {
    let after = core.after(act, &limits()).map_err(|failed| failed.reason)?;
    core.becomes(after);
    Ok(())
}

fn ask(choices: u32) -> Act {
    Act::AskCard {
        id: "udp-lost".to_owned(),
        choices,
    }
}

#[test]
fn a_number_is_never_given_again() {
    let mut core = core();
    assert_eq!([join(&mut core), join(&mut core)], [Ok(1), Ok(2)]);
    assert_eq!(core.removes(2, 9), None);
    assert_eq!(join(&mut core), Ok(3));
    assert!(core.you(2).is_none());
    assert_eq!(
        core.must_have(2).expect_err("gone").reason,
        Some(Reason::NoSuchMember)
    );
}

#[test]
fn a_lock_and_a_full_class_keep_others_out_and_nobody_else() {
    let mut core = core();
    for _ in 0..3 {
        join(&mut core).expect("room");
    }
    let full = join(&mut core).expect_err("full");
    assert_eq!(
        (full.reason, full.limit),
        (Some(Reason::ClassFull), Some(3))
    );
    act(&mut core, Act::Cap(4)).expect("more");
    act(&mut core, Act::Lock(true)).expect("locked");
    assert_eq!(
        join(&mut core).expect_err("locked").reason,
        Some(Reason::ClassLocked)
    );
    act(&mut core, Act::Lock(false)).expect("open again");
    assert_eq!(join(&mut core), Ok(4));
    act(&mut core, Act::Cap(1)).expect("fewer");
    assert_eq!(core.members.len(), 4, "those there are stay");
    for cap in [0, 1001, u32::MAX] {
        assert_eq!(act(&mut core, Act::Cap(cap)), Err(Some(Reason::OutOfRange)));
    }
}

#[test]
fn predictions_are_counted_when_no_more_are_taken() {
    let mut core = core();
    for _ in 0..3 {
        join(&mut core).expect("room");
    }
    let no_card = core.predicts(1, 0).expect_err("no card yet");
    assert_eq!(no_card.reason, Some(Reason::NoCard));
    act(&mut core, ask(3)).expect("asked");
    for (member, choice) in [(1, 0), (2, 2), (1, 2)] {
        core.predicts(member, choice).expect("taken");
    }
    assert_eq!(
        core.predicts(3, 3).expect_err("no such").reason,
        Some(Reason::OutOfRange)
    );
    assert_eq!(core.predictions(), 2, "a changed mind is one");
    assert_eq!(core.you(1).expect("a member").choice, Some(2));
    assert_eq!(core.class.card.as_ref().expect("a card").counts, None);
    act(&mut core, Act::CloseCard).expect("closed");
    let card = core.class.card.clone().expect("a card");
    assert_eq!(
        (card.counts, card.phase),
        (Some(vec![0, 0, 2]), Phase::Closed)
    );
    assert_eq!(
        core.you(1).expect("a member").choice,
        None,
        "who chose what is forgotten"
    );
    assert!(core.predicts(3, 1).is_err(), "too late");
    act(&mut core, Act::RevealCard { outcome: 1 }).expect("revealed");
    let card = core.class.card.clone().expect("a card");
    assert_eq!((card.counts, card.outcome), (Some(vec![0, 0, 2]), Some(1)));
    act(&mut core, ask(2)).expect("another");
    assert_eq!(core.predictions(), 0);
    act(&mut core, Act::EndCard).expect("put away");
    assert_eq!(core.class.card, None);
}

#[test]
fn a_card_that_is_none_is_refused() {
    let mut core = core();
    for choices in [0, 1, MOST_CHOICES + 1, u32::MAX] {
        assert_eq!(act(&mut core, ask(choices)), Err(Some(Reason::OutOfRange)));
    }
    for none in [Act::CloseCard, Act::RevealCard { outcome: 0 }] {
        assert_eq!(act(&mut core, none), Err(Some(Reason::NoCard)));
    }
    act(&mut core, ask(2)).expect("asked");
    let beyond = Act::RevealCard { outcome: 2 };
    assert_eq!(act(&mut core, beyond), Err(Some(Reason::OutOfRange)));
    let phase = core.class.card.expect("still there").phase;
    assert_eq!(phase, Phase::Asking);
}

#[test]
fn settings_change_while_predictions_are_taken_and_none_is_lost() {
    let mut core = core();
    join(&mut core).expect("room");
    act(&mut core, ask(2)).expect("asked");
    core.predicts(1, 1).expect("taken");
    act(&mut core, Act::Message(Some(" look up ".to_owned()))).expect("said");
    assert_eq!(core.class.message.as_deref(), Some("look up"));
    assert_eq!(core.predictions(), 1);
}
