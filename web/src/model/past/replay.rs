//! A replay: an empty model is fed the events of a trace up to the moment that is shown.
//!
//! Nothing is undone. To go back, another such model hears it from the beginning; a few events in each frame, while
//! what was seen stays.

mod beginning;
mod clock;

use shared::trace::{Event as TraceEvent, What};

pub(crate) use self::clock::Speed;
use self::clock::{Clock, sentence_ns};
use crate::{
    json,
    model::{Model, core::time::Millis},
};

/// Maximum number of events fed in one frame.
const EVENTS_PER_FRAME: usize = 2_000;

/// A command for a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReplayCommand {
    /// Begin one, and let it run at once or not.
    Begin(bool),
    /// Hold it where it runs, else let it run.
    RunOrPause,
    /// Go on, or back.
    Go(ReplayStep),
    /// Go to the moment after this number of events.
    To(usize),
    /// Run as fast as this.
    At(Speed),
    /// No more of it.
    End,
}

/// A way through the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReplayStep {
    /// Before the first event.
    Start,
    /// Back to where the call before had just returned.
    CallBack,
    /// One event back.
    EventBack,
    /// One event on.
    Event,
    /// On to where the next call has returned.
    Call,
    /// After the last event.
    End,
}

/// A trace that is heard again.
#[derive(Debug)]
pub(crate) struct Replay {
    /// What all views show: what a page knows that heard the first events.
    pub(crate) model: Model,
    events: Vec<TraceEvent>,
    /// Number of events fed so far.
    at: usize,
    /// Number of events to feed.
    wanted: usize,
    /// The one that takes its place as soon as it has heard enough, and how much it has heard.
    next: Option<(Box<Model>, usize)>,
    clock: Clock,
    /// The runs' numbers begin with this, in every model of it.
    runs: u64,
    models: u64,
}

impl Replay {
    /// What `source` has kept; none where that is nothing.
    fn new(source: &Model, runs: u64) -> Option<Self> {
        let events: Vec<TraceEvent> = source.raw_events.texts().filter_map(json::read).collect();
        if events.is_empty() {
            return None;
        }
        Some(Self {
            model: beginning::model(source, &events, (runs, runs)),
            clock: Clock::new(sentence_ns(source.log.runs().iter())),
            events,
            at: 0,
            wanted: 0,
            next: None,
            runs,
            models: runs,
        })
    }

    /// How many events there are.
    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    /// How many of them are seen.
    pub(crate) const fn at(&self) -> usize {
        self.at
    }

    /// The event that was seen last.
    pub(crate) fn latest(&self) -> Option<&TraceEvent> {
        self.events.get(self.at.checked_sub(1)?)
    }

    /// How long after the first event that was, in nanoseconds.
    pub(crate) fn moment_ns(&self) -> u64 {
        let first = self.events.first().map_or(0, |event| event.mono_ns);
        self.latest()
            .map_or(0, |event| event.mono_ns.saturating_sub(first))
    }

    /// Whether it runs.
    pub(crate) const fn runs(&self) -> bool {
        self.clock.runs()
    }

    /// How fast.
    pub(crate) const fn speed(&self) -> Speed {
        self.clock.speed
    }

    /// How many times slower than it was; none where it is as it was, or faster.
    pub(crate) fn slowed(&self) -> Option<u64> {
        self.clock.slowed().filter(|times| *times > 1)
    }

    /// At the end it begins once more.
    fn run_or_pause(&mut self, now: Millis) {
        if self.wanted == self.len() {
            self.wanted = 0;
        }
        self.clock.run(!self.clock.runs(), now);
    }

    fn go(&mut self, step: ReplayStep) {
        self.clock.run(false, 0);
        self.wanted = self.place(step);
    }

    fn place(&self, step: ReplayStep) -> usize {
        let returned = |at: &usize| {
            let event = at.checked_sub(1).and_then(|at| self.events.get(at));
            event.is_some_and(|event| matches!(event.what, What::CallReturned(_)))
        };
        match step {
            ReplayStep::Start => 0,
            ReplayStep::EventBack => self.wanted.saturating_sub(1),
            ReplayStep::CallBack => (0..self.wanted).rev().find(returned).unwrap_or(0),
            ReplayStep::Event => self.len().min(self.wanted + 1),
            ReplayStep::Call => (self.wanted + 1..self.len())
                .find(returned)
                .unwrap_or(self.len()),
            ReplayStep::End => self.len(),
        }
    }

