//! The quota of open HTTP connections, in total and per address. After its WebSocket handshake a connection counts as a
//! page instead (`admission`).

use std::{net::IpAddr, rc::Rc, sync::Arc};

use shared::limits::Limits;

use crate::{
    admission::{Permit, QuotaCounter, QuotaExceeded, quota_address},
    metrics::Metrics,
};

/// The quota of open connections.
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

    /// Admits a connection until the permit is dropped. If many visitors share the peer's address, only the total is
    /// limited.
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
            .acquire(quota_address(peer), self.max_total, max_per_address)
    }

    /// The message for a refused peer.
    pub(super) fn explain(&self, full: QuotaExceeded) -> String {
        match full {
            QuotaExceeded::Total => format!(
                "This relay already has {} connections, its limit. Try again in a moment.\n",
                self.max_total
            ),
            QuotaExceeded::Address => format!(
                "Your address already has {} connections to this relay, the limit for one address. Close some, or try again in a moment.\n",
                self.max_per_address
            ),
        }
    }
}
