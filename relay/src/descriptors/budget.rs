//! What the descriptor limit can bear, of pages and of connections. Pure.

use shared::limits::Limits;

use super::reserve;

/// With fewer the relay does not start.
pub const MIN_DESCRIPTORS: u64 = 128;
/// The relay's own: standard streams, event loop, listeners, store, capture.
const RELAY_DESCRIPTORS: u64 = 64;
/// A page needs its connection, a socket, and the socket its server accepts for that.
const DESCRIPTORS_PER_PAGE: u64 = 3;
/// One in so many of what is left is for connections that are no page.
const CONNECTIONS_SHARE: u64 = 8;

/// The limits that so many descriptors can bear, and a line for the log about each that is lower than asked for.
#[must_use]
pub fn fit_limits(asked: &Limits, descriptors: u64) -> (Limits, Vec<String>) {
    let left = descriptors.saturating_sub(RELAY_DESCRIPTORS + reserve::RESERVE_SIZE as u64);
    let connections = left / CONNECTIONS_SHARE;
    let pages = (left - connections) / DESCRIPTORS_PER_PAGE;
    let mut fitted = asked.clone();
    let mut lines = Vec::new();
    for (flag, limit, bearable) in [
        ("--max-pages", &mut fitted.pages, pages),
        ("--max-connections", &mut fitted.connections, connections),
    ] {
        if *limit > bearable {
            lines.push(format!(
                "{descriptors} file descriptors bear {bearable} of the {limit} of {flag}, which is the limit now. For \
                 more, raise the hard limit (ulimit -Hn, or LimitNOFILE= in a systemd unit)"
            ));
            *limit = bearable;
        }
    }
    // However few there are, one address does not take them all.
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
    fn many_descriptors_bear_what_is_asked_for() {
        let asked = limits(&[]);
        assert_eq!(fit_limits(&asked, 1_048_576), (asked, vec![]));
    }

    #[test]
    fn few_descriptors_bear_less_and_the_log_says_so() {
        let (fitted, lines) = fit_limits(&limits(&[]), 1024);
        assert_eq!((fitted.pages, fitted.connections), (275, 118));
        assert_eq!(fitted.connections_per_address, 89);
        assert_eq!(lines.len(), 2);
        assert!(
            lines[0].starts_with("1024 file descriptors bear 275 of the 8192 of --max-pages"),
            "{lines:?}"
        );
        let most = fitted.pages * DESCRIPTORS_PER_PAGE + fitted.connections;
        assert!(most + RELAY_DESCRIPTORS + reserve::RESERVE_SIZE as u64 <= 1024);
    }

    #[test]
    fn who_asks_for_less_gets_that() {
        let (fitted, lines) = fit_limits(
            &limits(&["--max-pages", "20", "--max-connections", "10"]),
            1024,
        );
        assert_eq!((fitted.pages, fitted.connections), (20, 10));
        assert_eq!(lines, [""; 0]);
    }

    #[test]
    fn the_fewest_that_will_do_bear_a_page() {
        let (fitted, _) = fit_limits(&limits(&[]), MIN_DESCRIPTORS);
        assert_eq!((fitted.pages, fitted.connections), (14, 6));
    }
}