    /// Starts at the run of the selected call, else at the beginning.
    fn start_from(&mut self, source: &Model) {
        let run = source.selected.and_then(|call| source.log.run_of(call));
        let first = run.and_then(|run| run.calls.iter().map(|call| call.id).min());
        let starts = |event: &TraceEvent| matches!(&event.what, What::CallStarted(started) if Some(started.call) == first);
        self.wanted = self.events.iter().position(starts).unwrap_or(0);
    }

    /// Time has passed.
    fn advance(&mut self, now: Millis) {
        self.wanted = self.clock.reached(&self.events, self.wanted, now);
    }

    /// When it must be looked at again though nobody does anything.
    fn wakes_at(&self, now: Millis) -> Option<Millis> {
        self.clock.due(&self.events, self.wanted, now)
    }

    /// Hears some more of what is wanted. Tells whether that was not all of it.
    fn catch_up(&mut self) -> bool {
        if self.wanted >= self.at {
            self.next = None;
            self.at = feed(&mut self.model, &self.events, self.at, self.wanted);
            return self.at < self.wanted;
        }
        let begun = self.next.take().filter(|(_, heard)| *heard <= self.wanted);
        let (mut model, heard) = begun.unwrap_or_else(|| {
            self.models += 1;
            let ids = (self.runs, self.models);
            let model = beginning::model(&self.model, &self.events, ids);
            (Box::new(model), 0)
        });
        let heard = feed(&mut model, &self.events, heard, self.wanted);
        if heard < self.wanted {
            self.next = Some((model, heard));
            return true;
        }
        model.copy_view_from(&self.model);
        let before = std::mem::replace(&mut self.model, *model);
        self.model.inspector.tree = before.inspector.tree;
        self.at = heard;
        false
    }
}

/// Lets a model hear a few events, from the one at `from` up to `wanted`. Tells how many it has heard then.
fn feed(model: &mut Model, events: &[TraceEvent], from: usize, wanted: usize) -> usize {
    let to = wanted
        .min(from.saturating_add(EVENTS_PER_FRAME))
        .min(events.len());
    for event in events.get(from..to).unwrap_or_default() {
        model.handle_trace_event(event.clone(), 0);
    }
    to
}

impl Model {
    /// Carries out a command for a replay.
    pub(in crate::model) fn handle_replay_command(&mut self, wish: ReplayCommand, now: Millis) {
        if let ReplayCommand::Begin(run) = wish {
            return self.begin_replay(run, now);
        }
        let Some(replay) = &mut self.archive.replay else {
            return;
        };
        match wish {
            ReplayCommand::Begin(_) => {}
            ReplayCommand::RunOrPause => replay.run_or_pause(now),
            ReplayCommand::Go(step) => replay.go(step),
            ReplayCommand::To(at) => {
                replay.wanted = at.min(replay.len());
                replay.clock.restart(now);
            }
            ReplayCommand::At(speed) => {
                replay.clock.speed = speed;
                replay.clock.restart(now);
            }
            ReplayCommand::End => self.archive.replay = None,
        }
    }

    fn begin_replay(&mut self, run: bool, now: Millis) {
        let nth = self.archive.number();
        let source = self.source();
        let Some(mut replay) = Replay::new(source, nth) else {
            return;
        };
        replay.start_from(source);
        replay.clock.run(run, now);
        self.archive.replay = Some(Box::new(replay));
    }

    /// Time has passed.
    pub(in crate::model) fn advance_replay(&mut self, now: Millis) {
        if let Some(replay) = &mut self.archive.replay {
            replay.advance(now);
        }
    }

    /// When a replay goes on by itself.
    pub(in crate::model) fn replay_wakes_at(&self, now: Millis) -> Option<Millis> {
        self.archive.replay.as_ref()?.wakes_at(now)
    }

    /// Lets a replay hear what it is to hear. Tells whether there is more.
    pub(in crate::model) fn catch_up_replay(&mut self) -> bool {
        let replay = self.archive.replay.as_mut();
        replay.is_some_and(|replay| replay.catch_up())
    }
}
