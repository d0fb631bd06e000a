//! How many HTTP connections there may be at a time, in total and from one address. A page's connection counts here
//! only until its WebSocket handshake; from then on it counts among the pages.

use std::{net::IpAddr, rc::Rc, sync::Arc};

use shared::limits::Limits;

use crate::{
    admission::{Permit, QuotaCounter, QuotaExceeded, quota_address},
    metrics::Metrics,
};

/// The connections that are open.
#[derive(Debug)]
pub(super) struct ConnectionQuota {
    counter: Rc<QuotaCounter>,
    max_total: u64,
    max_per_address: u64,
}

impl ConnectionQuota {
    pub(super) fn new(limits: &Limits, metrics: Arc<Metrics>) -> Self {
        Self {
            counter: QuotaCounter::new(metrics, |metrics| &metrics.connections),
            max_total: limits.connections,
            max_per_address: limits.connections_per_address,
        }
    }

    /// Counts a connection of this peer until the permit is dropped; of one whose address `is_shared` by many only in
    /// total.
    ///
    /// # Errors
    /// The limit that is reached.
    pub(super) fn admit(&self, peer: IpAddr, is_shared: bool) -> Result<Permit, QuotaExceeded> {
        let max_per_address = if is_shared {
            self.max_total
        } else {
            self.max_per_address
        };
        self.counter
            .take(quota_address(peer), self.max_total, max_per_address)
    }

    /// What a refused peer is told.
    pub(super) fn explain(&self, full: QuotaExceeded) -> String {
        match full {
            QuotaExceeded::Total => format!(
                "This relay has {} connections, as many as it may. Try again in a moment.\n",
                self.max_total
            ),
            QuotaExceeded::Address => format!(
                "Your address has {} connections here, as many as one may. Close some, or try again in a moment.\n",
                self.max_per_address
            ),
        }
    }
}
