//! The order of measurements: all contenders run at the same time and are measured in turn, A B A B, so that a busy
//! moment of the machine affects all of them alike. A contender that has the kernel watch packets runs only in its own
//! turns, because the kernel then watches every program's packets. It is warmed up first, so that its trace is full, as
//! after a while of use.

use std::io;

use crate::{
    arguments::holds_any,
    effort::Effort,
    generator::Outcome,
    machine::{Foreign, Placement},
    peers,
    report::{Metric, Results, print_figure},
    subject::{Contender, Side, Subject},
};

/// The state of the benchmark.
#[derive(Debug)]
pub(crate) struct Bench {
    /// How much is measured.
    pub(crate) effort: Effort,
    /// Parts of the names of the contenders to measure; empty means all.
    pub(crate) who: Vec<String>,
    /// The results so far.
    pub(crate) results: Results,
}

/// The result of one turn.
#[derive(Debug, Default)]
pub(crate) struct Measurement {
    /// The measured values.
    pub(crate) values: Vec<(Metric, f64)>,
    /// Sentences answered, by which processor time is divided.
    pub(crate) answered: u64,
    /// Wrong answers.
    pub(crate) wrong: u64,
}

/// A contender that waits for its turn.
enum Waiting {
    /// It runs while it waits.
    Runs(Subject),
    /// It is started for each turn.
    Is(Contender),
}

impl Measurement {
    /// These values, with the counts of a load.
    pub(crate) fn of(outcome: &Outcome, values: Vec<(Metric, f64)>) -> Self {
        Self {
            values,
            answered: outcome.answered,
            wrong: outcome.wrong,
        }
    }
}

impl Bench {
    /// Measures a figure: `turn` is one contender's, in one round.
    pub(crate) fn figure(
        &mut self,
        figure: &str,
        placement: Placement,
        contenders: &[Contender],
        turn: impl FnMut(&Subject, &Effort) -> io::Result<Measurement>,
    ) {
        self.figure_in_rounds(self.effort.rounds, figure, placement, contenders, turn);
    }

    /// The same in `rounds` rounds.
    pub(crate) fn figure_in_rounds(
        &mut self,
        rounds: usize,
        figure: &str,
        placement: Placement,
        contenders: &[Contender],
        mut turn: impl FnMut(&Subject, &Effort) -> io::Result<Measurement>,
    ) {
        let _placed = placement.enter();
        eprintln!("{figure}, {} …", placement.name());
        let mut waiting: Vec<Waiting> = contenders
            .iter()
            .filter_map(|contender| self.prepare(*contender))
            .collect();
        for _ in 0..rounds {
            waiting.retain(|waiting| match waiting {
                Waiting::Runs(subject) => self.take_turn(figure, placement, subject, &mut turn),
                Waiting::Is(contender) => self.start(*contender).is_some_and(|subject| {
                    subject.warm_up(self.effort.warming);
                    self.take_turn(figure, placement, &subject, &mut turn)
                }),
            });
        }
        print_figure(&self.results, figure, placement);
    }

    /// Measures a figure of freshly started programs.
    pub(crate) fn figure_of_fresh_programs(
        &mut self,
        figure: &str,
        placement: Placement,
        contenders: &[Contender],
        mut turn: impl FnMut(&Subject, &Effort) -> io::Result<Measurement>,
    ) {
        let _placed = placement.enter();
        eprintln!("{figure}, {} …", placement.name());
        for _ in 0..self.effort.rounds.min(2) {
            for contender in contenders {
                if let Some(subject) = self.start(*contender) {
                    self.take_turn(figure, placement, &subject, &mut turn);
                }
            }
        }
        print_figure(&self.results, figure, placement);
    }

    fn prepare(&mut self, contender: Contender) -> Option<Waiting> {
        if contender.watches() {
            Some(Waiting::Is(contender))
        } else {
            self.start(contender).map(Waiting::Runs)
        }
    }

    fn start(&mut self, contender: Contender) -> Option<Subject> {
        if !holds_any(&contender.name(), &self.who) {
            return None;
        }
        match peers::start(contender) {
            Ok(subject) => Some(subject),
            Err(why) => {
                self.results.note(format!("{}: {why}", contender.name()));
                None
            }
        }
    }

    /// Runs one turn; returns whether the contender is to have another.
    fn take_turn(
        &mut self,
        figure: &str,
        placement: Placement,
        subject: &Subject,
        turn: &mut impl FnMut(&Subject, &Effort) -> io::Result<Measurement>,
    ) -> bool {
        let foreign = Foreign::since_now();
        let taken = turn(subject, &self.effort);
        let cpu = subject.take_cpu_ns();
        self.results.foreign.push(foreign.cores());
        match taken {
            Ok(taken) => {
                self.record(figure, placement, subject.contender, taken, cpu);
                true
            }
            Err(error) => {
                self.record_error(figure, subject.contender, &error);
                false
            }
        }
    }

    /// Records the result of a turn. A wrong answer of any contender fails the run.
    pub(crate) fn record(
        &mut self,
        figure: &str,
        placement: Placement,
        contender: Contender,
        taken: Measurement,
        cpu_ns: Option<u64>,
    ) {
        let Measurement {
            values,
            answered,
            wrong,
        } = taken;
        if wrong > 0 {
            let who = contender.name();
            self.results
                .failures
                .push(format!("{figure}: {who}: {wrong} wrong answers"));
        }
        let cpu = cpu_ns
            .filter(|_| answered > 0)
            .map(|ns| ns as f64 / 1e3 / answered as f64);
        for value in values.into_iter().chain(cpu.map(|cpu| (Metric::Cpu, cpu))) {
            self.results.add(figure, placement, contender, value);
        }
    }

    /// Records an error: of a peer as a note, of the relay as a failure.
    pub(crate) fn record_error(&mut self, figure: &str, contender: Contender, error: &io::Error) {
        let what = format!("{figure}: {} gave up: {error}", contender.name());
        if contender.side() == Side::Ours {
            self.results.failures.push(what);
        } else {
            self.results.note(what);
        }
    }
}
