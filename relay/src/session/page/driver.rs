//! The driver of one connection: awaits what happens, hands it to the page's session, and performs the effects.
//!
//! It decides nothing; see [`core`](super::core).

mod poll_order;

use std::{future::poll_fn, pin::Pin};

use bytes::Bytes;
use shared::message::{GoodbyeReason, ServerMessage};
use tokio::{
    sync::mpsc::UnboundedReceiver,
    time::{Instant, Sleep},
};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use self::poll_order::PollOrder;
use super::{
    Takeover,
    connected::ConnectedPage,
    core::{ConnectionState, Disconnect, PageEffect, Transition},
    session::{PageSession, ReturnedCall, next_takeover, removal},
    transition,
};
use crate::{
    admission::ClientOrigin,
    session::{
        Protocol, SessionContext,
        close_code::{INVALID, PROTOCOL, UNSUPPORTED},
        ws::{Incoming, WsConnection},
    },
};

/// The number of single events read at once; then calls have their turn.
const TRACE_BATCH: usize = 256;
/// The number of messages handled one after the other; then all else has its turn.
const MAX_MESSAGES_PER_TURN: u32 = 32;
/// The trace uses `queued_bytes` up to this divisor, so that a busy lab does not hold up replies.
const TRACE_SHARE: usize = 2;

/// Serves a page until its connection ends.
pub(in crate::session) async fn run(
    ws: WsConnection,
    origin: ClientOrigin,
    context: SessionContext,
) {
    let session = PageSession::in_open_lab(&context, origin);
    let mut page = ConnectedPage::new(ws, session, origin, 0);
    page.send_welcome();
    loop {
        let mut driver = Driver::new(page);
        let exit = driver.run_until_exit().await;
        page = driver.page;
        match exit {
            Exit::Transition(id, to) => page = transition::perform(page, id, to).await,
            Exit::Takeover(takeover) => {
                if let Err(session) = takeover.send(page.session) {
                    // The page that asked for it is gone.
                    session.detach();
                }
                return page.ws.close(&taken_over().goodbye).await;
            }
            Exit::Disconnect(Disconnect { goodbye, code }) => {
                page.session.detach();
                return page.ws.close_with(&goodbye, code).await;
            }
            Exit::Gone => return page.session.detach(),
        }
    }
}

/// Serves a page in one session.
struct Driver {
    page: ConnectedPage,
    timer: Pin<Box<Sleep>>,
    poll_order: PollOrder,
}

/// What can happen.
enum PageEvent {
    Incoming(Incoming),
    Returned(Box<ReturnedCall>),
    TraceGrew,
    Timeout,
    Shutdown,
    Takeover(Takeover),
    /// A message from the class.
    ClassMessage(Utf8Bytes),
    /// Another page has this one's membership in the class.
    MembershipTaken,
    /// The page must leave the class.
    Removed(GoodbyeReason),
}

/// Why the driver stops.
enum Exit {
    Transition(u64, Transition),
    Takeover(Takeover),
    Disconnect(Disconnect),
    /// The page is gone.
    Gone,
}

impl Driver {
    fn new(page: ConnectedPage) -> Self {
        let first_timeout = page.session.core.poll_timeout();
        Self {
            timer: Box::pin(tokio::time::sleep_until(first_timeout)),
            poll_order: PollOrder::default(),
            page,
        }
    }

    async fn run_until_exit(&mut self) -> Exit {
        loop {
            let mut event = self.next_event().await;
            for handled in 1.. {
                let is_message = matches!(event, PageEvent::Incoming(Incoming::Message(_)));
                let exit = self.handle(event).await;
                self.page.send_replies();
                if let Some(exit) = exit {
                    return exit;
                }
                if !is_message || handled == MAX_MESSAGES_PER_TURN || !self.is_reading() {
                    break;
                }
                match self.page.ws.try_next() {
                    Some(incoming) => event = PageEvent::Incoming(incoming),
                    None => break,
                }
            }
        }
    }

    /// Whether the page is read from: not while it does not take what is sent.
    fn is_reading(&self) -> bool {
        self.page.ws.queued_bytes() < self.max_queued_bytes()
    }

    fn max_queued_bytes(&self) -> usize {
        let limits = &self.page.session.context.limits;
        usize::try_from(limits.queued_bytes).unwrap_or(usize::MAX)
    }

    async fn next_event(&mut self) -> PageEvent {
        let is_reading = self.is_reading();
        let has_trace_room = self.page.ws.queued_bytes() < self.max_queued_bytes() / TRACE_SHARE;
        let Self {
            page,
            timer,
            poll_order,
        } = self;
        let ConnectedPage { ws, session, .. } = page;
        let PageSession {
            context,
            calls,
            next_event,
            trace_end,
            resumable,
            membership,
            excursion,
            ..
        } = &mut **session;
        let (outbox, member_removal) = match (membership, excursion) {
            (Some(membership), _) => (membership.outbox.as_mut(), Some(&mut membership.removal)),
            (None, Some(excursion)) => (excursion.outbox.as_mut(), Some(&mut excursion.removal)),
            (None, None) => (None, None),
        };
        let is_behind = next_event.is_some_and(|next| next < *trace_end.borrow());
        if is_behind && has_trace_room {
            return PageEvent::TraceGrew;
        }
        // In this order nothing starves: neither a page that never pauses nor a call that is always ready keeps the
        // timeouts, the trace and the relay's end from being handled.
        tokio::select! {
            biased;
            Ok(()) = context.shutdown.changed() => PageEvent::Shutdown,
            Some(takeover) = next_takeover(resumable) => PageEvent::Takeover(takeover),
            why = removal(member_removal) => PageEvent::Removed(why),
            () = timer.as_mut() => PageEvent::Timeout,
            message = next_class_message(outbox), if is_reading => {
                message.map_or(PageEvent::MembershipTaken, PageEvent::ClassMessage)
            }
            Ok(()) = trace_end.changed(), if next_event.is_some() && has_trace_room => {
                PageEvent::TraceGrew
            }
            event = poll_fn(|context| poll_order.poll(context, ws, calls, is_reading)) => event,
        }
    }

