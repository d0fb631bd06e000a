//! The page's own clock.

/// Milliseconds of the page's own clock.
pub(crate) type Millis = u64;

/// Interval at which the shown time of a blocked call grows.
pub(crate) const TICK: Millis = 200;
