//! A long list of which only the rows on the screen are elements. They are taken for other rows as it rolls.

use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};

use crate::{
    dom::{self, el},
    model::inspector::roll::{Roll, Shown},
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
    /// How high a row is, and how wide the scroller was when that was measured.
    row: i32,
    width: i32,
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

    /// Reads the layout.
    pub(super) fn look(&mut self) {
        let scroller = el(self.scroller);
        self.top = scroller.scroll_top();
        self.window = scroller.client_height();
        let width = scroller.client_width();
        if self.width != width || self.row == 0 {
            self.width = width;
            self.measure();
        }
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
        let is_hidden = row.hidden();
        row.set_hidden(false);
        self.row = row.offset_height();
        row.set_hidden(is_hidden);
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

    /// Makes it as high as the list, scrolls, and puts the rows that are seen in their places: these are given.
    pub(super) fn place(&mut self, rows: usize, top: i32) -> (Shown, &[Element]) {
        let roll = self.roll(rows);
        if self.height != roll.height() {
            self.height = roll.height();
            dom::style(&el(self.inside), "height", self.height);
        }
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
