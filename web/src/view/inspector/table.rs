//! Draws the table of packets as a virtual list.

use shared::trace::CallId;
use web_sys::Element;

use super::virtual_list::VirtualList;
use crate::{
    dom::{self, el},
    i18n::{Language, Texts},
    model::panes::inspector::{
        Inspector,
        list_geometry::VisibleRows,
        record::Record,
        rows::{self, Cells, Severity},
    },
};

/// The cells of a row, in order.
const CELLS: [&str; 8] = [
    "number",
    "time",
    "delta",
    "source",
    "destination",
    "protocol",
    "length",
    "info",
];

pub(super) struct Table {
    list: VirtualList,
    rows: Vec<TableRow>,
    /// How many rows had been removed at the top by the last drawing.
    removed_rows: u64,
    selected: Option<u64>,
    focused: Option<String>,
}

impl Default for Table {
    fn default() -> Self {
        let list = VirtualList::new("packets-scroll", "packet-rows", "packet-template");
        Self {
            list,
            rows: Vec::new(),
            removed_rows: 0,
            selected: None,
            focused: None,
        }
    }
}

/// A row's elements, and the packet they show.
struct TableRow {
    element: Element,
    cells: Vec<Element>,
    drawn: Option<TableRowKey>,
    marked: Option<(bool, bool)>,
}

/// What the drawing of a row depends on, besides the selection.
#[derive(Clone, Copy, PartialEq, Eq)]
struct TableRowKey {
    seq: u64,
    before: Option<u64>,
    at: usize,
    language: Language,
}

impl Table {
    pub(super) fn measure(&mut self) {
        self.list.measure();
    }

    pub(super) fn draw(&mut self, inspector: &Inspector, call: Option<CallId>, texts: &Texts) {
        let Inspector {
            store,
            display_filter,
            ..
        } = inspector;
        let rows = display_filter.len(store);
        dom::show(&el("packets"), rows > 0);
        if self.list.is_unmeasured() {
            self.measure();
        }
        self.list.grow(rows);
        let top = self.top(inspector, rows);
        dom::set(&el("packets"), "aria-rowcount", &(rows + 1).to_string());
        let (shown, elements) = self.list.place(rows, top);
        for element in elements.get(self.rows.len()..).unwrap_or_default() {
            self.rows
                .push(TableRow::new(element.clone(), self.rows.len()));
        }
        let mut focused = None;
        for (place, row) in self.rows.iter_mut().enumerate().take(shown.count) {
            let at = shown.first + place;
            let Some((number, record)) = display_filter
                .at(at, store)
                .and_then(|number| Some((number, store.get(number)?)))
            else {
                continue;
            };
            let before = at
                .checked_sub(1)
                .and_then(|at| store.get(display_filter.at(at, store)?));
            let wanted = TableRowKey {
                seq: record.seq,
                before: before.map(|before| before.seq),
                at,
                language: texts.language,
            };
            if row.drawn != Some(wanted) {
                row.drawn = Some(wanted);
                let cells = rows::cells(number, record, before, store.began_ns(), texts);
                row.draw(record, &cells, at, texts);
            }
            let is_selected = inspector.selected == Some(record.seq);
            row.mark(is_selected, call.is_some() && record.call == call);
            if is_selected {
                focused = Some(row.element.id());
            }
        }
        self.point(focused);
        draw_newest(inspector, shown, rows);
    }

    /// The scroll position: the end if it follows new packets, else the newly selected row, else where it was.
    fn top(&mut self, inspector: &Inspector, rows: usize) -> i32 {
        let geometry = self.list.geometry(rows);
        let removed_rows = inspector.display_filter.removed_rows(&inspector.store);
        let gone = i32::try_from(removed_rows.saturating_sub(self.removed_rows)).unwrap_or(0);
        self.removed_rows = removed_rows;
        if inspector.tail {
            self.selected = inspector.selected;
            return geometry.max_scroll();
        }
        let top =
            (self.list.top - gone.saturating_mul(geometry.row)).clamp(0, geometry.max_scroll());
        let is_new = self.selected != inspector.selected;
        self.selected = inspector.selected;
        match inspector.row().filter(|_| is_new) {
            Some(row) => geometry.reveal(row, top),
            None => top,
        }
    }

    /// Makes the selected row the active one for screen readers, if it is an element.
    fn point(&mut self, focused: Option<String>) {
        if self.focused == focused {
            return;
        }
        match &focused {
            Some(id) => dom::set(&el("packets"), "aria-activedescendant", id),
            None => drop(el("packets").remove_attribute("aria-activedescendant")),
        }
        self.focused = focused;
    }
}

impl TableRow {
    fn new(element: Element, place: usize) -> Self {
        element.set_id(&["packet-row-", &place.to_string()].concat());
        let cells = CELLS.iter().map(|cell| dom::part(&element, cell)).collect();
        Self {
            element,
            cells,
            drawn: None,
            marked: None,
        }
    }

    fn draw(&self, record: &Record, cells: &Cells, at: usize, texts: &Texts) {
        let Cells {
            number,
            time,
            delta,
            source,
            destination,
            protocol,
            length,
            info,
        } = cells;
        let is_derived = record.inferred().is_some();
        let protocol = if is_derived {
            [protocol, " · ", texts.get("packets.derived")].concat()
        } else {
            (*protocol).to_owned()
        };
        let written = [
            number,
            time,
            delta,
            source,
            destination,
            &protocol,
            length,
            info,
        ];
        for (cell, text) in self.cells.iter().zip(written) {
            cell.set_text_content(Some(text));
        }
        let tone = match rows::tone(record) {
            Some(Severity::Error) => "bad",
            Some(Severity::Note) => "odd",
            None => "",
        };
        for (name, value) in [
            ("data-seq", record.seq.to_string().as_str()),
            ("data-protocol", rows::protocol_key(record)),
            ("data-transport", rows::transport_of(record)),
            (
                "data-source",
                if is_derived { "derived" } else { "captured" },
            ),
            ("data-tone", tone),
            ("aria-rowindex", &(at + 2).to_string()),
        ] {
            dom::set(&self.element, name, value);
        }
    }

    /// Marks the row as selected, or as of the selected call.
    fn mark(&mut self, selected: bool, related: bool) {
        if self.marked != Some((selected, related)) {
            self.marked = Some((selected, related));
            dom::set_bool(&self.element, "aria-selected", selected);
            dom::toggle(&self.element, "data-related", related && !selected);
        }
    }
}

/// Draws the button that leads back to the newest packets.
fn draw_newest(inspector: &Inspector, shown: VisibleRows, rows: usize) {
    dom::show(
        &el("newest"),
        !inspector.tail && shown.first + shown.count < rows,
    );
}
