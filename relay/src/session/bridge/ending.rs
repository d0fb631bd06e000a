//! How a bridge comes to its end: each side ends its own half, and the other half goes on for a while.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use shared::call::Transport;
use tokio::time::Sleep;

/// How long a server's stream may still go on after the visitor has closed, and a visitor may still say something after
/// the server's stream has ended. Clients commonly wait 10 s for the answer to their close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(8);
/// How long datagrams are waited for that may be lost.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// What a visitor is told at the end.
#[derive(Debug)]
pub(super) enum Farewell {
    /// A close frame, with a code and a reason.
    Close(Option<u16>, String),
    /// Nothing more: its close frame is written already.
    Said,
}

/// What a visitor is told at the end of its bridge; nothing where it is already gone.
pub(super) type Ended = Option<Farewell>;

/// How far the end has come.
#[derive(Debug, Default)]
pub(super) enum Ending {
    /// Both sides may say more.
    #[default]
    None,
    /// The bridge ends so, as soon as what the visitor has said is sent.
    Now(Ended, Deadline),
    /// The visitor says no more; what the server still answers is passed on.
    Visitor(Visitor, Deadline),
    /// The server's stream has ended, and a close frame says so; what the visitor says until it answers that is passed
    /// on. True once it has answered.
    Server(bool, Deadline),
}

/// A visitor that says no more.
#[derive(Debug)]
pub(super) struct Visitor {
    /// The code of its close frame, which is answered with the same.
    code: Option<u16>,
    /// Whether it has ended its side of the connection.
    pub(super) is_deaf: bool,
    /// Whether the server was told.
    pub(super) is_shut: bool,
}

/// When to end what has not ended by itself.
type Deadline = Pin<Box<Sleep>>;

impl Ending {
    pub(super) fn now(ended: Ended) -> Self {
        Self::Now(ended, deadline(CLOSE_TIMEOUT))
    }

    pub(super) fn by_visitor(code: Option<u16>, is_deaf: bool, transport: Transport) -> Self {
        let time = match transport {
            Transport::Udp => ANSWER_TIMEOUT,
            Transport::Tcp => CLOSE_TIMEOUT,
        };
        let visitor = Visitor {
            code,
            is_deaf,
            is_shut: false,
        };
        Self::Visitor(visitor, deadline(time))
    }

    pub(super) fn by_server() -> Self {
        Self::Server(false, deadline(CLOSE_TIMEOUT))
    }

    /// Whether the visitor is to be heard, or its leaving to be noticed.
    pub(super) const fn listens(&self) -> bool {
        match self {
            Self::None => true,
            Self::Server(is_answered, _) => !*is_answered,
            Self::Visitor(visitor, _) => !visitor.is_deaf,
            Self::Now(..) => false,
        }
    }

    /// Whether the visitor has ended its half.
    pub(super) const fn is_by_visitor(&self) -> bool {
        matches!(self, Self::Visitor(..))
    }

    /// Whether the server has ended its half.
    pub(super) const fn is_by_server(&self) -> bool {
        matches!(self, Self::Server(..))
    }

    /// Whether it is still open what the visitor will be told.
    pub(super) const fn may_change(&self) -> bool {
        matches!(self, Self::None | Self::Visitor(..))
    }

    /// What the visitor is told when both halves have ended.
    pub(super) fn farewell(&mut self) -> Ended {
        match self {
            Self::None => None,
            Self::Now(ended, _) => ended.take(),
            Self::Visitor(visitor, _) => Some(Farewell::Close(visitor.code, String::new())),
            Self::Server(..) => Some(Farewell::Said),
        }
    }

    /// What the visitor is told where the relay ends the bridge so.
    pub(super) fn or(&self, ended: Ended) -> Ended {
        if self.is_by_server() {
            return Some(Farewell::Said);
        }
        ended
    }

    /// What the visitor is told when it has not ended in time.
    pub(super) fn poll_late(&mut self, context: &mut Context<'_>) -> Poll<Ended> {
        let (Self::Now(_, deadline) | Self::Visitor(_, deadline) | Self::Server(_, deadline)) =
            self
        else {
            return Poll::Pending;
        };
        std::task::ready!(deadline.as_mut().poll(context));
        Poll::Ready(self.farewell())
    }
}

fn deadline(after: Duration) -> Deadline {
    Box::pin(tokio::time::sleep(after))
}
