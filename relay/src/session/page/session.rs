//! A page's session: its process in a lab, its sockets and calls, and what it watches. A resumable one outlives its
//! connection.
//!
//! The rules of calls and replies are in [`core`](super::core), the connection in [`driver`](super::driver).

mod calls;
mod control;
mod links;
mod new;

use std::{collections::HashMap, convert::Infallible, pin::pin, rc::Rc, time::Duration};

use futures_util::StreamExt;
use shared::{
    message::{self, GoodbyeReason, Welcome},
    outcome::Failed,
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::Instant,
};

pub(super) use self::calls::{Calls, ReturnedCall};
use super::{Takeover, core::Core};
use crate::{
    class::{AwayMembership, Membership, MembershipRef},
    client::{Process, TracedSocket},
    lab::LabLease,
    session::{Protocol, SessionContext},
    trace::Visibility,
};

/// A page's session.
pub(crate) struct PageSession {
    /// The relay; `lab` is the session's.
    pub(super) context: SessionContext,
    pub(super) core: Core<TracedSocket>,
    pub(super) calls: Calls,
    /// Cancels calls that have not returned, by their message ids.
    cancels: HashMap<u64, oneshot::Sender<()>>,
    process: Rc<Process>,
    may_control: bool,
    /// The number of the next event for the page; `None` if it watches none.
    pub(super) next_event: Option<u64>,
    /// The end of the trace.
    pub(super) trace_end: watch::Receiver<u64>,
    /// `None` in the open lab.
    pub(super) resumable: Option<Resumable>,
    /// The page's membership in the class whose lab this is.
    pub(super) membership: Option<Membership>,
    /// The page's tie to its class while it is in a lab of its own.
    pub(super) excursion: Option<AwayMembership>,
    /// Resolves when the page that left this session on an excursion ends it.
    excursion_end: Option<oneshot::Receiver<Infallible>>,
}

/// What a session needs to be resumed.
pub(super) struct Resumable {
    token: String,
    takeovers: mpsc::UnboundedReceiver<Takeover>,
    /// Whether it replaces a session that was no longer kept.
    is_new: bool,
    /// The session's own lab, which ends with it.
    _lab_lease: Option<LabLease>,
}

/// Why a member must leave its class, once it must.
type Removal = watch::Receiver<Option<GoodbyeReason>>;

impl PageSession {
    /// Marks the page as present, and returns its welcome.
    pub(super) fn welcome(&mut self, protocol: Protocol) -> Welcome {
        self.excursion_end = None;
        if let Some(membership) = &mut self.membership {
            membership.attach_page();
        }
        if let Some(excursion) = &mut self.excursion {
            excursion.attach_page();
        }
        let SessionContext {
            lab,
            limits,
            classes,
            ..
        } = &self.context;
        let mut lab_state = lab.to_message(self.process.host());
        lab_state.next_seq = self.next_event.unwrap_or(lab_state.next_seq);
        let seat = self.resumable.as_ref().map(|resumable| message::Seat {
            token: resumable.token.clone(),
            heard: self.core.requests(),
            next_id: self.core.next_id(),
            keep_seconds: limits.keep_seconds,
            is_new: resumable.is_new,
        });
        let network_url = classes.network_url();
        let member = self
            .membership
            .as_ref()
            .map(|membership| membership.standing(network_url));
        let excursion = self.excursion.as_ref();
        let standing =
            member.or_else(|| excursion.map(|excursion| excursion.standing(network_url)));
        if let Some(membership) = &self.membership {
            membership.lab_name().clone_into(&mut lab_state.id);
        }
        Welcome {
            protocol: protocol.name().to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            process: self.process.id(),
            lab: lab_state,
            limits: limits.as_ref().clone(),
            truth: lab.truth().clone(),
            may_control: self.may_control,
            seat,
            class: standing.map(Box::new),
        }
    }

    /// A page that speaks this version is connected: it is notified of events as the version demands.
    pub(super) fn attach(&mut self, protocol: Protocol, now: Instant) {
        self.core.handle_connected(now);
        let trace = self.context.lab.trace();
        self.trace_end = match protocol {
            Protocol::V1 => trace.subscribe(),
            Protocol::V2 => trace.subscribe_to_batches(),
        };
    }

    /// Handles a text message of the page.
    pub(super) fn handle_message(&mut self, text: &str) {
        let membership = self.membership.as_ref();
        let may_call = || membership.map_or(Ok(()), Membership::check_may_call);
        self.core.handle_message(text, Instant::now(), may_call);
    }

