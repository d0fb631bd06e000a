//! Saved traces: what a page sees of its lab's trace, kept in the store under a link.

use shared::{
    limits::Limits,
    outcome::{Failed, Reason, Returned},
};

use super::PageSession;
use crate::{
    admission::ClientOrigin,
    failure,
    lab::export::{self, TraceSelection},
    store::{Link, LinkQuota, LinkSpace, unix_time_s},
    token::{self, digest},
};

const DAY_S: u64 = 24 * 3600;

impl PageSession {
    /// Saves the events the page may see, or those of these ranges, for `days`.
    pub(super) async fn save(
        &self,
        events: Option<Vec<(u64, u64)>>,
        days: Option<u64>,
        origin: ClientOrigin,
    ) -> Result<Returned, Failed> {
        let limits = &self.context.limits;
        let days = days.unwrap_or(limits.link_days);
        if days == 0 || days > limits.link_days {
            let limit = limits.link_days;
            let message = format!("a saved trace is kept for 1 to {limit} days");
            return Err(failure::limit(Reason::OutOfRange, limit, message));
        }
        let quota = LinkQuota {
            links: [limits.links, limits.links_per_address],
            bytes: [limits.links_bytes, limits.links_bytes_per_address],
        };
        let address = digest(&origin.address.to_string());
        // One at a time: at most one encoded trace is in memory that no quota counts yet.
        let _guard = self.context.save_lock.lock().await;
        // Without room in the store the trace is not even encoded.
        let store = &self.context.store;
        let room = store.link_space(address, quota, unix_time_s()).await?;
        check_room(room, limits)?;
        let selection = TraceSelection {
            visibility: self.visibility(),
            ranges: events,
            max_bytes: limits.link_bytes,
        };
        let trace = export::export_selection(&self.context.lab, &selection)?;
        let (now, secret) = (unix_time_s(), token::random_token());
        let link = Link {
            id: token::random_token(),
            secret: digest(&secret),
            address,
            expires_s: now.saturating_add(days * DAY_S),
            trace,
        };
        let (id, expires_s) = (link.id.clone(), link.expires_s);
        check_room(store.save_link(link, quota, now).await?, limits)?;
        Ok(Returned::Saved {
            link: id,
            secret,
            expires_s,
        })
    }

    /// Deletes a saved trace.
    pub(super) async fn delete_link(&self, link: String, secret: &str) -> Result<(), Failed> {
        let deleted = self.context.store.delete_link(link, digest(secret));
        if deleted.await? {
            return Ok(());
        }
        let message = "no trace is saved under this link with this secret, or no longer";
        Err(failure::relay(Reason::NoSuchLink, message))
    }
}

/// Fails with the limit that leaves no room.
fn check_room(room: LinkSpace, limits: &Limits) -> Result<(), Failed> {
    let (reason, limit, message) = match room {
        LinkSpace::Available => return Ok(()),
        LinkSpace::TooMany => (
            Reason::TooManyLinks,
            limits.links,
            format!(
                "this relay keeps {} saved traces, as many as it may",
                limits.links
            ),
        ),
        LinkSpace::TooManyFromAddress => (
            Reason::TooManyLinksFromAddress,
            limits.links_per_address,
            format!(
                "your address has {} saved traces, as many as one may",
                limits.links_per_address
            ),
        ),
        LinkSpace::TooManyBytes => (
            Reason::TooManyLinkBytes,
            limits.links_bytes,
            format!(
                "all saved traces have at most {} bytes together: this one would be more",
                limits.links_bytes
            ),
        ),
        LinkSpace::TooManyBytesFromAddress => (
            Reason::TooManyLinkBytesFromAddress,
            limits.links_bytes_per_address,
            format!(
                "the saved traces of one address have at most {} bytes together: this one would be more",
                limits.links_bytes_per_address
            ),
        ),
    };
    Err(failure::limit(reason, limit, message))
}
