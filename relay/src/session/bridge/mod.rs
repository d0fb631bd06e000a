//! A plain WebSocket bridge to the open lab's server: one message is one datagram, or the next bytes of a stream.

mod ending;
mod frames;
mod hands;
mod payload;
mod time;
mod visitor;

use std::{
    pin::pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

pub use hands::turn_ends;
pub use payload::Encoding;
use shared::{
    call::{Call, Fd, Target, Transport},
    message::GoodbyeReason,
    outcome::{Failed, Outcome},
    trace::Role,
    udp::MAX_PAYLOAD_BYTES,
};
use tokio::{net::TcpStream, time::Instant};

use self::{
    ending::{Ended, Ending, Farewell},
    frames::{Fault, Part},
    payload::Writer,
    time::left_unread,
    visitor::{Lost, Visitor},
};
use super::{
    Surroundings,
    close_code::{AWAY, INTERNAL, INVALID, NORMAL, PROTOCOL, SIZE},
    heartbeat::{Beat, Heartbeat},
};
use crate::{
    client::{BatchSocket, Process, TracedSocket},
    sys::bursts::{Batch, BatchBuilder},
};

/// A bridge has one socket.
const FD: Fd = 3;
/// With so much queued, it leaves even if more is there to be passed on.
const FLUSH_BEFORE_MORE: usize = 64 << 10;

/// Bridges until one side ends it; tells the visitor why in the close frame.
pub(super) async fn hold(
    stream: TcpStream,
    early: Vec<u8>,
    (transport, encoding): (Transport, Encoding),
    surroundings: Surroundings,
) {
    let queued_most = usize::try_from(surroundings.limits.queued_bytes).unwrap_or(usize::MAX);
    let mut visitor = Visitor::new(stream, early, transport == Transport::Tcp, queued_most);
    let lab = Rc::clone(&surroundings.lab);
    let process = Rc::new(Process::new(
        lab.join(Role::Bridge),
        surroundings.labs.bridge_host(&lab),
        Rc::clone(lab.trace()),
        Rc::clone(lab.netem()),
    ));
    let id = process.id();
    let ended = match open(process, transport, &surroundings).await {
        Ok(door) => {
            let way = (transport, encoding);
            let ended = carry(&mut visitor, &door, way, surroundings).await;
            let _made = door.close(None);
            ended
        }
        Err(failed) => because(INTERNAL, told(&failed)),
    };
    lab.leave(id);
    match ended {
        Some(Farewell::Close(code, reason)) => visitor.close(code, &reason).await,
        Some(Farewell::Said) => visitor.hang_up().await,
        None => {}
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
) -> Result<Rc<TracedSocket>, Failed> {
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
    door: &Rc<TracedSocket>,
    (transport, encoding): (Transport, Encoding),
    mut surroundings: Surroundings,
) -> Ended {
    let Some(direct) = BatchSocket::new(door) else {
        return because(INTERNAL, "the socket is not connected");
    };
    let mut bridge = Bridge {
        visitor,
        direct,
        transport,
        encoding,
        writer: Writer::new(encoding),
        batch: Batch::default(),
        unanswered: 0,
        ending: Ending::default(),
    };
    let limits = &surroundings.limits;
    let unread = Duration::from_secs(limits.unread_seconds);
    let ping = Duration::from_secs(limits.ping_seconds);
    let mut heartbeat = Heartbeat::new(ping, Instant::now());
    // One timer for both: it looks too often for one of them, which costs nothing that counts.
    let mut timer = pin!(tokio::time::sleep(unread.min(ping)));
    loop {
        tokio::select! {
            biased;
            Ok(()) = surroundings.ending.changed() => {
                return bridge.ending.or(because(AWAY, "the relay is ending"));
            }
            () = timer.as_mut() => {
                if let Some(ended) = left_unread(bridge.visitor, unread) {
                    return bridge.ending.or(Some(ended));
                }
                let now = Instant::now();
                match bridge.beat(&mut heartbeat, now) {
                    Beat::Wait => {}
                    // After its close frame a side says nothing more (RFC 6455 §5.5.1).
                    Beat::Ping if bridge.ending.may_change() => frames::write_ping(bridge.visitor.out()),
                    Beat::Ping => {}
                    Beat::Silent => {
                        surroundings.page_quota.count_ping_timeout();
                        let code = GoodbyeReason::PingTimeout.close_code();
                        return bridge.ending.or(because(code, "pings are not answered"));
                    }
                }
                timer.as_mut().reset(heartbeat.due().min(now + unread));
            }
            ended = std::future::poll_fn(|context| bridge.poll(context)) => return ended,
        }
    }
}

/// Both directions at once.
struct Bridge<'a> {
    visitor: &'a mut Visitor,
    direct: BatchSocket,
    transport: Transport,
    encoding: Encoding,
    writer: Writer,
    /// What the visitor has said and the socket has not taken yet; nothing more is heard as long.
    batch: Batch,
    /// Datagrams from the visitor that nothing has come back for.
    unanswered: usize,
    ending: Ending,
}

impl Bridge<'_> {
    /// Nothing more is heard while the visitor does not take what it is sent, or the socket what the visitor said.
    fn is_listening(&self) -> bool {
        self.visitor.has_room() && self.batch.is_empty() && self.ending.listens()
    }

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
                return self.ending.poll_late(context);
            }
        }
    }

    /// To the server. A datagram that could not be sent is lost, as on any way; a stream that cannot go on has ended.
    fn send(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        if self.batch.is_empty() {
            return self.all_is_sent();
        }
        let sent = std::task::ready!(self.direct.poll_send(context, &mut self.batch));
        Poll::Ready(match sent {
            // Why it ends is known already.
            Err(_) if !self.ending.may_change() => Ok(()),
            Err(failed) if self.transport == Transport::Tcp => {
                Err(because(INTERNAL, told(&failed)))
            }
            Err(_) => {
                self.count_answers(1);
                Ok(())
            }
            Ok(()) => Ok(()),
        })
    }

    /// What is left to be done once all that the visitor has said is sent.
    fn all_is_sent(&mut self) -> Poll<Result<(), Ended>> {
        match &mut self.ending {
            Ending::None => Poll::Pending,
            Ending::Now(..) | Ending::Server(true, _) => Poll::Ready(Err(self.ending.farewell())),
            Ending::Server(false, _) => Poll::Pending,
            Ending::Visitor(..) if self.transport == Transport::Udp => match self.unanswered {
                0 => Poll::Ready(Err(self.ending.farewell())),
                _ => Poll::Pending,
            },
            Ending::Visitor(visitor, _) if !visitor.is_shut => {
                visitor.is_shut = true;
                self.direct.shut_down_sending();
                Poll::Ready(Ok(()))
            }
            Ending::Visitor(..) => Poll::Pending,
        }
    }

    /// From the visitor; then what it said is sent.
    fn hear(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        if !self.is_listening() {
            return Poll::Pending;
        }
        let (mut said, mut ending) = (BatchBuilder::default(), None);
        let (udp, encoding) = (self.transport == Transport::Udp, self.encoding);
        let (writer, over) = (&mut self.writer, self.ending.is_by_visitor());
        let mut add = |data: &[u8]| {
            if udp && data.len() > MAX_PAYLOAD_BYTES {
                let reason = format!("one datagram holds at most {MAX_PAYLOAD_BYTES} bytes");
                return Some(Hearing::Fault(because(SIZE, reason)));
            }
            said.add(data);
            None
        };
        let mut hear = |part: Part<'_>, out: &mut Vec<u8>| match part {
            // After its close frame nothing it says counts (RFC 6455 §5.5.1).
            _ if over || ending.is_some() => {}
            Part::Data(data) => {
                writer.heard(false);
                ending = add(data);
            }
            Part::Text(text) => {
                writer.heard(true);
                ending = match encoding.decode(text) {
                    Ok(None) => add(text),
                    Ok(Some(data)) => add(&data),
                    Err(payload::NotBase64) => {
                        Some(Hearing::Fault(because(INVALID, "text that is not base64")))
                    }
                };
            }
            Part::Ping(data) => frames::write_pong(data, out),
            Part::Close(code) => ending = Some(Hearing::Closes(code)),
        };
        let heard = std::task::ready!(self.visitor.poll_hear(context, &mut hear));
        self.batch = said.finish();
        if udp {
            self.unanswered += self.batch.left().len();
        }
        match (ending, heard) {
            (None, Ok(())) => Poll::Ready(Ok(())),
            (None, Err(Lost::Gone)) => Poll::Ready(Err(None)),
            (None, Err(Lost::Ended)) => self.handle_hearing_end(Hearing::Ends),
            (None, Err(Lost::Fault(fault))) => {
                self.handle_hearing_end(Hearing::Fault(about(fault)))
            }
            (Some(ending), _) => self.handle_hearing_end(ending),
        }
    }

    /// The visitor says no more.
    fn handle_hearing_end(&mut self, how: Hearing) -> Poll<Result<(), Ended>> {
        let nothing_waits = self.batch.is_empty() && self.unanswered == 0;
        match (&mut self.ending, how) {
            // It has closed before, and has now ended its side of the connection; it may still be told something.
            (Ending::Visitor(visitor, _), _) => visitor.is_deaf = true,
            // It answers the relay's close frame, or breaks off.
            (Ending::Server(is_answered, _), _) => *is_answered = true,
            (Ending::Now(..), _) => {}
            (Ending::None, Hearing::Fault(ended)) => self.ending = Ending::now(ended),
            (Ending::None, Hearing::Ends) if self.transport == Transport::Udp && nothing_waits => {
                return Poll::Ready(Err(None));
            }
            (Ending::None, Hearing::Ends) => {
                self.ending = Ending::by_visitor(None, true, self.transport);
            }
            (Ending::None, Hearing::Closes(code)) => {
                self.ending = Ending::by_visitor(code, false, self.transport);
            }
        }
        Poll::Ready(Ok(()))
    }

    /// From the server.
    fn receive(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        if !self.visitor.has_room() || self.ending.is_by_server() {
            return Poll::Pending;
        }
        match self.transport {
            Transport::Udp => {
                match std::task::ready!(self.direct.poll_burst(context)) {
                    Ok(burst) => {
                        self.count_answers(burst.count());
                        let out = self.visitor.out();
                        for datagram in burst.datagrams() {
                            self.writer.write_datagram(&datagram, out);
                        }
                    }
                    // A datagram did not arrive, which is no end.
                    Err(_) => self.count_answers(1),
                }
                Poll::Ready(Ok(()))
            }
            Transport::Tcp => {
                let chunk = std::task::ready!(self.direct.poll_chunk(context));
                let chunk = chunk.map_err(|failed| because(INTERNAL, told(&failed)))?;
                if chunk.is_empty() {
                    return self.server_ends();
                }
                self.writer.write_chunk(&chunk, self.visitor.out());
                Poll::Ready(Ok(()))
            }
        }
    }

    /// The server's stream has ended. The visitor is told so in a close frame, and what it says until it answers that
    /// is still passed on: each side ends its own half.
    fn server_ends(&mut self) -> Poll<Result<(), Ended>> {
        let out = self.visitor.out();
        self.writer.write_rest(out);
        match &mut self.ending {
            Ending::None => {
                frames::write_close(Some(NORMAL), "end of stream", out);
                self.ending = Ending::by_server();
                Poll::Ready(Ok(()))
            }
            Ending::Now(..) | Ending::Visitor(..) | Ending::Server(..) => {
                Poll::Ready(Err(self.ending.farewell()))
            }
        }
    }

    const fn count_answers(&mut self, count: usize) {
        self.unanswered = self.unanswered.saturating_sub(count);
    }
}

/// How hearing a visitor comes to its end.
enum Hearing {
    /// By a close frame with this code.
    Closes(Option<u16>),
    /// Without one.
    Ends,
    /// By something that cannot be gone on after.
    Fault(Ended),
}

fn about(fault: Fault) -> Ended {
    match fault {
        Fault::Broken(rule) => because(PROTOCOL, rule),
        Fault::TooLong => because(SIZE, "this message is far too long"),
        Fault::NotText => because(INVALID, "text that is not UTF-8"),
    }
}

fn because(code: u16, reason: impl Into<String>) -> Ended {
    Some(Farewell::Close(Some(code), reason.into()))
}

fn told(failed: &Failed) -> String {
    format!("{}: {}", failed.errno, failed.message)
}
