//! Those who come, say one sentence, hear the answer, and go, or stay: so many at a time.

use std::{
    io,
    rc::Rc,
    time::{Duration, Instant},
};

use super::{
    Connection, Crowd, Outcome, Sentences, Way, crowd,
    poll::{Poll, Ready},
};
use crate::effort::LONGEST_TURN;

/// So many come at a time.
const AT_ONCE: usize = 64;
const GLANCE: Duration = Duration::from_millis(50);

/// So many visits; tells how long each took from its first call to its last byte. Who still waits in vain after
/// `longest` is lost.
pub(crate) fn visits(
    way: Way,
    sentences: &Rc<Sentences>,
    total: usize,
    longest: Duration,
) -> io::Result<Outcome> {
    let mut hall = Hall::new(way, sentences, false)?;
    let begun = Instant::now();
    while hall.served() < total && begun.elapsed() < longest {
        hall.receive((total - hall.served()).min(AT_ONCE))?;
    }
    hall.outcome.is_over(begun.elapsed());
    for (came, _) in hall.visitors.iter().flatten() {
        hall.outcome.took.was_at_least(came.elapsed());
        hall.outcome.lost += 1;
    }
    Ok(hall.outcome)
}

/// So many come and stay.
///
/// # Errors
/// Where one of them gets no answer.
pub(super) fn gather(way: Way, sentences: &Rc<Sentences>, total: usize) -> io::Result<Crowd> {
    let mut hall = Hall::new(way, sentences, true)?;
    let begun = Instant::now();
    while hall.served() < total {
        hall.receive((total - hall.served()).min(AT_ONCE))?;
        if begun.elapsed() > LONGEST_TURN {
            let missing = total - hall.served();
            return Err(io::Error::other(format!(
                "{missing} of {total} never got an answer"
            )));
        }
    }
    let members = hall
        .visitors
        .into_iter()
        .flatten()
        .map(|(_, visitor)| visitor);
    Ok(Crowd::of(hall.poll, members.collect()))
}

/// Where they come in.
struct Hall<'a> {
    way: Way,
    sentences: &'a Rc<Sentences>,
    stay: bool,
    poll: Poll,
    visitors: Vec<Option<(Instant, Connection)>>,
    free: Vec<usize>,
    waiting: usize,
    came: u32,
    buffer: Vec<u8>,
    outcome: Outcome,
    /// How long the sentences took without the coming and going: not what is told.
    sentences_alone: Outcome,
}

impl<'a> Hall<'a> {
    fn new(way: Way, sentences: &'a Rc<Sentences>, stay: bool) -> io::Result<Self> {
        Ok(Self {
            way,
            sentences,
            stay,
            poll: Poll::new()?,
            visitors: Vec::new(),
            free: Vec::new(),
            waiting: 0,
            came: 0,
            buffer: vec![0; crowd::BUFFER],
            outcome: Outcome::default(),
            sentences_alone: Outcome::default(),
        })
    }

    fn served(&self) -> usize {
        usize::try_from(self.outcome.answered).unwrap_or(usize::MAX)
    }

    /// Lets in until so many wait, and serves who is ready.
    fn receive(&mut self, at_once: usize) -> io::Result<()> {
        while self.waiting < at_once {
            self.let_in()?;
        }
        let ready = self.poll.wait(GLANCE)?;
        for at in 0..ready {
            self.serve(self.poll.ready(at))?;
        }
        if ready == 0 {
            self.ask_again()?;
        }
        Ok(())
    }

    fn let_in(&mut self) -> io::Result<()> {
        let begun = Instant::now();
        let mut visitor = Connection::start(self.way, self.came, self.sentences)?;
        let token = self.free.pop().unwrap_or(self.visitors.len());
        self.poll
            .watch(visitor.socket(), token, visitor.watched_for_room)?;
        visitor.fill(1)?;
        if token == self.visitors.len() {
            self.visitors.push(None);
        }
        self.visitors[token] = Some((begun, visitor));
        self.came += 1;
        self.waiting += 1;
        Ok(())
    }

    fn serve(&mut self, ready: Ready) -> io::Result<()> {
        let Some((begun, visitor)) = &mut self.visitors[ready.token] else {
            return Ok(());
        };
        let before = self.sentences_alone.answered;
        visitor.proceed(ready, &mut self.buffer, &mut self.sentences_alone)?;
        if visitor.has_said_nothing() {
            visitor.fill(1)?;
        }
        crowd::watch_anew(&self.poll, ready.token, visitor)?;
        self.outcome.wrong = self.sentences_alone.wrong;
        if self.sentences_alone.answered > before {
            self.outcome.took.add(begun.elapsed());
            self.outcome.answered += 1;
            self.waiting -= 1;
            if !self.stay {
                self.visitors[ready.token] = None;
                self.free.push(ready.token);
            }
        }
        Ok(())
    }

    /// Where datagrams may be lost, a visitor who was not answered asks again.
    fn ask_again(&mut self) -> io::Result<()> {
        let now = Instant::now();
        for (_, visitor) in self.visitors.iter_mut().flatten() {
            let before = self.outcome.lost;
            visitor.give_up(now, &mut self.outcome);
            if self.outcome.lost > before {
                visitor.fill(1)?;
            }
        }
        Ok(())
    }
}
