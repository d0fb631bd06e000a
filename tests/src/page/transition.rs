//! A page moves to another lab, or resumes a session it had.

use std::net::SocketAddr;

use shared::{
    message::{Ask, Request},
    outcome::{Outcome, Returned},
};

use tokio::net::TcpStream;

use super::{Page, Parting};

impl Page {
    /// Opens a page at another address than the relay's own, such as a proxy's.
    ///
    /// # Panics
    /// When the relay does not send a welcome.
    pub async fn open_at(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("it listens");
        let page = Self::over(&address.to_string(), stream).await;
        page.expect("a welcome")
    }

    /// Moves to another lab, by `enter` or `resume`.
    ///
    /// # Panics
    /// When the relay refuses.
    pub async fn moves_to(&mut self, to: Ask) {
        let named = format!("{to:?}");
        self.arrived = false;
        let reply = self.asks(to).await;
        assert_eq!(
            reply.outcome,
            Outcome::Returned(Returned::Nothing),
            "{named:.80}"
        );
        while !self.arrived {
            self.receives_message().await;
        }
    }

    /// The same where another page may take over the session before.
    ///
    /// # Errors
    /// How its conversation ended instead.
    pub async fn tries_to_move(mut self, to: Ask) -> Result<Self, Parting> {
        self.arrived = false;
        self.sends_request(Request::Ask(to)).await;
        while !self.arrived {
            if let Some(parting) = self.receives_or_ends().await {
                return Err(parting);
            }
        }
        Ok(self)
    }
}
