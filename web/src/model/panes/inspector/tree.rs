//! A packet taken apart, as the lines of a tree: what people unfold, walk through and point at. Without words: those
//! come in when a line is drawn.

mod build;
mod content;
mod facts;
mod inferred;
mod numbers;
mod words;

use std::{collections::BTreeSet, ops::Range};

use shared::{
    dissect::{Checksum, Fault, Key, Protocol, Value},
    trace::{CallName, Source},
};

pub(crate) use self::words::{Words, source, words};
pub(super) use self::{
    build::{About, build},
    facts::Told,
    words::fault_key,
};
use crate::model::trace::log::Side;

/// One line of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Where it is: its name behind those of the lines around it. The same place in the next packet has the same.
    pub(crate) path: String,
    /// What it is of, such as `tcp.flags.syn`.
    pub(crate) field: String,
    /// How deep, from 1.
    pub(crate) level: usize,
    /// Whether there are lines in it.
    pub(crate) branch: bool,
    /// Its bytes; none where it stands nowhere in the frame.
    pub(crate) range: Range<usize>,
    /// Who says so.
    pub(crate) source: Source,
    /// What it says.
    pub(crate) what: What,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// All of the packet.
    Frame,
    /// A header, with what stands in it in short.
    Layer {
        protocol: Protocol,
        quoted: bool,
        fault: Option<Fault>,
        brief: String,
    },
    /// What follows from a call, though nobody saw it.
    Inferred,
    /// A field.
    Field(Box<Content>),
    /// A moment of the lab's time, in nanoseconds since the first packet.
    Moment(u64),
    /// So many nanoseconds.
    Pause(u64),
    /// What the kernel told with a call.
    Told(CallName, Side),
    /// One of these facts.
    Fact(String),
    /// One character of a text, and how many bytes it has.
    Character(char, usize),
    /// Anything that reads alike in every language.
    Plain(String),
}

/// What stands in a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    /// Which field.
    pub(crate) key: Key,
    /// Its value.
    pub(crate) value: Value,
    /// Which bits of its bytes.
    pub(crate) mask: u32,
    /// What its bytes say as they stand, where the value is something made of it.
    pub(crate) raw: Option<u64>,
    /// What the value means in the end: a window in bytes.
    pub(crate) scaled: Option<u64>,
    /// For a checksum: what it says.
    pub(crate) checksum: Option<Checksum>,
    /// Its bytes, as they are shown.
    pub(crate) bytes: String,
}

/// The tree of one packet, and how far it is unfolded.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// All lines, the folded ones too.
    pub(crate) lines: Vec<Line>,
    /// Branches that are not as they are at first.
    turned: BTreeSet<String>,
    /// The path of the chosen line.
    chosen: Option<String>,
}

/// A step through the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// To the next line.
    Next,
    /// To the one before.
    Previous,
    /// To the first.
    First,
    /// To the last.
    Last,
    /// Unfolds, or goes in.
    In,
    /// Folds, or goes out.
    Out,
    /// Folds or unfolds.
    Turn,
}

/// What is folded at first: what lies below what the lesson is about.
const FOLDED: [&str; 6] = ["frame", "eth", "ip", "ipv6", "tcp.seq", "tcp.ack"];

impl Tree {
    /// Another packet; what was unfolded and chosen stays so.
    pub(super) fn set(&mut self, lines: Vec<Line>) {
        self.lines = lines;
    }

    /// Whether a branch is unfolded.
    pub(crate) fn is_open(&self, line: &Line) -> bool {
        let folded = FOLDED.contains(&line.path.as_str())
            || FOLDED.contains(&line.field.as_str()) && line.level > 1;
        folded == self.turned.contains(&line.path)
    }

