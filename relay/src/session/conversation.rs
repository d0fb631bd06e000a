//! A page's conversation: what it says becomes calls, what comes of them goes back, and the trace beside it.

mod time;
mod turns;

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

use self::turns::Turns;
use super::{
    Surroundings,
    close_code::{INVALID, PROTOCOL, UNSUPPORTED},
    heartbeat::Heartbeat,
    moves::{Move, seat_in_the_open_lab},
    seat::{Returning, Seat, plain, sent_away, to, wanted},
    seats::Demand,
    talk::{Heard, Talk},
};
use crate::{admission::ClientOrigin, failure};

/// So many events are looked at before calls have their turn again.
const TRACE_PORTION: usize = 256;
/// What a page is told whose place another one has.
pub(super) const TAKEN_OVER: &str = "another page has come with the token of this one's seat";
/// So many messages are heard one after the other before all else has its turn again.
const HEARD_TOGETHER: u32 = 32;
/// The trace leaves this much of `queued_bytes` to replies: a lab's noise must not hold up a page's own calls.
const TRACE_SHARE: usize = 2;

/// Holds the conversation until one side ends it.
pub(super) async fn hold(talk: Talk, from: ClientOrigin, surroundings: Surroundings) {
    let seat = seat_in_the_open_lab(&surroundings, from);
    let mut conversation = Conversation::new(talk, seat, from);
    conversation.welcome();
    loop {
        match conversation.goes_on().await {
            Ending::Moves(id, to) => conversation = conversation.moves(id, to).await,
            Ending::Wanted(demand) => return conversation.hands_over(demand).await,
            Ending::Goodbye(goodbye, code) => {
                let Conversation { mut talk, seat, .. } = conversation;
                seat.left();
                return talk.part_with(&goodbye, code).await;
            }
            Ending::Gone => return conversation.seat.left(),
        }
    }
}

/// A page in its seat.
pub(super) struct Conversation {
    pub(super) talk: Talk,
    pub(super) seat: Box<Seat>,
    pub(super) from: ClientOrigin,
    /// Wrong codes and tokens it has said.
    pub(super) wrong_attempts: u32,
    /// When the page said something last; a ping is nothing.
    heard_at: Instant,
    heartbeat: Heartbeat,
    timer: Pin<Box<Sleep>>,
    turns: Turns,
}

/// What can happen next.
enum Event {
    Heard(Heard),
    Returned(Box<Returning>),
    TraceGrew,
    TimerFired,
    RelayEnds,
    Wanted(Demand),
    /// Something is new in the class.
    News(Utf8Bytes),
    /// Another page has this one's place in the class.
    Untied,
    /// Whoever is in a class has to leave it.
    SentAway(GoodbyeReason),
}

/// How a conversation in one seat ends.
enum Ending {
    /// With these last words and this close code.
    Goodbye(Goodbye, u16),
    Gone,
    /// The page goes to another lab.
    Moves(u64, Move),
    /// Another page wants this one's seat.
    Wanted(Demand),
}

impl Conversation {
    pub(super) fn new(talk: Talk, seat: Box<Seat>, from: ClientOrigin) -> Self {
        let limits = &seat.surroundings.limits;
        let first_look = Duration::from_secs(limits.idle_seconds.min(limits.unread_seconds));
        let now = Instant::now();
        let heartbeat = Heartbeat::new(Duration::from_secs(limits.ping_seconds), now);
        let first_look = heartbeat.due().min(now + first_look);
        Self {
            heard_at: now,
            timer: Box::pin(tokio::time::sleep_until(first_look)),
            heartbeat,
            turns: Turns::default(),
            talk,
            seat,
            from,
            wrong_attempts: 0,
        }
    }

    pub(super) fn welcome(&mut self) {
        let welcome = Box::new(self.seat.welcome());
        self.talk.say(&ServerMessage::Welcome(welcome));
        self.say_replies();
    }

    async fn goes_on(&mut self) -> Ending {
        loop {
            let mut event = self.next_event().await;
            for so_far in 1.. {
                let said = matches!(event, Event::Heard(Heard::Said(_)));
                let ending = self.handle(event).await;
                self.say_replies();
                if let Some(ending) = ending {
                    return ending;
                }
                if !said || so_far == HEARD_TOGETHER || !self.is_listening() {
                    break;
                }
                match self.talk.heard_already() {
                    Some(more) => event = Event::Heard(more),
                    None => break,
                }
            }
        }
    }

    /// Who does not read is not worked for: what was sent has to go out first.
    fn is_listening(&self) -> bool {
        self.talk.queued() < self.queued_most()
    }

    fn queued_most(&self) -> usize {
        let limits = &self.seat.surroundings.limits;
        usize::try_from(limits.queued_bytes).unwrap_or(usize::MAX)
    }

    fn say_replies(&mut self) {
        while let Some(reply) = self.seat.next_reply() {
            self.talk.say_text(reply);
        }
    }

