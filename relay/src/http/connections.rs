//! How many HTTP connections there may be at a time, in total and from one address. A page's connection counts here
//! only until its WebSocket handshake; from then on it counts among the pages.

use std::{net::IpAddr, rc::Rc, sync::Arc};

use shared::limits::Limits;

use crate::{
    admission::{Full, Place, Tally, quota_address},
    metrics::Metrics,
};

/// The connections that are open.
#[derive(Debug)]
pub(super) struct Connections {
    tally: Rc<Tally>,
    most: u64,
    most_per_address: u64,
}

impl Connections {
    pub(super) fn new(limits: &Limits, metrics: Arc<Metrics>) -> Self {
        Self {
            tally: Tally::new(metrics, |metrics| &metrics.connections),
            most: limits.connections,
            most_per_address: limits.connections_per_address,
        }
    }

    /// Counts a connection of this peer until the permit is dropped; of one whose address `is_shared` by many only in
    /// total.
    ///
    /// # Errors
    /// The limit that is reached.
    pub(super) fn admit(&self, peer: IpAddr, is_shared: bool) -> Result<Place, Full> {
        let most_here = if is_shared {
            self.most
        } else {
            self.most_per_address
        };
        self.tally.take(quota_address(peer), self.most, most_here)
    }

    /// What a refused peer is told.
    pub(super) fn explain(&self, full: Full) -> String {
        match full {
            Full::InTotal => format!(
                "This relay has {} connections, as many as it may. Try again in a moment.\n",
                self.most
            ),
            Full::FromAddress => format!(
                "Your address has {} connections here, as many as one may. Close some, or try again in a moment.\n",
                self.most_per_address
            ),
        }
    }
}
