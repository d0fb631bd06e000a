//! A virtual list: only the visible rows of a long list are elements, which are reused as it scrolls.

use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};

use crate::{
    dom::{self, el},
    model::panes::inspector::list_geometry::{ListGeometry, VisibleRows},
};

/// An element that scrolls, and the one in it that is as high as all rows. Lengths are in pixels.
pub(super) struct VirtualList {
    scroller: &'static str,
    inside: &'static str,
    template: &'static str,
    /// The scroll position.
    pub(super) top: i32,
    /// The height of the visible part.
    window: i32,
    /// The height of a row.
    row: i32,
    /// The width of the visible part.
    width: i32,
    /// The height of all rows.
    height: i32,
    pool: Vec<Element>,
}

impl VirtualList {
    pub(super) const fn new(
        scroller: &'static str,
        inside: &'static str,
        template: &'static str,
    ) -> Self {
        let (top, window, row, width, height) = (0, 0, 0, 0, -1);
        Self {
            scroller,
            inside,
            template,
            top,
            window,
            row,
            width,
            height,
            pool: Vec::new(),
        }
    }

    /// Reads the layout, all of it: a row's height may change at the same width.
    pub(super) fn measure(&mut self) {
        let scroller = el(self.scroller);
        self.top = scroller.scroll_top();
        self.window = scroller.client_height();
        self.width = scroller.client_width();
        self.measure_row();
    }

    /// Makes the visible part as high as this many rows.
    pub(super) fn fit(&mut self, rows: usize) {
        if self.row == 0 {
            self.measure();
        }
        let border = 2;
        self.window = i32::try_from(rows).unwrap_or(0) * self.row;
        dom::set_style_px(&el(self.scroller), "height", self.window + border);
    }

    /// Whether it has not been measured: it was hidden until now.
    pub(super) const fn is_unmeasured(&self) -> bool {
        self.window == 0 || self.row == 0
    }

    /// Reads the height of a row.
    fn measure_row(&mut self) {
        if self.pool.is_empty() {
            self.stamp();
        }
        let Some(row) = self
            .pool
            .first()
            .and_then(|row| row.dyn_ref::<HtmlElement>())
        else {
            return;
        };
        // Measuring a visible row needs no new layout.
        let is_hidden = row.hidden();
        if is_hidden {
            row.set_hidden(false);
        }
        self.row = row.offset_height();
        if is_hidden {
            row.set_hidden(true);
        }
    }

    /// The width of the visible part.
    pub(super) const fn width(&self) -> i32 {
        self.width
    }

    /// The position arithmetic for this many rows.
    pub(super) const fn geometry(&self, rows: usize) -> ListGeometry {
        ListGeometry {
            rows,
            row: self.row,
            window: self.window,
        }
    }

    /// Grows the list, scrolls it, and places the visible rows. Returns them.
    pub(super) fn place(&mut self, rows: usize, top: i32) -> (VisibleRows, &[Element]) {
        self.grow(rows);
        let geometry = self.geometry(rows);
        let top = top.min(geometry.max_scroll());
        // Only after it has grown: a position beyond the end cannot be scrolled to.
        if self.top != top {
            self.top = top;
            el(self.scroller).set_scroll_top(top);
            dom::set(&el(self.scroller), "data-top", &top.to_string());
        }
        let shown = geometry.visible(top);
        while self.pool.len() < shown.count {
            self.stamp();
        }
        for (at, row) in self.pool.iter().enumerate() {
            dom::show(row, at < shown.count);
            if at < shown.count {
                let y = shown.y + i32::try_from(at).unwrap_or(0) * self.row;
                shift(row, y);
            }
        }
        (shown, self.pool.get(..shown.count).unwrap_or_default())
    }

    /// Makes the inner element as high as all rows. A visible part without a height of its own (in one column) grows
    /// with it and is measured again.
    pub(super) fn grow(&mut self, rows: usize) {
        let (before, height) = (self.height, self.geometry(rows).height());
        if before == height {
            return;
        }
        self.height = height;
        dom::set_style_px(&el(self.inside), "height", height);
        if before <= self.window && self.window < height {
            self.window = el(self.scroller).client_height();
        }
    }

    /// Makes an element for a row. It is hidden until it shows a row, or it would cover others and take their clicks.
    fn stamp(&mut self) {
        let row = dom::stamp(self.template, &el(self.inside));
        dom::show(&row, false);
        self.pool.push(row);
    }
}

/// Moves an element without a new layout.
fn shift(element: &Element, y: i32) {
    if let Some(element) = element.dyn_ref::<HtmlElement>() {
        let moved = ["translateY(", &y.to_string(), "px)"].concat();
        let style = element.style();
        if style.get_property_value("transform").ok().as_deref() != Some(moved.as_str()) {
            style.set_property("transform", &moved).ok();
        }
    }
}
