//! A dissected packet as the lines of a tree that the user unfolds and selects. The texts are made when a line is
//! drawn.

mod build;
mod content;
mod inferred;
mod kernel_facts;
mod line_text;
mod numbers;

use std::{collections::BTreeSet, ops::Range};

use shared::{
    dissect::{Checksum, Fault, Key, Protocol, Value},
    trace::{CallName, Source},
};

use self::build::Builder;
pub(crate) use self::line_text::{LineText, line_text, source};
pub(super) use self::{
    build::{CallFacts, PacketInfo},
    line_text::fault_key,
};
use crate::model::{
    panes::inspector::record::{PacketData, Record},
    trace::log::Side,
};

/// One line of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TreeLine {
    /// Its path: its name after those of the lines around it. The same field of the next packet has the same path.
    pub(crate) path: String,
    /// Its field, such as `tcp.flags.syn`.
    pub(crate) field: String,
    /// Its depth, from 1.
    pub(crate) level: usize,
    /// Whether there are lines in it.
    pub(crate) branch: bool,
    /// Its bytes; empty if it has none in the frame.
    pub(crate) range: Range<usize>,
    /// The source of its value.
    pub(crate) source: Source,
    /// Its content.
    pub(crate) what: LineContent,
}

/// The content of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LineContent {
    /// The whole packet.
    Frame,
    /// A header and its summary.
    Layer {
        protocol: Protocol,
        quoted: bool,
        fault: Option<Fault>,
        brief: String,
    },
    /// A packet inferred from a call.
    Inferred,
    /// A field.
    Field(Box<FieldContent>),
    /// A time in nanoseconds since the first packet.
    Moment(u64),
    /// A duration in nanoseconds.
    Pause(u64),
    /// The kernel's facts about a call.
    Facts(CallName, Side),
    /// One of those facts.
    Fact(String),
    /// A character and its number of bytes.
    Character(char, usize),
    /// A text that is the same in every language.
    Plain(String),
}

/// The content of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FieldContent {
    /// The field.
    pub(crate) key: Key,
    /// Its value.
    pub(crate) value: Value,
    /// The mask of its bits.
    pub(crate) mask: u32,
    /// Its raw value, if the value is computed from it.
    pub(crate) raw: Option<u64>,
    /// The scaled value: a window in bytes.
    pub(crate) scaled: Option<u64>,
    /// The state of a checksum.
    pub(crate) checksum: Option<Checksum>,
    /// Its bytes, as they are shown.
    pub(crate) bytes: String,
}

/// The tree of one packet, and which branches are unfolded.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// All lines, folded ones included.
    pub(crate) lines: Vec<TreeLine>,
    /// The paths of branches whose folding differs from the initial one.
    toggled: BTreeSet<String>,
    /// The path of the chosen line.
    chosen: Option<String>,
}

/// The lines of a packet.
pub(super) fn build(record: &Record, about: &PacketInfo<'_>) -> Vec<TreeLine> {
    let mut builder = Builder::default();
    match &record.data {
        PacketData::Captured(captured) => builder.captured(record, captured, about),
        PacketData::Inferred(inferred) => builder.inferred(record, inferred, about),
    }
    for facts in &about.facts {
        kernel_facts::add(&mut builder, facts);
    }
    builder.lines
}

/// A move through the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TreeStep {
    /// To the next line.
    Next,
    /// To the one before.
    Previous,
    /// To the first.
    First,
    /// To the last.
    Last,
    /// Unfolds the branch, or goes to its first line.
    In,
    /// Folds the branch, or goes to the line around it.
    Out,
    /// Folds or unfolds.
    Toggle,
}

/// Branches that are folded at first: layers below the lesson's.
const FOLDED: [&str; 6] = ["frame", "eth", "ip", "ipv6", "tcp.seq", "tcp.ack"];

impl Tree {
    /// Sets another packet's lines; unfolded and chosen paths stay.
    pub(super) fn set(&mut self, lines: Vec<TreeLine>) {
        self.lines = lines;
    }

    /// Whether a branch is unfolded.
    pub(crate) fn is_open(&self, line: &TreeLine) -> bool {
        let folded = FOLDED.contains(&line.path.as_str())
            || FOLDED.contains(&line.field.as_str()) && line.level > 1;
        folded == self.toggled.contains(&line.path)
    }

    /// Whether each line is visible: in no folded branch.
    pub(crate) fn seen(&self) -> Vec<bool> {
        let mut folded_at = usize::MAX;
        let see = |line: &TreeLine| {
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

    /// The position of each line among its siblings, from 1, and their number.
    pub(crate) fn places(&self) -> Vec<(usize, usize)> {
        let place = |(at, line): (usize, &TreeLine)| {
            let beside = |other: &&TreeLine| other.level == line.level;
            let inside = |other: &&TreeLine| other.level >= line.level;
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
    pub(super) fn toggle(&mut self, at: usize) {
        let Some(line) = self.lines.get(at).filter(|line| line.branch) else {
            return;
        };
        if !self.toggled.remove(&line.path) {
            self.toggled.insert(line.path.clone());
        }
    }

    /// Chooses the innermost line of a byte, and unfolds the branches around it.
    pub(super) fn choose_byte(&mut self, byte: usize) {
        let holds = |line: &TreeLine| line.range.contains(&byte);
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
                self.toggle(at);
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

    /// Moves through the tree.
    pub(super) fn step(&mut self, step: TreeStep) {
        let seen = self.seen();
        let is_seen = |at: &usize| seen.get(*at).copied().unwrap_or(false);
        let Some(at) = self.chosen().filter(is_seen) else {
            let first = if step == TreeStep::Last {
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
            TreeStep::Toggle => return self.toggle(at),
            TreeStep::In if branch && !open => return self.toggle(at),
            TreeStep::Out if open => return self.toggle(at),
            TreeStep::Out => self.parent(at),
            TreeStep::In if !branch => None,
            TreeStep::Next | TreeStep::In => (at + 1..seen.len()).find(is_seen),
            TreeStep::Previous => (0..at).rfind(is_seen),
            TreeStep::First => (0..seen.len()).find(is_seen),
            TreeStep::Last => (0..seen.len()).rfind(is_seen),
        };
        self.choose(to.or(Some(at)));
    }
}

#[cfg(test)]
mod tests;
