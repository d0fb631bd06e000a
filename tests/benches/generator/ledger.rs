//! What one connection has said and what was answered: every answer is checked here. Pure.

use std::{
    collections::VecDeque,
    rc::Rc,
    time::{Duration, Instant},
};

use super::{Outcome, sentence::Sentences};

/// A datagram that is not answered by then is lost.
const LOST_AFTER: Duration = Duration::from_millis(300);

/// Sentences said, and answers due, in order.
#[derive(Debug)]
pub(crate) struct Ledger {
    sentences: Rc<Sentences>,
    sayer: u32,
    said: u64,
    heard: u64,
    /// Bytes of the next answer that have come already.
    offset: usize,
    said_at: VecDeque<Instant>,
}

impl Ledger {
    /// Nothing said yet.
    pub(crate) fn new(sayer: u32, sentences: &Rc<Sentences>) -> Self {
        let sentences = Rc::clone(sentences);
        Self {
            sentences,
            sayer,
            said: 0,
            heard: 0,
            offset: 0,
            said_at: VecDeque::new(),
        }
    }

    /// The sentences.
    pub(crate) fn sentences(&self) -> &Sentences {
        &self.sentences
    }

    /// Who says them.
    pub(crate) const fn sayer(&self) -> u32 {
        self.sayer
    }

    /// The number of the next sentence to be said.
    pub(crate) const fn next(&self) -> u64 {
        self.said
    }

    /// The number of the sentence whose answer is due next.
    pub(crate) const fn due(&self) -> u64 {
        self.heard
    }

    /// It is said now.
    pub(crate) fn says(&mut self, now: Instant) {
        self.said += 1;
        self.said_at.push_back(now);
    }

    /// Sentences said and not yet answered.
    pub(crate) const fn outstanding(&self) -> u64 {
        self.said - self.heard
    }

    /// A whole answer came; those before it that did not are lost. One given up already is only late.
    pub(crate) fn whole(&mut self, answer: &[u8], now: Instant, outcome: &mut Outcome) {
        match self.sentences.seq_of(self.sayer, answer) {
            Some(seq) if seq < self.heard => {}
            Some(seq) if seq < self.said => {
                outcome.lost += seq - self.heard;
                while self.heard < seq {
                    self.settle();
                }
                self.answered(now, outcome);
            }
            _ => outcome.wrong += 1,
        }
    }

    /// Some bytes of the stream of answers came.
    pub(crate) fn piece(&mut self, mut bytes: &[u8], now: Instant, outcome: &mut Outcome) {
        while !bytes.is_empty() {
            let missing = self.sentences.size() - self.offset;
            let (part, rest) = bytes.split_at(bytes.len().min(missing));
            let right = self
                .sentences
                .answers(self.sayer, self.heard, self.offset, part);
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
        if let Some(said_at) = self.settle() {
            outcome.took.add(now.saturating_duration_since(said_at));
        }
        outcome.answered += 1;
    }

    fn settle(&mut self) -> Option<Instant> {
        self.heard += 1;
        self.said_at.pop_front()
    }

    /// Gives up what can no longer be hoped for.
    pub(crate) fn give_up(&mut self, now: Instant, outcome: &mut Outcome) {
        let hopeless = |said: &Instant| now.saturating_duration_since(*said) > LOST_AFTER;
        if self.said_at.front().is_some_and(hopeless) {
            outcome.lost += self.outstanding();
            self.heard = self.said;
            self.said_at.clear();
        }
    }
}