    async fn next_event(&mut self) -> Event {
        let listening = self.is_listening();
        let room_for_trace = self.talk.queued() < self.queued_most() / TRACE_SHARE;
        let Self {
            talk,
            seat,
            timer,
            turns,
            ..
        } = self;
        let Seat {
            surroundings,
            calls,
            trace_from,
            trace_until,
            lasting,
            place,
            excursion,
            ..
        } = &mut **seat;
        let (letters, gone) = match (place, excursion) {
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
            Ok(()) = surroundings.ending.changed() => Event::RelayEnds,
            Some(demand) = wanted(lasting) => Event::Wanted(demand),
            why = sent_away(gone) => Event::SentAway(why),
            () = timer.as_mut() => Event::TimerFired,
            news = next_letter(letters), if listening => news.map_or(Event::Untied, Event::News),
            Ok(()) = trace_until.changed(), if trace_from.is_some() && room_for_trace => Event::TraceGrew,
            event = poll_fn(|context| turns.poll(context, talk, calls, listening)) => event,
        }
    }

    async fn handle(&mut self, event: Event) -> Option<Ending> {
        match event {
            Event::Heard(Heard::Said(message)) => return self.hear(message).await,
            Event::Heard(Heard::Flushed) => {}
            Event::Heard(Heard::Gone) => return Some(Ending::Gone),
            Event::Heard(Heard::NotText) => {
                return Some(no_conversation(INVALID, "text that is not UTF-8"));
            }
            Event::Heard(Heard::Broken(rule)) => return Some(no_conversation(PROTOCOL, &rule)),
            Event::Heard(Heard::TooLong) => {
                let limit = self.seat.surroundings.limits.message_bytes;
                return Some(goodbye(
                    GoodbyeReason::TooLong,
                    Some(limit),
                    "that message was far too long",
                ));
            }
            Event::Returned(returned) => self.seat.settle(*returned),
            Event::TraceGrew => self.tell_trace(),
            Event::TimerFired => return self.check_time(),
            Event::News(news) => self.talk.say_text(news),
            Event::Untied => {
                if let Some(place) = &mut self.seat.place {
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
            Event::Wanted(demand) => return Some(Ending::Wanted(demand)),
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
        self.heartbeat.heard();
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
            Ok(ClientMessage { id, request }) => match Move::of(request) {
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
                self.seat.heard(id);
                self.seat.fail(id, failure::relay(reason, message));
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
        self.seat.heard(id);
        match self.check_length(length) {
            Ok(()) => {
                let message = ClientMessage { id, request };
                self.seat.request(message, self.from).await;
            }
            Err(failed) => self.seat.fail(id, failed),
        }
    }

    /// Going from lab to lab is the connection's doing and no request of the seat's.
    fn hear_move(&mut self, id: u64, to: Move, length: usize) -> Option<Ending> {
        let checked = self.check_length(length).and(self.seat.check_id(id));
        self.seat.met_id(id);
        match checked {
            Ok(()) => Some(Ending::Moves(id, to)),
            Err(failed) => {
                self.refuse(Some(id), failed);
                None
            }
        }
    }

    fn check_length(&self, length: usize) -> Result<(), Failed> {
        let limit = self.seat.surroundings.limits.message_bytes;
        if length as u64 > limit {
            let message = format!("a message may have {limit} bytes, this one has {length}");
            return Err(failure::limit(Reason::MessageTooLarge, limit, message));
        }
        Ok(())
    }

    /// A reply that is none of the seat's.
    pub(super) fn refuse(&mut self, id: Option<u64>, failed: Failed) {
        self.talk.say(&to(id, plain(Outcome::Failed(failed))));
    }

    fn tell_trace(&mut self) {
        let Self { talk, seat, .. } = self;
        seat.trace_until.mark_unchanged();
        let Some(from) = seat.trace_from else { return };
        let trace = seat.surroundings.lab.trace();
        let page = trace.read(from, seat.sight(), TRACE_PORTION);
        if let Some(gap) = page.gap {
            talk.say(&ServerMessage::Gap(gap));
        }
        for recorded in page.events {
            talk.say_text(recorded.message());
        }
        seat.trace_from = Some(page.next);
    }
}

/// The next word from the class; never, where there is none.
async fn next_letter(letters: Option<&mut UnboundedReceiver<Utf8Bytes>>) -> Option<Utf8Bytes> {
    match letters {
        Some(letters) => letters.recv().await,
        None => std::future::pending().await,
    }
}

fn no_conversation(code: u16, message: &str) -> Ending {
    let goodbye = Goodbye {
        reason: GoodbyeReason::NotAConversation,
        limit: None,
        message: message.to_owned(),
    };
    Ending::Goodbye(goodbye, code)
}

fn goodbye(reason: GoodbyeReason, limit: Option<u64>, message: &str) -> Ending {
    let goodbye = Goodbye {
        reason,
        limit,
        message: message.to_owned(),
    };
    Ending::Goodbye(goodbye, reason.close_code())
}

#[cfg(test)]
mod tests;
