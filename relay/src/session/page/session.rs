//! A page's place in a lab: its process, its sockets, its calls in flight. In a lab of its own it outlives the
//! connection: what survives is here, and the rest is [`super::driver`].

mod calls;
mod control;
mod links;
mod new;

use std::{convert::Infallible, pin::pin, rc::Rc, time::Duration};

use futures_util::{StreamExt, future::LocalBoxFuture, stream::FuturesUnordered};
use shared::{
    PROTOCOL,
    call::{Call, Fd},
    codec::encode_server,
    message::{self, ClientMessage, GoodbyeReason, Reply, Request, ServerMessage, Welcome},
    outcome::{Failed, Outcome, Reason},
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::Instant,
};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::{
    Takeover,
    replies::{CannotRepeat, Replies},
    socket_table::SocketTable,
};
use crate::{
    admission::ClientOrigin,
    class::{AwayMembership, Membership, MembershipRef},
    client::{FinishedCall, Process, TracedSocket},
    failure,
    lab::LabLease,
    session::SessionContext,
    trace::Visibility,
};

/// A page's place in a lab.
pub(crate) struct PageSession {
    /// The relay around it; the lab is the one it is in.
    pub(super) context: SessionContext,
    pub(super) process: Rc<Process>,
    pub(super) may_control: bool,
    pub(super) calls: Calls,
    /// Tells up to which number the trace can be read, and from where it is.
    pub(super) trace_until: watch::Receiver<u64>,
    pub(super) trace_from: Option<u64>,
    /// What makes it one that can be come back to; none in the open lab.
    pub(super) resumable: Option<Resumable>,
    /// Its place in a class, if it is in one.
    pub(super) place: Option<Membership>,
    /// Its tie to a class, if it is in a lab of its own for a while.
    pub(super) excursion: Option<AwayMembership>,
    /// Resolves when the page that went out from here is no longer out.
    out: Option<oneshot::Receiver<Infallible>>,
    table: SocketTable<TracedSocket, oneshot::Sender<()>>,
    replies: Replies,
}

/// What a session has that outlives its page's connection.
pub(super) struct Resumable {
    token: String,
    /// So many requests were heard, and this id was in none of them.
    heard: u64,
    next_id: u64,
    next_takeover: mpsc::UnboundedReceiver<Takeover>,
    /// Whether it was made for somebody who came back and found nothing kept.
    is_new: bool,
    /// The lab, where it is the session's own: it ends with it.
    _tenancy: Option<LabLease>,
}

/// The calls of a page that have not returned.
pub(super) type Calls = FuturesUnordered<LocalBoxFuture<'static, ReturnedCall>>;

/// A call that has returned.
pub(super) struct ReturnedCall {
    id: u64,
    call: Call,
    made: FinishedCall,
    /// The socket it was made on, if it was made on one.
    door: Option<(Fd, Rc<TracedSocket>)>,
}

#[cfg(test)]
impl ReturnedCall {
    /// A call on no socket that returned nothing.
    pub(super) const fn nothing(id: u64) -> Self {
        Self {
            id,
            call: Call::Cancel { of: id },
            made: plain(Outcome::Returned(shared::outcome::Returned::Nothing)),
            door: None,
        }
    }
}

/// Tells of somebody in a class why it has to leave.
type Gone = watch::Receiver<Option<GoodbyeReason>>;

