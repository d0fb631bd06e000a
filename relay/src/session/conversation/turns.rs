//! A page and its calls have turns: neither keeps the other from being heard.

use std::task::{Context, Poll};

use futures_util::StreamExt;

use super::{
    super::{seat::Calls, talk::Talk},
    Event,
};

/// Whose turn it is to be asked first.
#[derive(Debug, Default)]
pub(super) struct Turns {
    page_first: bool,
}

impl Turns {
    /// What the page says, or a call that returned. Each poll has a budget (`tokio::task::coop`), and whoever is asked
    /// second may find it spent: so the two are asked first in turn.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
        talk: &mut Talk,
        calls: &mut Calls,
        listening: bool,
    ) -> Poll<Event> {
        self.page_first = !self.page_first;
        if self.page_first
            && let Poll::Ready(heard) = talk.poll_heard(context, listening)
        {
            return Poll::Ready(Event::Heard(heard));
        }
        if listening && let Poll::Ready(Some(returned)) = calls.poll_next_unpin(context) {
            return Poll::Ready(Event::Returned(Box::new(returned)));
        }
        if !self.page_first
            && let Poll::Ready(heard) = talk.poll_heard(context, listening)
        {
            return Poll::Ready(Event::Heard(heard));
        }
        let expected = !calls.is_empty();
        talk.poll_sent(context, expected).map(Event::Heard)
    }
}
