//! What a session's state machine asks to be done.

use std::rc::Rc;

use shared::{
    call::{Family, Fd, Transport},
    lab::LabKind,
    message::{Ask, Request},
};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::{Disconnect, ReadyCall};
use crate::class::JoinRequest;

/// Something to do; `S` is a socket.
#[derive(Debug)]
pub(in super::super) enum Effect<S> {
    /// With the session's sockets; a session without a page has only these.
    Call(CallEffect<S>),
    /// For the page.
    Page(PageEffect),
}

/// Something to do with the session's sockets.
#[derive(Debug)]
pub(in super::super) enum CallEffect<S> {
    /// Make the call `socket`, then [`handle_opened`](super::Core::handle_opened).
    Open {
        id: u64,
        fd: Fd,
        transport: Transport,
        family: Option<Family>,
    },
    /// Resolve a name; when it returns, [`handle_returned`](super::Core::handle_returned) without a descriptor.
    Resolve {
        id: u64,
        name: String,
        transport: Transport,
    },
    /// Make a call; when it returns, [`handle_returned`](super::Core::handle_returned).
    Start(ReadyCall<S>),
    /// Close a socket that nothing else uses, then [`handle_closed`](super::Core::handle_closed).
    Close { id: u64, fd: Fd, socket: Rc<S> },
    /// Make this call return at once, as cancelled.
    Cancel { id: u64 },
}

/// Something to do for the page.
#[derive(Debug)]
pub(in super::super) enum PageEffect {
    /// Perform a request to the lab or class, then
    /// [`handle_control_result`](super::Core::handle_control_result).
    Control(u64, Ask),
    /// Take the page to another lab, and reply to this id.
    Transition(u64, Transition),
    /// Send this message.
    Send(Utf8Bytes),
    /// Send a WebSocket ping.
    Ping,
    /// Close the connection.
    Disconnect(Disconnect),
}

/// A page's way to another lab.
#[derive(Debug)]
pub(in super::super) enum Transition {
    /// To the open lab, or to a new one of its own.
    Enter(LabKind),
    /// To a new class, as its teacher.
    Create {
        title: String,
        admin: Option<String>,
    },
    /// To a class, as a new member.
    Join(JoinRequest),
    /// To the session under this token, of which this many replies were received.
    Resume {
        token: String,
        received: Option<u64>,
    },
}

impl Transition {
    /// The transition that is requested, or the request if it is none.
    pub(super) fn from_request(request: Request) -> Result<Self, Request> {
        match request {
            Request::Ask(Ask::Enter { lab }) => Ok(Self::Enter(lab)),
            Request::Ask(Ask::CreateClass { title, admin }) => Ok(Self::Create { title, admin }),
            Request::Ask(Ask::JoinClass { code, name, token }) => {
                Ok(Self::Join(JoinRequest { code, name, token }))
            }
            Request::Ask(Ask::Resume { token, heard }) => Ok(Self::Resume {
                token,
                received: heard,
            }),
            other @ (Request::Call(_) | Request::Ask(_)) => Err(other),
        }
    }
}
