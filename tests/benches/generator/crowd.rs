//! Many connections under one load: each keeps so many sentences outstanding, and says the next when one is answered.

use std::{
    io,
    rc::Rc,
    time::{Duration, Instant},
};

use super::{Connection, Outcome, Sentences, Watcher, Way, poll::Poll, visits};

/// Room for what one read can bring.
pub(crate) const BUFFER: usize = 256 << 10;
/// How often lost datagrams are looked for.
const GLANCE: Duration = Duration::from_millis(50);
/// How long the last answers may take.
const LAST_ANSWERS: Duration = Duration::from_secs(10);

/// How much is said.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Sentences outstanding on each connection.
    pub(crate) window: u64,
    /// Answers after which it is enough.
    pub(crate) answers: u64,
    /// Time after which it is enough.
    pub(crate) time: Duration,
}

/// Open connections.
#[derive(Debug)]
pub(crate) struct Crowd {
    poll: Poll,
    members: Vec<Connection>,
    buffer: Vec<u8>,
}

impl Crowd {
    /// Opens so many connections; each has exchanged one sentence then.
    pub(crate) fn open(way: Way, sentences: &Rc<Sentences>, count: usize) -> io::Result<Self> {
        visits::gather(way, sentences, count)
    }

    pub(super) fn of(poll: Poll, members: Vec<Connection>) -> Self {
        Self {
            poll,
            members,
            buffer: vec![0; BUFFER],
        }
    }

    /// Puts the load on them.
    ///
    /// # Errors
    /// The kernel's, what the other side says against it, and a stream that stands still.
    pub(crate) fn run(&mut self, load: &Load) -> io::Result<Outcome> {
        let mut outcome = Outcome::default();
        let begun = Instant::now();
        let mut looked = begun;
        self.fill(load.window)?;
        while outcome.answered < load.answers && begun.elapsed() < load.time {
            self.turn(GLANCE, load.window, &mut outcome)?;
            if looked.elapsed() >= GLANCE {
                looked = Instant::now();
                self.give_up(&mut outcome);
                self.fill(load.window)?;
            }
        }
        outcome.is_over(begun.elapsed());
        self.finish(&mut outcome)?;
        // A hole in a trace is as wrong as a wrong answer.
        outcome.wrong += self.watchers().map(|watcher| watcher.holes).sum::<u64>();
        Ok(outcome)
    }

    /// Waits once, and does what can be done then.
    pub(crate) fn turn(
        &mut self,
        longest: Duration,
        window: u64,
        outcome: &mut Outcome,
    ) -> io::Result<()> {
        let Self {
            poll,
            members,
            buffer,
        } = self;
        for at in 0..poll.wait(longest)? {
            let ready = poll.ready(at);
            let member = &mut members[ready.token];
            member.proceed(ready, buffer, outcome)?;
            member.fill(window)?;
            watch_anew(poll, ready.token, member)?;
        }
        Ok(())
    }

    fn fill(&mut self, window: u64) -> io::Result<()> {
        for (token, member) in self.members.iter_mut().enumerate() {
            member.fill(window)?;
            watch_anew(&self.poll, token, member)?;
        }
        Ok(())
    }

    fn give_up(&mut self, outcome: &mut Outcome) {
        let now = Instant::now();
        for member in &mut self.members {
            member.give_up(now, outcome);
        }
    }

    /// Waits for the last answers; a stream that stands still fails.
    fn finish(&mut self, outcome: &mut Outcome) -> io::Result<()> {
        let deadline = Instant::now() + LAST_ANSWERS;
        while self.members.iter().any(|member| member.outstanding() > 0) {
            if Instant::now() > deadline {
                let missing: u64 = self.members.iter().map(Connection::outstanding).sum();
                let why = format!("{missing} sentences were never answered");
                return Err(io::Error::other(why));
            }
            self.turn(GLANCE, 0, outcome)?;
            self.give_up(outcome);
        }
        Ok(())
    }

    /// What its members have seen of the trace.
    pub(crate) fn watchers(&self) -> impl Iterator<Item = &Watcher> {
        self.members.iter().map(|member| &member.watcher)
    }

    /// From now on counts what is seen of the trace anew.
    pub(crate) fn forget_delays(&mut self) {
        for member in &mut self.members {
            member.watcher.forget_delays();
        }
    }
}

/// Watches for room to write only as long as there is something to write.
pub(super) fn watch_anew(poll: &Poll, token: usize, member: &mut Connection) -> io::Result<()> {
    if member.wants_room() != member.watched_for_room {
        member.watched_for_room = member.wants_room();
        poll.change(member.socket(), token, member.watched_for_room)?;
    }
    Ok(())
}
