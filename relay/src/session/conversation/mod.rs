//! A page's conversation: what it says becomes calls, what comes of them goes back, and the trace beside it.

mod asks;
mod calls;

use std::{net::SocketAddr, pin::Pin, rc::Rc, time::Duration};

use futures_util::{StreamExt, future::LocalBoxFuture, stream::FuturesUnordered};
use shared::{
    PROTOCOL,
    call::{Call, Fd},
    codec::{DecodeError, decode_client},
    message::{ClientMessage, Goodbye, GoodbyeReason, Reply, Request, ServerMessage, Welcome},
    outcome::{Failed, Outcome, Reason, Returned},
    trace::{ProcessId, Role},
};
use tokio::{
    sync::{oneshot, watch},
    time::{Instant, Sleep},
};
use tokio_tungstenite::tungstenite::Message;

use super::{
    Surroundings,
    table::Table,
    talk::{Heard, Talk},
};
use crate::{
    client::{Door, Made, Process},
    failure,
};

/// So many events are looked at before calls have their turn again.
const TRACE_PORTION: usize = 256;
/// The trace leaves this much of `queued_bytes` to replies: a lab's noise must not hold up a page's own calls.
const TRACE_SHARE: usize = 2;

/// Holds the conversation until one side ends it.
pub(super) async fn hold(talk: Talk, from: SocketAddr, surroundings: Surroundings) {
    let mut conversation = Conversation::new(talk, from, surroundings);
    conversation.welcome();
    let ending = loop {
        let event = conversation.next_event().await;
        if let Some(ending) = conversation.handle(event).await {
            break ending;
        }
    };
    if let Ending::Goodbye(goodbye) = ending {
        conversation.talk.part(&goodbye).await;
    }
}

struct Conversation {
    talk: Talk,
    surroundings: Surroundings,
    process: Rc<Process>,
    may_control: bool,
    table: Table<Door, oneshot::Sender<()>>,
    calls: FuturesUnordered<LocalBoxFuture<'static, Returning>>,
    trace_until: watch::Receiver<u64>,
    trace_from: Option<u64>,
    heard_at: Instant,
    timer: Pin<Box<Sleep>>,
}

/// A call that has returned.
struct Returning {
    id: u64,
    fd: Fd,
    call: Call,
    made: Made,
    door: Rc<Door>,
}

/// What can happen next.
enum Event {
    Heard(Heard),
    Returned(Box<Returning>),
    TraceGrew,
    TimerFired,
    RelayEnds,
}

/// How a conversation ends.
enum Ending {
    Goodbye(Goodbye),
    Gone,
}

impl Conversation {
    fn new(talk: Talk, from: SocketAddr, surroundings: Surroundings) -> Self {
        let Surroundings { lab, limits, .. } = &surroundings;
        let trace = lab.trace();
        let (trace_from, trace_until) = (trace.range().1, trace.viewer());
        let id = lab.join(Role::Page);
        let first_look = Duration::from_secs(limits.idle_seconds.min(limits.unread_seconds));
        Self {
            talk,
            process: Rc::new(Process::new(
                id,
                lab.client_host(),
                Rc::clone(trace),
                Rc::clone(lab.edge()),
            )),
            may_control: from.ip().to_canonical().is_loopback(),
            table: Table::new(limits.sockets, limits.calls, limits.queued_bytes),
            calls: FuturesUnordered::new(),
            trace_until,
            trace_from: Some(trace_from),
            heard_at: Instant::now(),
            timer: Box::pin(tokio::time::sleep(first_look)),
            surroundings,
        }
    }

    fn welcome(&mut self) {
        let Surroundings {
            lab, limits, truth, ..
        } = &self.surroundings;
        let mut lab = lab.told();
        // What the page sees begins with its own coming.
        lab.next_seq = self.trace_from.unwrap_or(lab.next_seq);
        let welcome = Welcome {
            protocol: PROTOCOL.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            process: self.process.id(),
            lab,
            limits: limits.as_ref().clone(),
            truth: truth.as_ref().clone(),
            may_control: self.may_control,
            seat: None,
        };
        self.talk.say(&ServerMessage::Welcome(Box::new(welcome)));
    }

    async fn next_event(&mut self) -> Event {
        let queued_most =
            usize::try_from(self.surroundings.limits.queued_bytes).unwrap_or(usize::MAX);
        // Who does not read is not worked for: what was sent has to go out first.
        let listening = self.talk.queued() < queued_most;
        let room_for_trace = self.talk.queued() < queued_most / TRACE_SHARE;
        if self.trace_is_behind() && room_for_trace {
            return Event::TraceGrew;
        }
        // A page that never pauses must not keep the clock, the trace and the relay's end from being seen.
        if self.timer.deadline() <= Instant::now() {
            return Event::TimerFired;
        }
        tokio::select! {
            biased;
            Ok(()) = self.surroundings.ending.changed() => Event::RelayEnds,
            Ok(()) = self.trace_until.changed(), if self.trace_from.is_some() && room_for_trace => Event::TraceGrew,
            Some(returned) = self.calls.next(), if listening => Event::Returned(Box::new(returned)),
            heard = self.talk.heard(listening) => Event::Heard(heard),
            () = self.timer.as_mut() => Event::TimerFired,
        }
    }

