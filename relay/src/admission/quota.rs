//! Quotas: counters of pages, connections and labs, in total and per address.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
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

/// The quota of pages and bridges.
#[derive(Debug)]
pub struct PageQuota {
    pages: Rc<QuotaCounter>,
    metrics: Arc<Metrics>,
}

impl PageQuota {
    /// A quota of which nothing is used.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            pages: QuotaCounter::new(Arc::clone(&metrics), |metrics| &metrics.pages),
            metrics,
        }
    }

    /// Counts a page or bridge that was disconnected because it did not answer a ping.
    pub fn count_ping_timeout(&self) {
        self.metrics.ping_timeouts.fetch_add(1, Relaxed);
    }

    /// Admits a page until the permit is dropped.
    ///
    /// # Errors
    /// The message for the page, if a limit is reached.
    pub fn admit(&self, address: IpAddr, limits: &Limits) -> Result<Permit, Goodbye> {
        let (max_total, max_per_address) = (limits.pages, limits.pages_per_address);
        let permit = self.pages.acquire(address, max_total, max_per_address);
        let count = if permit.is_ok() {
            &self.metrics.pages_admitted
        } else {
            &self.metrics.pages_refused
        };
        count.fetch_add(1, Relaxed);
        permit.map_err(|full| match full {
            QuotaExceeded::Total => Goodbye {
                reason: GoodbyeReason::TooManyPages,
                limit: Some(max_total),
                message: format!(
                    "this relay already has {max_total} pages, its limit: try again later"
                ),
            },
            QuotaExceeded::Address => Goodbye {
                reason: GoodbyeReason::TooManyPagesFromAddress,
                limit: Some(max_per_address),
                message: format!(
                    "your address already has {max_per_address} pages on this relay, the limit for one address: close some"
                ),
            },
        })
    }

    /// Counts a refusal, and returns the message for a page for which no file descriptor is left.
    #[must_use]
    pub fn out_of_descriptors(&self) -> Goodbye {
        self.metrics.pages_refused.fetch_add(1, Relaxed);
        Goodbye {
            reason: GoodbyeReason::OutOfDescriptors,
            limit: self.metrics.descriptor_limit(),
            message: "this relay has no file descriptor left for another page: try again later"
                .to_owned(),
        }
    }
}

/// Counts the permits in use, in total and per address. A gauge of the metrics shows the total.
#[derive(Debug)]
pub struct QuotaCounter {
    total: Cell<u64>,
    per_address: RefCell<HashMap<IpAddr, u64>>,
    metrics: Arc<Metrics>,
    gauge: fn(&Metrics) -> &AtomicU64,
}

/// Returns the address by which a visitor is counted: for IPv6 its /64 network, because one machine may use all addresses
/// of it (RFC 6177 §2: a site has at least a /64).
#[must_use]
pub fn quota_address(visitor: IpAddr) -> IpAddr {
    const HOST_BITS: u32 = 64;
    match visitor.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            Ipv6Addr::from_bits(address.to_bits() >> HOST_BITS << HOST_BITS).into()
        }
    }
}

/// One unit of a quota. Dropping it returns the unit.
#[derive(Debug)]
pub struct Permit {
    counter: Rc<QuotaCounter>,
    address: IpAddr,
}

/// The limit that is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuotaExceeded {
    /// The limit in total.
    Total,
    /// The limit per address.
    Address,
}

impl QuotaCounter {
    /// A counter at zero.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>, gauge: fn(&Metrics) -> &AtomicU64) -> Rc<Self> {
        Rc::new(Self {
            total: Cell::default(),
            per_address: RefCell::default(),
            metrics,
            gauge,
        })
    }

    /// Acquires a permit for an address.
    ///
    /// # Errors
    /// The limit that is reached.
    pub fn acquire(
        self: &Rc<Self>,
        address: IpAddr,
        max_total: u64,
        max_per_address: u64,
    ) -> Result<Permit, QuotaExceeded> {
        if self.total.get() >= max_total {
            return Err(QuotaExceeded::Total);
        }
        let mut per_address = self.per_address.borrow_mut();
        let here = per_address.get(&address).copied().unwrap_or_default();
        if here >= max_per_address {
            return Err(QuotaExceeded::Address);
        }
        per_address.insert(address, here + 1);
        self.count(self.total.get() + 1);
        Ok(Permit {
            counter: Rc::clone(self),
            address,
        })
    }

    fn count(&self, total: u64) {
        self.total.set(total);
        (self.gauge)(&self.metrics).store(total, Relaxed);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Self { counter, address } = self;
        counter.count(counter.total.get().saturating_sub(1));
        let mut per_address = counter.per_address.borrow_mut();
        if let Some(here) = per_address.get_mut(address) {
            *here -= 1;
            if *here == 0 {
                per_address.remove(address);
            }
        }
    }
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
            connections: 0,
            connections_per_address: 0,
            handshake_seconds: 0,
            idle_seconds: 0,
            unread_seconds: 0,
            ping_seconds: 0,
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
            links_bytes: 0,
            links_bytes_per_address: 0,
            link_bytes: 0,
            link_days: 0,
        }
    }

    #[test]
    fn a_permit_is_returned_when_its_page_leaves() {
        let guard = PageQuota::new(Arc::default());
        let (one, other) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        let limits = limits(3, 2);
        let permits = [guard.admit(one, &limits), guard.admit(one, &limits)];
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
        drop((permits, third));
        assert!(guard.admit(one, &limits).is_ok());
    }

    #[test]
    fn an_ipv6_visitor_is_counted_by_its_network() {
        let counted = |text: &str| quota_address(text.parse().expect("an address")).to_string();
        assert_eq!(counted("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(counted("2001:db8:1:2::"), counted("2001:db8:1:2:ffff::1"));
        assert_ne!(counted("2001:db8:1:3::1"), counted("2001:db8:1:2::1"));
        assert_eq!(counted("203.0.113.7"), "203.0.113.7");
        assert_eq!(counted("::ffff:203.0.113.7"), "203.0.113.7");
    }
}
