//! A page's session as a state machine. Pure: messages, results and times go in; replies and effects come out.
//!
//! Call a `handle_*` method for each thing that happens, perform every effect of [`Core::poll_effect`] in order, and then
//! send every reply of [`Core::poll_reply`], before the next input. Call [`Core::handle_timeout`] at
//! [`Core::poll_timeout`]. Sockets, labs and classes are not known here: [`session`](super::session) and
//! [`driver`](super::driver) perform the effects.

mod clock;
mod disconnect;
mod effect;
mod replies;
mod request;
mod socket_table;

use std::{collections::VecDeque, rc::Rc};

use shared::{
    call::Fd,
    codec::{DecodeError, decode_client, encode_server},
    limits::Limits,
    message::{Ask, ClientMessage, Reply, Request, ServerMessage},
    outcome::{Failed, Outcome, Reason, Returned},
};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use self::{
    clock::Clock,
    replies::{CannotRepeat, Replies},
    socket_table::SocketTable,
};
pub(super) use self::{
    clock::ConnectionState,
    disconnect::Disconnect,
    effect::{CallEffect, Effect, PageEffect, Transition},
    socket_table::ReadyCall,
};
use crate::{client::FinishedCall, failure, session::close_code::UNSUPPORTED};

/// The state of one session; `S` is a socket.
#[derive(Debug)]
pub(super) struct Core<S> {
    limits: Rc<Limits>,
    sockets: SocketTable<S>,
    replies: Replies,
    effects: VecDeque<Effect<S>>,
    clock: Clock,
    requests: u64,
    next_id: u64,
}

impl<S> Core<S> {
    /// A session whose page is connected `now`. With `is_resumable`, replies are kept to be repeated.
    pub(super) fn new(limits: Rc<Limits>, is_resumable: bool, now: Instant) -> Self {
        let kept_bytes = if is_resumable { limits.queued_bytes } else { 0 };
        Self {
            sockets: SocketTable::new(limits.sockets, limits.calls, limits.queued_bytes),
            replies: Replies::new(usize::try_from(kept_bytes).unwrap_or(usize::MAX)),
            effects: VecDeque::new(),
            clock: Clock::new(&limits, now),
            requests: 0,
            next_id: 1,
            limits,
        }
    }

    /// The number of requests so far. Pings and transitions are the connection's, and not counted.
    pub(super) const fn requests(&self) -> u64 {
        self.requests
    }

    /// A message id that no message has had.
    pub(super) const fn next_id(&self) -> u64 {
        self.next_id
    }

    /// The bytes of replies that are not sent.
    pub(super) const fn unsent_bytes(&self) -> usize {
        self.replies.unsent_bytes()
    }

    /// The next reply to send.
    pub(super) fn poll_reply(&mut self) -> Option<Utf8Bytes> {
        self.replies.next()
    }

    /// The next effect to perform.
    pub(super) fn poll_effect(&mut self) -> Option<Effect<S>> {
        self.effects.pop_front()
    }

    /// When to call [`Self::handle_timeout`] next.
    pub(super) const fn poll_timeout(&self) -> Instant {
        self.clock.poll_timeout()
    }

    /// A page is connected to the session.
    pub(super) fn handle_connected(&mut self, now: Instant) {
        self.clock = Clock::new(&self.limits, now);
    }

    /// A WebSocket frame that is no text message has arrived.
    pub(super) const fn handle_frame(&mut self) {
        self.clock.record_frame();
    }

    /// A text message has arrived. `may_call` fails if the page must not make calls.
    pub(super) fn handle_message(
        &mut self,
        text: &str,
        now: Instant,
        may_call: impl FnOnce() -> Result<(), Failed>,
    ) {
        self.clock.record_frame();
        let decoded = decode_client(text);
        if let Ok(ClientMessage {
            id,
            request: Request::Ask(Ask::Ping),
        }) = decoded
        {
            let checked = self.sockets.check_id(id);
            self.record_id(id);
            return self.send(Some(id), checked.map(|()| Returned::Nothing));
        }
        self.clock.record_message(now);
        match decoded {
            Ok(ClientMessage { id, request }) => match Transition::from_request(request) {
                Ok(transition) => self.handle_transition(id, transition, text.len()),
                Err(request) => self.handle_request(id, request, text.len(), may_call),
            },
            Err(DecodeError::NotAConversation) => {
                let disconnect = Disconnect::not_a_conversation(UNSUPPORTED, "not a JSON object");
                self.push(PageEffect::Disconnect(disconnect));
            }
            Err(DecodeError::NotAMessage {
                id: Some(id),
                reason,
                message,
            }) => {
                self.record_request(id);
                self.fail(id, failure::relay(reason, message));
            }
            Err(DecodeError::NotAMessage {
                id: None,
                reason,
                message,
            }) => self.send(None, Err(failure::relay(reason, message))),
        }
    }

