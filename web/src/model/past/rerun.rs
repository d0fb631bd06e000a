//! A recorded client's calls, made again on fresh sockets: in the same order, with the same arguments, each as soon as
//! all that had returned before it then has returned now. The result of each is shown beside the recorded one.

mod recorded;
mod rerun_step;

use std::collections::BTreeMap;

use shared::{
    call::{Call, Fd},
    message::Reply,
    outcome::{Outcome, Returned},
    trace::ProcessId,
};

use self::recorded::recorded;
pub(crate) use self::{
    recorded::{RecordedCall, Unrepeatable},
    rerun_step::{Comparison, RerunState, RerunStep},
};
use crate::model::{
    Effect, Model,
    core::{connection::ConnectionState, outbox::Outbox, time::Millis},
    panes::workbench::WorkbenchCommand,
    trace::log::Side,
};

/// How long a call that never returned in the trace may wait once nothing else is left to do.
const PATIENCE: Millis = 2_000;

/// A command for recorded calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RerunCommand {
    /// Those of the run in the ladder made again; or all of its client's.
    Begin(bool),
    /// No more of them made, and none waited for.
    Stop,
    /// Back to the saved trace they are from.
    Back,
    /// The list away.
    Close,
}

/// The calls of a client that are made again.
#[derive(Debug, Default)]
pub(crate) struct Rerun {
    /// Them, in the order in which they were made.
    pub(crate) steps: Vec<RerunStep>,
    /// Grows with every change.
    pub(crate) version: u64,
    /// Which socket stands for which.
    sockets: BTreeMap<(ProcessId, Fd), Fd>,
    /// The messages whose calls are no longer waited for.
    cancelled: Vec<u64>,
}

impl Rerun {
    fn new(calls: Vec<RecordedCall>) -> Self {
        let step = |then| RerunStep {
            then,
            now: RerunState::Waits,
        };
        Self {
            steps: calls.into_iter().map(step).collect(),
            ..Self::default()
        }
    }

    /// Whether there is nothing more to come.
    pub(crate) fn is_over(&self) -> bool {
        self.steps.iter().all(RerunStep::is_over)
    }

    /// How many are over, and how many of them ended otherwise than then.
    pub(crate) fn score(&self) -> (usize, usize) {
        let count = |is: fn(&RerunStep) -> bool| self.steps.iter().filter(|step| is(step)).count();
        let others = count(|step| step.comparison() == Comparison::Other);
        (count(RerunStep::is_over), others)
    }

    /// Makes all calls whose turn it is.
    fn advance(&mut self, outbox: &mut Outbox, now: Millis) {
        while let Some(at) = self
            .steps
            .iter()
            .position(|step| step.now == RerunState::Waits)
        {
            let Some(step) = self.steps.get(at).filter(|_| self.is_due(at)) else {
                return self.give_up(outbox, now);
            };
            let now = match step.then.call(&self.sockets) {
                Ok(call) => RerunState::Made(outbox.make(call), now),
                Err(cannot) => RerunState::Cannot(cannot),
            };
            self.version += 1;
            if let Some(step) = self.steps.get_mut(at) {
                step.now = now;
            }
        }
        self.give_up(outbox, now);
    }

    /// Whether all has returned that had returned before it was made.
    fn is_due(&self, at: usize) -> bool {
        let Some((before, step)) = self.steps.get(..at).zip(self.steps.get(at)) else {
            return false;
        };
        let had_returned = |other: &&RerunStep| {
            let ended = other.then.ended_ns;
            ended.is_some_and(|ended| ended <= step.then.started_ns)
        };
        before.iter().filter(had_returned).all(RerunStep::is_over)
    }

    /// Until when a call is waited for, where its client did not wait for ever.
    fn deadline(&self, step: &RerunStep) -> Option<(u64, Millis)> {
        let RerunState::Made(request, since) = step.now else {
            return None;
        };
        if self.cancelled.contains(&request) {
            return None;
        }
        let rest = || {
            let mut others = self.steps.iter();
            others.all(|other| other.is_over() || other.then.outcome.is_none())
        };
        let after = if step.was_cancelled() {
            step.then.took_ns / 1_000_000
        } else if step.then.outcome.is_none() && rest() {
            PATIENCE
        } else {
            return None;
        };
        Some((request, since + after))
    }

    /// Waits no longer than its client did.
    fn give_up(&mut self, outbox: &mut Outbox, now: Millis) {
        let deadlines = self.steps.iter().filter_map(|step| self.deadline(step));
        let over: Vec<u64> = deadlines
            .filter(|(_, until)| *until <= now)
            .map(|(request, _)| request)
            .collect();
        for of in over {
            outbox.make(Call::Cancel { of });
            self.cancelled.push(of);
        }
    }