    async fn handle(&mut self, event: Event) -> Option<Ending> {
        match event {
            Event::Heard(Heard::Said(message)) => return self.hear(message).await,
            Event::Heard(Heard::Flushed) => {}
            Event::Heard(Heard::Gone) => return Some(Ending::Gone),
            Event::Heard(Heard::NotText) => return Some(no_conversation("text that is not UTF-8")),
            Event::Heard(Heard::TooLong) => {
                let limit = self.surroundings.limits.message_bytes;
                return Some(goodbye(
                    GoodbyeReason::TooLong,
                    Some(limit),
                    "that message was far too long",
                ));
            }
            Event::Returned(returned) => self.settle(*returned),
            Event::TraceGrew => self.tell_trace(),
            Event::TimerFired => return self.check_time(),
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

    async fn hear(&mut self, message: Message) -> Option<Ending> {
        self.heard_at = Instant::now();
        let text = match message {
            Message::Text(text) => text,
            Message::Binary(_) => {
                return Some(no_conversation("binary message where JSON text is due"));
            }
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => {
                return None;
            }
        };
        match decode_client(&text) {
            Ok(message) => match self.check_length(text.len()) {
                Ok(()) => self.request(message).await,
                Err(failed) => self.fail(Some(message.id), failed),
            },
            Err(DecodeError::NotAConversation) => {
                return Some(no_conversation("not a JSON object"));
            }
            Err(DecodeError::NotAMessage {
                id,
                reason,
                message,
            }) => self.fail(id, failure::relay(reason, message)),
        }
        None
    }

    fn check_length(&self, length: usize) -> Result<(), Failed> {
        let limit = self.surroundings.limits.message_bytes;
        if length as u64 > limit {
            let message = format!("a message may have {limit} bytes, this one has {length}");
            return Err(failure::limit(Reason::MessageTooLarge, limit, message));
        }
        Ok(())
    }

    async fn request(&mut self, message: ClientMessage) {
        let ClientMessage { id, request } = message;
        let result = match (self.table.check_id(id), request) {
            (Err(failed), _) => Err(failed),
            (Ok(()), Request::Call(call)) => self.call(id, call),
            (Ok(()), Request::Ask(ask)) => self.ask(ask).await.map(|()| Some(Returned::Nothing)),
        };
        match result {
            Ok(None) => {}
            Ok(Some(returned)) => self.reply(Some(id), plain(Outcome::Returned(returned))),
            Err(failed) => self.fail(Some(id), failed),
        }
    }

    fn trace_is_behind(&self) -> bool {
        self.trace_from
            .is_some_and(|from| from < *self.trace_until.borrow())
    }

    fn tell_trace(&mut self) {
        self.trace_until.mark_unchanged();
        let Some(from) = self.trace_from else { return };
        let viewer: Option<ProcessId> = (!self.may_control).then(|| self.process.id());
        let page = self
            .surroundings
            .lab
            .trace()
            .read(from, viewer, TRACE_PORTION);
        if let Some(gap) = page.gap {
            self.talk.say(&ServerMessage::Gap(gap));
        }
        for recorded in page.events {
            self.talk.say_text(recorded.message());
        }
        self.trace_from = Some(page.next);
    }

    /// Time to look whether the page still reads and still speaks; if so, when to look again.
    fn check_time(&mut self) -> Option<Ending> {
        let limits = &self.surroundings.limits;
        let (idle, unread) = (
            Duration::from_secs(limits.idle_seconds),
            Duration::from_secs(limits.unread_seconds),
        );
        if self
            .talk
            .unread_since()
            .is_some_and(|since| since.elapsed() >= unread)
        {
            return Some(goodbye(
                GoodbyeReason::Unread,
                Some(limits.unread_seconds),
                "what was sent is not being read",
            ));
        }
        if self.heard_at.elapsed() >= idle {
            return Some(goodbye(
                GoodbyeReason::Idle,
                Some(limits.idle_seconds),
                "nothing was said for a long time",
            ));
        }
        self.timer
            .as_mut()
            .reset(Instant::now() + unread.min(idle.saturating_sub(self.heard_at.elapsed())));
        None
    }

    fn reply(&mut self, id: Option<u64>, made: Made) {
        let Made {
            outcome,
            took_ns,
            local,
            peer,
        } = made;
        self.talk.say(&ServerMessage::Reply(Reply {
            id,
            outcome,
            took_ns,
            local,
            peer,
        }));
    }

    fn fail(&mut self, id: Option<u64>, failed: Failed) {
        self.reply(id, plain(Outcome::Failed(failed)));
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        // Calls hold their sockets: they go first, then the sockets, then the process.
        self.calls.clear();
        self.table = Table::new(0, 0, 0);
        self.surroundings.lab.leave(self.process.id());
    }
}

/// What was answered without a socket.
const fn plain(outcome: Outcome) -> Made {
    Made {
        outcome,
        took_ns: 0,
        local: None,
        peer: None,
    }
}

fn no_conversation(message: &str) -> Ending {
    goodbye(GoodbyeReason::NotAConversation, None, message)
}

fn goodbye(reason: GoodbyeReason, limit: Option<u64>, message: &str) -> Ending {
    Ending::Goodbye(Goodbye {
        reason,
        limit,
        message: message.to_owned(),
    })
}
