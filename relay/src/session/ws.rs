//! A page's WebSocket connection: messages in, messages out with one flush for many, and the closing handshake.
//!
//! It knows frames and JSON text, not what they mean; see [`page`](super::page).

use std::{
    pin::Pin,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{Sink, SinkExt, StreamExt};
use shared::{
    codec::encode_server,
    limits::Limits,
    message::{Goodbye, GoodbyeReason, ServerMessage},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::Instant,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message, Utf8Bytes,
        error::{CapacityError, Error, ProtocolError},
        protocol::{
            CloseFrame, Role, WebSocketConfig,
            frame::{
                Frame,
                coding::{Data, OpCode},
            },
        },
    },
};

use super::protocol::Protocol;
use crate::sys::streams::reset_on_close;

/// The library's default of 128 KiB would be allocated per connection and zeroed before every read.
const READ_BUFFER_BYTES: usize = 8 << 10;
/// With more bytes queued, they are flushed before more is read.
const MAX_UNFLUSHED_BYTES: usize = 64 << 10;
/// How long the closing handshake may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// The same when the relay ends.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(500);
/// The longest header of a server's frame (RFC 6455 §5.2).
const MAX_HEADER_BYTES: usize = 10;
/// The longest reason of a close frame (RFC 6455 §5.5).
const MAX_REASON_BYTES: usize = 123;

/// A page's WebSocket connection.
#[derive(Debug)]
pub(super) struct WsConnection {
    socket: WebSocketStream<TcpStream>,
    protocol: Protocol,
    queued_bytes: usize,
    /// Whether the queue has already waited for messages that may follow at once.
    has_yielded: bool,
    unread_since: Option<Instant>,
}

/// What can happen on the connection.
#[derive(Debug)]
pub(super) enum Incoming {
    /// A message.
    Message(Message),
    /// All that was queued is sent.
    Flushed,
    /// A message is longer than twice `message_bytes`.
    TooLong,
    /// A text message is not UTF-8.
    InvalidUtf8,
    /// The page breaks this rule of the protocol.
    Violation(String),
    /// The page is gone.
    Disconnected,
}

impl WsConnection {
    pub(super) async fn new(
        stream: TcpStream,
        read_ahead: Vec<u8>,
        protocol: Protocol,
        limits: &Limits,
    ) -> Self {
        // A message of up to twice the limit is answered with a failure; a longer one closes the connection.
        let longest = usize::try_from(limits.message_bytes.saturating_mul(2)).unwrap_or(usize::MAX);
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .max_message_size(Some(longest))
            .max_frame_size(Some(longest));
        let socket =
            WebSocketStream::from_partially_read(stream, read_ahead, Role::Server, Some(config))
                .await;
        Self {
            socket,
            protocol,
            queued_bytes: 0,
            has_yielded: false,
            unread_since: None,
        }
    }

    /// The version of the conversation.
    pub(super) const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The number of bytes that are not sent yet.
    pub(super) const fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    /// Since when the page does not take what is sent.
    pub(super) const fn unread_since(&self) -> Option<Instant> {
        self.unread_since
    }

    /// Queues a message of the protocol.
    pub(super) fn send(&mut self, message: &ServerMessage) {
        self.send_text(encode_server(message).into());
    }

    /// Queues a message that is encoded already.
    pub(super) fn send_text(&mut self, text: Utf8Bytes) {
        self.queue(Message::Text(text));
    }

    /// Queues a message that is JSON in UTF-8 already, without copying or checking it.
    pub(super) fn queue_json(&mut self, json: Bytes) {
        let text = OpCode::Data(Data::Text);
        self.queue(Message::Frame(Frame::message(json, text, true)));
    }

    /// Queues a WebSocket message. An error of the connection shows at the next flush.
    pub(super) fn queue(&mut self, message: Message) {
        self.queued_bytes += MAX_HEADER_BYTES + message.len();
        Pin::new(&mut self.socket).start_send(message).ok();
    }

    /// The next message. With `is_reading` false nothing is read, and the page has to wait.
    pub(super) fn poll_incoming(
        &mut self,
        context: &mut Context<'_>,
        is_reading: bool,
    ) -> Poll<Incoming> {
        if self.queued_bytes >= MAX_UNFLUSHED_BYTES
            && let Poll::Ready(incoming) = self.poll_flush(context)
        {
            return Poll::Ready(incoming);
        }
        if is_reading {
            return self.poll_message(context);
        }
        Poll::Pending
    }

