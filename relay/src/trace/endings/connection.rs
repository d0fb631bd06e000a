//! One TCP connection, as the calls of both its ends tell of it: when its FINs are sure, and when it was reset. Pure.
//!
//! A call that closes does not always end a stream: with bytes unread the kernel sends a RST instead of a FIN
//! (RFC 2525 §2.17), and where the connection was reset before it sends nothing. So a FIN follows from the caller's
//! own call only where the bytes of both sides rule that out; else only from what the other end's calls return.

use std::net::SocketAddr;

use shared::{
    outcome::{Failed, FailureSource, Outcome, Returned},
    trace::{CallId, DerivedKind},
};

use super::{Act, Ending, Side};

/// So many bytes that the other end's program has not taken yet never keep a FIN back: the smallest receive buffer
/// that Linux lets a socket have (2304 bytes, socket(7)) offers a window of half of it.
const ROOM: u64 = 1024;

/// A connection, from its `connect` or `accept` on.
#[derive(Debug, Default)]
pub(super) struct Connection {
    /// The server's address, once a call has told it.
    pub(super) server: Option<SocketAddr>,
    /// Its handshake is over for sure.
    pub(super) stands: bool,
    /// It was reset, or it cannot be told from another one: nothing follows any more.
    pub(super) over: bool,
    /// What the client has done.
    pub(super) client: Half,
    /// What the server has done.
    pub(super) served: Half,
}

/// What one end has done.
#[derive(Debug, Default)]
pub(super) struct Half {
    /// Its calls are seen.
    pub(super) known: bool,
    /// Its socket is closed.
    pub(super) gone: bool,
    /// `SO_LINGER` with 0: closing resets.
    pub(super) abrupt: bool,
    /// Bytes that `send` took, where every one of them returned.
    sent: u64,
    /// One has failed: how many bytes it took before is not known.
    torn: bool,
    /// How many of them have not returned.
    sending: u32,
    /// Bytes that its program has received.
    received: u64,
    /// It has received the other's end of stream.
    heard_end: bool,
    /// `shutdown` for reading: an end of stream it receives may be its own doing.
    deaf: bool,
    /// It will send no more: `shutdown` for writing, or `close` where that is sure to mean the same.
    mute: bool,
    /// Its FIN was told.
    ended: bool,
    /// The call whose FIN waits behind bytes that the other end has no room for.
    owes: Option<CallId>,
}

impl Half {
    /// An end whose calls are seen; whether closing it resets.
    pub(super) fn seen(abrupt: bool) -> Self {
        Self {
            known: true,
            abrupt,
            ..Self::default()
        }
    }
}

impl Connection {
    /// A call starts on one end.
    pub(super) fn starts(&mut self, side: Side, act: Act, call: CallId) -> Option<Ending> {
        match act {
            Act::Send => {
                self.ends(side).0.sending += 1;
                None
            }
            Act::Close => self.closes(side, call),
            Act::Connect | Act::Accept | Act::Receive | Act::Shut { .. } | Act::Linger { .. } => {
                None
            }
        }
    }

    /// It returns.
    pub(super) fn returns(
        &mut self,
        side: Side,
        act: Act,
        call: CallId,
        outcome: &Outcome,
    ) -> Option<Ending> {
        match act {
            Act::Send => self.sent(side, call, outcome),
            Act::Receive => self.received(side, call, outcome),
            Act::Shut { read, write } if matches!(outcome, Outcome::Returned(_)) => {
                self.shuts(side, call, read, write)
            }
            Act::Linger { abrupt } if matches!(outcome, Outcome::Returned(_)) => {
                self.ends(side).0.abrupt = abrupt;
                None
            }
            Act::Connect | Act::Accept | Act::Close | Act::Shut { .. } | Act::Linger { .. } => None,
        }
    }

    /// One end's socket is closed, by a call or because its process has ended.
    pub(super) fn left(&mut self, side: Side) {
        let (own, other) = self.ends(side);
        own.gone = true;
        // What still waited for room there may never have gone out.
        other.owes = None;
    }

