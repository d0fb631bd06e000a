//! A page's conversation: what it says becomes calls, what comes of them goes back, and the trace beside it.

mod poll_order;
mod time;

use std::{future::poll_fn, pin::Pin, time::Duration};

use shared::{
    codec::{DecodeError, decode_client},
    message::{Ask, ClientMessage, Goodbye, GoodbyeReason, Request, ServerMessage},
    outcome::{Failed, Outcome, Reason},
};
use tokio::{
    sync::mpsc::UnboundedReceiver,
    time::{Instant, Sleep},
};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use self::poll_order::PollOrder;
use super::{
    Takeover,
    session::{PageSession, ReturnedCall, next_takeover, plain, sent_away, to},
    transition::{Transition, seat_in_the_open_lab},
};
use crate::{
    admission::ClientOrigin,
    failure,
    session::{
        SessionContext,
        close_code::{INVALID, PROTOCOL, UNSUPPORTED},
        heartbeat::Heartbeat,
        ws::{Incoming, WsConnection},
    },
};

/// So many events are looked at before calls have their turn again.
const TRACE_PORTION: usize = 256;
/// What a page is told whose place another one has.
pub(super) const TAKEN_OVER: &str = "another page has come with the token of this one's seat";
/// So many messages are heard one after the other before all else has its turn again.
const HEARD_TOGETHER: u32 = 32;
/// The trace leaves this much of `queued_bytes` to replies: a lab's noise must not hold up a page's own calls.
const TRACE_SHARE: usize = 2;

/// Holds the conversation until one side ends it.
pub(in crate::session) async fn run(ws: WsConnection, from: ClientOrigin, context: SessionContext) {
    let session = seat_in_the_open_lab(&context, from);
    let mut conversation = Driver::new(ws, session, from);
    conversation.welcome();
    loop {
        match conversation.run_until_exit().await {
            Exit::Moves(id, to) => conversation = conversation.moves(id, to).await,
            Exit::Wanted(takeover) => return conversation.hand_over(takeover).await,
            Exit::Goodbye(goodbye, code) => {
                let Driver {
                    mut ws, session, ..
                } = conversation;
                session.left();
                return ws.close_with(&goodbye, code).await;
            }
            Exit::Gone => return conversation.session.left(),
        }
    }
}

/// A page in its session.
pub(super) struct Driver {
    pub(super) ws: WsConnection,
    pub(super) session: Box<PageSession>,
    pub(super) from: ClientOrigin,
    /// Wrong codes and tokens it has said.
    pub(super) wrong_attempts: u32,
    /// When the page said something last; a ping is nothing.
    heard_at: Instant,
    heartbeat: Heartbeat,
    timer: Pin<Box<Sleep>>,
    turns: PollOrder,
}

/// What can happen next.
enum Event {
    Incoming(Incoming),
    Returned(Box<ReturnedCall>),
    TraceGrew,
    TimerFired,
    RelayEnds,
    Wanted(Takeover),
    /// Something is new in the class.
    News(Utf8Bytes),
    /// Another page has this one's place in the class.
    Untied,
    /// Whoever is in a class has to leave it.
    SentAway(GoodbyeReason),
}

/// How a conversation in one session ends.
enum Exit {
    /// With these last words and this close code.
    Goodbye(Goodbye, u16),
    Gone,
    /// The page goes to another lab.
    Moves(u64, Transition),
    /// Another page wants this one's session.
    Wanted(Takeover),
}

impl Driver {
    pub(super) fn new(ws: WsConnection, session: Box<PageSession>, from: ClientOrigin) -> Self {
        let limits = &session.context.limits;
        let first_look = Duration::from_secs(limits.idle_seconds.min(limits.unread_seconds));
        let now = Instant::now();
        let heartbeat = Heartbeat::new(Duration::from_secs(limits.ping_seconds), now);
        let first_look = heartbeat.poll_timeout().min(now + first_look);
        Self {
            heard_at: now,
            timer: Box::pin(tokio::time::sleep_until(first_look)),
            heartbeat,
            turns: PollOrder::default(),
            ws,
            session,
            from,
            wrong_attempts: 0,
        }
    }

    pub(super) fn welcome(&mut self) {
        let welcome = Box::new(self.session.welcome());
        self.ws.send(&ServerMessage::Welcome(welcome));
        self.say_replies();
    }

