//! A plain WebSocket bridge to the open lab's server: one message is one datagram, or the next bytes of a stream.
//!
//! It speaks no protocol of ours and has no trace to send; for a page's connection, see [`page`](super::page).

mod close_state;
mod connect;
mod frames;
mod payload;
mod socket;
mod time;
mod writer_thread;

use std::{
    pin::pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

pub use payload::Encoding;
use shared::{call::Transport, outcome::Failed, trace::Role, udp::MAX_PAYLOAD_BYTES};
use tokio::{net::TcpStream, time::Instant};
pub use writer_thread::end_turn;

use self::{
    close_state::{BridgeEnd, CloseState, LastFrame},
    connect::connect,
    frames::{ClientFrame, FrameError},
    payload::MessageWriter,
    socket::{BridgeSocket, ReadEnd},
};
use super::{
    SessionContext,
    close_code::{AWAY, INTERNAL, INVALID, NORMAL, PROTOCOL, SIZE},
    heartbeat::Heartbeat,
};
use crate::{
    client::{BatchSocket, Process, TracedSocket},
    sys::bursts::{Batch, BatchBuilder},
};

/// With more bytes queued for the client, they are sent before more is received from the server.
const MAX_UNFLUSHED_BYTES: usize = 64 << 10;

/// Runs a bridge until one side ends it, and closes the client's connection with the reason.
pub(super) async fn run(
    stream: TcpStream,
    read_ahead: Vec<u8>,
    (transport, encoding): (Transport, Encoding),
    context: SessionContext,
) {
    let max_queued = usize::try_from(context.limits.queued_bytes).unwrap_or(usize::MAX);
    let is_stream = transport == Transport::Tcp;
    let mut socket = BridgeSocket::new(stream, read_ahead, is_stream, max_queued);
    let lab = Rc::clone(&context.lab);
    let process = Rc::new(Process::new(
        lab.join(Role::Bridge),
        context.labs.bridge_host(&lab),
        Rc::clone(lab.trace()),
        Rc::clone(lab.netem()),
    ));
    let id = process.id();
    let end = match connect(process, transport, &context).await {
        Ok(server) => {
            let end = forward(&mut socket, &server, (transport, encoding), context).await;
            let _result = server.close(None);
            end
        }
        Err(_) if *context.shutdown.borrow() => close(AWAY, "the relay is ending"),
        Err(failed) => close(INTERNAL, describe(&failed)),
    };
    lab.leave(id);
    match end {
        Some(LastFrame::Close(code, reason)) => socket.close(code, &reason).await,
        Some(LastFrame::Queued) => socket.shut_down().await,
        None => {}
    }
}

/// Closes the connection of a client that is not admitted.
pub(super) async fn refuse(stream: TcpStream, code: u16, reason: &str) {
    let socket = BridgeSocket::new(stream, Vec::new(), false, 0);
    socket.close(Some(code), reason).await;
}

/// Forwards in both directions until the bridge ends.
async fn forward(
    socket: &mut BridgeSocket,
    server: &Rc<TracedSocket>,
    (transport, encoding): (Transport, Encoding),
    mut context: SessionContext,
) -> BridgeEnd {
    let Some(server) = BatchSocket::new(server) else {
        return close(INTERNAL, "the socket is not connected");
    };
    let mut bridge = Bridge {
        socket,
        server,
        transport,
        encoding,
        writer: MessageWriter::new(encoding),
        unsent: Batch::default(),
        unanswered: 0,
        close: CloseState::default(),
    };
    let limits = &context.limits;
    let unread = Duration::from_secs(limits.unread_seconds);
    let ping = Duration::from_secs(limits.ping_seconds);
    let mut heartbeat = Heartbeat::new(ping, Instant::now());
    // One timer serves both timeouts; it fires too often for one of them, which costs almost nothing.
    let mut timer = pin!(tokio::time::sleep(unread.min(ping)));
    loop {
        tokio::select! {
            biased;
            Ok(()) = context.shutdown.changed() => {
                return bridge.close.break_off(close(AWAY, "the relay is ending"));
            }
            () = timer.as_mut() => {
                let now = Instant::now();
                if let Err(end) = bridge.handle_timeout(&mut heartbeat, unread, now, &context) {
                    return bridge.close.break_off(end);
                }
                timer.as_mut().reset(heartbeat.poll_timeout().min(now + unread));
            }
            end = std::future::poll_fn(|context| bridge.poll(context)) => return end,
        }
    }
}

/// Both directions of a bridge.
struct Bridge<'a> {
    socket: &'a mut BridgeSocket,
    server: BatchSocket,
    transport: Transport,
    encoding: Encoding,
    writer: MessageWriter,
    /// What the client sent and the server's socket has not taken yet. Nothing more is read until it is empty.
    unsent: Batch,
    /// The number of the client's datagrams without a reply.
    unanswered: usize,
    close: CloseState,
}

