//! What has happened is seen again, event by event: nothing else than what was, and nothing before its time.

use shared::trace::{CallName, Derived, DerivedKind};

use super::*;
use crate::model::past::{
    archive,
    replay::{Replay, ReplayCommand, ReplayStep, Speed},
};

impl Page {
    fn replays(&mut self, wish: ReplayCommand) {
        self.does(WholeEvent::Replay(wish));
        while self.model.settle() {}
    }

    fn replay(&self) -> &Replay {
        self.model.archive.replay.as_deref().expect("a replay")
    }

    /// The calls that are seen now, and whether they have returned.
    fn calls_seen(&self) -> Vec<(CallName, bool)> {
        let log = &self.model.shown().log;
        let calls = log.calls().chain(log.waiting());
        let mut calls: Vec<_> = calls
            .map(|call| (call.id, call.name, call.end.is_some()))
            .collect();
        calls.sort_by_key(|call| call.0);
        calls
            .into_iter()
            .map(|(_, name, ended)| (name, ended))
            .collect()
    }

    /// Lets it run until this many milliseconds have passed, woken only when it asks to be.
    fn runs_for(&mut self, ms: Millis) {
        let end = self.now + ms;
        while let Some(at) = self.model.replay_wakes_at(self.now).filter(|at| *at <= end) {
            self.now = at;
            self.does(Event::TimerFired);
            while self.model.settle() {}
        }
        self.now = end;
    }
}

fn replaying() -> Page {
    let mut page = Page::open();
    page.sees_a_sentence();
    page.replays(ReplayCommand::Begin(false));
    page
}

#[test]
fn at_the_beginning_nothing_has_happened() {
    let page = replaying();
    assert_eq!((page.replay().at(), page.replay().runs()), (0, false));
    assert_eq!(page.calls_seen(), []);
    assert_eq!(page.model.shown().inspector.store.len(), 0);
    assert!(!page.model.can_send(), "nothing is sent into the past");
}

#[test]
fn event_by_event_it_comes_to_what_the_lab_shows() {
    let mut page = replaying();
    let whole = {
        let mut live = Page::open();
        live.sees_a_sentence();
        live.calls_seen()
    };
    let mut before = 0;
    for _ in 0..page.replay().len() {
        page.replays(ReplayCommand::Go(ReplayStep::Event));
        let seen = page.calls_seen();
        assert!(seen.len() >= before && seen.len() <= before + 1);
        before = seen.len();
    }
    assert_eq!(page.calls_seen(), whole);
    assert_eq!(page.replay().at(), page.replay().len());
    page.replays(ReplayCommand::Go(ReplayStep::Event));
    assert_eq!(page.replay().at(), page.replay().len(), "there is no more");
}

#[test]
fn one_step_back_it_is_as_it_was_there() {
    let mut page = replaying();
    let mut moments = vec![page.calls_seen()];
    for _ in 0..page.replay().len() {
        page.replays(ReplayCommand::Go(ReplayStep::Event));
        moments.push(page.calls_seen());
    }
    for moment in moments.iter().rev().skip(1) {
        page.replays(ReplayCommand::Go(ReplayStep::EventBack));
        assert_eq!(page.calls_seen(), *moment);
    }
    page.replays(ReplayCommand::Go(ReplayStep::End));
    page.replays(ReplayCommand::Go(ReplayStep::Start));
    assert_eq!(page.calls_seen(), []);
}

#[test]
fn call_by_call_each_step_brings_one_return() {
    let mut page = replaying();
    let ended = |page: &Page| page.calls_seen().iter().filter(|(_, ended)| *ended).count();
    let mut stops = Vec::new();
    let all = {
        page.replays(ReplayCommand::Go(ReplayStep::End));
        let all = ended(&page);
        page.replays(ReplayCommand::Go(ReplayStep::Start));
        all
    };
    for n in 1..=all {
        page.replays(ReplayCommand::Go(ReplayStep::Call));
        assert_eq!(ended(&page), n);
        stops.push(page.replay().at());
    }
    page.replays(ReplayCommand::Go(ReplayStep::End));
    stops.retain(|stop| *stop < page.replay().len());
    for stop in stops.into_iter().rev() {
        page.replays(ReplayCommand::Go(ReplayStep::CallBack));
        assert_eq!(page.replay().at(), stop);
    }
}