    async fn handle(&mut self, event: PageEvent) -> Option<Exit> {
        match event {
            PageEvent::Incoming(incoming) => match self.handle_incoming(incoming) {
                Ok(()) => self.perform_effects().await,
                Err(exit) => Some(exit),
            },
            PageEvent::Returned(returned) => {
                self.page.session.handle_returned(*returned);
                self.perform_effects().await
            }
            PageEvent::Timeout => {
                let connection = ConnectionState {
                    is_reading: self.is_reading(),
                    unread_since: self.page.ws.unread_since(),
                };
                let core = &mut self.page.session.core;
                core.handle_timeout(Instant::now(), connection);
                self.timer.as_mut().reset(core.poll_timeout());
                self.perform_effects().await
            }
            PageEvent::TraceGrew => {
                self.send_trace();
                None
            }
            PageEvent::ClassMessage(text) => {
                self.page.ws.send_text(text);
                None
            }
            PageEvent::MembershipTaken => {
                let Some(membership) = &mut self.page.session.membership else {
                    return Some(Exit::Disconnect(taken_over()));
                };
                membership.outbox = None;
                None
            }
            PageEvent::Removed(why) => Some(Exit::Disconnect(removed(why))),
            PageEvent::Takeover(takeover) => Some(Exit::Takeover(takeover)),
            PageEvent::Shutdown => {
                let reason = GoodbyeReason::ShuttingDown;
                let disconnect = Disconnect::new(reason, None, "the relay is ending");
                Some(Exit::Disconnect(disconnect))
            }
        }
    }

    fn handle_incoming(&mut self, incoming: Incoming) -> Result<(), Exit> {
        let disconnect = match incoming {
            Incoming::Message(message) => {
                let session = &mut self.page.session;
                match message {
                    Message::Text(text) => {
                        session.handle_message(&text);
                        return Ok(());
                    }
                    Message::Binary(_) => {
                        let message = "binary message where JSON text is due";
                        Disconnect::not_a_conversation(UNSUPPORTED, message)
                    }
                    Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => {
                        session.core.handle_frame();
                        return Ok(());
                    }
                }
            }
            Incoming::Flushed => return Ok(()),
            Incoming::Disconnected => return Err(Exit::Gone),
            Incoming::InvalidUtf8 => {
                Disconnect::not_a_conversation(INVALID, "text that is not UTF-8")
            }
            Incoming::Violation(rule) => Disconnect::not_a_conversation(PROTOCOL, &rule),
            Incoming::TooLong => {
                let limit = self.page.session.context.limits.message_bytes;
                let message = "that message was far too long";
                Disconnect::new(GoodbyeReason::TooLong, Some(limit), message)
            }
        };
        Err(Exit::Disconnect(disconnect))
    }

    async fn perform_effects(&mut self) -> Option<Exit> {
        let ConnectedPage {
            ws,
            session,
            origin,
            ..
        } = &mut self.page;
        while let Some(effect) = session.perform_calls() {
            match effect {
                PageEffect::Control(id, request) => {
                    let result = session.control(request, *origin).await;
                    session.core.handle_control_result(id, result);
                }
                PageEffect::Transition(id, transition) => {
                    return Some(Exit::Transition(id, transition));
                }
                PageEffect::Send(text) => ws.send_text(text),
                PageEffect::Ping => ws.queue(Message::Ping(Bytes::new())),
                PageEffect::Disconnect(disconnect) => {
                    if disconnect.goodbye.reason == GoodbyeReason::PingTimeout {
                        session.context.page_quota.count_ping_timeout();
                    }
                    return Some(Exit::Disconnect(disconnect));
                }
            }
        }
        None
    }

    /// Sends the next events of the trace.
    fn send_trace(&mut self) {
        let ConnectedPage { ws, session, .. } = &mut self.page;
        session.trace_end.mark_unchanged();
        let Some(next) = session.next_event else {
            return;
        };
        let (trace, visibility) = (session.context.lab.trace(), session.visibility());
        let (gap, messages, next) = match ws.protocol() {
            Protocol::V1 => {
                let chunk = trace.read(next, visibility, TRACE_BATCH);
                let messages = chunk.events.iter().map(|recorded| recorded.message());
                (chunk.gap, messages.collect(), chunk.next)
            }
            Protocol::V2 => {
                let batch = trace.read_batch(next, visibility);
                (batch.gap, Vec::from_iter(batch.message), batch.next)
            }
        };
        if let Some(gap) = gap {
            ws.send(&ServerMessage::Gap(gap));
        }
        for message in messages {
            ws.queue_json(message);
        }
        session.next_event = Some(next);
    }
}

/// The next message from the class; pending forever for a page in none.
async fn next_class_message(
    outbox: Option<&mut UnboundedReceiver<Utf8Bytes>>,
) -> Option<Utf8Bytes> {
    match outbox {
        Some(outbox) => outbox.recv().await,
        None => std::future::pending().await,
    }
}

fn taken_over() -> Disconnect {
    let message = "another page has come with the token of this one's seat";
    Disconnect::new(GoodbyeReason::TakenOver, None, message)
}

fn removed(reason: GoodbyeReason) -> Disconnect {
    let message = if reason == GoodbyeReason::Removed {
        "the teacher has removed you from the class"
    } else {
        "the teacher has ended the class"
    };
    Disconnect::new(reason, None, message)
}

#[cfg(test)]
mod tests;
