//! Somebody of a class whose page is in a lab of its own for a while: it stays in the class, and is told what is new.

use std::{convert::Infallible, rc::Rc};

use shared::{class::Standing, message::GoodbyeReason};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::{Class, Who};

/// What ties a page to its class while it is elsewhere. Its place in the class is kept until this is dropped.
#[derive(Debug)]
pub struct Excursion {
    pub(super) class: Rc<Class>,
    pub(super) who: Who,
    page: u64,
    /// What is to be said to its page; the end of it, where another page has the place.
    pub letters: Option<mpsc::UnboundedReceiver<Utf8Bytes>>,
    /// Why it has to leave, once it has.
    pub gone: watch::Receiver<Option<GoodbyeReason>>,
    lasts: Option<oneshot::Sender<Infallible>>,
}

impl Excursion {
    pub(super) fn new(
        class: Rc<Class>,
        who: Who,
        gone: watch::Receiver<Option<GoodbyeReason>>,
    ) -> Self {
        let (page, letters) = class.connects(who, true);
        Self {
            class,
            who,
            page,
            letters: Some(letters),
            gone,
            lasts: None,
        }
    }

    /// Resolves, with an error, when it is over.
    pub fn over(&mut self) -> oneshot::Receiver<Infallible> {
        let (lasts, over) = oneshot::channel();
        self.lasts = Some(lasts);
        over
    }

    /// A page is there: from now on it is told what is new.
    pub fn arrives(&mut self) {
        let (page, letters) = self.class.connects(self.who, true);
        (self.page, self.letters) = (page, Some(letters));
        self.class.tell_who_is_there(self.who);
    }

    /// No page is there any more.
    pub fn departs(&mut self) {
        self.letters = None;
        self.class.disconnects(self.who, self.page);
    }

    /// What its page is told as it comes.
    #[must_use]
    pub fn standing(&self, reach: Option<&str>) -> Standing {
        self.class.standing(self.who, reach)
    }
}

impl Drop for Excursion {
    fn drop(&mut self) {
        self.departs();
    }
}