    /// Flushes the queue. To be called when nothing more can be read, so that one write sends many messages. If
    /// `is_more_expected`, the other tasks of the event loop run first: the server's reply may join the queue.
    pub(super) fn poll_send(
        &mut self,
        context: &mut Context<'_>,
        is_more_expected: bool,
    ) -> Poll<Incoming> {
        if self.queued_bytes == 0 {
            return Poll::Pending;
        }
        if is_more_expected && !std::mem::replace(&mut self.has_yielded, true) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.poll_flush(context)
    }

    /// The next message if it has arrived already.
    pub(super) fn try_next(&mut self) -> Option<Incoming> {
        match self.poll_message(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(incoming) => Some(incoming),
            Poll::Pending => None,
        }
    }

    fn poll_message(&mut self, context: &mut Context<'_>) -> Poll<Incoming> {
        let message = ready!(self.socket.poll_next_unpin(context));
        Poll::Ready(match message {
            Some(Ok(message)) => Incoming::Message(message),
            Some(Err(Error::Capacity(CapacityError::MessageTooLong { .. }))) => Incoming::TooLong,
            Some(Err(Error::Utf8(_))) => Incoming::InvalidUtf8,
            Some(Err(Error::Protocol(error))) if is_violation(&error) => {
                Incoming::Violation(error.to_string())
            }
            Some(Err(_)) | None => Incoming::Disconnected,
        })
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Incoming> {
        if self.unread_since.is_none() {
            self.unread_since = Some(Instant::now());
        }
        let flushed = ready!(Pin::new(&mut self.socket).poll_flush(context));
        (self.queued_bytes, self.has_yielded, self.unread_since) = (0, false, None);
        Poll::Ready(if flushed.is_ok() {
            Incoming::Flushed
        } else {
            Incoming::Disconnected
        })
    }

    /// Sends a goodbye and closes the connection.
    pub(super) async fn close(&mut self, goodbye: &Goodbye) {
        self.close_with(goodbye, goodbye.reason.close_code()).await;
    }

    /// The same with a more exact close code than that of the reason.
    pub(super) async fn close_with(&mut self, goodbye: &Goodbye, code: u16) {
        self.send(&ServerMessage::Goodbye(goodbye.clone()));
        let timeout = if goodbye.reason == GoodbyeReason::ShuttingDown {
            SHUTDOWN_TIMEOUT
        } else {
            CLOSE_TIMEOUT
        };
        let deadline = Instant::now() + timeout;
        let closing = self.send_close(code, &goodbye.message);
        if tokio::time::timeout_at(deadline, closing).await.is_err() {
            return reset_on_close(self.socket.get_ref());
        }
        // A page that has not closed by then is cut off.
        tokio::time::timeout_at(deadline, self.drain()).await.ok();
    }

    /// Sends a close frame. A reason that is too long is cut between characters.
    async fn send_close(&mut self, code: u16, reason: &str) {
        let mut end = MAX_REASON_BYTES.min(reason.len());
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        let frame = CloseFrame {
            code: code.into(),
            reason: reason[..end].into(),
        };
        self.socket.send(Message::Close(Some(frame))).await.ok();
    }

    /// Reads until the page has closed its side.
    async fn drain(&mut self) {
        while let Some(Ok(_)) = self.socket.next().await {}
        // Bytes that are no frames are read as well: the kernel resets a connection that is closed with unread bytes, and
        // the page may lose the goodbye (RFC 6455 §7.1.1).
        let stream = self.socket.get_mut();
        stream.shutdown().await.ok();
        let mut rest = [0; 512];
        while stream.read(&mut rest).await.is_ok_and(|read| read > 0) {}
    }
}

/// Whether the page broke the protocol. The library reports some ends of a connection as protocol errors, too.
const fn is_violation(error: &ProtocolError) -> bool {
    !matches!(
        error,
        ProtocolError::ResetWithoutClosingHandshake
            | ProtocolError::ReceivedAfterClosing
            | ProtocolError::SendAfterClosing
    )
}