    /// The time of [`Self::poll_timeout`] has come, or a later one.
    pub(super) fn handle_timeout(&mut self, now: Instant, connection: ConnectionState) {
        match self.clock.handle_timeout(&self.limits, now, connection) {
            Ok(true) => self.push(PageEffect::Ping),
            Ok(false) => {}
            Err(disconnect) => self.push(PageEffect::Disconnect(disconnect)),
        }
    }

    /// The result of [`CallEffect::Open`].
    pub(super) fn handle_opened(
        &mut self,
        id: u64,
        fd: Fd,
        socket: Result<S, Failed>,
        took_ns: u64,
    ) {
        let outcome = failure::outcome(socket.map(|socket| {
            self.sockets.insert(fd, socket);
            Returned::Socket { fd }
        }));
        let result = FinishedCall {
            took_ns,
            ..without_socket(outcome)
        };
        self.reply(id, result);
    }

    /// A call has returned; on a socket, the next call in its queue is ready.
    pub(super) fn handle_returned(&mut self, id: u64, fd: Option<Fd>, result: FinishedCall) {
        self.reply(id, result);
        if let Some(ready) = self.sockets.finish(id, fd) {
            self.start(ready);
        }
    }

    /// The result of [`CallEffect::Close`]. Calls that are still in the socket's queue fail.
    pub(super) fn handle_closed(&mut self, id: u64, fd: Fd, result: FinishedCall) {
        self.reply(id, result);
        for orphan in self.sockets.remove(id, fd) {
            let message = format!("socket {fd} was closed before this call had its turn");
            self.fail(orphan, failure::relay(Reason::NoSuchSocket, message));
        }
    }

    /// The result of [`PageEffect::Control`].
    pub(super) fn handle_control_result(&mut self, id: u64, result: Result<Returned, Failed>) {
        self.reply(id, without_socket(failure::outcome(result)));
    }

    /// The session ends, and no call in flight will return.
    pub(super) fn handle_abandoned(&mut self) {
        for id in self.sockets.in_flight() {
            let message = "the page went to another lab, and this call ended with its socket";
            self.fail(id, failure::relay(Reason::Cancelled, message));
        }
    }

    /// Another connection resumes the session and has received the first `received` replies. With `None` it counts anew,
    /// and no earlier reply is sent.
    ///
    /// # Errors
    /// Where there were fewer replies, or those that are missing are no longer kept.
    pub(super) fn handle_resumed(&mut self, received: Option<u64>) -> Result<(), Failed> {
        let Some(received) = received else {
            self.replies.reset();
            return Ok(());
        };
        let limit = self.limits.queued_bytes;
        self.replies.repeat_after(received).map_err(|why| match why {
            CannotRepeat::NeverMade(made) => {
                let message = format!("this seat had {made} replies, no more");
                failure::limit(Reason::OutOfRange, made, message)
            }
            CannotRepeat::Forgotten => {
                let message = format!(
                    "of replies {limit} bytes are kept, and more were not heard: resume without \"heard\", and read \
                     them in the trace"
                );
                failure::limit(Reason::NoSuchSeat, limit, message)
            }
        })
    }

    /// Closes all sockets.
    pub(super) fn clear(&mut self) {
        self.effects.clear();
        self.sockets = SocketTable::new(0, 0, 0);
    }

    /// Records that this message id is taken.
    pub(super) fn record_id(&mut self, id: u64) {
        self.next_id = self.next_id.max(id.saturating_add(1));
    }

    fn record_request(&mut self, id: u64) {
        self.record_id(id);
        self.requests += 1;
    }

    fn reply(&mut self, id: u64, result: FinishedCall) {
        self.replies
            .push(encode_server(&reply(Some(id), result)).into());
    }

    fn fail(&mut self, id: u64, failed: Failed) {
        self.reply(id, without_socket(Outcome::Failed(failed)));
    }

    /// Sends a reply of the connection, which is not repeated to a page that resumes.
    fn send(&mut self, id: Option<u64>, result: Result<Returned, Failed>) {
        let message = reply(id, without_socket(failure::outcome(result)));
        self.push(PageEffect::Send(encode_server(&message).into()));
    }

    fn push(&mut self, effect: PageEffect) {
        self.effects.push_back(Effect::Page(effect));
    }
}

/// The failure of a call that the page cancels.
pub(super) fn cancelled() -> Failed {
    failure::relay(Reason::Cancelled, "the page cancelled this call")
}

/// The reply to the message with this id.
pub(super) fn reply(id: Option<u64>, result: FinishedCall) -> ServerMessage {
    let FinishedCall {
        outcome,
        took_ns,
        local,
        peer,
    } = result;
    ServerMessage::Reply(Reply {
        id,
        outcome,
        took_ns,
        local,
        peer,
    })
}

/// The result of a request that used no socket.
pub(super) const fn without_socket(outcome: Outcome) -> FinishedCall {
    FinishedCall {
        outcome,
        took_ns: 0,
        local: None,
        peer: None,
    }
}

#[cfg(test)]
mod tests;
