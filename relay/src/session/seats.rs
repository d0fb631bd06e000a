//! Seats by their tokens: who wants one asks whoever holds it, a page's session or the task that keeps it.

use std::{cell::RefCell, collections::HashMap, rc::Rc};

use tokio::sync::{mpsc, oneshot};

use super::seat::Seat;

/// Somebody wants the seat and waits for it.
pub(super) type Demand = oneshot::Sender<Box<Seat>>;

/// All seats that can be come back to.
#[derive(Debug, Default)]
pub struct Seats {
    holders: RefCell<HashMap<String, mpsc::UnboundedSender<Demand>>>,
}

impl Seats {
    /// A new seat; its holder hears of everyone who wants it.
    pub(super) fn add(&self, token: String) -> mpsc::UnboundedReceiver<Demand> {
        let (wants, wanted) = mpsc::unbounded_channel();
        self.holders.borrow_mut().insert(token, wants);
        wanted
    }

    /// It is gone.
    pub(super) fn remove(&self, token: &str) {
        self.holders.borrow_mut().remove(token);
    }

    /// Whether there is one under this token.
    pub(super) fn has(&self, token: &str) -> bool {
        self.holders.borrow().contains_key(token)
    }

    /// The seat under this token is to end, whoever keeps it.
    pub(super) fn end(self: &Rc<Self>, token: String) {
        let seats = Rc::clone(self);
        tokio::task::spawn_local(async move { drop(seats.demand(&token).await) });
    }

    /// Takes the seat from whoever holds it. Who waits here must hold none itself: two that want each other's would
    /// wait for ever.
    pub(super) async fn demand(&self, token: &str) -> Option<Box<Seat>> {
        let (demand, coming) = oneshot::channel();
        let holder = self.holders.borrow().get(token).cloned()?;
        holder.send(demand).ok()?;
        coming.await.ok()
    }
}
