//! Many connections under one load: each keeps a window of sentences outstanding, and sends the next when one is
//! answered.

use std::{
    io,
    rc::Rc,
    time::{Duration, Instant},
};

use super::{Connection, Outcome, Sentences, Target, Watcher, churn, poll::Poll};

/// The size of the buffer for one read, in bytes.
pub(crate) const BUFFER: usize = 256 << 10;
/// The interval at which lost datagrams are looked for.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// The time for the last answers.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// How much is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Sentences outstanding on each connection.
    pub(crate) window: u64,
    /// The number of answers after which the load ends.
    pub(crate) answers: u64,
    /// The time after which the load ends.
    pub(crate) time: Duration,
}

/// Open connections.
#[derive(Debug)]
pub(crate) struct LoadDriver {
    poll: Poll,
    members: Vec<Connection>,
    buffer: Vec<u8>,
}

impl LoadDriver {
    /// Opens `count` connections; each has exchanged one sentence when this returns.
    pub(crate) fn open(
        target: Target,
        sentences: &Rc<Sentences>,
        count: usize,
    ) -> io::Result<Self> {
        churn::open_all(target, sentences, count)
    }

    pub(super) fn of(poll: Poll, members: Vec<Connection>) -> Self {
        Self {
            poll,
            members,
            buffer: vec![0; BUFFER],
        }
    }

    /// Runs the load.
    ///
    /// # Errors
    /// An error of the kernel, a refusal of the other side, or a stream that stalls.
    pub(crate) fn run(&mut self, load: &Load) -> io::Result<Outcome> {
        let mut outcome = Outcome::default();
        let begun = Instant::now();
        let mut looked = begun;
        self.fill(load.window)?;
        while outcome.answered < load.answers && begun.elapsed() < load.time {
            self.turn(POLL_INTERVAL, load.window, &mut outcome)?;
            if looked.elapsed() >= POLL_INTERVAL {
                looked = Instant::now();
                self.give_up(&mut outcome);
                self.fill(load.window)?;
            }
        }
        outcome.set_duration(begun.elapsed());
        self.finish(&mut outcome)?;
        // A hole in a trace is as wrong as a wrong answer.
        outcome.wrong += self.watchers().map(|watcher| watcher.holes).sum::<u64>();
        Ok(outcome)
    }

    /// Waits once, and handles the connections that are ready.
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
            update_interest(poll, ready.token, member)?;
        }
        Ok(())
    }

    fn fill(&mut self, window: u64) -> io::Result<()> {
        for (token, member) in self.members.iter_mut().enumerate() {
            member.fill(window)?;
            update_interest(&self.poll, token, member)?;
        }
        Ok(())
    }

    fn give_up(&mut self, outcome: &mut Outcome) {
        let now = Instant::now();
        for member in &mut self.members {
            member.give_up(now, outcome);
        }
    }

    /// Waits for the last answers; fails if a stream stalls.
    fn finish(&mut self, outcome: &mut Outcome) -> io::Result<()> {
        let deadline = Instant::now() + DRAIN_TIMEOUT;
        while self.members.iter().any(|member| member.outstanding() > 0) {
            if Instant::now() > deadline {
                let missing: u64 = self.members.iter().map(Connection::outstanding).sum();
                let why = format!("{missing} sentences were never answered");
                return Err(io::Error::other(why));
            }
            self.turn(POLL_INTERVAL, 0, outcome)?;
            self.give_up(outcome);
        }
        Ok(())
    }

    /// What its connections have received of the trace.
    pub(crate) fn watchers(&self) -> impl Iterator<Item = &Watcher> {
        self.members.iter().map(|member| &member.watcher)
    }

    /// Discards the delays measured so far.
    pub(crate) fn forget_delays(&mut self) {
        for member in &mut self.members {
            member.watcher.forget_delays();
        }
    }
}

/// Watches for room to write while there is something to write.
pub(super) fn update_interest(
    poll: &Poll,
    token: usize,
    member: &mut Connection,
) -> io::Result<()> {
    if member.needs_to_write() != member.watches_for_room {
        member.watches_for_room = member.needs_to_write();
        poll.change(member.socket(), token, member.watches_for_room)?;
    }
    Ok(())
}