    /// Which lines lie in no folded branch, line by line.
    pub(crate) fn seen(&self) -> Vec<bool> {
        let mut folded_at = usize::MAX;
        let see = |line: &Line| {
            let is_seen = line.level <= folded_at;
            if is_seen {
                folded_at = if line.branch && !self.is_open(line) {
                    line.level
                } else {
                    usize::MAX
                };
            }
            is_seen
        };
        self.lines.iter().map(see).collect()
    }

    /// The place of each line among those beside it, from 1, and how many these are.
    pub(crate) fn places(&self) -> Vec<(usize, usize)> {
        let place = |(at, line): (usize, &Line)| {
            let beside = |other: &&Line| other.level == line.level;
            let inside = |other: &&Line| other.level >= line.level;
            let before = self.lines[..at]
                .iter()
                .rev()
                .take_while(inside)
                .filter(beside)
                .count();
            let after = self.lines[at..]
                .iter()
                .take_while(inside)
                .filter(beside)
                .count();
            (before + 1, before + after)
        };
        self.lines.iter().enumerate().map(place).collect()
    }

    /// The chosen line.
    pub(crate) fn chosen(&self) -> Option<usize> {
        let path = self.chosen.as_ref()?;
        self.lines.iter().position(|line| line.path == *path)
    }

    /// Chooses a line, or none.
    pub(super) fn choose(&mut self, at: Option<usize>) {
        self.chosen = at
            .and_then(|at| self.lines.get(at))
            .map(|line| line.path.clone());
    }

    /// Folds or unfolds a branch.
    pub(super) fn turn(&mut self, at: usize) {
        let Some(line) = self.lines.get(at).filter(|line| line.branch) else {
            return;
        };
        if !self.turned.remove(&line.path) {
            self.turned.insert(line.path.clone());
        }
    }

    /// Chooses the line that a byte belongs to most closely, and unfolds what it lies in.
    pub(super) fn choose_byte(&mut self, byte: usize) {
        let holds = |line: &Line| line.range.contains(&byte);
        let lines = self
            .lines
            .iter()
            .enumerate()
            .filter(|(_, line)| holds(line));
        let nearest = lines
            .min_by_key(|(_, line)| (line.range.len(), line.level))
            .map(|(at, _)| at);
        self.choose(nearest);
        if let Some(at) = nearest {
            self.reveal(at);
        }
    }

    fn reveal(&mut self, at: usize) {
        let mut around = self.parent(at);
        while let Some(at) = around {
            if self.lines.get(at).is_some_and(|line| !self.is_open(line)) {
                self.turn(at);
            }
            around = self.parent(at);
        }
    }

    fn parent(&self, at: usize) -> Option<usize> {
        let level = self.lines.get(at)?.level;
        self.lines
            .get(..at)?
            .iter()
            .rposition(|line| line.level < level)
    }

    /// Goes a step.
    pub(super) fn step(&mut self, step: Step) {
        let seen = self.seen();
        let is_seen = |at: &usize| seen.get(*at).copied().unwrap_or(false);
        let Some(at) = self.chosen().filter(is_seen) else {
            let first = if step == Step::Last {
                (0..seen.len()).rfind(is_seen)
            } else {
                (0..seen.len()).find(is_seen)
            };
            return self.choose(first);
        };
        let open = self
            .lines
            .get(at)
            .is_some_and(|line| line.branch && self.is_open(line));
        let branch = self.lines.get(at).is_some_and(|line| line.branch);
        let to = match step {
            Step::Turn => return self.turn(at),
            Step::In if branch && !open => return self.turn(at),
            Step::Out if open => return self.turn(at),
            Step::Out => self.parent(at),
            Step::In if !branch => None,
            Step::Next | Step::In => (at + 1..seen.len()).find(is_seen),
            Step::Previous => (0..at).rfind(is_seen),
            Step::First => (0..seen.len()).find(is_seen),
            Step::Last => (0..seen.len()).rfind(is_seen),
        };
        self.choose(to.or(Some(at)));
    }
}

#[cfg(test)]
mod tests;
