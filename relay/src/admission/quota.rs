//! Quotas: how many pages and labs there may be, in total and per address.

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

/// Lets pages in.
#[derive(Debug)]
pub struct PageQuota {
    pages: Rc<QuotaCounter>,
    metrics: Arc<Metrics>,
}

impl PageQuota {
    /// With nobody there yet.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            pages: QuotaCounter::new(Arc::clone(&metrics), |metrics| &metrics.pages),
            metrics,
        }
    }

    /// A page or bridge is let go because it did not answer a ping.
    pub fn count_ping_timeout(&self) {
        self.metrics.ping_timeouts.fetch_add(1, Relaxed);
    }

    /// Lets a page in, or says which limit it hits.
    ///
    /// # Errors
    /// What to tell the page before it is turned away.
    pub fn admit(&self, address: IpAddr, limits: &Limits) -> Result<Permit, Goodbye> {
        let (most, max_per_address) = (limits.pages, limits.pages_per_address);
        let place = self.pages.take(address, most, max_per_address);
        let came = if place.is_ok() {
            &self.metrics.pages_came
        } else {
            &self.metrics.pages_refused
        };
        came.fetch_add(1, Relaxed);
        place.map_err(|full| match full {
            QuotaExceeded::Total => Goodbye {
                reason: GoodbyeReason::TooManyPages,
                limit: Some(most),
                message: format!("this relay has {most} pages, as many as it may"),
            },
            QuotaExceeded::Address => Goodbye {
                reason: GoodbyeReason::TooManyPagesFromAddress,
                limit: Some(max_per_address),
                message: format!(
                    "your address has {max_per_address} pages here, as many as one may"
                ),
            },
        })
    }
}

impl PageQuota {
    /// What to tell a page for which no file descriptor is left.
    #[must_use]
    pub fn out_of_descriptors(&self) -> Goodbye {
        self.metrics.pages_refused.fetch_add(1, Relaxed);
        Goodbye {
            reason: GoodbyeReason::OutOfDescriptors,
            limit: self.metrics.descriptor_limit(),
            message: "this relay has no file descriptor left for another page".to_owned(),
        }
    }
}

/// Counts what is limited in total and per address: pages, labs.
#[derive(Debug)]
pub struct QuotaCounter {
    total: Cell<u64>,
    per_address: RefCell<HashMap<IpAddr, u64>>,
    metrics: Arc<Metrics>,
    gauge: fn(&Metrics) -> &AtomicU64,
}

/// The address that limits count a visitor by: of IPv6 its network of 64 bits, which a single machine has to itself
/// (RFC 6177 §2: a site has at least one).
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

/// One place among them; dropped, the place is free again.
#[derive(Debug)]
pub struct Permit {
    counter: Rc<QuotaCounter>,
    address: IpAddr,
}

/// Which limit leaves no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuotaExceeded {
    /// The one for all together.
    Total,
    /// The one of this address.
    Address,
}

impl QuotaCounter {
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
        max_per_address: u64,
    ) -> Result<Permit, QuotaExceeded> {
        if self.total.get() >= most {
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
    fn a_place_is_free_again_when_its_page_leaves() {
        let guard = PageQuota::new(Arc::default());
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
    fn an_ipv6_visitor_counts_by_its_network() {
        let counted = |text: &str| quota_address(text.parse().expect("an address")).to_string();
        assert_eq!(counted("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(counted("2001:db8:1:2::"), counted("2001:db8:1:2:ffff::1"));
        assert_ne!(counted("2001:db8:1:3::1"), counted("2001:db8:1:2::1"));
        assert_eq!(counted("203.0.113.7"), "203.0.113.7");
        assert_eq!(counted("::ffff:203.0.113.7"), "203.0.113.7");
    }
}
