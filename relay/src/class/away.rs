//! Somebody of a class whose page is in a lab of its own for a while: it stays in the class, and is told what is new.

use std::{convert::Infallible, rc::Rc};

use shared::{class::Standing, message::GoodbyeReason};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::{Class, Participant};

/// What ties a page to its class while it is elsewhere. Its place in the class is kept until this is dropped.
#[derive(Debug)]
pub struct AwayMembership {
    pub(super) class: Rc<Class>,
    pub(super) who: Participant,
    page: u64,
    /// What is to be said to its page; the end of it, where another page has the place.
    pub outbox: Option<mpsc::UnboundedReceiver<Utf8Bytes>>,
    /// Why it has to leave, once it has.
    pub removal: watch::Receiver<Option<GoodbyeReason>>,
    lasts: Option<oneshot::Sender<Infallible>>,
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
            lasts: None,
        }
    }

    /// Resolves, with an error, when it is over.
    pub fn closed(&mut self) -> oneshot::Receiver<Infallible> {
        let (lasts, over) = oneshot::channel();
        self.lasts = Some(lasts);
        over
    }

    /// A page is there: from now on it is told what is new.
    pub fn attach_page(&mut self) {
        let (page, outbox) = self.class.connect(self.who, true);
        (self.page, self.outbox) = (page, Some(outbox));
        self.class.send_roster_and_outsiders(self.who);
    }

    /// No page is there any more.
    pub fn detach_page(&mut self) {
        self.outbox = None;
        self.class.disconnect(self.who, self.page);
    }

    /// What its page is told as it comes.
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
