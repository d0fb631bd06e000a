//! Resumable sessions by their tokens. Each has a holder, a page's driver or the task that keeps it, which is asked for
//! the session.

use std::{cell::RefCell, collections::HashMap, fmt, rc::Rc};

use tokio::sync::{mpsc, oneshot};

/// A request for the session; the holder sends it here.
pub(super) type Takeover<S> = oneshot::Sender<S>;

/// The holders of all sessions of type `S`.
pub(crate) struct Registry<S> {
    holders: RefCell<HashMap<String, mpsc::UnboundedSender<Takeover<S>>>>,
}

impl<S> fmt::Debug for Registry<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").finish_non_exhaustive()
    }
}

impl<S> Default for Registry<S> {
    fn default() -> Self {
        Self {
            holders: RefCell::default(),
        }
    }
}

impl<S: 'static> Registry<S> {
    /// Registers a session, and returns the requests for it.
    pub(super) fn add(&self, token: String) -> mpsc::UnboundedReceiver<Takeover<S>> {
        let (sender, takeovers) = mpsc::unbounded_channel();
        self.holders.borrow_mut().insert(token, sender);
        takeovers
    }

    pub(super) fn remove(&self, token: &str) {
        self.holders.borrow_mut().remove(token);
    }

    pub(super) fn contains(&self, token: &str) -> bool {
        self.holders.borrow().contains_key(token)
    }

    /// Ends the session under this token.
    pub(super) fn end(self: &Rc<Self>, token: String) {
        let registry = Rc::clone(self);
        tokio::task::spawn_local(async move { drop(registry.take_over(&token).await) });
    }

    /// Takes the session from its holder. The caller must not hold a session: two callers waiting for each other's would
    /// deadlock.
    pub(super) async fn take_over(&self, token: &str) -> Option<S> {
        let (takeover, session) = oneshot::channel();
        let holder = self.holders.borrow().get(token).cloned()?;
        holder.send(takeover).ok()?;
        session.await.ok()
    }
}
