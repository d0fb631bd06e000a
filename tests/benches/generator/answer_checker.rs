//! Checks every answer of one connection against the sentence that was sent. Pure.

use std::{
    collections::VecDeque,
    rc::Rc,
    time::{Duration, Instant},
};

use super::{Outcome, sentence::Sentences};

/// A datagram without an answer after this time counts as lost.
const LOST_AFTER: Duration = Duration::from_millis(300);

/// The sentences that were sent, and the answers that are due, in order.
#[derive(Debug)]
pub(crate) struct AnswerChecker {
    sentences: Rc<Sentences>,
    sender: u32,
    sent: u64,
    received: u64,
    /// The bytes of the next answer that have arrived.
    offset: usize,
    sent_at: VecDeque<Instant>,
}

impl AnswerChecker {
    /// A checker for a connection that has sent nothing.
    pub(crate) fn new(sender: u32, sentences: &Rc<Sentences>) -> Self {
        let sentences = Rc::clone(sentences);
        Self {
            sentences,
            sender,
            sent: 0,
            received: 0,
            offset: 0,
            sent_at: VecDeque::new(),
        }
    }

    /// The sentences.
    pub(crate) fn sentences(&self) -> &Sentences {
        &self.sentences
    }

    /// The connection's number.
    pub(crate) const fn sender(&self) -> u32 {
        self.sender
    }

    /// The number of the next sentence to send.
    pub(crate) const fn next(&self) -> u64 {
        self.sent
    }

    /// The number of the sentence whose answer is due next.
    pub(crate) const fn due(&self) -> u64 {
        self.received
    }

    /// Records that the next sentence was sent at `now`.
    pub(crate) fn record_sent(&mut self, now: Instant) {
        self.sent += 1;
        self.sent_at.push_back(now);
    }

    /// The number of sentences without an answer.
    pub(crate) const fn outstanding(&self) -> u64 {
        self.sent - self.received
    }

    /// Checks a whole answer; sentences before it without an answer are lost. An answer to one that was given up is only
    /// late.
    pub(crate) fn whole(&mut self, answer: &[u8], now: Instant, outcome: &mut Outcome) {
        match self.sentences.seq_of(self.sender, answer) {
            Some(seq) if seq < self.received => {}
            Some(seq) if seq < self.sent => {
                outcome.lost += seq - self.received;
                while self.received < seq {
                    self.settle();
                }
                self.answered(now, outcome);
            }
            _ => outcome.wrong += 1,
        }
    }

    /// Checks some bytes of the stream of answers.
    pub(crate) fn piece(&mut self, mut bytes: &[u8], now: Instant, outcome: &mut Outcome) {
        while !bytes.is_empty() {
            let missing = self.sentences.size() - self.offset;
            let (part, rest) = bytes.split_at(bytes.len().min(missing));
            let right = self
                .sentences
                .answers(self.sender, self.received, self.offset, part);
            if !right || self.outstanding() == 0 {
                outcome.wrong += 1;
                return;
            }
            self.offset += part.len();
            if self.offset == self.sentences.size() {
                self.offset = 0;
                self.answered(now, outcome);
            }
            bytes = rest;
        }
    }

    fn answered(&mut self, now: Instant, outcome: &mut Outcome) {
        if let Some(sent_at) = self.settle() {
            outcome.took.add(now.saturating_duration_since(sent_at));
        }
        outcome.answered += 1;
    }

    fn settle(&mut self) -> Option<Instant> {
        self.received += 1;
        self.sent_at.pop_front()
    }

    /// Counts sentences without an answer as lost once [`LOST_AFTER`] is over.
    pub(crate) fn give_up(&mut self, now: Instant, outcome: &mut Outcome) {
        let hopeless = |sent: &Instant| now.saturating_duration_since(*sent) > LOST_AFTER;
        if self.sent_at.front().is_some_and(hopeless) {
            outcome.lost += self.outstanding();
            self.received = self.sent;
            self.sent_at.clear();
        }
    }
}
