//! A plain WebSocket bridge to the open lab's server: one message is one datagram, or the next bytes of a stream.

mod frames;
mod hands;
mod visitor;

use std::{
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
pub use hands::turn_ends;
use shared::{
    call::{Call, Fd, Target, Transport},
    message::GoodbyeReason,
    outcome::{Failed, Outcome},
    trace::Role,
};
use tokio::net::TcpStream;

use self::{
    frames::{Fault, Part},
    visitor::{Lost, Visitor},
};
use super::Surroundings;
use crate::{
    client::{Direct, Door, Process},
    server::task::LONGEST_DATAGRAM,
    sys::bursts::{Batch, Gathering},
};

/// A bridge has one socket.
const FD: Fd = 3;
/// With so much queued, it leaves even if more is there to be passed on.
const FLUSH_BEFORE_MORE: usize = 64 << 10;

// Close codes (RFC 6455 §7.4.1); 1014 is registered as "Bad Gateway".
const NORMAL: u16 = 1000;
const AWAY: u16 = 1001;
const PROTOCOL: u16 = 1002;
const INVALID: u16 = 1007;
const SIZE: u16 = 1009;
const BAD_GATEWAY: u16 = 1014;

/// Why a bridge ends, for the close frame; none where the visitor is already gone.
type Ended = Option<(Option<u16>, String)>;

/// Bridges until one side ends it; tells the visitor why in the close frame.
pub(super) async fn hold(
    stream: TcpStream,
    early: Vec<u8>,
    transport: Transport,
    surroundings: Surroundings,
) {
    let queued_most = usize::try_from(surroundings.limits.queued_bytes).unwrap_or(usize::MAX);
    let mut visitor = Visitor::new(stream, early, transport == Transport::Tcp, queued_most);
    let lab = Rc::clone(&surroundings.lab);
    let process = Rc::new(Process::new(
        lab.join(Role::Bridge),
        surroundings.labs.bridge_host(&lab),
        Rc::clone(lab.trace()),
        Rc::clone(lab.edge()),
    ));
    let id = process.id();
    let ended = match open(process, transport, &surroundings).await {
        Ok(door) => {
            let ended = carry(&mut visitor, &door, transport, surroundings).await;
            let _made = door.close(None);
            ended
        }
        Err(failed) => because(BAD_GATEWAY, told(&failed)),
    };
    lab.leave(id);
    if let Some((code, reason)) = ended {
        visitor.close(code, &reason).await;
    }
}

/// Turns a visitor away.
pub(super) async fn refuse(stream: TcpStream, code: u16, reason: &str) {
    let visitor = Visitor::new(stream, Vec::new(), false, 0);
    visitor.close(Some(code), reason).await;
}

async fn open(
    process: Rc<Process>,
    transport: Transport,
    surroundings: &Surroundings,
) -> Result<Rc<Door>, Failed> {
    let server = surroundings.lab.server_address(transport);
    let (door, _took) = process.open(FD, transport, None, server, None);
    let door = Rc::new(door?);
    let connect = Call::Connect {
        fd: FD,
        to: Target::Server,
    };
    match Box::pin(door.make(&connect, None)).await.outcome {
        Outcome::Returned(_) => Ok(door),
        Outcome::Failed(failed) => Err(failed),
    }
}

async fn carry(
    visitor: &mut Visitor,
    door: &Rc<Door>,
    transport: Transport,
    mut surroundings: Surroundings,
) -> Ended {
    let Some(direct) = Direct::through(door) else {
        return because(BAD_GATEWAY, "the socket is not connected");
    };
    let mut bridge = Bridge {
        visitor,
        direct,
        transport,
        batch: Batch::default(),
        ended: None,
    };
    let unread = Duration::from_secs(surroundings.limits.unread_seconds);
    let mut looks = tokio::time::interval(unread);
    loop {
        tokio::select! {
            biased;
            Ok(()) = surroundings.ending.changed() => {
                return because(AWAY, "the relay is ending");
            }
            _ = looks.tick() => {
                if let Some(ended) = left_unread(bridge.visitor, unread) {
                    return Some(ended);
                }
            }
            ended = std::future::poll_fn(|context| bridge.poll(context)) => return ended,
        }
    }
}

/// A visitor that does not take what it is sent holds its socket for nothing.
fn left_unread(visitor: &Visitor, most: Duration) -> Ended {
    let since = visitor
        .unread_since()
        .filter(|since| since.elapsed() >= most)?;
    let reason = format!("nothing was read for {} s", since.elapsed().as_secs());
    because(GoodbyeReason::Unread.close_code(), reason)
}

/// Both directions at once.
struct Bridge<'a> {
    visitor: &'a mut Visitor,
    direct: Direct,
    transport: Transport,
    /// What the visitor has said and the socket has not taken yet; nothing more is heard as long.
    batch: Batch,
    /// The visitor has ended it, with what it said last still to be sent.
    ended: Option<Ended>,
}

