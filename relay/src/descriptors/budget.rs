//! The limits of pages and connections that fit the limit of file descriptors. Pure.

use shared::limits::Limits;

use super::reserve;

/// Minimum number of descriptors with which the relay starts.
pub const MIN_DESCRIPTORS: u64 = 128;
/// Descriptors of the relay itself: standard streams, event loop, listeners, store, capture.
const RELAY_DESCRIPTORS: u64 = 64;
/// Descriptors per page: its connection, a socket, and the socket that the server accepts for it.
const DESCRIPTORS_PER_PAGE: u64 = 3;
/// One in this many of the remaining descriptors is for HTTP connections that are not pages.
const CONNECTIONS_SHARE: u64 = 8;

/// Lowers limits to what the number of descriptors allows. Returns a log line for each limit that was lowered.
#[must_use]
pub fn fit_limits(requested: &Limits, descriptors: u64) -> (Limits, Vec<String>) {
    let available = descriptors.saturating_sub(RELAY_DESCRIPTORS + reserve::RESERVE_SIZE as u64);
    let connections = available / CONNECTIONS_SHARE;
    let pages = (available - connections) / DESCRIPTORS_PER_PAGE;
    let mut fitted = requested.clone();
    let mut lines = Vec::new();
    for (flag, limit, affordable) in [
        ("--max-pages", &mut fitted.pages, pages),
        ("--max-connections", &mut fitted.connections, connections),
    ] {
        if *limit > affordable {
            lines.push(format!(
                "{flag} is lowered from {limit} to {affordable}, because only {descriptors} file descriptors are \
                 available. To keep {limit}, raise the hard limit (ulimit -Hn, or LimitNOFILE= in a systemd unit)"
            ));
            *limit = affordable;
        }
    }
    // Even with few connections, one address must not use all of them.
    let share = (fitted.connections - fitted.connections / 4).max(1);
    fitted.connections_per_address = fitted.connections_per_address.min(share);
    (fitted, lines)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::config::Config;

    fn limits(args: &[&str]) -> Limits {
        Config::parse_from([&["relay"], args].concat())
            .limits
            .into()
    }

    #[test]
    fn with_many_descriptors_limits_stay_as_requested() {
        let requested = limits(&[]);
        assert_eq!(fit_limits(&requested, 1_048_576), (requested, vec![]));
    }

    #[test]
    fn with_few_descriptors_limits_are_lowered_and_logged() {
        let (fitted, lines) = fit_limits(&limits(&[]), 1024);
        assert_eq!((fitted.pages, fitted.connections), (275, 118));
        assert_eq!(fitted.connections_per_address, 89);
        assert_eq!(lines.len(), 2);
        assert!(
            lines[0].starts_with("--max-pages is lowered from 8192 to 275, because only 1024 file"),
            "{lines:?}"
        );
        let most = fitted.pages * DESCRIPTORS_PER_PAGE + fitted.connections;
        assert!(most + RELAY_DESCRIPTORS + reserve::RESERVE_SIZE as u64 <= 1024);
    }

    #[test]
    fn lower_requested_limits_stay() {
        let (fitted, lines) = fit_limits(
            &limits(&["--max-pages", "20", "--max-connections", "10"]),
            1024,
        );
        assert_eq!((fitted.pages, fitted.connections), (20, 10));
        assert_eq!(lines, [""; 0]);
    }

    #[test]
    fn the_minimum_of_descriptors_allows_pages() {
        let (fitted, _) = fit_limits(&limits(&[]), MIN_DESCRIPTORS);
        assert_eq!((fitted.pages, fitted.connections), (14, 6));
    }
}
