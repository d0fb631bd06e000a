//! A long list of which only the rows on the screen are elements. They are taken for other rows as it rolls.

use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};

use crate::{
    dom::{self, el},
    model::panes::inspector::roll::{Roll, Shown},
};

/// An element that scrolls, and the one in it that is as high as all rows.
pub(super) struct Rolling {
    scroller: &'static str,
    inside: &'static str,
    template: &'static str,
    /// How far it is scrolled.
    pub(super) top: i32,
    /// How high its window is.
    window: i32,
    /// How high a row is.
    row: i32,
    /// How wide its window is.
    width: i32,
    /// How high all rows are.
    height: i32,
    pool: Vec<Element>,
}

impl Rolling {
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

    /// Reads the layout. Nothing of it is kept from before: a row may be another one at the same width.
    pub(super) fn look(&mut self) {
        let scroller = el(self.scroller);
        self.top = scroller.scroll_top();
        self.window = scroller.client_height();
        self.width = scroller.client_width();
        self.measure();
    }

    /// Makes its window as high as so many rows.
    pub(super) fn fit(&mut self, rows: usize) {
        if self.row == 0 {
            self.look();
        }
        let border = 2;
        self.window = i32::try_from(rows).unwrap_or(0) * self.row;
        dom::style(&el(self.scroller), "height", self.window + border);
    }

    /// Whether it could not be measured yet: it was hidden until now.
    pub(super) const fn is_unmeasured(&self) -> bool {
        self.window == 0 || self.row == 0
    }

    /// How high a row is, only the browser knows.
    fn measure(&mut self) {
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
        // A row that is seen is measured without laying anything out anew.
        let is_hidden = row.hidden();
        if is_hidden {
            row.set_hidden(false);
        }
        self.row = row.offset_height();
        if is_hidden {
            row.set_hidden(true);
        }
    }

    /// Its window has this width.
    pub(super) const fn width(&self) -> i32 {
        self.width
    }

    /// So many rows, seen through its window.
    pub(super) const fn roll(&self, rows: usize) -> Roll {
        Roll {
            rows,
            row: self.row,
            window: self.window,
        }
    }

    /// Lets it grow, scrolls, and puts the rows that are seen in their places: these are given.
    pub(super) fn place(&mut self, rows: usize, top: i32) -> (Shown, &[Element]) {
        self.grow(rows);
        let roll = self.roll(rows);
        let top = top.min(roll.deepest());
        // Only after it has grown: what is not there yet cannot be scrolled to.
        if self.top != top {
            self.top = top;
            el(self.scroller).set_scroll_top(top);
            dom::set(&el(self.scroller), "data-top", &top.to_string());
        }
        let shown = roll.shown(top);
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

    /// Makes it as high as the list. A window that is only as high as what it shows grows with it, and is measured
    /// again: in one column it has no height of its own.
    pub(super) fn grow(&mut self, rows: usize) {
        let (before, height) = (self.height, self.roll(rows).height());
        if before == height {
            return;
        }
        self.height = height;
        dom::style(&el(self.inside), "height", height);
        if before <= self.window && self.window < height {
            self.window = el(self.scroller).client_height();
        }
    }

    /// New rows are hidden until they are rows of something: else they would lie over others and take their clicks.
    fn stamp(&mut self) {
        let row = dom::stamp(self.template, &el(self.inside));
        dom::show(&row, false);
        self.pool.push(row);
    }
}

/// Moves an element without laying anything out anew.
fn shift(element: &Element, y: i32) {
    if let Some(element) = element.dyn_ref::<HtmlElement>() {
        let moved = ["translateY(", &y.to_string(), "px)"].concat();
        let style = element.style();
        if style.get_property_value("transform").ok().as_deref() != Some(moved.as_str()) {
            style.set_property("transform", &moved).ok();
        }
    }
}
