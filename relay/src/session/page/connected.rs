//! A page that is connected: its WebSocket connection and its session.

use shared::{
    message::ServerMessage,
    outcome::{Failed, Returned},
};
use tokio::time::Instant;

use super::{
    core::{reply, without_socket},
    session::PageSession,
};
use crate::{admission::ClientOrigin, failure, session::ws::WsConnection};

/// A connected page.
pub(super) struct ConnectedPage {
    pub(super) ws: WsConnection,
    pub(super) session: Box<PageSession>,
    pub(super) origin: ClientOrigin,
    /// The number of wrong codes and tokens it has sent.
    pub(super) wrong_attempts: u32,
}

impl ConnectedPage {
    pub(super) fn new(
        ws: WsConnection,
        mut session: Box<PageSession>,
        origin: ClientOrigin,
        wrong_attempts: u32,
    ) -> Self {
        session.attach(ws.protocol(), Instant::now());
        Self {
            ws,
            session,
            origin,
            wrong_attempts,
        }
    }

    /// Sends what a page needs to know of its session first, and the replies that it has not received.
    pub(super) fn send_welcome(&mut self) {
        let welcome = Box::new(self.session.welcome(self.ws.protocol()));
        self.ws.send(&ServerMessage::Welcome(welcome));
        self.send_replies();
    }

    /// Sends all replies of the session.
    pub(super) fn send_replies(&mut self) {
        while let Some(reply) = self.session.core.poll_reply() {
            self.ws.send_text(reply);
        }
    }

    /// Sends the result of a transition.
    pub(super) fn send_result(&mut self, id: u64, result: Result<(), Failed>) {
        let outcome = failure::outcome(result.map(|()| Returned::Nothing));
        self.ws.send(&reply(Some(id), without_socket(outcome)));
    }
}
