//! Who may: how many pages there are, from where, and which names and origins the relay answers to.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    net::IpAddr,
    rc::Rc,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use shared::{
    limits::Limits,
    message::{Goodbye, GoodbyeReason},
};

use crate::metrics::Metrics;

/// Counts the pages, in total and per address.
#[derive(Debug, Default)]
pub struct Guard {
    total: Cell<u64>,
    per_address: RefCell<HashMap<IpAddr, u64>>,
    metrics: Arc<Metrics>,
}

/// One page's place among the pages; dropped, the place is free again.
#[derive(Debug)]
pub struct Place {
    guard: Rc<Guard>,
    address: IpAddr,
}

impl Guard {
    /// With nobody there yet.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            metrics,
            ..Self::default()
        }
    }

    /// Lets a page in, or says which limit it hits.
    ///
    /// # Errors
    /// What to tell the page before it is turned away.
    pub fn admit(self: &Rc<Self>, address: IpAddr, limits: &Limits) -> Result<Place, Goodbye> {
        let place = self.find_place(address, limits);
        let came = if place.is_ok() {
            &self.metrics.pages_came
        } else {
            &self.metrics.pages_refused
        };
        came.fetch_add(1, Relaxed);
        self.metrics.pages.store(self.total.get(), Relaxed);
        place
    }

    fn find_place(self: &Rc<Self>, address: IpAddr, limits: &Limits) -> Result<Place, Goodbye> {
        if self.total.get() >= limits.pages {
            let message = format!("this relay has {} pages, as many as it may", limits.pages);
            return Err(Goodbye {
                reason: GoodbyeReason::TooManyPages,
                limit: Some(limits.pages),
                message,
            });
        }
        let mut per_address = self.per_address.borrow_mut();
        let here = per_address.get(&address).copied().unwrap_or_default();
        if here >= limits.pages_per_address {
            let limit = limits.pages_per_address;
            let message = format!("your address has {limit} pages here, as many as one may");
            return Err(Goodbye {
                reason: GoodbyeReason::TooManyPagesFromAddress,
                limit: Some(limit),
                message,
            });
        }
        per_address.insert(address, here + 1);
        self.total.set(self.total.get() + 1);
        Ok(Place {
            guard: Rc::clone(self),
            address,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.guard
            .total
            .set(self.guard.total.get().saturating_sub(1));
        self.guard
            .metrics
            .pages
            .store(self.guard.total.get(), Relaxed);
        let mut per_address = self.guard.per_address.borrow_mut();
        if let Some(here) = per_address.get_mut(&self.address) {
            *here -= 1;
            if *here == 0 {
                per_address.remove(&self.address);
            }
        }
    }
}

/// Whether a request's `Host` is one the relay answers to: an address, `localhost`, or a name it was told.
///
/// A page of another site can make its own name resolve to this machine (DNS rebinding); it cannot make a
/// browser send an address or a name it does not own.
#[must_use]
pub fn host_is_ours(host: &str, allowed: &[String]) -> bool {
    let name = without_port(host);
    let literal = name.trim_start_matches('[').trim_end_matches(']');
    literal.parse::<IpAddr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || allowed
            .iter()
            .any(|allowed| name.eq_ignore_ascii_case(allowed))
}

/// Whether a request comes from the relay's own page: its `Origin` names the same host and port (RFC 6454).
#[must_use]
pub fn origin_is_ours(origin: &str, host: &str) -> bool {
    let authority = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"));
    authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
}

/// `host:port`, `host` or `[address]:port` without the port.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port))
            if port.bytes().all(|byte| byte.is_ascii_digit()) && !is_bare_v6(name) =>
        {
            name
        }
        _ => host,
    }
}

fn is_bare_v6(name: &str) -> bool {
    name.contains(':') && !name.starts_with('[')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(pages: u64, pages_per_address: u64) -> Limits {
        Limits {
            message_bytes: 0,
            data_bytes: 0,
            sockets: 0,
            calls: 0,
            queued_bytes: 0,
            pages_per_address,
            pages,
            handshake_seconds: 0,
            idle_seconds: 0,
            unread_seconds: 0,
            trace_bytes: 0,
            lab_trace_bytes: 0,
            labs: 0,
            labs_per_address: 0,
            keep_seconds: 0,
        }
    }

    #[test]
    fn a_place_is_free_again_when_its_page_leaves() {
        let guard = Rc::new(Guard::default());
        let (one, other) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        let limits = limits(3, 2);
        let places = [guard.admit(one, &limits), guard.admit(one, &limits)];
        let refused = guard
            .admit(one, &limits)
            .expect_err("a third from one address");
        assert_eq!(
            (refused.reason, refused.limit),
            (GoodbyeReason::TooManyPagesFromAddress, Some(2))
        );
        let third = guard.admit(other, &limits);
        let refused = guard.admit(other, &limits).expect_err("a fourth in total");
        assert_eq!(
            (refused.reason, refused.limit),
            (GoodbyeReason::TooManyPages, Some(3))
        );
        drop((places, third));
        assert!(guard.admit(one, &limits).is_ok());
    }

    #[test]
    fn only_addresses_and_known_names_are_hosts() {
        let allowed = ["lab.example".to_owned()];
        for ours in [
            "127.0.0.1:8080",
            "localhost",
            "LOCALHOST:1",
            "[::1]:8080",
            "192.168.1.5",
            "lab.example:443",
        ] {
            assert!(host_is_ours(ours, &allowed), "{ours}");
        }
        for other in [
            "evil.example:8080",
            "",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "[evil]:80",
        ] {
            assert!(!host_is_ours(other, &allowed), "{other}");
        }
    }

    #[test]
    fn only_the_relays_own_page_is_an_origin() {
        assert!(origin_is_ours("http://127.0.0.1:8080", "127.0.0.1:8080"));
        assert!(origin_is_ours("https://lab.example", "lab.example"));
        for other in [
            "null",
            "http://127.0.0.1:8081",
            "http://evil.example",
            "file://",
            "",
        ] {
            assert!(!origin_is_ours(other, "127.0.0.1:8080"), "{other}");
        }
    }
}
