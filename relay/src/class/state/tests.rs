//! What a class allows, and that nobody's prediction is told to anybody else.

use clap::Parser;

use super::*;
use crate::{config::Config, token::digest};

fn limits() -> Limits {
    Config::parse_from(["relay"]).limits.into()
}

fn state() -> ClassState {
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
    ClassState::new(class, 1)
}

fn join(state: &mut ClassState) -> Result<MemberId, Failed> {
    state.add_member("Ada", digest("token"))
}

fn act(state: &mut ClassState, act: Act) -> Result<(), Option<Reason>> {
    let after = state
        .settings_after(act, &limits())
        .map_err(|failed| failed.reason)?;
    state.set_class(after);
    Ok(())
}

fn ask(choices: u32) -> Act {
    Act::AskCard {
        id: "udp-lost".to_owned(),
        choices,
    }
}

#[test]
fn member_numbers_are_never_reused() {
    let mut state = state();
    assert_eq!([join(&mut state), join(&mut state)], [Ok(1), Ok(2)]);
    assert_eq!(state.remove_member(2, 9), None);
    assert_eq!(join(&mut state), Ok(3));
    assert!(state.you(2).is_none());
    assert_eq!(
        state.require_member(2).expect_err("gone").reason,
        Some(Reason::NoSuchMember)
    );
}

#[test]
fn a_locked_or_full_class_refuses_newcomers_but_not_members() {
    let mut state = state();
    for _ in 0..3 {
        join(&mut state).expect("room");
    }
    let full = join(&mut state).expect_err("full");
    assert_eq!(
        (full.reason, full.limit),
        (Some(Reason::ClassFull), Some(3))
    );
    act(&mut state, Act::Cap(4)).expect("more");
    act(&mut state, Act::Lock(true)).expect("locked");
    assert_eq!(
        join(&mut state).expect_err("locked").reason,
        Some(Reason::ClassLocked)
    );
    act(&mut state, Act::Lock(false)).expect("open again");
    assert_eq!(join(&mut state), Ok(4));
    act(&mut state, Act::Cap(1)).expect("fewer");
    assert_eq!(state.members.len(), 4, "those there are stay");
    for cap in [0, 1001, u32::MAX] {
        assert_eq!(
            act(&mut state, Act::Cap(cap)),
            Err(Some(Reason::OutOfRange))
        );
    }
}

#[test]
fn predictions_are_counted_when_the_card_closes() {
    let mut state = state();
    for _ in 0..3 {
        join(&mut state).expect("room");
    }
    let no_card = state.predict(1, 0).expect_err("no card yet");
    assert_eq!(no_card.reason, Some(Reason::NoCard));
    act(&mut state, ask(3)).expect("asked");
    for (member, choice) in [(1, 0), (2, 2), (1, 2)] {
        state.predict(member, choice).expect("taken");
    }
    assert_eq!(
        state.predict(3, 3).expect_err("no such").reason,
        Some(Reason::OutOfRange)
    );
    assert_eq!(state.predictions(), 2, "a changed mind is one");
    assert_eq!(state.you(1).expect("a member").choice, Some(2));
    assert_eq!(state.class.card.as_ref().expect("a card").counts, None);
    act(&mut state, Act::CloseCard).expect("closed");
    let card = state.class.card.clone().expect("a card");
    assert_eq!(
        (card.counts, card.phase),
        (Some(vec![0, 0, 2]), Phase::Closed)
    );
    assert_eq!(
        state.you(1).expect("a member").choice,
        None,
        "who chose what is forgotten"
    );
    assert!(state.predict(3, 1).is_err(), "too late");
    act(&mut state, Act::RevealCard { outcome: 1 }).expect("revealed");
    let card = state.class.card.clone().expect("a card");
    assert_eq!((card.counts, card.outcome), (Some(vec![0, 0, 2]), Some(1)));
    act(&mut state, ask(2)).expect("another");
    assert_eq!(state.predictions(), 0);
    act(&mut state, Act::EndCard).expect("put away");
    assert_eq!(state.class.card, None);
}

#[test]
fn an_invalid_card_is_refused() {
    let mut state = state();
    for choices in [0, 1, MOST_CHOICES + 1, u32::MAX] {
        assert_eq!(act(&mut state, ask(choices)), Err(Some(Reason::OutOfRange)));
    }
    for none in [Act::CloseCard, Act::RevealCard { outcome: 0 }] {
        assert_eq!(act(&mut state, none), Err(Some(Reason::NoCard)));
    }
    act(&mut state, ask(2)).expect("asked");
    let beyond = Act::RevealCard { outcome: 2 };
    assert_eq!(act(&mut state, beyond), Err(Some(Reason::OutOfRange)));
    let phase = state.class.card.expect("still there").phase;
    assert_eq!(phase, Phase::Asking);
}

#[test]
fn predictions_survive_changes_of_settings() {
    let mut state = state();
    join(&mut state).expect("room");
    act(&mut state, ask(2)).expect("asked");
    state.predict(1, 1).expect("taken");
    act(&mut state, Act::Message(Some(" look up ".to_owned()))).expect("said");
    assert_eq!(state.class.message.as_deref(), Some("look up"));
    assert_eq!(state.predictions(), 1);
}
