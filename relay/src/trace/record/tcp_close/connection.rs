//! One TCP connection, as far as the calls of both ends show it: which FINs are certain, and when it was reset. Pure.
//!
//! `close` does not always end a stream: with unread bytes the kernel sends a RST instead of a FIN (RFC 2525 §2.17), and
//! on a connection that was reset before it sends nothing. So a FIN is derived from the caller's own call only if the
//! bytes of both ends exclude that; otherwise it is derived from what the other end's calls return.

use std::net::SocketAddr;

use shared::trace::{CallId, DerivedKind};

use super::{super::derive::CallEnd, Side, TcpOp};

/// A FIN is never held back by this many unread bytes: the smallest receive buffer of Linux (2304 bytes, socket(7))
/// offers a window of half its size.
const MIN_WINDOW_BYTES: u64 = 1024;

/// A FIN or RST that must have been sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CloseSegment {
    pub(super) kind: DerivedKind,
    /// The end that sent it.
    pub(super) by: Side,
    /// The call it follows from.
    pub(super) because: CallId,
}

/// A connection, from its `connect` or `accept` on.
#[derive(Debug, Default)]
pub(super) struct TcpConnection {
    /// The server's address, once a call has returned it.
    pub(super) server_address: Option<SocketAddr>,
    /// Its handshake is certainly complete.
    pub(super) established: bool,
    /// It was reset, or it cannot be told from another connection: nothing is derived any more.
    pub(super) finished: bool,
    pub(super) client: EndState,
    pub(super) server: EndState,
}

/// What one end has done.
#[derive(Debug, Default)]
pub(super) struct EndState {
    /// Its calls are traced.
    pub(super) is_traced: bool,
    /// Its socket is closed.
    pub(super) closed: bool,
    /// `SO_LINGER` with 0: closing resets.
    pub(super) abrupt: bool,
    /// Number of bytes sent by the `send` calls that returned.
    sent: u64,
    /// A `send` has failed: it may have sent any number of bytes.
    is_sent_unknown: bool,
    /// Number of `send` calls that have not returned.
    sending: u32,
    /// Number of bytes received.
    received: u64,
    /// It has received the other end's end of stream.
    received_fin: bool,
    /// `shutdown` for reading: an end of stream may be its own doing.
    shut_read: bool,
    /// It sends no more: `shutdown` for writing, or a `close` that certainly means the same.
    shut_write: bool,
    /// Its FIN was derived.
    sent_fin: bool,
    /// The call whose FIN is behind bytes for which the other end has no room.
    waiting_fin: Option<CallId>,
}

impl EndState {
    /// An end whose calls are traced; `abrupt` if closing it resets.
    pub(super) fn traced(abrupt: bool) -> Self {
        Self {
            is_traced: true,
            abrupt,
            ..Self::default()
        }
    }
}

impl TcpConnection {
    /// Handles the start of a call at one end.
    pub(super) fn start_call(
        &mut self,
        side: Side,
        op: TcpOp,
        call: CallId,
    ) -> Option<CloseSegment> {
        match op {
            TcpOp::Send => {
                self.ends(side).0.sending += 1;
                None
            }
            TcpOp::Close => self.close(side, call),
            TcpOp::Connect
            | TcpOp::Accept
            | TcpOp::Receive
            | TcpOp::Shutdown { .. }
            | TcpOp::SetLinger { .. } => None,
        }
    }

    /// Handles the return of a call at one end.
    pub(super) fn finish_call(
        &mut self,
        side: Side,
        op: TcpOp,
        call: CallId,
        end: CallEnd<'_>,
    ) -> Option<CloseSegment> {
        match op {
            TcpOp::Send => self.finish_send(side, call, end),
            TcpOp::Receive => self.finish_receive(side, call, end),
            TcpOp::Shutdown { read, write } if end.is_success() => {
                self.shut_down(side, call, read, write)
            }
            TcpOp::SetLinger { abrupt } if end.is_success() => {
                self.ends(side).0.abrupt = abrupt;
                None
            }
            TcpOp::Connect
            | TcpOp::Accept
            | TcpOp::Close
            | TcpOp::Shutdown { .. }
            | TcpOp::SetLinger { .. } => None,
        }
    }

    /// One end's socket is closed, by a call or because its process has ended.
    pub(super) fn close_end(&mut self, side: Side) {
        let (own, other) = self.ends(side);
        own.closed = true;
        // What still waited for room there may never have been sent.
        other.waiting_fin = None;
    }