    async fn run_until_exit(&mut self) -> Exit {
        loop {
            let mut event = self.next_event().await;
            for so_far in 1.. {
                let said = matches!(event, Event::Incoming(Incoming::Message(_)));
                let ending = self.handle(event).await;
                self.say_replies();
                if let Some(ending) = ending {
                    return ending;
                }
                if !said || so_far == HEARD_TOGETHER || !self.is_listening() {
                    break;
                }
                match self.ws.try_next() {
                    Some(more) => event = Event::Incoming(more),
                    None => break,
                }
            }
        }
    }

    /// Who does not read is not worked for: what was sent has to go out first.
    fn is_listening(&self) -> bool {
        self.ws.queued_bytes() < self.queued_most()
    }

    fn queued_most(&self) -> usize {
        let limits = &self.session.context.limits;
        usize::try_from(limits.queued_bytes).unwrap_or(usize::MAX)
    }

    fn say_replies(&mut self) {
        while let Some(reply) = self.session.next_reply() {
            self.ws.send_text(reply);
        }
    }

    async fn next_event(&mut self) -> Event {
        let listening = self.is_listening();
        let room_for_trace = self.ws.queued_bytes() < self.queued_most() / TRACE_SHARE;
        let Self {
            ws,
            session,
            timer,
            turns,
            ..
        } = self;
        let PageSession {
            context,
            calls,
            trace_from,
            trace_until,
            resumable,
            place,
            excursion,
            ..
        } = &mut **session;
        let (outbox, gone) = match (place, excursion) {
            (Some(place), _) => (place.outbox.as_mut(), Some(&mut place.removal)),
            (None, Some(out)) => (out.outbox.as_mut(), Some(&mut out.removal)),
            (None, None) => (None, None),
        };
        let is_behind = trace_from.is_some_and(|from| from < *trace_until.borrow());
        if is_behind && room_for_trace {
            return Event::TraceGrew;
        }
        // What is asked first cannot be starved: a page that never pauses, or a call that is always ready to be tried
        // again, must not keep the clock, the trace and the relay's end from being seen.
        tokio::select! {
            biased;
            Ok(()) = context.shutdown.changed() => Event::RelayEnds,
            Some(takeover) = next_takeover(resumable) => Event::Wanted(takeover),
            why = sent_away(gone) => Event::SentAway(why),
            () = timer.as_mut() => Event::TimerFired,
            news = next_letter(outbox), if listening => news.map_or(Event::Untied, Event::News),
            Ok(()) = trace_until.changed(), if trace_from.is_some() && room_for_trace => Event::TraceGrew,
            event = poll_fn(|context| turns.poll(context, ws, calls, listening)) => event,
        }
    }

    async fn handle(&mut self, event: Event) -> Option<Exit> {
        match event {
            Event::Incoming(Incoming::Message(message)) => return self.hear(message).await,
            Event::Incoming(Incoming::Flushed) => {}
            Event::Incoming(Incoming::Disconnected) => return Some(Exit::Gone),
            Event::Incoming(Incoming::InvalidUtf8) => {
                return Some(no_conversation(INVALID, "text that is not UTF-8"));
            }
            Event::Incoming(Incoming::Violation(rule)) => {
                return Some(no_conversation(PROTOCOL, &rule));
            }
            Event::Incoming(Incoming::TooLong) => {
                let limit = self.session.context.limits.message_bytes;
                return Some(goodbye(
                    GoodbyeReason::TooLong,
                    Some(limit),
                    "that message was far too long",
                ));
            }
            Event::Returned(returned) => self.session.settle(*returned),
            Event::TraceGrew => self.tell_trace(),
            Event::TimerFired => return self.check_time(),
            Event::News(news) => self.ws.send_text(news),
            Event::Untied => {
                if let Some(place) = &mut self.session.place {
                    place.outbox = None;
                    return None;
                }
                return Some(goodbye(GoodbyeReason::TakenOver, None, TAKEN_OVER));
            }
            Event::SentAway(why) => {
                let message = if why == GoodbyeReason::Removed {
                    "the teacher has removed you from the class"
                } else {
                    "the teacher has ended the class"
                };
                return Some(goodbye(why, None, message));
            }
            Event::Wanted(takeover) => return Some(Exit::Wanted(takeover)),
            Event::RelayEnds => {
                return Some(goodbye(
                    GoodbyeReason::ShuttingDown,
                    None,
                    "the relay is ending",
                ));
            }
        }
        None
    }

