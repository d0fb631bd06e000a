//! Builds the lines of a packet: its layers and fields.

use std::ops::Range;

use shared::{
    dissect::{Analysis, Checksum, Dissection, Field, Key, Layer, Link, Protocol, dissect},
    trace::{CallName, Fact, Source},
};

use super::{
    LineContent, TreeLine,
    content::{brief, content},
};
use crate::model::{
    panes::inspector::record::{Captured, Record},
    trace::log::Side,
};

/// Maximum number of non-ASCII characters that get lines of their own.
const CHARACTERS: usize = 64;

/// What is known of a packet besides its bytes.
#[derive(Debug)]
pub(in crate::model::panes::inspector) struct PacketInfo<'a> {
    /// Its number in the table.
    pub(in crate::model::panes::inspector) number: u64,
    /// Its time in nanoseconds since the first packet.
    pub(in crate::model::panes::inspector) after_ns: u64,
    /// Its time in nanoseconds since the packet before it.
    pub(in crate::model::panes::inspector) pause_ns: u64,
    /// The kernel's facts about its calls.
    pub(in crate::model::panes::inspector) facts: Vec<CallFacts<'a>>,
}

/// The kernel's facts about one call.
#[derive(Clone, Debug)]
pub(in crate::model::panes::inspector) struct CallFacts<'a> {
    /// The call.
    pub(in crate::model::panes::inspector) name: CallName,
    /// Its side.
    pub(in crate::model::panes::inspector) side: Side,
    /// The facts.
    pub(in crate::model::panes::inspector) facts: &'a [Fact],
    /// The wall clock's nanoseconds at the first packet.
    pub(in crate::model::panes::inspector) clock_ns: u64,
}

/// The lines so far, and the paths of the branches that are open.
#[derive(Debug, Default)]
pub(super) struct Builder {
    pub(super) lines: Vec<TreeLine>,
    open: Vec<String>,
    /// The source of dissected bytes, if they were not captured: the kernel keeps the headers of a SYN.
    bytes_by: Option<Source>,
}

impl Builder {
    /// Adds a line to the open branch.
    pub(super) fn line(
        &mut self,
        field: &str,
        range: Range<usize>,
        source: Source,
        what: LineContent,
    ) {
        let around = self.open.last().map_or("", String::as_str);
        let mut path = if around.is_empty() {
            field.to_owned()
        } else {
            [around, "/", field].concat()
        };
        while self.lines.iter().any(|line| line.path == path) {
            path.push('\'');
        }
        let level = self.open.len() + 1;
        self.lines.push(TreeLine {
            path,
            field: field.to_owned(),
            level,
            branch: false,
            range,
            source,
            what,
        });
    }

    /// Adds lines inside the last one.
    pub(super) fn inside(&mut self, add: impl FnOnce(&mut Self)) {
        let Some(at) = self.lines.len().checked_sub(1) else {
            return;
        };
        self.open.push(self.lines[at].path.clone());
        add(self);
        self.open.pop();
        self.lines[at].branch = self.lines.len() > at + 1;
    }

    pub(super) fn captured(
        &mut self,
        record: &Record,
        captured: &Captured,
        about: &PacketInfo<'_>,
    ) {
        let mut dissection = dissect(captured.link, &captured.bytes);
        dissection.was(captured.length);
        if let Some(analysis) = &captured.analysis {
            dissection.relate(analysis);
        }
        self.line(
            "frame",
            0..captured.bytes.len(),
            Source::Captured,
            LineContent::Frame,
        );
        self.inside(|frame| {
            frame.place(record, about, Source::Kernel);
            let left = LineContent::Plain(u8::from(captured.unfinished).to_string());
            frame.line("trace.checksum_unfinished", 0..0, Source::Kernel, left);
            if let Some(place) = captured.burst {
                let place = format!("{} / {}", place.index + 1, place.count);
                let content = LineContent::Plain(place);
                frame.line("trace.burst", 0..0, Source::Kernel, content);
            }
            for field in &dissection.frame {
                frame.field(field, &captured.bytes, None, None);
            }
        });
        self.layers(
            &dissection,
            captured.link,
            &captured.bytes,
            captured.analysis.as_ref(),
        );
    }

