//! A page and its calls have turns: neither keeps the other from being heard.

use std::task::{Context, Poll};

use futures_util::StreamExt;

use super::{super::session::Calls, Event};
use crate::session::ws::WsConnection;

/// Whose turn it is to be asked first.
#[derive(Debug, Default)]
pub(super) struct PollOrder {
    page_first: bool,
}

impl PollOrder {
    /// What the page says, or a call that returned. Each poll has a budget (`tokio::task::coop`), and whoever is asked
    /// second may find it spent: so the two are asked first in turn.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
        ws: &mut WsConnection,
        calls: &mut Calls,
        listening: bool,
    ) -> Poll<Event> {
        self.page_first = !self.page_first;
        if self.page_first
            && let Poll::Ready(heard) = ws.poll_incoming(context, listening)
        {
            return Poll::Ready(Event::Incoming(heard));
        }
        if listening && let Poll::Ready(Some(returned)) = calls.poll_next_unpin(context) {
            return Poll::Ready(Event::Returned(Box::new(returned)));
        }
        if !self.page_first
            && let Poll::Ready(heard) = ws.poll_incoming(context, listening)
        {
            return Poll::Ready(Event::Incoming(heard));
        }
        let expected = !calls.is_empty();
        ws.poll_send(context, expected).map(Event::Incoming)
    }
}
