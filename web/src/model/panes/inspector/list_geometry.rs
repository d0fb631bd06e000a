//! Which rows of a long list are visible. Pure arithmetic in whole pixels; the view measures and places.

/// Maximum height of an element in pixels: browsers cut a higher one, Chromium at 33 554 428 px, Firefox at half of
/// that. A longer list is scrolled in proportion.
const MAX_HEIGHT: u64 = 16_777_200;

/// The size of a list and of its visible part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ListGeometry {
    /// The number of rows.
    pub(crate) rows: usize,
    /// The height of a row.
    pub(crate) row: i32,
    /// The height of the visible part.
    pub(crate) window: i32,
}

/// The visible rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct VisibleRows {
    /// The first row.
    pub(crate) first: usize,
    /// The number of rows, partly visible ones included.
    pub(crate) count: usize,
    /// The position of the first row.
    pub(crate) y: i32,
}

impl ListGeometry {
    /// The height of the list's element.
    pub(crate) fn height(&self) -> i32 {
        pixels(self.full().min(MAX_HEIGHT))
    }

    /// The rows that are visible at the scroll position `top`.
    pub(crate) fn visible(&self, top: i32) -> VisibleRows {
        let row = self.row.max(1) as u64;
        let top = top.clamp(0, self.max_scroll());
        let offset = self.offset(top);
        let first = (offset / row).min(self.rows as u64);
        let ends = (offset + self.window.max(0) as u64)
            .div_ceil(row)
            .min(self.rows as u64);
        let y = top - pixels(offset - first * row);
        VisibleRows {
            first: first as usize,
            count: ends.saturating_sub(first) as usize,
            y,
        }
    }

    /// The scroll position nearest to `top` at which a row is visible.
    pub(crate) fn reveal(&self, at: usize, top: i32) -> i32 {
        let (row, window) = (self.row.max(1) as u64, self.window.max(0) as u64);
        let offset = self.offset(top.clamp(0, self.max_scroll()));
        let (start, end) = (at as u64 * row, (at as u64 + 1) * row);
        if start < offset {
            self.top(start)
        } else if end > offset + window {
            self.top(end - window.min(end))
        } else {
            top
        }
    }

    /// The scroll position at the end.
    pub(crate) fn max_scroll(&self) -> i32 {
        (self.height() - self.window).max(0)
    }

    fn full(&self) -> u64 {
        self.rows as u64 * self.row.max(1) as u64
    }

    /// The height of the rows above the visible part.
    fn offset(&self, top: i32) -> u64 {
        let (full, top) = (self.full(), top as u64);
        if full <= MAX_HEIGHT {
            return top;
        }
        let window = self.window.max(0) as u64;
        top * (full - window) / (MAX_HEIGHT - window).max(1)
    }

    /// The scroll position for that height, rounded up.
    fn top(&self, offset: u64) -> i32 {
        let full = self.full();
        if full <= MAX_HEIGHT {
            return pixels(offset);
        }
        let window = self.window.max(0) as u64;
        pixels((offset * (MAX_HEIGHT - window)).div_ceil((full - window).max(1)))
    }
}

fn pixels(number: u64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: ListGeometry = ListGeometry {
        rows: 100,
        row: 24,
        window: 240,
    };
    const LONG: ListGeometry = ListGeometry {
        rows: 3_000_000,
        row: 24,
        window: 240,
    };

    #[test]
    fn rows_cut_by_the_edges_are_drawn() {
        assert_eq!(
            SHORT.visible(0),
            VisibleRows {
                first: 0,
                count: 10,
                y: 0
            }
        );
        assert_eq!(
            SHORT.visible(30),
            VisibleRows {
                first: 1,
                count: 11,
                y: 24
            }
        );
        assert_eq!(
            SHORT.visible(9_999),
            VisibleRows {
                first: 90,
                count: 10,
                y: 2_160
            },
            "not beyond its end"
        );
    }

    #[test]
    fn a_list_of_nothing_shows_nothing() {
        let none = ListGeometry { rows: 0, ..SHORT };
        assert_eq!(
            (none.visible(50), none.height()),
            (VisibleRows::default(), 0)
        );
        assert_eq!(ListGeometry::default().visible(0).count, 0);
    }

    #[test]
    fn a_row_is_revealed_with_as_little_scrolling_as_possible() {
        assert_eq!(SHORT.reveal(5, 30), 30, "it is seen already");
        assert_eq!(SHORT.reveal(0, 30), 0);
        assert_eq!(SHORT.reveal(10, 0), 24);
        assert_eq!(SHORT.reveal(99, 0), SHORT.max_scroll());
    }

    #[test]
    fn a_list_too_long_for_browsers_still_has_all_its_rows() {
        assert_eq!(u64::try_from(LONG.height()).ok(), Some(MAX_HEIGHT));
        assert_eq!(LONG.visible(0).first, 0);
        let end = LONG.visible(LONG.max_scroll());
        assert_eq!(end.first + end.count, LONG.rows);
        assert_eq!(
            end.y + 240,
            LONG.height(),
            "the last row ends where the list does"
        );
        for at in [0, 1, 77, 1_500_000, LONG.rows - 1] {
            let visible = LONG.visible(LONG.reveal(at, 1_000_000));
            assert!(
                (visible.first..visible.first + visible.count).contains(&at),
                "{at} {visible:?}"
            );
        }
    }
}
