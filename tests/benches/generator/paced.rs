//! Sentences by UDP at a constant rate, which does not depend on the answers.

use std::{
    io,
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant},
};

use super::{Connection, Encoding, Outcome, Sentences, Target, load_driver};

/// Sayers take turns.
const SAYERS: u32 = 4;
/// The time for the last answers.
const LAST_ANSWERS: Duration = Duration::from_millis(500);
/// The pause between two readings of the clock, so that they do not use a whole core.
const BREATH: Duration = Duration::from_micros(200);

/// A source of sentences at a constant rate.
#[derive(Debug)]
pub(crate) struct Paced {
    sayers: Vec<Connection>,
    per_second: f64,
    begun: Instant,
    said: u64,
    buffer: Vec<u8>,
    outcome: Outcome,
}

impl Paced {
    /// Starts now.
    pub(crate) fn begin(
        server: SocketAddr,
        per_second: f64,
        sentences: &Rc<Sentences>,
    ) -> io::Result<Self> {
        let target = Target {
            address: server,
            path: "",
            encoding: Encoding::Datagrams,
        };
        let sayers = (0..SAYERS).map(|sender| Connection::start(target, sender, sentences));
        Ok(Self {
            sayers: sayers.collect::<io::Result<_>>()?,
            per_second,
            begun: Instant::now(),
            said: 0,
            buffer: vec![0; load_driver::BUFFER],
            outcome: Outcome::default(),
        })
    }

    /// Sends the sentences that are due, and receives answers.
    pub(crate) fn step(&mut self) -> io::Result<()> {
        let due = (self.begun.elapsed().as_secs_f64() * self.per_second) as u64;
        while self.said < due {
            let sender = &mut self.sayers[(self.said % u64::from(SAYERS)) as usize];
            sender.fill(sender.outstanding() + 1)?;
            self.said += 1;
        }
        self.hear()
    }

    fn hear(&mut self) -> io::Result<()> {
        for sender in &mut self.sayers {
            sender.receive(&mut self.buffer, &mut self.outcome)?;
        }
        Ok(())
    }

    /// Runs for `time`; returns the number of sentences sent, and the result. The rate is that of sending.
    pub(crate) fn go_on(mut self, time: Duration) -> io::Result<(u64, Outcome)> {
        while self.begun.elapsed() < time {
            self.step()?;
            std::thread::sleep(BREATH);
        }
        let said_in = self.begun.elapsed();
        let deadline = Instant::now() + LAST_ANSWERS;
        while self.outcome.answered < self.said && Instant::now() < deadline {
            self.hear()?;
            std::thread::sleep(BREATH);
        }
        self.outcome.lost = self.said - self.outcome.answered;
        self.outcome.per_second = self.said as f64 / said_in.as_secs_f64();
        Ok((self.said, self.outcome))
    }
}
