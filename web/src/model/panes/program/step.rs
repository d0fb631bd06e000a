//! The steps of a program, by the names of their calls.

use shared::call::Transport;

use crate::model::core::time::Millis;

/// A step of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProgramStep {
    /// `socket`
    Socket,
    /// `connect`
    Connect,
    /// `send`, `sendto`
    Send,
    /// `recv`, `recvfrom`
    Receive,
    /// `shutdown`
    Shutdown,
    /// `close`
    Close,
}

impl ProgramStep {
    /// The call's name as programs write it.
    pub(crate) const fn name(self, transport: Transport) -> &'static str {
        match (self, transport) {
            (Self::Socket, _) => "socket",
            (Self::Connect, _) => "connect",
            (Self::Send, Transport::Udp) => "sendto",
            (Self::Send, Transport::Tcp) => "send",
            (Self::Receive, Transport::Udp) => "recvfrom",
            (Self::Receive, Transport::Tcp) => "recv",
            (Self::Shutdown, _) => "shutdown",
            (Self::Close, _) => "close",
        }
    }
}

/// A call that has not been answered yet.
#[derive(Debug)]
pub(super) struct PendingCall {
    /// Its message's number.
    pub(super) id: u64,
    /// Which step it is.
    pub(super) step: ProgramStep,
    /// Since when.
    pub(super) since: Millis,
    /// The page itself takes it back: its failure is no news.
    pub(super) recalled: bool,
}