impl Bridge<'_> {
    /// Whether the client is read from. It is not while it does not take what is sent to it, or while the server's socket
    /// does not take what it sent.
    fn is_reading(&self) -> bool {
        self.socket.has_room() && self.unsent.is_empty() && self.close.is_reading()
    }

    /// Forwards all it can; ready when the bridge ends.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<BridgeEnd> {
        loop {
            let (mut has_moved, had_room) = (false, self.socket.has_room());
            for poll in [Self::poll_client, Self::poll_send, Self::poll_server] {
                match poll(self, context) {
                    Poll::Ready(Ok(())) => has_moved = true,
                    Poll::Ready(Err(end)) => return Poll::Ready(end),
                    Poll::Pending => {}
                }
            }
            if (!has_moved || self.socket.queued_bytes() >= MAX_UNFLUSHED_BYTES)
                && let Poll::Ready(Err(_)) = self.socket.poll_flush(context)
            {
                return Poll::Ready(None);
            }
            // With a full queue no read waker was registered, so poll again once there is room.
            let is_freed = !had_room && self.socket.has_room();
            if !has_moved && !is_freed {
                return self.close.poll_timeout(context);
            }
        }
    }

    /// Sends to the server. A datagram that cannot be sent is lost, as on any network; a stream that fails has ended.
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BridgeEnd>> {
        if self.unsent.is_empty() {
            return self.poll_all_sent();
        }
        let sent = std::task::ready!(self.server.poll_send(context, &mut self.unsent));
        Poll::Ready(match sent {
            // The end and its reason are decided already.
            Err(_) if !self.close.is_undecided() => Ok(()),
            Err(failed) if self.transport == Transport::Tcp => {
                Err(close(INTERNAL, describe(&failed)))
            }
            Err(_) => {
                self.count_replies(1);
                Ok(())
            }
            Ok(()) => Ok(()),
        })
    }

    /// The next step of closing, once all that the client sent is passed on.
    fn poll_all_sent(&mut self) -> Poll<Result<(), BridgeEnd>> {
        match &mut self.close {
            CloseState::Open => Poll::Pending,
            CloseState::ByRelay(..) | CloseState::ByServer(true, _) => {
                Poll::Ready(Err(self.close.take_end()))
            }
            CloseState::ByServer(false, _) => Poll::Pending,
            CloseState::ByClient(..) if self.transport == Transport::Udp => match self.unanswered {
                0 => Poll::Ready(Err(self.close.take_end())),
                _ => Poll::Pending,
            },
            CloseState::ByClient(client, _) if !client.is_forwarded => {
                client.is_forwarded = true;
                self.server.shut_down_sending();
                Poll::Ready(Ok(()))
            }
            CloseState::ByClient(..) => Poll::Pending,
        }
    }

    /// Receives from the client, into `unsent`.
    fn poll_client(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BridgeEnd>> {
        if !self.is_reading() {
            return Poll::Pending;
        }
        let (mut batch, mut client_end) = (BatchBuilder::default(), None);
        let (is_udp, encoding) = (self.transport == Transport::Udp, self.encoding);
        let (writer, has_closed) = (&mut self.writer, self.close.is_by_client());
        let mut add = |data: &[u8]| {
            if is_udp && data.len() > MAX_PAYLOAD_BYTES {
                let reason = format!("one datagram holds at most {MAX_PAYLOAD_BYTES} bytes");
                return Some(ClientEnd::Error(close(SIZE, reason)));
            }
            batch.add(data);
            None
        };
        let mut handle = |frame: ClientFrame<'_>, replies: &mut Vec<u8>| match frame {
            // A client's frames after its close frame are ignored (RFC 6455 §5.5.1).
            _ if has_closed || client_end.is_some() => {}
            ClientFrame::Binary(data) => {
                writer.set_text(false);
                client_end = add(data);
            }
            ClientFrame::Text(text) => {
                writer.set_text(true);
                client_end = match encoding.decode(text) {
                    Ok(None) => add(text),
                    Ok(Some(data)) => add(&data),
                    Err(payload::NotBase64) => {
                        Some(ClientEnd::Error(close(INVALID, "text that is not base64")))
                    }
                };
            }
            ClientFrame::Ping(data) => frames::write_pong(data, replies),
            ClientFrame::Close(code) => client_end = Some(ClientEnd::Close(code)),
        };
        let read = std::task::ready!(self.socket.poll_read(context, &mut handle));
        self.unsent = batch.finish();
        if is_udp {
            self.unanswered += self.unsent.left().len();
        }
        match (client_end, read) {
            (None, Ok(())) => Poll::Ready(Ok(())),
            (None, Err(ReadEnd::Reset)) => Poll::Ready(Err(None)),
            (None, Err(ReadEnd::Eof)) => self.handle_client_end(ClientEnd::Eof),
            (None, Err(ReadEnd::Invalid(error))) => {
                self.handle_client_end(ClientEnd::Error(close_for(error)))
            }
            (Some(end), _) => self.handle_client_end(end),
        }
    }

    fn handle_client_end(&mut self, client_end: ClientEnd) -> Poll<Result<(), BridgeEnd>> {
        let is_idle = self.unsent.is_empty() && self.unanswered == 0;
        match (&mut self.close, client_end) {
            // After its close frame, the end of its side of the connection; it may still receive.
            (CloseState::ByClient(client, _), _) => client.is_eof = true,
            // The answer to the relay's close frame, or the end of the connection.
            (CloseState::ByServer(is_answered, _), _) => *is_answered = true,
            (CloseState::ByRelay(..), _) => {}
            (CloseState::Open, ClientEnd::Error(end)) => self.close = CloseState::by_relay(end),
            (CloseState::Open, ClientEnd::Eof) if self.transport == Transport::Udp && is_idle => {
                return Poll::Ready(Err(None));
            }
            (CloseState::Open, ClientEnd::Eof) => {
                self.close = CloseState::by_client(None, true, self.transport);
            }
            (CloseState::Open, ClientEnd::Close(code)) => {
                self.close = CloseState::by_client(code, false, self.transport);
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Receives from the server, into the client's queue.
    fn poll_server(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BridgeEnd>> {
        if !self.socket.has_room() || self.close.is_by_server() {
            return Poll::Pending;
        }
        match self.transport {
            Transport::Udp => {
                match std::task::ready!(self.server.poll_burst(context)) {
                    Ok(burst) => {
                        self.count_replies(burst.count());
                        let out = self.socket.pending_mut();
                        for datagram in burst.datagrams() {
                            self.writer.write_datagram(&datagram, out);
                        }
                    }
                    // An ICMP error: a datagram did not arrive. The bridge goes on.
                    Err(_) => self.count_replies(1),
                }
                Poll::Ready(Ok(()))
            }
            Transport::Tcp => {
                let chunk = std::task::ready!(self.server.poll_chunk(context));
                let chunk = chunk.map_err(|failed| close(INTERNAL, describe(&failed)))?;
                if chunk.is_empty() {
                    return self.handle_server_eof();
                }
                self.writer.write_chunk(&chunk, self.socket.pending_mut());
                Poll::Ready(Ok(()))
            }
        }
    }

    /// Queues a close frame. What the client sends until it answers is still passed on.
    fn handle_server_eof(&mut self) -> Poll<Result<(), BridgeEnd>> {
        let out = self.socket.pending_mut();
        self.writer.finish(out);
        match &mut self.close {
            CloseState::Open => {
                frames::write_close(Some(NORMAL), "end of stream", out);
                self.close = CloseState::by_server();
                Poll::Ready(Ok(()))
            }
            CloseState::ByRelay(..) | CloseState::ByClient(..) | CloseState::ByServer(..) => {
                Poll::Ready(Err(self.close.take_end()))
            }
        }
    }

    const fn count_replies(&mut self, count: usize) {
        self.unanswered = self.unanswered.saturating_sub(count);
    }
}

/// How a client's messages end.
enum ClientEnd {
    /// With a close frame of this code.
    Close(Option<u16>),
    /// With the end of its side of the connection.
    Eof,
    /// With something the bridge cannot pass on.
    Error(BridgeEnd),
}

fn close_for(error: FrameError) -> BridgeEnd {
    match error {
        FrameError::Violation(rule) => close(PROTOCOL, rule),
        FrameError::TooLong => close(SIZE, "this message is far too long"),
        FrameError::InvalidUtf8 => close(INVALID, "text that is not UTF-8"),
    }
}

fn close(code: u16, reason: impl Into<String>) -> BridgeEnd {
    Some(LastFrame::Close(Some(code), reason.into()))
}

fn describe(failed: &Failed) -> String {
    format!("{}: {}", failed.errno, failed.message)
}