impl PageSession {
    /// What its page is told first of all; it is there from now on.
    pub(super) fn welcome(&mut self) -> Welcome {
        self.out = None;
        if let Some(place) = &mut self.place {
            place.attach_page();
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
        let mut told = lab.to_message(self.process.host());
        // What the page is told of the trace begins here.
        told.next_seq = self.trace_from.unwrap_or(told.next_seq);
        let session = self.resumable.as_ref().map(|resumable| message::Seat {
            token: resumable.token.clone(),
            heard: resumable.heard,
            next_id: resumable.next_id,
            keep_seconds: limits.keep_seconds,
            is_new: resumable.is_new,
        });
        let network_url = classes.network_url();
        let here = self.place.as_ref().map(|place| place.standing(network_url));
        let out = self.excursion.as_ref();
        let standing = here.or_else(|| out.map(|excursion| excursion.standing(network_url)));
        if let Some(place) = &self.place {
            place.lab_name().clone_into(&mut told.id);
        }
        Welcome {
            protocol: PROTOCOL.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            process: self.process.id(),
            lab: told,
            limits: limits.as_ref().clone(),
            truth: lab.truth().clone(),
            may_control: self.may_control,
            seat: session,
            class: standing.map(Box::new),
        }
    }

    /// Whose events it is told.
    pub(super) fn visibility(&self) -> Visibility {
        if let Some(place) = &self.place {
            return place.visibility();
        }
        if self.may_control {
            return Visibility::All;
        }
        Visibility::own(self.process.id())
    }

    /// Whether nobody else is in its lab.
    pub(super) fn is_in_its_own_lab(&self) -> bool {
        self.resumable.is_some() && self.place.is_none()
    }

    /// How its page belongs to a class, if it does.
    fn tie(&self) -> Option<MembershipRef<'_>> {
        let out = self.excursion.as_ref().map(MembershipRef::Away);
        self.place.as_ref().map(MembershipRef::Present).or(out)
    }

    /// Its page goes to a lab of its own. If it is in a class it stays there, and all it has in the class's lab is
    /// kept for as long as it is out.
    pub(super) fn goes_out(&mut self) -> Option<AwayMembership> {
        let Some(place) = &mut self.place else {
            return self.excursion.take();
        };
        let mut excursion = place.leave_for_private_lab();
        self.out = Some(excursion.closed());
        Some(excursion)
    }

    /// Where it can be come back to.
    pub(super) fn token(&self) -> Option<&str> {
        self.resumable
            .as_ref()
            .map(|resumable| resumable.token.as_str())
    }

    /// This id is no longer a new one.
    pub(super) fn met_id(&mut self, id: u64) {
        if let Some(resumable) = &mut self.resumable {
            resumable.next_id = resumable.next_id.max(id.saturating_add(1));
        }
    }

    /// A message with this id was heard, one that counts.
    pub(super) fn heard(&mut self, id: u64) {
        self.met_id(id);
        if let Some(resumable) = &mut self.resumable {
            resumable.heard += 1;
        }
    }

    /// Does what was asked; the reply comes now or when a call returns.
    pub(super) async fn request(&mut self, message: ClientMessage, from: ClientOrigin) {
        let ClientMessage { id, request } = message;
        let result = match (self.check_id(id), request) {
            (Err(failed), _) => Err(failed),
            (Ok(()), Request::Call(call)) => self.call(id, call),
            (Ok(()), Request::Ask(ask)) => self.ask(ask, from).await.map(Some),
        };
        match result {
            Ok(None) => {}
            Ok(Some(returned)) => self.reply(id, plain(Outcome::Returned(returned))),
            Err(failed) => self.fail(id, failed),
        }
    }

    /// Whether a message may use this id now.
    pub(super) fn check_id(&self, id: u64) -> Result<(), Failed> {
        self.table.check_id(id)
    }

    /// How a call or an ask ended.
    pub(super) fn reply(&mut self, id: u64, made: FinishedCall) {
        self.replies.push(encode_server(&to(Some(id), made)).into());
    }

    /// It failed.
    pub(super) fn fail(&mut self, id: u64, failed: Failed) {
        self.reply(id, plain(Outcome::Failed(failed)));
    }

    /// The next reply for its page.
    pub(super) fn next_reply(&mut self) -> Option<Utf8Bytes> {
        self.replies.next()
    }

    /// What is left to say to a page that gives it up for good: its calls in flight will not return.
    pub(super) fn gives_up_calls(&mut self) {
        for id in self.table.in_flight() {
            let message = "the page went to another lab, and this call ended with its socket";
            self.fail(id, failure::relay(Reason::Cancelled, message));
        }
    }

    /// A page comes back to it, having heard so many of its replies; one that does not know begins to count anew.
    ///
    /// # Errors
    /// Where replies it has not heard are no longer kept, or it says it heard more than there were.
    pub(super) fn resume(&mut self, heard: Option<u64>) -> Result<(), Failed> {
        match heard {
            None => self.replies.begin_anew(),
            Some(heard) => {
                let repeats = self.replies.repeat_after(heard);
                repeats.map_err(|why| self.cannot_repeat(&why))?;
            }
        }
        // It knows how far it got.
        self.trace_from = None;
        if let Some(resumable) = &mut self.resumable {
            resumable.is_new = false;
        }
        Ok(())
    }