impl Bridge<'_> {
    /// Passes on all that can be, until the bridge ends.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Ended> {
        loop {
            let (mut moved, had_room) = (false, self.visitor.has_room());
            for step in [Self::hear, Self::send, Self::receive] {
                match step(self, context) {
                    Poll::Ready(Ok(())) => moved = true,
                    Poll::Ready(Err(ended)) => return Poll::Ready(ended),
                    Poll::Pending => {}
                }
            }
            if (!moved || self.visitor.queued() >= FLUSH_BEFORE_MORE)
                && let Poll::Ready(Err(_)) = self.visitor.poll_flush(context)
            {
                return Poll::Ready(None);
            }
            // Who had no room has asked nobody to be woken for more.
            let is_freed = !had_room && self.visitor.has_room();
            if !moved && !is_freed {
                return Poll::Pending;
            }
        }
    }

    /// To the server. A datagram that could not be sent is lost, as on any way; a stream that cannot go on has ended.
    fn send(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        if self.batch.is_empty() {
            return match self.ended.take() {
                Some(ended) => Poll::Ready(Err(ended)),
                None => Poll::Pending,
            };
        }
        let sent = std::task::ready!(self.direct.poll_send(context, &mut self.batch));
        Poll::Ready(match sent {
            Err(failed) if self.transport == Transport::Tcp => {
                Err(because(BAD_GATEWAY, told(&failed)))
            }
            Ok(()) | Err(_) => Ok(()),
        })
    }

    /// From the visitor; then what it said is sent.
    fn hear(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        if !self.visitor.has_room() || !self.batch.is_empty() || self.ended.is_some() {
            return Poll::Pending;
        }
        let (mut said, mut ended) = (Gathering::default(), None);
        let udp = self.transport == Transport::Udp;
        let mut hear = |part: Part<'_>, out: &mut Vec<u8>| match part {
            _ if ended.is_some() => {}
            Part::Data(data) if udp && data.len() > LONGEST_DATAGRAM => {
                let reason = format!("one datagram holds at most {LONGEST_DATAGRAM} bytes");
                ended = Some(because(SIZE, reason));
            }
            Part::Data(data) => said.add(data),
            Part::Ping(data) => frames::write_pong(data, out),
            // It is answered with the code it named.
            Part::Close(code) => ended = Some(Some((code, String::new()))),
        };
        let heard = std::task::ready!(self.visitor.poll_hear(context, &mut hear));
        self.batch = said.finish();
        self.ended = ended.or(match heard {
            Ok(()) => None,
            Err(Lost::Gone) => Some(None),
            Err(Lost::Fault(fault)) => Some(about(fault)),
        });
        Poll::Ready(Ok(()))
    }

    /// From the server.
    fn receive(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        if !self.visitor.has_room() {
            return Poll::Pending;
        }
        let received = match self.transport {
            Transport::Udp => {
                let received = std::task::ready!(self.direct.poll_burst(context));
                received.map(|burst| self.visitor.queue(burst.datagrams()))
            }
            Transport::Tcp => {
                let received = std::task::ready!(self.direct.poll_chunk(context));
                match received {
                    Ok(chunk) if chunk.is_empty() => {
                        return Poll::Ready(Err(because(NORMAL, "end of stream")));
                    }
                    other => other.map(|chunk: Bytes| self.visitor.queue(std::iter::once(chunk))),
                }
            }
        };
        Poll::Ready(match received {
            Err(failed) if self.transport == Transport::Tcp => {
                Err(because(BAD_GATEWAY, told(&failed)))
            }
            // A datagram did not arrive, which is no end.
            Ok(()) | Err(_) => Ok(()),
        })
    }
}

fn about(fault: Fault) -> Ended {
    match fault {
        Fault::Broken(rule) => because(PROTOCOL, rule),
        Fault::TooLong => because(SIZE, "this message is far too long"),
        Fault::NotText => because(INVALID, "text that is not UTF-8"),
    }
}

fn because(code: u16, reason: impl Into<String>) -> Ended {
    Some((Some(code), reason.into()))
}

fn told(failed: &Failed) -> String {
    format!("{}: {}", failed.errno, failed.message)
}
