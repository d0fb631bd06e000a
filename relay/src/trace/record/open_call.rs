//! A call between its start and its return.

use shared::{
    call::{Fd, Transport},
    trace::{CallId, CallName, ProcessId},
};

use super::tcp_close::{Caller, Side, TcpOp};
use crate::trace::{
    log::DerivedSegment,
    processes::{Processes, RecentCall},
};

/// A call that has started and not returned yet.
#[derive(Debug)]
#[must_use = "an open call returns, or its process ends"]
pub struct OpenCall {
    pub(super) call: CallId,
    pub(super) process: ProcessId,
    pub(super) transport: Transport,
    pub(super) name: CallName,
    pub(super) fd: Option<Fd>,
    pub(super) started_ns: u64,
    /// Whether the call is remembered at its client's address.
    pub(super) located: bool,
    /// Class labs only: the number of the event with which it started, if it concerned no client yet.
    pub(super) unassigned_seq: Option<u64>,
    pub(super) op: Option<TcpOp>,
    /// The segment that a `close` sends, which is known when it starts.
    pub(super) close_segment: Option<DerivedSegment>,
}

impl OpenCall {
    /// Whether it is a `send` or `sendto`.
    #[must_use]
    pub const fn is_send(&self) -> bool {
        matches!(self.name, CallName::Send | CallName::SendTo)
    }

    /// Whether the kernel may send packets because of it.
    pub(super) const fn may_send_packets(&self) -> bool {
        self.is_send()
            || matches!(
                self.name,
                CallName::Connect | CallName::Shutdown | CallName::Close
            )
    }

    pub(super) const fn to_recent(&self) -> RecentCall {
        RecentCall {
            call: self.call,
            name: self.name,
            by_server: Processes::is_server(self.process),
            started_ns: self.started_ns,
        }
    }

    pub(super) fn caller(&self) -> Caller {
        Caller {
            call: self.call,
            side: if Processes::is_server(self.process) {
                Side::Server
            } else {
                Side::Client
            },
            socket: self.fd.map(|fd| (self.process, fd)),
        }
    }
}
