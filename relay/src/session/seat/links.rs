//! Saving what a page is told of its lab's trace as a link, and deleting it.

use shared::outcome::{Failed, Reason, Returned};

use super::Seat;
use crate::{
    admission::ClientOrigin,
    failure,
    lab::{
        export::{self, Part},
        secret::{self, digest},
    },
    store::{Link, Room, now_s},
};

const DAY_S: u64 = 24 * 3600;

impl Seat {
    /// Saves what the page is told of the trace, or stretches of it.
    pub(super) async fn save(
        &self,
        events: Option<Vec<(u64, u64)>>,
        days: Option<u64>,
        from: ClientOrigin,
    ) -> Result<Returned, Failed> {
        let limits = &self.surroundings.limits;
        let days = days.unwrap_or(limits.link_days);
        if days == 0 || days > limits.link_days {
            let limit = limits.link_days;
            let message = format!("a saved trace is kept for 1 to {limit} days");
            return Err(failure::limit(Reason::OutOfRange, limit, message));
        }
        let part = Part {
            sight: self.sight(),
            stretches: events,
            most_bytes: limits.link_bytes,
        };
        let trace = export::part(&self.surroundings.lab, &part)?;
        let (now, secret) = (now_s(), secret::word());
        let link = Link {
            id: secret::word(),
            secret: digest(&secret),
            address: digest(&from.address.to_string()),
            expires_s: now.saturating_add(days * DAY_S),
            trace,
        };
        let (id, expires_s) = (link.id.clone(), link.expires_s);
        let most = (limits.links, limits.links_per_address);
        match self.surroundings.store.save_link(link, most, now).await? {
            Room::Enough => Ok(Returned::Saved {
                link: id,
                secret,
                expires_s,
            }),
            Room::NoneInTotal => {
                let limit = limits.links;
                let message = format!("this relay keeps {limit} saved traces, as many as it may");
                Err(failure::limit(Reason::TooManyLinks, limit, message))
            }
            Room::NoneFromAddress => {
                let limit = limits.links_per_address;
                let message = format!("your address has {limit} saved traces, as many as one may");
                let reason = Reason::TooManyLinksFromAddress;
                Err(failure::limit(reason, limit, message))
            }
        }
    }

    /// Deletes a saved trace.
    pub(super) async fn delete_link(&self, link: String, secret: &str) -> Result<(), Failed> {
        let deleted = self.surroundings.store.delete_link(link, digest(secret));
        if deleted.await? {
            return Ok(());
        }
        let message = "no trace is saved under this link with this secret, or no longer";
        Err(failure::relay(Reason::NoSuchLink, message))
    }
}
