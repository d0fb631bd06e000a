//! How far a bridge has closed: each side closes its own half, and the other half may go on for a while.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use shared::call::Transport;
use tokio::time::Sleep;

/// How long the server's stream may go on after the client has closed, and the client's after the server's stream has
/// ended. Clients commonly wait 10 s for the answer to their close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(8);
/// How long the bridge waits for replies to datagrams after the client has closed: either may be lost.
const REPLY_TIMEOUT: Duration = Duration::from_secs(2);

/// The close frame at the end of a bridge.
#[derive(Debug)]
pub(super) enum LastFrame {
    /// One with this code and reason is still to be sent.
    Close(Option<u16>, String),
    /// It is in the socket's queue.
    Queued,
}

/// How a bridge ends; `None` where the client is gone.
pub(super) type BridgeEnd = Option<LastFrame>;

/// Which side has closed.
#[derive(Debug, Default)]
pub(super) enum CloseState {
    /// Neither.
    #[default]
    Open,
    /// The relay: the bridge ends like this once all that the client sent is passed on.
    ByRelay(BridgeEnd, Deadline),
    /// The client; what the server still sends is passed on.
    ByClient(ClientClose, Deadline),
    /// The server's stream ended and a close frame is queued; what the client sends is passed on until it answers. True
    /// once it has.
    ByServer(bool, Deadline),
}

/// The close of a client.
#[derive(Debug)]
pub(super) struct ClientClose {
    /// The code of its close frame, which is echoed.
    code: Option<u16>,
    /// Whether it has ended its side of the connection.
    pub(super) is_eof: bool,
    /// Whether the server's stream is shut down.
    pub(super) is_forwarded: bool,
}

/// When a bridge that has not closed by itself is closed.
type Deadline = Pin<Box<Sleep>>;

impl CloseState {
    pub(super) fn by_relay(end: BridgeEnd) -> Self {
        Self::ByRelay(end, deadline(CLOSE_TIMEOUT))
    }

    pub(super) fn by_client(code: Option<u16>, is_eof: bool, transport: Transport) -> Self {
        let timeout = match transport {
            Transport::Udp => REPLY_TIMEOUT,
            Transport::Tcp => CLOSE_TIMEOUT,
        };
        let close = ClientClose {
            code,
            is_eof,
            is_forwarded: false,
        };
        Self::ByClient(close, deadline(timeout))
    }

    pub(super) fn by_server() -> Self {
        Self::ByServer(false, deadline(CLOSE_TIMEOUT))
    }

    /// Whether the client's side of the connection is still read, be it only for its end.
    pub(super) const fn is_reading(&self) -> bool {
        match self {
            Self::Open => true,
            Self::ByServer(is_answered, _) => !*is_answered,
            Self::ByClient(close, _) => !close.is_eof,
            Self::ByRelay(..) => false,
        }
    }

    /// Whether the client has closed.
    pub(super) const fn is_by_client(&self) -> bool {
        matches!(self, Self::ByClient(..))
    }

    /// Whether the server has closed.
    pub(super) const fn is_by_server(&self) -> bool {
        matches!(self, Self::ByServer(..))
    }

    /// Whether the close frame may still be another one.
    pub(super) const fn is_undecided(&self) -> bool {
        matches!(self, Self::Open | Self::ByClient(..))
    }

    /// How the bridge ends now that both halves are closed.
    pub(super) fn take_end(&mut self) -> BridgeEnd {
        match self {
            Self::Open => None,
            Self::ByRelay(end, _) => end.take(),
            Self::ByClient(close, _) => Some(LastFrame::Close(close.code, String::new())),
            Self::ByServer(..) => Some(LastFrame::Queued),
        }
    }

    /// How the bridge ends where the relay breaks it off with `end`.
    pub(super) fn break_off(&self, end: BridgeEnd) -> BridgeEnd {
        if self.is_by_server() {
            return Some(LastFrame::Queued);
        }
        end
    }

    /// How the bridge ends where the other half does not close in time.
    pub(super) fn poll_timeout(&mut self, context: &mut Context<'_>) -> Poll<BridgeEnd> {
        let (Self::ByRelay(_, deadline)
        | Self::ByClient(_, deadline)
        | Self::ByServer(_, deadline)) = self
        else {
            return Poll::Pending;
        };
        std::task::ready!(deadline.as_mut().poll(context));
        Poll::Ready(self.take_end())
    }
}

fn deadline(timeout: Duration) -> Deadline {
    Box::pin(tokio::time::sleep(timeout))
}
