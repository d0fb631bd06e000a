//! The wall shows what each member did, counts what went wrong, and tells only what changed.

use shared::{
    call::Transport,
    class::Class,
    data::Data,
    outcome::FailureSource,
    trace::{Arguments, CallName},
};

use super::*;
use crate::{class::state::ClassState, failure, token::digest};

fn state() -> ClassState {
    let class = Class {
        code: "K7XM3P".to_owned(),
        title: String::new(),
        locked: false,
        open: false,
        cap: 9,
        message: None,
        drive: None,
        driven: None,
        card: None,
    };
    let mut state = ClassState::new(class, 1);
    state.add_member("Ada", digest("token")).expect("room");
    state
}

fn wall() -> Wall {
    let mut wall = Wall::default();
    wall.set_process(1, 7);
    wall.take_changes();
    wall
}

fn event(what: What) -> Event {
    Event {
        seq: 1,
        mono_ns: 5_000_000,
        wall_us: 0,
        what,
    }
}

fn start(process: ProcessId, call: CallId, name: CallName) -> Event {
    event(What::CallStarted(Box::new(CallStarted {
        call,
        process,
        fd: Some(3),
        transport: Transport::Udp,
        name,
        arguments: Arguments::default(),
        request: None,
    })))
}

fn end(process: ProcessId, call: CallId, outcome: Outcome) -> Event {
    event(What::CallReturned(Box::new(CallReturned {
        call,
        process,
        outcome,
        took_ns: 1,
        local: None,
        peer: None,
        offset: None,
        facts: Vec::new(),
    })))
}

fn refused() -> Failed {
    Failed {
        errno: "ECONNREFUSED".to_owned(),
        message: "Connection refused".to_owned(),
        source: FailureSource::Kernel,
        reason: None,
        limit: None,
    }
}

fn tile(wall: &Wall) -> Tile {
    wall.tile(&state(), 1).expect("a member")
}

#[test]
fn a_call_is_shown_as_blocked_until_it_returns_and_an_answer_counts_as_a_sentence() {
    let mut wall = wall();
    wall.record_event(&start(7, 1, CallName::Recv), 5);
    let call = tile(&wall).call.expect("a call");
    assert_eq!(
        (call.name, call.blocked, call.mono_ns),
        (CallName::Recv, true, 5_000_000)
    );
    assert_eq!(wall.take_changes().0, BTreeSet::from([1]));
    let chunk = Returned::Chunk {
        data: Data(b"HELLO".to_vec()),
    };
    wall.record_event(&end(7, 1, Outcome::Returned(chunk)), 6);
    let now = tile(&wall);
    assert_eq!(
        (now.call.expect("a call").blocked, now.sentences),
        (false, 1)
    );
    assert_eq!(wall.take_changes().0, BTreeSet::from([1]));
    assert_eq!(
        wall.take_changes().0,
        BTreeSet::new(),
        "what was told is no news"
    );
}

#[test]
fn a_failed_call_counts_as_an_error_but_a_cancelled_one_does_not() {
    let mut wall = wall();
    wall.record_event(&start(7, 1, CallName::Connect), 5);
    wall.record_event(&end(7, 1, Outcome::Failed(refused())), 6);
    for (call, reason) in [(2, Reason::Cancelled), (3, Reason::TimedOut)] {
        wall.record_event(&start(7, call, CallName::Recv), 7);
        wall.record_event(
            &end(7, call, Outcome::Failed(failure::relay(reason, "stopped"))),
            8,
        );
    }
    let now = tile(&wall);
    assert_eq!(now.errors, 1);
    let error = now.error.expect("one");
    assert_eq!(
        (error.name, error.errno.as_str()),
        (CallName::Connect, "ECONNREFUSED")
    );
    assert_eq!(wall.totals(&state(), 9).errors, 1);
}

#[test]
fn other_processes_have_no_tile() {
    let mut wall = wall();
    for process in [1, 2, 8] {
        wall.record_event(&start(process, 1, CallName::Recv), 5);
        wall.record_event(&end(process, 1, Outcome::Failed(refused())), 5);
    }
    assert_eq!(wall.take_changes().0, BTreeSet::new());
    let totals = wall.totals(&state(), 6);
    assert_eq!((totals.errors, totals.calls_per_second), (0, 0));
}

#[test]
fn activity_continues_after_rejoining_and_ends_with_removal() {
    let mut wall = wall();
    wall.record_event(&start(7, 1, CallName::Recv), 5);
    wall.record_event(&event(What::ProcessEnded { process: 7 }), 6);
    assert!(!tile(&wall).call.expect("its last one").blocked);
    wall.set_process(1, 9);
    wall.record_event(&start(9, 2, CallName::Send), 7);
    assert_eq!(tile(&wall).call.expect("a call").name, CallName::Send);
    wall.take_changes();
    wall.remove_member(1);
    assert_eq!(wall.take_changes(), (BTreeSet::new(), BTreeSet::from([1])));
    wall.record_event(&start(9, 3, CallName::Send), 8);
    assert_eq!(wall.take_changes().0, BTreeSet::new());
}

#[test]
fn a_rate_covers_the_last_second() {
    let mut rate = Rate::default();
    for now_ms in [0, 100, 100, 900] {
        rate.add(1, now_ms);
    }
    assert_eq!(rate.per_second(950), 4);
    assert_eq!(rate.per_second(1000), 3);
    assert_eq!(rate.per_second(1100), 1);
    assert_eq!(rate.per_second(5000), 0);
    assert!(rate.counted.is_empty());
}
