//! Connection churn: clients that connect, exchange one sentence, and close, or stay open.

use std::{
    io,
    rc::Rc,
    time::{Duration, Instant},
};

use super::{
    Connection, LoadDriver, Outcome, Sentences, Target, load_driver,
    poll::{Poll, Ready},
};
use crate::effort::LONGEST_TURN;

/// The most clients that connect at the same time.
const MAX_CONNECTING: usize = 64;
/// How long one turn waits for the kernel.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Opens and closes `total` clients; measures each from its first call to its last byte. A client that has no answer
/// after `longest` counts as lost.
pub(crate) fn churn(
    target: Target,
    sentences: &Rc<Sentences>,
    total: usize,
    longest: Duration,
) -> io::Result<Outcome> {
    let mut churn = Churn::new(target, sentences, false)?;
    let begun = Instant::now();
    while churn.served() < total && begun.elapsed() < longest {
        churn.turn((total - churn.served()).min(MAX_CONNECTING))?;
    }
    churn.outcome.set_duration(begun.elapsed());
    for (begun, _) in churn.clients.iter().flatten() {
        churn.outcome.took.was_at_least(begun.elapsed());
        churn.outcome.lost += 1;
    }
    Ok(churn.outcome)
}

/// Opens `total` clients that stay.
///
/// # Errors
/// When one of them gets no answer.
pub(super) fn open_all(
    target: Target,
    sentences: &Rc<Sentences>,
    total: usize,
) -> io::Result<LoadDriver> {
    let mut churn = Churn::new(target, sentences, true)?;
    let begun = Instant::now();
    while churn.served() < total {
        churn.turn((total - churn.served()).min(MAX_CONNECTING))?;
        if begun.elapsed() > LONGEST_TURN {
            let missing = total - churn.served();
            return Err(io::Error::other(format!(
                "{missing} of {total} never got an answer"
            )));
        }
    }
    let members = churn
        .clients
        .into_iter()
        .flatten()
        .map(|(_, client)| client);
    Ok(LoadDriver::of(churn.poll, members.collect()))
}

/// The clients that are connecting.
struct Churn<'a> {
    target: Target,
    sentences: &'a Rc<Sentences>,
    stay: bool,
    poll: Poll,
    clients: Vec<Option<(Instant, Connection)>>,
    free: Vec<usize>,
    waiting: usize,
    connected: u32,
    buffer: Vec<u8>,
    outcome: Outcome,
    /// The sentences without connecting and closing; this is not reported.
    sentences_alone: Outcome,
}

impl<'a> Churn<'a> {
    fn new(target: Target, sentences: &'a Rc<Sentences>, stay: bool) -> io::Result<Self> {
        Ok(Self {
            target,
            sentences,
            stay,
            poll: Poll::new()?,
            clients: Vec::new(),
            free: Vec::new(),
            waiting: 0,
            connected: 0,
            buffer: vec![0; load_driver::BUFFER],
            outcome: Outcome::default(),
            sentences_alone: Outcome::default(),
        })
    }

    fn served(&self) -> usize {
        usize::try_from(self.outcome.answered).unwrap_or(usize::MAX)
    }

    /// Connects until `at_once` clients wait for answers, and serves those that are ready.
    fn turn(&mut self, at_once: usize) -> io::Result<()> {
        while self.waiting < at_once {
            self.connect()?;
        }
        let ready = self.poll.wait(POLL_INTERVAL)?;
        for at in 0..ready {
            self.serve(self.poll.ready(at))?;
        }
        if ready == 0 {
            self.retransmit()?;
        }
        Ok(())
    }

    fn connect(&mut self) -> io::Result<()> {
        let begun = Instant::now();
        let mut client = Connection::start(self.target, self.connected, self.sentences)?;
        let token = self.free.pop().unwrap_or(self.clients.len());
        self.poll
            .watch(client.socket(), token, client.watches_for_room)?;
        client.fill(1)?;
        if token == self.clients.len() {
            self.clients.push(None);
        }
        self.clients[token] = Some((begun, client));
        self.connected += 1;
        self.waiting += 1;
        Ok(())
    }

    fn serve(&mut self, ready: Ready) -> io::Result<()> {
        let Some((begun, client)) = &mut self.clients[ready.token] else {
            return Ok(());
        };
        let before = self.sentences_alone.answered;
        client.proceed(ready, &mut self.buffer, &mut self.sentences_alone)?;
        if client.has_said_nothing() {
            client.fill(1)?;
        }
        load_driver::update_interest(&self.poll, ready.token, client)?;
        self.outcome.wrong = self.sentences_alone.wrong;
        if self.sentences_alone.answered > before {
            self.outcome.took.add(begun.elapsed());
            self.outcome.answered += 1;
            self.waiting -= 1;
            if !self.stay {
                self.clients[ready.token] = None;
                self.free.push(ready.token);
            }
        }
        Ok(())
    }

    /// Sends again for clients whose datagram was lost.
    fn retransmit(&mut self) -> io::Result<()> {
        let now = Instant::now();
        for (_, client) in self.clients.iter_mut().flatten() {
            let before = self.outcome.lost;
            client.give_up(now, &mut self.outcome);
            if self.outcome.lost > before {
                client.fill(1)?;
            }
        }
        Ok(())
    }
}