    /// The events the page may see.
    pub(super) fn visibility(&self) -> Visibility {
        if let Some(membership) = &self.membership {
            return membership.visibility();
        }
        if self.may_control {
            return Visibility::All;
        }
        Visibility::own(self.process.id())
    }

    /// Whether the lab is this session's alone.
    pub(super) const fn is_in_own_lab(&self) -> bool {
        self.resumable.is_some() && self.membership.is_none()
    }

    fn class_tie(&self) -> Option<MembershipRef<'_>> {
        let excursion = self.excursion.as_ref().map(MembershipRef::Away);
        self.membership
            .as_ref()
            .map(MembershipRef::Present)
            .or(excursion)
    }

    /// The page goes to a lab of its own. A member stays in its class, and this session is kept until it is back.
    pub(super) fn begin_excursion(&mut self) -> Option<AwayMembership> {
        let Some(membership) = &mut self.membership else {
            return self.excursion.take();
        };
        let mut excursion = membership.leave_for_private_lab();
        self.excursion_end = Some(excursion.closed());
        Some(excursion)
    }

    /// The token to resume the session with.
    pub(super) fn token(&self) -> Option<&str> {
        let resumable = self.resumable.as_ref();
        resumable.map(|resumable| resumable.token.as_str())
    }

    /// A page comes back and has received this many replies.
    ///
    /// # Errors
    /// As [`Core::handle_resumed`].
    pub(super) fn resume(&mut self, received: Option<u64>) -> Result<(), Failed> {
        self.core.handle_resumed(received)?;
        // The page knows which events it has, and asks for the rest.
        self.next_event = None;
        if let Some(resumable) = &mut self.resumable {
            resumable.is_new = false;
        }
        Ok(())
    }

    /// The page is gone. A resumable session is kept for a while, any other ends.
    pub(super) fn detach(mut self: Box<Self>) {
        if let Some(membership) = &mut self.membership {
            membership.detach_page();
        }
        if let Some(excursion) = &mut self.excursion {
            excursion.detach_page();
        }
        if self.resumable.is_some() {
            tokio::task::spawn_local(self.keep());
        }
    }

    /// Goes on without a page: calls return, and their replies are kept. Ends with a takeover, with the relay, when the
    /// member is removed, or `keep_seconds` after the page left or ended its excursion.
    async fn keep(mut self: Box<Self>) {
        let limits = Rc::clone(&self.context.limits);
        let mut shutdown = self.context.shutdown.clone();
        let keep = Duration::from_secs(limits.keep_seconds);
        let mut timer = pin!(tokio::time::sleep(keep));
        loop {
            let has_room = (self.core.unsent_bytes() as u64) < limits.queued_bytes;
            tokio::select! {
                biased;
                Some(takeover) = next_takeover(&mut self.resumable) => match takeover.send(self) {
                    Ok(()) => return,
                    // The page that asked for it is gone.
                    Err(session) => self = session,
                },
                _ = shutdown.wait_for(|is_ending| *is_ending) => return,
                _ = removal(self.membership.as_mut().map(|membership| &mut membership.removal)) => return,
                () = end_of(&mut self.excursion_end) => {
                    self.excursion_end = None;
                    timer.as_mut().reset(Instant::now() + keep);
                }
                () = timer.as_mut(), if self.excursion_end.is_none() => return,
                Some(returned) = self.calls.next(), if has_room => {
                    self.handle_returned(returned);
                    // A call that returns asks nothing of the page.
                    while self.perform_calls().is_some() {}
                }
            }
        }
    }
}

impl Drop for PageSession {
    fn drop(&mut self) {
        if let Some(token) = self.token() {
            self.context.sessions.remove(token);
        }
        // Calls hold sockets, and sockets the process: they end in this order.
        self.calls.clear();
        self.core.clear();
        self.context.lab.leave(self.process.id());
    }
}

/// Resolves when the excursion has ended; pending forever if there is none.
async fn end_of(excursion: &mut Option<oneshot::Receiver<Infallible>>) {
    match excursion {
        Some(end) => drop(end.await),
        None => std::future::pending().await,
    }
}

/// The next takeover request; pending forever if the session is not resumable.
pub(super) async fn next_takeover(resumable: &mut Option<Resumable>) -> Option<Takeover> {
    match resumable {
        Some(resumable) => resumable.takeovers.recv().await,
        None => std::future::pending().await,
    }
}

/// Why the page must leave its class; pending forever while it need not.
pub(super) async fn removal(removal: Option<&mut Removal>) -> GoodbyeReason {
    if let Some(removal) = removal
        && let Ok(why) = removal.wait_for(Option::is_some).await
        && let Some(why) = *why
    {
        return why;
    }
    std::future::pending().await
}
