//! Draws the packet's hexdump: the chosen field's bytes are marked, and the chosen byte is described.

use std::ops::Range;

use web_sys::Element;

use super::virtual_list::VirtualList;
use crate::{
    dom::{self, el},
    i18n::Texts,
    model::{
        panes::inspector::{
            Inspector,
            hexdump::{self, ByteInfo, Cell, Glyph},
        },
        text::visible,
    },
};

/// Bytes in a row of a wide and of a narrow list.
const WIDE: usize = 16;
const NARROW: usize = 8;
/// Maximum number of rows visible at once.
const MOST_ROWS: usize = 5;
/// The minimum width of a wide list, in pixels.
const ROOM: i32 = 470;

pub(super) struct Bytes {
    list: VirtualList,
    rows: Vec<ByteRow>,
    seq: Option<u64>,
    at: Option<usize>,
}

impl Default for Bytes {
    fn default() -> Self {
        Self {
            list: VirtualList::new("packet-bytes", "byte-rows", "bytes-template"),
            rows: Vec::new(),
            seq: None,
            at: None,
        }
    }
}

/// A row's elements, and what they show.
struct ByteRow {
    place: Element,
    hex: Vec<Element>,
    text: Vec<Element>,
    drawn: Option<ByteRowKey>,
}

#[derive(Clone, PartialEq, Eq)]
struct ByteRowKey {
    seq: u64,
    bytes: Range<usize>,
    lit: Range<usize>,
    here: Option<usize>,
}

impl Bytes {
    pub(super) fn measure(&mut self) {
        self.list.measure();
    }

    pub(super) fn draw(&mut self, inspector: &Inspector, texts: &Texts) {
        let Some((_, record)) = inspector.record() else {
            return;
        };
        let frame = record
            .captured()
            .map(|captured| &*captured.bytes)
            .unwrap_or_default();
        dom::write_or_hide(
            &el("no-bytes"),
            texts.get_if(frame.is_empty(), "packets.no_bytes"),
        );
        dom::show(&el("packet-bytes"), !frame.is_empty());
        let opened = inspector.opened.as_ref();
        let text = opened.map_or(0..0, |opened| opened.text.clone());
        let line = inspector
            .tree
            .chosen()
            .and_then(|at| inspector.tree.lines.get(at));
        let lit = line.map_or(0..0, |line| line.range.clone());
        if self.list.is_unmeasured() {
            self.measure();
        }
        let wide = if self.list.width() < ROOM {
            NARROW
        } else {
            WIDE
        };
        let rows = frame.len().div_ceil(wide);
        self.list.fit(rows.min(MOST_ROWS));
        let top = self.top(
            record.seq,
            inspector
                .byte
                .or(line.map(|_| lit.start).filter(|_| !lit.is_empty())),
            wide,
            rows,
        );
        let (shown, elements) = self.list.place(rows, top);
        for element in elements.get(self.rows.len()..).unwrap_or_default() {
            self.rows.push(ByteRow::new(element));
        }
        for (place, row) in self.rows.iter_mut().enumerate().take(shown.count) {
            let start = (shown.first + place) * wide;
            let bytes = start..start + wide;
            let key = ByteRowKey {
                seq: record.seq,
                lit: lit.start.max(bytes.start)..lit.end.min(bytes.end),
                here: inspector.byte.filter(|byte| bytes.contains(byte)),
                bytes,
            };
            row.draw(key, frame, &text);
        }
        let chosen = inspector
            .byte
            .and_then(|at| Some(byte_text(at, &hexdump::byte_info(frame, &text, at)?, texts)));
        dom::write_or_hide(&el("byte-said"), &chosen.unwrap_or_default());
    }

    /// The scroll position: reveals the chosen byte if it has changed.
    fn top(&mut self, seq: u64, at: Option<usize>, wide: usize, rows: usize) -> i32 {
        let geometry = self.list.geometry(rows);
        let is_new = self.seq != Some(seq);
        let moved = is_new || self.at != at;
        (self.seq, self.at) = (Some(seq), at);
        let top = if is_new {
            0
        } else {
            self.list.top.min(geometry.max_scroll())
        };
        at.filter(|_| moved)
            .map_or(top, |at| geometry.reveal(at / wide, top))
    }
}

impl ByteRow {
    fn new(element: &Element) -> Self {
        let fill = |part: &str| {
            let inside = dom::part(element, part);
            (0..WIDE)
                .map(|_| dom::stamp("byte-template", &inside))
                .collect()
        };
        Self {
            place: dom::part(element, "place"),
            hex: fill("hex"),
            text: fill("text"),
            drawn: None,
        }
    }

    fn draw(&mut self, key: ByteRowKey, frame: &[u8], text: &Range<usize>) {
        if self.drawn.as_ref() == Some(&key) {
            return;
        }
        let cells = hexdump::row(frame, text, key.bytes.clone());
        self.draw_cells(&cells, &key);
        self.drawn = Some(key);
    }

    fn draw_cells(&self, cells: &[Cell], key: &ByteRowKey) {
        dom::write(&self.place, &format!("{:04x}", key.bytes.start));
        for place in 0..WIDE {
            let [hex, text] = [&self.hex[place], &self.text[place]];
            let cell = cells.get(place);
            dom::show(hex, cell.is_some());
            dom::show(text, cell.is_some_and(|cell| cell.glyph != Glyph::Within));
            let Some(cell) = cell else { continue };
            dom::write(hex, &cell.hex);
            let (shown, width) = match cell.glyph {
                Glyph::Character(character, width) => (character, width),
                Glyph::Within | Glyph::None => ('·', 1),
            };
            dom::write(text, shown.encode_utf8(&mut [0; 4]));
            dom::set(text, "data-width", &width.to_string());
            dom::toggle(text, "data-none", cell.glyph == Glyph::None);
            for element in [hex, text] {
                dom::set(element, "data-byte", &cell.at.to_string());
                dom::toggle(element, "data-lit", key.lit.contains(&cell.at));
                dom::toggle(element, "data-here", key.here == Some(cell.at));
            }
        }
    }
}

fn byte_text(at: usize, pointed: &ByteInfo, texts: &Texts) -> String {
    let (at, value) = (at.to_string(), format!("{:02x}", pointed.value));
    let Some((character, length)) = pointed.character else {
        return texts.fill("packets.byte", &[("at", &at), ("value", &value)]);
    };
    let key = if length == 1 {
        "packets.byte_ascii"
    } else {
        "packets.byte_character"
    };
    let shown = if visible::is_unseen(character) {
        String::new()
    } else {
        String::from(character)
    };
    let values: [(&str, &str); 5] = [
        ("at", &at),
        ("value", &value),
        ("character", &shown),
        ("code", &format!("U+{:04X}", u32::from(character))),
        ("length", &length.to_string()),
    ];
    texts.fill(key, &values)
}
