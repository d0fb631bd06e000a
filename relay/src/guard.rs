//! Who may: how many pages and labs there are, from where, and which names and origins the relay answers to.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use shared::{
    limits::Limits,
    message::{Goodbye, GoodbyeReason},
};

use crate::metrics::Metrics;

/// Lets pages in.
#[derive(Debug)]
pub struct Guard {
    pages: Rc<Tally>,
    metrics: Arc<Metrics>,
}

impl Guard {
    /// With nobody there yet.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            pages: Tally::new(Arc::clone(&metrics), |metrics| &metrics.pages),
            metrics,
        }
    }

    /// Lets a page in, or says which limit it hits.
    ///
    /// # Errors
    /// What to tell the page before it is turned away.
    pub fn admit(&self, address: IpAddr, limits: &Limits) -> Result<Place, Goodbye> {
        let (most, most_here) = (limits.pages, limits.pages_per_address);
        let place = self.pages.take(address, most, most_here);
        let came = if place.is_ok() {
            &self.metrics.pages_came
        } else {
            &self.metrics.pages_refused
        };
        came.fetch_add(1, Relaxed);
        place.map_err(|full| match full {
            Full::InTotal => Goodbye {
                reason: GoodbyeReason::TooManyPages,
                limit: Some(most),
                message: format!("this relay has {most} pages, as many as it may"),
            },
            Full::FromAddress => Goodbye {
                reason: GoodbyeReason::TooManyPagesFromAddress,
                limit: Some(most_here),
                message: format!("your address has {most_here} pages here, as many as one may"),
            },
        })
    }
}

/// Counts what is limited in total and per address: pages, labs.
#[derive(Debug)]
pub struct Tally {
    total: Cell<u64>,
    per_address: RefCell<HashMap<IpAddr, u64>>,
    metrics: Arc<Metrics>,
    gauge: fn(&Metrics) -> &AtomicU64,
}

/// One place among them; dropped, the place is free again.
#[derive(Debug)]
pub struct Place {
    tally: Rc<Tally>,
    address: IpAddr,
}

/// Which limit leaves no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// The one for all together.
    InTotal,
    /// The one of this address.
    FromAddress,
}

impl Tally {
    /// With nothing there yet; the gauge shows how many there are.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>, gauge: fn(&Metrics) -> &AtomicU64) -> Rc<Self> {
        Rc::new(Self {
            total: Cell::default(),
            per_address: RefCell::default(),
            metrics,
            gauge,
        })
    }

    /// Takes a place for somebody at this address, of at most so many in total and so many there.
    ///
    /// # Errors
    /// Which of the two is reached.
    pub fn take(
        self: &Rc<Self>,
        address: IpAddr,
        most: u64,
        most_here: u64,
    ) -> Result<Place, Full> {
        if self.total.get() >= most {
            return Err(Full::InTotal);
        }
        let mut per_address = self.per_address.borrow_mut();
        let here = per_address.get(&address).copied().unwrap_or_default();
        if here >= most_here {
            return Err(Full::FromAddress);
        }
        per_address.insert(address, here + 1);
        self.count(self.total.get() + 1);
        Ok(Place {
            tally: Rc::clone(self),
            address,
        })
    }

    fn count(&self, total: u64) {
        self.total.set(total);
        (self.gauge)(&self.metrics).store(total, Relaxed);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Self { tally, address } = self;
        tally.count(tally.total.get().saturating_sub(1));
        let mut per_address = tally.per_address.borrow_mut();
        if let Some(here) = per_address.get_mut(address) {
            *here -= 1;
            if *here == 0 {
                per_address.remove(address);
            }
        }
    }
}

/// Where a visitor comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whence {
    /// The address of its connection.
    pub address: IpAddr,
    /// Whether it sits at the relay's own machine.
    pub is_here: bool,
}

impl Whence {
    /// As the connection and the request's `Host` tell. What a proxy on this machine passes on comes from here too,
    /// but was meant for another name.
    #[must_use]
    pub fn of(peer: SocketAddr, host: &str) -> Self {
        let address = peer.ip().to_canonical();
        Self {
            address,
            is_here: address.is_loopback() && is_of_this_machine(host),
        }
    }
}

/// Whether a request's `Host` means the machine that asks.
#[must_use]
pub fn is_of_this_machine(host: &str) -> bool {
    let name = without_port(host);
    let literal = name.trim_start_matches('[').trim_end_matches(']');
    match literal.parse::<IpAddr>() {
        Ok(named) => named.to_canonical().is_loopback(),
        Err(_) => name.eq_ignore_ascii_case("localhost"),
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
            classes: 0,
            members: 0,
            members_per_address: 0,
            links: 0,
            links_per_address: 0,
            link_bytes: 0,
            link_days: 0,
        }
    }

    #[test]
    fn a_place_is_free_again_when_its_page_leaves() {
        let guard = Guard::new(Arc::default());
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
    fn whoever_comes_through_a_proxy_is_not_here() {
        let here = |peer: &str, host| Whence::of(peer.parse().expect("an address"), host).is_here;
        for host in [
            "localhost",
            "LOCALHOST:8080",
            "127.0.0.1:8080",
            "127.3.2.1",
            "[::1]:80",
        ] {
            assert!(here("127.0.0.1:5", host), "{host}");
            assert!(
                here("[::1]:5", host) && here("[::ffff:127.0.0.1]:5", host),
                "{host}"
            );
            assert!(!here("192.168.1.5:5", host), "{host}");
        }
        for host in [
            "lab.example",
            "192.168.1.5:8080",
            "127.0.0.1.lab.example",
            "",
        ] {
            assert!(!here("127.0.0.1:5", host), "{host}");
        }
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