    fn sent(&mut self, side: Side, call: CallId, outcome: &Outcome) -> Option<Ending> {
        let (own, _) = self.ends(side);
        own.sending = own.sending.saturating_sub(1);
        match outcome {
            Outcome::Returned(Returned::Sent { sent }) => {
                own.sent += sent;
                None
            }
            Outcome::Returned(_) => None,
            Outcome::Failed(failed) => {
                own.torn = true;
                // Nobody may write any more: unless it has said so itself, the other end has reset the connection.
                let reset =
                    by_kernel(failed, "ECONNRESET") || (by_kernel(failed, "EPIPE") && !own.mute);
                reset.then(|| self.reset(side.other(), call)).flatten()
            }
        }
    }

    /// One end's program has received so many bytes: what waited for room there may be on its way now.
    pub(super) fn takes(&mut self, side: Side, bytes: u64) -> Option<Ending> {
        let (own, other) = self.ends(side);
        own.received += bytes;
        let owes = other.owes;
        owes.and_then(|call| self.fin(side.other(), call))
    }

    fn received(&mut self, side: Side, call: CallId, outcome: &Outcome) -> Option<Ending> {
        let (own, _) = self.ends(side);
        match outcome {
            Outcome::Returned(Returned::Chunk { data }) => self.takes(side, data.len() as u64),
            // Of a connection that was reset every later `recv` returns 0, too.
            Outcome::Returned(Returned::EndOfStream) if !own.deaf => {
                own.heard_end = true;
                self.fin_for_sure(side.other(), call)
            }
            Outcome::Returned(_) => None,
            Outcome::Failed(failed) if by_kernel(failed, "ECONNRESET") => {
                self.reset(side.other(), call)
            }
            Outcome::Failed(_) => None,
        }
    }

    /// The kernel fails a `shutdown` of what stands no longer.
    fn shuts(&mut self, side: Side, call: CallId, read: bool, write: bool) -> Option<Ending> {
        let stands = self.stands;
        let (own, _) = self.ends(side);
        own.deaf |= read;
        let speaks = stands && write && !own.mute;
        own.mute |= write;
        speaks.then(|| self.fin(side, call)).flatten()
    }

    fn closes(&mut self, side: Side, call: CallId) -> Option<Ending> {
        if !self.stands || !self.still_stands(side) {
            return None;
        }
        let (own, other) = self.ends(side);
        if own.abrupt {
            let is_over = own.mute && (other.mute || other.ended || other.gone);
            return (!is_over).then(|| self.reset(side, call)).flatten();
        }
        let all_read = own.heard_end || (other.known && unread(other, own) == Some(0));
        if own.mute || !all_read {
            return None;
        }
        own.mute = true;
        self.fin(side, call)
    }

    /// Whether the other end cannot have reset the connection: it is open still, or nothing this end has sent was
    /// unread there or came too late.
    fn still_stands(&mut self, side: Side) -> bool {
        let (own, other) = self.ends(side);
        other.known && (!other.gone || (!other.abrupt && unread(own, other) == Some(0)))
    }

    /// An end of stream was put behind all that this end has sent.
    fn fin(&mut self, side: Side, call: CallId) -> Option<Ending> {
        let (own, other) = self.ends(side);
        if unread(own, other).is_some_and(|bytes| bytes <= ROOM) {
            return self.fin_for_sure(side, call);
        }
        own.owes.get_or_insert(call);
        None
    }

    fn fin_for_sure(&mut self, by: Side, because: CallId) -> Option<Ending> {
        let over = self.over;
        let (own, _) = self.ends(by);
        if over || own.ended {
            return None;
        }
        (own.ended, own.owes) = (true, None);
        Some(Ending {
            kind: DerivedKind::Fin,
            by,
            because,
        })
    }

    fn reset(&mut self, by: Side, because: CallId) -> Option<Ending> {
        let ending = Ending {
            kind: DerivedKind::Rst,
            by,
            because,
        };
        (!std::mem::replace(&mut self.over, true)).then_some(ending)
    }

    /// The end itself, and the other one.
    const fn ends(&mut self, side: Side) -> (&mut Half, &mut Half) {
        match side {
            Side::Client => (&mut self.client, &mut self.served),
            Side::Server => (&mut self.served, &mut self.client),
        }
    }
}

/// How many bytes one end has sent that the other's program has not received, if that is known.
const fn unread(from: &Half, to: &Half) -> Option<u64> {
    if from.torn || from.sending > 0 {
        return None;
    }
    from.sent.checked_sub(to.received)
}

fn by_kernel(failed: &Failed, errno: &str) -> bool {
    failed.source == FailureSource::Kernel && failed.errno == errno
}