    async fn hear(&mut self, message: Message) -> Option<Exit> {
        self.heartbeat.record_received();
        let text = match message {
            Message::Text(text) => text,
            Message::Binary(_) => {
                return Some(no_conversation(
                    UNSUPPORTED,
                    "binary message where JSON text is due",
                ));
            }
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => {
                return None;
            }
        };
        let decoded = decode_client(&text);
        if let Ok(ClientMessage {
            id,
            request: Request::Ask(Ask::Ping),
        }) = decoded
        {
            self.answer_ping(id);
            return None;
        }
        self.heard_at = Instant::now();
        match decoded {
            Ok(ClientMessage { id, request }) => match Transition::of(request) {
                Ok(to) => return self.hear_move(id, to, text.len()),
                Err(request) => self.hear_request(id, request, text.len()).await,
            },
            Err(DecodeError::NotAConversation) => {
                return Some(no_conversation(UNSUPPORTED, "not a JSON object"));
            }
            Err(DecodeError::NotAMessage {
                id: Some(id),
                reason,
                message,
            }) => {
                self.session.heard(id);
                self.session.fail(id, failure::relay(reason, message));
            }
            Err(DecodeError::NotAMessage {
                id: None,
                reason,
                message,
            }) => self.refuse(None, failure::relay(reason, message)),
        }
        None
    }

    async fn hear_request(&mut self, id: u64, request: Request, length: usize) {
        self.session.heard(id);
        match self.check_length(length) {
            Ok(()) => {
                let message = ClientMessage { id, request };
                self.session.request(message, self.from).await;
            }
            Err(failed) => self.session.fail(id, failed),
        }
    }

    /// Going from lab to lab is the connection's doing and no request of the session's.
    fn hear_move(&mut self, id: u64, to: Transition, length: usize) -> Option<Exit> {
        let checked = self.check_length(length).and(self.session.check_id(id));
        self.session.met_id(id);
        match checked {
            Ok(()) => Some(Exit::Moves(id, to)),
            Err(failed) => {
                self.refuse(Some(id), failed);
                None
            }
        }
    }

    fn check_length(&self, length: usize) -> Result<(), Failed> {
        let limit = self.session.context.limits.message_bytes;
        if length as u64 > limit {
            let message = format!("a message may have {limit} bytes, this one has {length}");
            return Err(failure::limit(Reason::MessageTooLarge, limit, message));
        }
        Ok(())
    }

    /// A reply that is none of the session's.
    pub(super) fn refuse(&mut self, id: Option<u64>, failed: Failed) {
        self.ws.send(&to(id, plain(Outcome::Failed(failed))));
    }

    fn tell_trace(&mut self) {
        let Self { ws, session, .. } = self;
        session.trace_until.mark_unchanged();
        let Some(from) = session.trace_from else {
            return;
        };
        let trace = session.context.lab.trace();
        let page = trace.read(from, session.visibility(), TRACE_PORTION);
        if let Some(gap) = page.gap {
            ws.send(&ServerMessage::Gap(gap));
        }
        for recorded in page.events {
            ws.queue_json(recorded.message());
        }
        session.trace_from = Some(page.next);
    }
}

/// The next word from the class; never, where there is none.
async fn next_letter(outbox: Option<&mut UnboundedReceiver<Utf8Bytes>>) -> Option<Utf8Bytes> {
    match outbox {
        Some(outbox) => outbox.recv().await,
        None => std::future::pending().await,
    }
}

fn no_conversation(code: u16, message: &str) -> Exit {
    let goodbye = Goodbye {
        reason: GoodbyeReason::NotAConversation,
        limit: None,
        message: message.to_owned(),
    };
    Exit::Goodbye(goodbye, code)
}

fn goodbye(reason: GoodbyeReason, limit: Option<u64>, message: &str) -> Exit {
    let goodbye = Goodbye {
        reason,
        limit,
        message: message.to_owned(),
    };
    Exit::Goodbye(goodbye, reason.close_code())
}

#[cfg(test)]
mod tests;
