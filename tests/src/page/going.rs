//! A page goes to another lab, or comes back to a seat it had.

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
    /// When it is not welcomed.
    pub async fn open_at(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("it listens");
        let page = Self::over(&address.to_string(), stream).await;
        page.expect("a welcome")
    }

    /// Goes to another lab, by `enter` or `resume`.
    ///
    /// # Panics
    /// When it may not.
    pub async fn goes(&mut self, to: Ask) {
        let named = format!("{to:?}");
        self.arrived = false;
        let reply = self.asks(to).await;
        assert_eq!(
            reply.outcome,
            Outcome::Returned(Returned::Nothing),
            "{named:.80}"
        );
        while !self.arrived {
            self.listens().await;
        }
    }

    /// The same where another page may take its seat before.
    ///
    /// # Errors
    /// How its conversation ended instead.
    pub async fn tries_to_go(mut self, to: Ask) -> Result<Self, Parting> {
        self.arrived = false;
        self.says(Request::Ask(to)).await;
        while !self.arrived {
            if let Some(parting) = self.listens_or_ends().await {
                return Err(parting);
            }
        }
        Ok(self)
    }
}