    fn cannot_repeat(&self, why: &CannotRepeat) -> Failed {
        match why {
            CannotRepeat::NeverMade(made) => {
                let message = format!("this seat had {made} replies, no more");
                failure::limit(Reason::OutOfRange, *made, message)
            }
            CannotRepeat::Forgotten => {
                let limit = self.context.limits.queued_bytes;
                let message = format!(
                    "of replies {limit} bytes are kept, and more were not heard: resume without \"heard\", and read \
                     them in the trace"
                );
                failure::limit(Reason::NoSuchSeat, limit, message)
            }
        }
    }

    /// Its page has gone. One that lasts is kept for a while; any other ends here.
    pub(super) fn left(mut self: Box<Self>) {
        if let Some(place) = &mut self.place {
            place.detach_page();
        }
        if let Some(excursion) = &mut self.excursion {
            excursion.detach_page();
        }
        if self.resumable.is_some() {
            tokio::task::spawn_local(self.kept());
        }
    }

    /// Goes on without a page: blocked calls return, and their replies wait. Ends when somebody comes back to it,
    /// its time is up, or the relay ends. Its time begins when its page is no longer out in a lab of its own.
    async fn kept(mut self: Box<Self>) {
        let limits = Rc::clone(&self.context.limits);
        let mut ending = self.context.shutdown.clone();
        let keep = Duration::from_secs(limits.keep_seconds);
        let mut time = pin!(tokio::time::sleep(keep));
        loop {
            // As with a page that does not read: it is not worked for without end.
            let room = (self.replies.unsaid_bytes() as u64) < limits.queued_bytes;
            tokio::select! {
                biased;
                Some(takeover) = next_takeover(&mut self.resumable) => match takeover.send(self) {
                    Ok(()) => return,
                    // Who next_takeover it is gone.
                    Err(back) => self = back,
                },
                _ = ending.wait_for(|ending| *ending) => return,
                _ = sent_away(self.place.as_mut().map(|place| &mut place.removal)) => return,
                () = excursion_end(&mut self.out) => {
                    self.out = None;
                    time.as_mut().reset(Instant::now() + keep);
                }
                () = time.as_mut(), if self.out.is_none() => return,
                Some(returned) = self.calls.next(), if room => self.settle(returned),
            }
        }
    }
}

impl Drop for PageSession {
    fn drop(&mut self) {
        if let Some(token) = self.token() {
            self.context.sessions.remove(token);
        }
        // Calls hold their sockets: they go first, then the sockets, then the process.
        self.calls.clear();
        self.table = SocketTable::new(0, 0, 0);
        self.context.lab.leave(self.process.id());
    }
}

/// Resolves when whoever is out is back; never, where nobody is.
async fn excursion_end(out: &mut Option<oneshot::Receiver<Infallible>>) {
    match out {
        Some(over) => drop(over.await),
        None => std::future::pending().await,
    }
}

/// The next one who wants the session; never, of one that cannot be come back to.
pub(super) async fn next_takeover(resumable: &mut Option<Resumable>) -> Option<Takeover> {
    match resumable {
        Some(resumable) => resumable.next_takeover.recv().await,
        None => std::future::pending().await,
    }
}

/// Why whoever has this place has to leave it; never, where it may stay.
pub(super) async fn sent_away(gone: Option<&mut Gone>) -> GoodbyeReason {
    if let Some(gone) = gone
        && let Ok(why) = gone.wait_for(Option::is_some).await
        && let Some(why) = *why
    {
        return why;
    }
    std::future::pending().await
}

/// The reply to a message.
pub(super) fn to(id: Option<u64>, made: FinishedCall) -> ServerMessage {
    let FinishedCall {
        outcome,
        took_ns,
        local,
        peer,
    } = made;
    ServerMessage::Reply(Reply {
        id,
        outcome,
        took_ns,
        local,
        peer,
    })
}

/// What was answered without a socket.
pub(super) const fn plain(outcome: Outcome) -> FinishedCall {
    FinishedCall {
        outcome,
        took_ns: 0,
        local: None,
        peer: None,
    }
}
