//! The page's own clock.

/// Milliseconds of the page's own clock.
pub(crate) type Millis = u64;

/// The steps in which one sees a blocked call's time grow.
pub(crate) const TICK: Millis = 200;
