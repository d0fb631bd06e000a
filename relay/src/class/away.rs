//! [`AwayMembership`]: the membership of a participant whose page is in a private lab for a while. The page stays a
//! member of the class and receives its news.

use std::{convert::Infallible, rc::Rc};

use shared::{class::Standing, message::GoodbyeReason};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::{Class, Participant};

/// Connects a page in a private lab to its class. The participant's seat in the class is kept until this is dropped.
#[derive(Debug)]
pub struct AwayMembership {
    pub(super) class: Rc<Class>,
    pub(super) who: Participant,
    page: u64,
    /// Messages for the page. The channel closes if another page takes the participant's place.
    pub outbox: Option<mpsc::UnboundedReceiver<Utf8Bytes>>,
    /// Set to the reason once the participant has to leave.
    pub removal: watch::Receiver<Option<GoodbyeReason>>,
    /// Dropped with this; see [`AwayMembership::closed`].
    keep_alive: Option<oneshot::Sender<Infallible>>,
}

impl AwayMembership {
    pub(super) fn new(
        class: Rc<Class>,
        who: Participant,
        removal: watch::Receiver<Option<GoodbyeReason>>,
    ) -> Self {
        let (page, outbox) = class.connect(who, true);
        Self {
            class,
            who,
            page,
            outbox: Some(outbox),
            removal,
            keep_alive: None,
        }
    }

    /// Returns a receiver that resolves with an error when this membership is dropped.
    pub fn closed(&mut self) -> oneshot::Receiver<Infallible> {
        let (keep_alive, closed) = oneshot::channel();
        self.keep_alive = Some(keep_alive);
        closed
    }

    /// Connects the participant's page: it receives the roster now, and news from now on.
    pub fn attach_page(&mut self) {
        let (page, outbox) = self.class.connect(self.who, true);
        (self.page, self.outbox) = (page, Some(outbox));
        self.class.send_roster_and_outsiders(self.who);
    }

    /// Disconnects the participant's page.
    pub fn detach_page(&mut self) {
        self.outbox = None;
        self.class.disconnect(self.who, self.page);
    }

    /// What the page receives when it connects.
    #[must_use]
    pub fn standing(&self, network_url: Option<&str>) -> Standing {
        self.class.standing(self.who, network_url)
    }
}

impl Drop for AwayMembership {
    fn drop(&mut self) {
        self.detach_page();
    }
}