    /// Adds the packet's number and times.
    pub(super) fn place(&mut self, record: &Record, about: &PacketInfo<'_>, clock: Source) {
        let plain = |number: u64| LineContent::Plain(number.to_string());
        self.line(
            Key::FrameNumber.name(),
            0..0,
            Source::Computed,
            plain(about.number),
        );
        self.line(
            "frame.time_relative",
            0..0,
            clock,
            LineContent::Moment(about.after_ns),
        );
        self.line(
            "frame.time_delta",
            0..0,
            Source::Computed,
            LineContent::Pause(about.pause_ns),
        );
        self.line("trace.event", 0..0, Source::Computed, plain(record.seq));
        if let Some((call, name)) = record.call.zip(record.name) {
            let text = [name.as_str(), "() · ", &call.to_string()].concat();
            self.line(
                "trace.call",
                0..0,
                Source::Computed,
                LineContent::Plain(text),
            );
        }
    }

    pub(super) fn layers(
        &mut self,
        dissection: &Dissection,
        link: Link,
        frame: &[u8],
        analysis: Option<&Analysis>,
    ) {
        for layer in &dissection.layers {
            let Layer {
                protocol,
                quoted,
                fault,
                ..
            } = *layer;
            let brief = brief(layer, link, frame);
            let name = layer.protocol.key().name();
            let source = self.bytes_by.unwrap_or(Source::Captured);
            self.line(
                name,
                self.bytes(&layer.range),
                source,
                LineContent::Layer {
                    protocol,
                    quoted,
                    fault,
                    brief,
                },
            );
            let analysis = analysis.filter(|_| !quoted && protocol == Protocol::Tcp);
            self.inside(|inside| {
                for field in &layer.fields {
                    inside.field(field, frame, layer.checksum, analysis);
                }
            });
        }
    }

    fn field(
        &mut self,
        field: &Field,
        frame: &[u8],
        checksum: Option<Checksum>,
        analysis: Option<&Analysis>,
    ) {
        let is_relative = analysis.is_some()
            && [
                Key::TcpSeq,
                Key::TcpAck,
                Key::TcpOptionsSackLe,
                Key::TcpOptionsSackRe,
            ]
            .contains(&field.key);
        let source = if field.range.is_empty() || is_relative {
            Source::Computed
        } else {
            self.bytes_by.unwrap_or(Source::Captured)
        };
        let content = content(field, frame, checksum, analysis);
        self.line(
            field.key.name(),
            self.bytes(&field.range),
            source,
            LineContent::Field(Box::new(content)),
        );
        self.inside(|inside| {
            for child in &field.children {
                inside.field(child, frame, checksum, analysis);
            }
            if field.key == Key::DataData {
                inside.characters(&field.range, frame);
            }
        });
    }

    /// Adds the characters of a text that have more than one byte.
    fn characters(&mut self, range: &Range<usize>, frame: &[u8]) {
        let Some(Ok(text)) = frame.get(range.clone()).map(std::str::from_utf8) else {
            return;
        };
        let long = text
            .char_indices()
            .filter(|(_, character)| !character.is_ascii());
        for (at, character) in long.take(CHARACTERS) {
            let start = range.start + at;
            let length = character.len_utf8();
            let what = LineContent::Character(character, length);
            let bytes = self.bytes(&(start..start + length));
            self.line("data.text", bytes, Source::Computed, what);
        }
    }

    /// Adds lines of bytes from another source: they were not captured, so they have no place in the frame.
    pub(super) fn said_by(&mut self, source: Source, add: impl FnOnce(&mut Self)) {
        self.bytes_by = Some(source);
        add(self);
        self.bytes_by = None;
    }

    fn bytes(&self, range: &Range<usize>) -> Range<usize> {
        if self.bytes_by.is_some() {
            0..0
        } else {
            range.clone()
        }
    }
}
