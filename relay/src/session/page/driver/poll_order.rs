//! The order in which a page's connection and its calls are polled: neither starves the other.

use std::task::{Context, Poll};

use futures_util::StreamExt;

use super::{super::session::Calls, PageEvent};
use crate::session::ws::WsConnection;

/// Which of the two is polled first.
#[derive(Debug, Default)]
pub(super) struct PollOrder {
    is_page_first: bool,
}

impl PollOrder {
    /// A message of the page, or a call that has returned. A poll has a budget (`tokio::task::coop`), and the one polled
    /// second may find it spent: so they take turns at being first.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
        ws: &mut WsConnection,
        calls: &mut Calls,
        is_reading: bool,
    ) -> Poll<PageEvent> {
        self.is_page_first = !self.is_page_first;
        if self.is_page_first
            && let Poll::Ready(incoming) = ws.poll_incoming(context, is_reading)
        {
            return Poll::Ready(PageEvent::Incoming(incoming));
        }
        if is_reading && let Poll::Ready(Some(returned)) = calls.poll_next_unpin(context) {
            return Poll::Ready(PageEvent::Returned(Box::new(returned)));
        }
        if !self.is_page_first
            && let Poll::Ready(incoming) = ws.poll_incoming(context, is_reading)
        {
            return Poll::Ready(PageEvent::Incoming(incoming));
        }
        let is_more_expected = !calls.is_empty();
        ws.poll_send(context, is_more_expected)
            .map(PageEvent::Incoming)
    }
}