    fn finish_send(&mut self, side: Side, call: CallId, end: CallEnd<'_>) -> Option<CloseSegment> {
        let (own, _) = self.ends(side);
        own.sending = own.sending.saturating_sub(1);
        if let CallEnd::Sent(sent) = end {
            own.sent += sent;
        }
        if end.is_success() {
            return None;
        }
        own.is_sent_unknown = true;
        // Unless this end has shut down writing itself, the other end has reset the connection.
        let is_reset =
            end.is_kernel_error("ECONNRESET") || (end.is_kernel_error("EPIPE") && !own.shut_write);
        is_reset.then(|| self.reset(side.other(), call)).flatten()
    }

    fn finish_receive(
        &mut self,
        side: Side,
        call: CallId,
        end: CallEnd<'_>,
    ) -> Option<CloseSegment> {
        let (own, other) = self.ends(side);
        match end {
            CallEnd::Chunk(length) => {
                own.received += length;
                // The FIN that waited for room may be sent now.
                let waiting_fin = other.waiting_fin;
                waiting_fin.and_then(|call| self.fin(side.other(), call))
            }
            // After a reset every later `recv` returns 0, too.
            CallEnd::EndOfStream if !own.shut_read => {
                own.received_fin = true;
                self.certain_fin(side.other(), call)
            }
            CallEnd::Failed(_) if end.is_kernel_error("ECONNRESET") => {
                self.reset(side.other(), call)
            }
            CallEnd::Sent(_)
            | CallEnd::Datagram(_)
            | CallEnd::EndOfStream
            | CallEnd::Done
            | CallEnd::Failed(_) => None,
        }
    }

    /// A `shutdown` that returned. On a connection that is not established the kernel fails it.
    fn shut_down(
        &mut self,
        side: Side,
        call: CallId,
        read: bool,
        write: bool,
    ) -> Option<CloseSegment> {
        let established = self.established;
        let (own, _) = self.ends(side);
        own.shut_read |= read;
        let sends_fin = established && write && !own.shut_write;
        own.shut_write |= write;
        sends_fin.then(|| self.fin(side, call)).flatten()
    }

    fn close(&mut self, side: Side, call: CallId) -> Option<CloseSegment> {
        if !self.established || !self.cannot_be_reset(side) {
            return None;
        }
        let (own, other) = self.ends(side);
        if own.abrupt {
            let is_over = own.shut_write && (other.shut_write || other.sent_fin || other.closed);
            return (!is_over).then(|| self.reset(side, call)).flatten();
        }
        let all_read = own.received_fin || (other.is_traced && unread(other, own) == Some(0));
        if own.shut_write || !all_read {
            return None;
        }
        own.shut_write = true;
        self.fin(side, call)
    }

    /// Whether the other end cannot have reset the connection: it is open, or nothing that this end has sent was unread
    /// there or came too late.
    fn cannot_be_reset(&mut self, side: Side) -> bool {
        let (own, other) = self.ends(side);
        other.is_traced && (!other.closed || (!other.abrupt && unread(own, other) == Some(0)))
    }

    /// The FIN of one end, behind all bytes that it has sent.
    fn fin(&mut self, side: Side, call: CallId) -> Option<CloseSegment> {
        let (own, other) = self.ends(side);
        if unread(own, other).is_some_and(|bytes| bytes <= MIN_WINDOW_BYTES) {
            return self.certain_fin(side, call);
        }
        own.waiting_fin.get_or_insert(call);
        None
    }

    fn certain_fin(&mut self, by: Side, because: CallId) -> Option<CloseSegment> {
        let finished = self.finished;
        let (own, _) = self.ends(by);
        if finished || own.sent_fin {
            return None;
        }
        (own.sent_fin, own.waiting_fin) = (true, None);
        Some(CloseSegment {
            kind: DerivedKind::Fin,
            by,
            because,
        })
    }

    fn reset(&mut self, by: Side, because: CallId) -> Option<CloseSegment> {
        let segment = CloseSegment {
            kind: DerivedKind::Rst,
            by,
            because,
        };
        (!std::mem::replace(&mut self.finished, true)).then_some(segment)
    }

    /// The end itself, and the other one.
    const fn ends(&mut self, side: Side) -> (&mut EndState, &mut EndState) {
        match side {
            Side::Client => (&mut self.client, &mut self.server),
            Side::Server => (&mut self.server, &mut self.client),
        }
    }
}

/// Number of bytes that one end has sent and the other has not received, if that is known.
const fn unread(from: &EndState, to: &EndState) -> Option<u64> {
    if from.is_sent_unknown || from.sending > 0 {
        return None;
    }
    from.sent.checked_sub(to.received)
}