    fn wakes_at(&self) -> Option<Millis> {
        let deadlines = self.steps.iter().filter_map(|step| self.deadline(step));
        deadlines.map(|(_, until)| until).min()
    }

    /// A reply came.
    fn handle_reply(&mut self, reply: &Reply) {
        let asked = |step: &&mut RerunStep| matches!(step.now, RerunState::Made(request, _) if Some(request) == reply.id);
        let Some(step) = self.steps.iter_mut().find(asked) else {
            return;
        };
        self.version += 1;
        step.now = RerunState::Over(reply.outcome.clone(), reply.took_ns);
        let then = step.then.opened();
        if let Outcome::Returned(Returned::Socket { fd }) = reply.outcome
            && let Some(then) = then
        {
            self.sockets.insert((step.then.process, then), fd);
        }
    }

    /// No more is made, and nothing waited for.
    fn stop(&mut self, outbox: &mut Outbox) {
        self.version += 1;
        for step in &mut self.steps {
            match step.now {
                RerunState::Waits => step.now = RerunState::Left,
                RerunState::Made(of, _) if !self.cancelled.contains(&of) => {
                    outbox.make(Call::Cancel { of });
                    self.cancelled.push(of);
                }
                RerunState::Made(..)
                | RerunState::Over(..)
                | RerunState::Cannot(_)
                | RerunState::Left => {}
            }
        }
    }

    /// No reply will come any more.
    fn handle_disconnect(&mut self) {
        self.version += 1;
        for step in self.steps.iter_mut().filter(|step| !step.is_over()) {
            step.now = RerunState::Left;
        }
    }
}

impl Model {
    /// Carries out a command for recorded calls.
    pub(in crate::model) fn handle_rerun_command(
        &mut self,
        wish: RerunCommand,
        effects: &mut Vec<Effect>,
        now: Millis,
    ) {
        match wish {
            RerunCommand::Begin(all) => self.begin_rerun(all, effects, now),
            RerunCommand::Stop => {
                if let Some(again) = &mut self.rerun {
                    again.stop(&mut self.outbox);
                }
            }
            RerunCommand::Back => self.archive.restore_aside(),
            RerunCommand::Close => {
                self.rerun = None;
                self.drop_aside(effects);
            }
        }
    }

    fn begin_rerun(&mut self, all: bool, effects: &mut Vec<Effect>, now: Millis) {
        let calls = self.calls_to_make(all);
        if calls.is_empty()
            || self.connection.state != ConnectionState::Open
            || self.lab_session.is_moving()
        {
            return;
        }
        let transport = calls.first().map(|call| call.transport);
        self.rerun = Some(Rerun::new(calls));
        self.archive.set_aside();
        self.transport = transport.or(self.transport);
        self.select(None);
        self.handle_workbench_command(WorkbenchCommand::Look(true), effects, now);
        self.advance_rerun(now);
    }

    /// The client's calls in the run in the ladder, or all calls of its client, where they were seen.
    pub(crate) fn calls_to_make(&self, all: bool) -> Vec<RecordedCall> {
        let shown = self.shown();
        let Some(run) = shown.shown_run().filter(|_| self.is_past()) else {
            return Vec::new();
        };
        let mut own = run.calls.iter().filter(|call| call.side == Side::Client);
        let process = own.next().map(|call| call.process);
        let calls = if all {
            let log = shown.log.calls();
            log.filter(|call| Some(call.process) == process).collect()
        } else {
            let calls = run.calls.iter();
            calls.filter(|call| call.side == Side::Client).collect()
        };
        recorded(calls, &shown.servers)
    }

    /// Goes on with it where that is due.
    pub(in crate::model) fn advance_rerun(&mut self, now: Millis) {
        if let Some(again) = &mut self.rerun {
            again.advance(&mut self.outbox, now);
        }
    }

    /// When nobody waits any longer for one of its calls.
    pub(in crate::model) fn rerun_wakes_at(&self) -> Option<Millis> {
        self.rerun.as_ref()?.wakes_at()
    }

    /// Its sockets are gone.
    pub(in crate::model) fn end_rerun(&mut self) {
        if let Some(again) = &mut self.rerun {
            again.handle_disconnect();
        }
    }

    pub(in crate::model) fn handle_rerun_reply(&mut self, reply: &Reply, now: Millis) {
        if let Some(again) = &mut self.rerun {
            again.handle_reply(reply);
            again.advance(&mut self.outbox, now);
        }
    }
}