#[test]
fn a_usual_sentence_takes_some_seconds() {
    let mut page = replaying();
    page.replays(ReplayCommand::RunOrPause);
    page.runs_for(500);
    let soon = page.replay().at();
    assert!(soon > 0 && soon < page.replay().len(), "{soon}");
    page.runs_for(10_000);
    assert_eq!(page.replay().at(), page.replay().len());
    assert!(!page.replay().runs(), "it is over");
    assert!(page.replay().slowed().is_some_and(|times| times > 1_000));
    page.replays(ReplayCommand::RunOrPause);
    assert_eq!(
        (page.replay().at(), page.replay().runs()),
        (0, true),
        "once more"
    );
}

#[test]
fn ten_times_as_fast_takes_a_tenth() {
    let time = |speed| {
        let mut page = replaying();
        page.replays(ReplayCommand::At(speed));
        page.replays(ReplayCommand::RunOrPause);
        let began = page.now;
        while page.replay().runs() {
            let at = page.model.replay_wakes_at(page.now).expect("it runs");
            page.runs_for(at - page.now);
        }
        page.now - began
    };
    let [slow, usual, fast] = [1, 10, 100].map(|tenths| time(Speed::Tenths(tenths)));
    assert!((2_000..8_000).contains(&usual), "{usual}");
    assert!(slow.abs_diff(usual * 10) < 100, "{slow} {usual}");
    assert!(fast.abs_diff(usual / 10) < 100, "{fast} {usual}");
    assert!(time(Speed::AsItWas) <= 5, "it took microseconds");
}

#[test]
fn paused_it_stays_where_it_is() {
    let mut page = replaying();
    page.replays(ReplayCommand::RunOrPause);
    page.runs_for(1_000);
    page.replays(ReplayCommand::RunOrPause);
    let at = page.replay().at();
    page.runs_for(60_000);
    assert_eq!(page.replay().at(), at);
    page.replays(ReplayCommand::RunOrPause);
    page.runs_for(60_000);
    assert_eq!(page.replay().at(), page.replay().len());
}

#[test]
fn a_server_is_as_it_was_then() {
    let mut page = Page::open();
    page.sees_a_sentence();
    page.sees(
        900,
        What::Server(server(Transport::Udp, ServerState::Killed)),
    );
    let state = |page: &Page| {
        let udp = page.model.shown().servers.get(Transport::Udp);
        udp.map(|server| server.state.clone())
    };
    page.replays(ReplayCommand::Begin(false));
    assert_eq!(
        state(&page),
        Some(ServerState::Running),
        "it had not died yet"
    );
    page.replays(ReplayCommand::Go(ReplayStep::End));
    assert_eq!(state(&page), Some(ServerState::Killed));
    page.replays(ReplayCommand::Go(ReplayStep::EventBack));
    assert_eq!(state(&page), Some(ServerState::Running));
}

#[test]
fn the_lab_goes_on_behind_it() {
    let mut page = replaying();
    let all = page.replay().len();
    page.sees(
        900,
        What::Server(server(Transport::Udp, ServerState::Stopped)),
    );
    page.replays(ReplayCommand::Go(ReplayStep::End));
    assert_eq!(page.replay().at(), all, "what is new is not of that past");
    page.replays(ReplayCommand::End);
    assert!(!page.model.is_past());
    let udp = page.model.shown().servers.get(Transport::Udp);
    assert_eq!(udp.map(|server| &server.state), Some(&ServerState::Stopped));
}

