//! How turns are taken: everybody runs at once, and is measured in turn, A B A B, so that a busy moment of the
//! machine meets all of them alike. Only who has the kernel watch packets runs in its own turns alone: a kernel that
//! watches watches everybody's. It is warmed up first, so that its trace is full, as that of a relay is that has run
//! for a while.

use std::io;

use crate::{
    arguments::holds_any,
    effort::Effort,
    generator::Outcome,
    machine::{Foreign, Placement},
    peers,
    report::{Metric, Sheet, print_figure},
    subject::{Contender, Side, Subject},
};

/// The benchmark as it goes.
#[derive(Debug)]
pub(crate) struct Bench {
    /// How much work is worth it.
    pub(crate) effort: Effort,
    /// Parts of the names of those who are measured; none: all.
    pub(crate) who: Vec<String>,
    /// What was measured so far.
    pub(crate) sheet: Sheet,
}

/// What a turn yields.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// What was measured.
    pub(crate) values: Vec<(Metric, f64)>,
    /// Sentences answered: processor time is told for each.
    pub(crate) answered: u64,
    /// Wrong answers.
    pub(crate) wrong: u64,
}

/// Who has no turn just now.
enum Waiting {
    /// It runs meanwhile.
    Runs(Subject),
    /// It is started for each of its turns.
    Is(Contender),
}

impl Taken {
    /// These values of what came of a load.
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
        turn: impl FnMut(&Subject, &Effort) -> io::Result<Taken>,
    ) {
        self.figure_in_rounds(self.effort.rounds, figure, placement, contenders, turn);
    }

    /// The same in so many rounds.
    pub(crate) fn figure_in_rounds(
        &mut self,
        rounds: usize,
        figure: &str,
        placement: Placement,
        contenders: &[Contender],
        mut turn: impl FnMut(&Subject, &Effort) -> io::Result<Taken>,
    ) {
        let _placed = placement.enter();
        eprintln!("{figure}, {} …", placement.name());
        let mut waiting: Vec<Waiting> = contenders
            .iter()
            .filter_map(|contender| self.wait(*contender))
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
        print_figure(&self.sheet, figure, placement);
    }

    /// Measures a figure of programs that have done nothing before.
    pub(crate) fn figure_of_the_new(
        &mut self,
        figure: &str,
        placement: Placement,
        contenders: &[Contender],
        mut turn: impl FnMut(&Subject, &Effort) -> io::Result<Taken>,
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
        print_figure(&self.sheet, figure, placement);
    }

    fn wait(&mut self, contender: Contender) -> Option<Waiting> {
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
                self.sheet.note(format!("{}: {why}", contender.name()));
                None
            }
        }
    }

    /// Tells whether this contender is to have another turn.
    fn take_turn(
        &mut self,
        figure: &str,
        placement: Placement,
        subject: &Subject,
        turn: &mut impl FnMut(&Subject, &Effort) -> io::Result<Taken>,
    ) -> bool {
        let foreign = Foreign::since_now();
        let taken = turn(subject, &self.effort);
        let cpu = subject.take_cpu_ns();
        self.sheet.foreign.push(foreign.cores());
        match taken {
            Ok(taken) => {
                self.write_down(figure, placement, subject.contender, taken, cpu);
                true
            }
            Err(error) => {
                self.gave_up(figure, subject.contender, &error);
                false
            }
        }
    }

    /// Writes down what a turn yielded. A wrong answer fails the run, whoever gave it.
    pub(crate) fn write_down(
        &mut self,
        figure: &str,
        placement: Placement,
        contender: Contender,
        taken: Taken,
        cpu_ns: Option<u64>,
    ) {
        let Taken {
            values,
            answered,
            wrong,
        } = taken;
        if wrong > 0 {
            let who = contender.name();
            self.sheet
                .failures
                .push(format!("{figure}: {who}: {wrong} wrong answers"));
        }
        let cpu = cpu_ns
            .filter(|_| answered > 0)
            .map(|ns| ns as f64 / 1e3 / answered as f64);
        for value in values.into_iter().chain(cpu.map(|cpu| (Metric::Cpu, cpu))) {
            self.sheet.add(figure, placement, contender, value);
        }
    }

    /// A peer that gives up is a note; the relay must not.
    pub(crate) fn gave_up(&mut self, figure: &str, contender: Contender, error: &io::Error) {
        let what = format!("{figure}: {} gave up: {error}", contender.name());
        if contender.side() == Side::Ours {
            self.sheet.failures.push(what);
        } else {
            self.sheet.note(what);
        }
    }
}