#[test]
fn a_saved_trace_is_replayed_too_and_exported_whole() {
    let mut page = replaying();
    page.effects.clear();
    page.does(WholeEvent::Archive(archive::ArchiveCommand::Trace));
    let Some(Effect::Download(file)) = page.effects.pop() else {
        panic!("a file")
    };
    let text = String::from_utf8(file.bytes).expect("text");
    let mut other = Page::open();
    let name = "trace.json".to_owned();
    let text = Ok(text);
    other.does(WholeEvent::Archive(archive::ArchiveCommand::Open {
        name,
        text,
    }));
    let whole = other.calls_seen();
    other.replays(ReplayCommand::Begin(false));
    assert_eq!(other.calls_seen(), []);
    other.replays(ReplayCommand::To(usize::MAX));
    assert_eq!(other.calls_seen(), whole);
    other.replays(ReplayCommand::End);
    assert!(other.model.is_past(), "the saved trace is still there");
}

#[test]
fn a_replay_begins_with_the_sentence_one_looks_at() {
    let mut page = Page::open();
    page.sees_a_sentence();
    let first = page.model.log.calls().next().expect("a call").id;
    page.does(WholeEvent::Select(Some(first)));
    page.replays(ReplayCommand::Begin(false));
    page.replays(ReplayCommand::Go(ReplayStep::Event));
    assert_eq!(page.calls_seen().len(), 1);
    assert_eq!(
        page.model.shown().selected,
        Some(first),
        "and goes on looking at it"
    );
}

#[test]
fn a_filter_stays_when_one_goes_back() {
    use crate::model::panes::inspector::{InspectorCommand, query::FilterInput};
    let mut page = Page::open();
    page.sees_a_sentence();
    let (from, to) = (CLIENT.parse().expect("an address"), server_address());
    let derived = Derived {
        kind: DerivedKind::Datagram,
        transport: Transport::Udp,
        from,
        to,
        length: 5,
        because: 11,
        process: Some(ME),
    };
    page.sees(220, What::Derived(derived.clone()));
    page.sees(221, What::Derived(derived));
    page.replays(ReplayCommand::Begin(false));
    page.replays(ReplayCommand::Go(ReplayStep::End));
    page.does(WholeEvent::Inspect(InspectorCommand::Open(true)));
    let stroke = FilterInput::Typed("tcp".to_owned(), 3);
    page.does(WholeEvent::Inspect(InspectorCommand::Filter(stroke)));
    page.replays(ReplayCommand::Go(ReplayStep::EventBack));
    let inspector = &page.model.shown().inspector;
    assert_eq!(inspector.query.text, "tcp");
    assert_eq!(
        inspector.display_filter.len(&inspector.store),
        0,
        "no packet is TCP"
    );
    assert_eq!(inspector.store.len(), 1);
}

#[test]
fn a_long_past_is_heard_in_few_frames() {
    let mut page = Page::open();
    for call in (100..).take(10_000) {
        let fd = Some(3).filter(|_| call % 10 != 0);
        let name = if fd.is_some() {
            CallName::SendTo
        } else {
            CallName::Socket
        };
        page.starts(call, started(call, 9, name, fd, None));
        let value = match fd {
            Some(_) => Returned::Sent { sent: 5 },
            None => Returned::Socket { fd: 3 },
        };
        page.ended(call, returned(call, 9, value));
    }
    page.replays(ReplayCommand::Begin(false));
    let frames = |page: &mut Page, step| {
        page.does(WholeEvent::Replay(ReplayCommand::Go(step)));
        let mut frames = 1;
        while page.model.settle() {
            frames += 1;
        }
        frames
    };
    let all = page.replay().len();
    let most = all.div_ceil(1_000);
    assert!(frames(&mut page, ReplayStep::End) <= most);
    assert!(frames(&mut page, ReplayStep::EventBack) <= most);
    assert_eq!(page.replay().at(), all - 1);
}
