//! The WebSocket as a session sees it: messages in, many messages out and flushed once, and how it ends.

use std::{
    pin::Pin,
    task::{Context, Poll, Waker, ready},
    time::{Duration, Instant},
};

use futures_util::{Sink, SinkExt, StreamExt};
use shared::{
    codec::encode_server,
    limits::Limits,
    message::{Goodbye, GoodbyeReason, ServerMessage},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message, Utf8Bytes,
        error::{CapacityError, Error, ProtocolError},
        protocol::{CloseFrame, Role, WebSocketConfig},
    },
};

use crate::sys::streams::reset_on_close;

/// The library's default of 128 KiB is allocated for every connection and zeroed before every read.
const READ_BUFFER: usize = 8 << 10;
/// With so much queued, it leaves even if the visitor has more to say.
const FLUSH_BEFORE_LISTENING: usize = 64 << 10;
/// How long the last words may take to be heard.
const FAREWELL: Duration = Duration::from_secs(1);
/// The same when the relay ends, which is to take no longer than that in all.
const SHUTDOWN_FAREWELL: Duration = Duration::from_millis(500);
/// A frame's header has at most so many bytes when a server sends it (RFC 6455 §5.2).
const FRAME_HEADER: usize = 10;
/// A close frame's reason has room for 123 bytes (RFC 6455 §5.5).
const LONGEST_REASON: usize = 123;

/// A visitor's WebSocket.
#[derive(Debug)]
pub(super) struct Talk {
    socket: WebSocketStream<TcpStream>,
    queued: usize,
    /// Whether what is queued has waited already for what may follow at once.
    waited: bool,
    unread_since: Option<Instant>,
}

/// What is to be heard of a visitor.
#[derive(Debug)]
pub(super) enum Heard {
    /// A message.
    Said(Message),
    /// All that was queued has been sent.
    Flushed,
    /// Its message was longer than may be.
    TooLong,
    /// Its text was not UTF-8.
    NotText,
    /// It broke a rule of the protocol.
    Broken(String),
    /// It is gone.
    Gone,
}

impl Talk {
    pub(super) async fn new(stream: TcpStream, early: Vec<u8>, limits: &Limits) -> Self {
        // Twice the limit can still be answered; beyond, the conversation ends.
        let longest = usize::try_from(limits.message_bytes.saturating_mul(2)).unwrap_or(usize::MAX);
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .max_message_size(Some(longest))
            .max_frame_size(Some(longest));
        let socket =
            WebSocketStream::from_partially_read(stream, early, Role::Server, Some(config)).await;
        Self {
            socket,
            queued: 0,
            waited: false,
            unread_since: None,
        }
    }

    /// Bytes that wait to be sent.
    pub(super) const fn queued(&self) -> usize {
        self.queued
    }

    /// Since when the visitor has not taken what was sent to it.
    pub(super) const fn unread_since(&self) -> Option<Instant> {
        self.unread_since
    }

    /// Queues a message of the conversation.
    pub(super) fn say(&mut self, message: &ServerMessage) {
        self.say_text(encode_server(message).into());
    }

    /// Queues a message that is JSON already.
    pub(super) fn say_text(&mut self, text: Utf8Bytes) {
        self.queue(Message::Text(text));
    }

    /// Queues a message. A socket that cannot take it is found out at the next flush.
    pub(super) fn queue(&mut self, message: Message) {
        self.queued += FRAME_HEADER + message.len();
        Pin::new(&mut self.socket).start_send(message).ok();
    }

    /// What the visitor says next. With `listening` false nothing is read, and the visitor has to wait.
    pub(super) fn poll_heard(&mut self, context: &mut Context<'_>, listening: bool) -> Poll<Heard> {
        if self.queued >= FLUSH_BEFORE_LISTENING
            && let Poll::Ready(heard) = self.poll_flush(context)
        {
            return Poll::Ready(heard);
        }
        if listening {
            return self.poll_said(context);
        }
        Poll::Pending
    }

    /// Flushes what is queued. It is asked once nothing more is there to be read, so many messages leave in one write;
    /// where more is `expected`, all others on the event loop have a turn first: the server's answer may leave along
    /// with what is queued.
    pub(super) fn poll_sent(&mut self, context: &mut Context<'_>, expected: bool) -> Poll<Heard> {
        if self.queued == 0 {
            return Poll::Pending;
        }
        if expected && !std::mem::replace(&mut self.waited, true) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.poll_flush(context)
    }

    /// What was said along with what was heard last, if anything was.
    pub(super) fn heard_already(&mut self) -> Option<Heard> {
        match self.poll_said(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(heard) => Some(heard),
            Poll::Pending => None,
        }
    }

    fn poll_said(&mut self, context: &mut Context<'_>) -> Poll<Heard> {
        let said = ready!(self.socket.poll_next_unpin(context));
        Poll::Ready(match said {
            Some(Ok(message)) => Heard::Said(message),
            Some(Err(Error::Capacity(CapacityError::MessageTooLong { .. }))) => Heard::TooLong,
            Some(Err(Error::Utf8(_))) => Heard::NotText,
            Some(Err(Error::Protocol(broken))) if is_a_rule(&broken) => {
                Heard::Broken(broken.to_string())
            }
            Some(Err(_)) | None => Heard::Gone,
        })
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Heard> {
        if self.unread_since.is_none() {
            self.unread_since = Some(Instant::now());
        }
        let flushed = ready!(Pin::new(&mut self.socket).poll_flush(context));
        (self.queued, self.waited, self.unread_since) = (0, false, None);
        Poll::Ready(if flushed.is_ok() {
            Heard::Flushed
        } else {
            Heard::Gone
        })
    }

    /// Says why the conversation ends, and ends it.
    pub(super) async fn part(&mut self, goodbye: &Goodbye) {
        self.part_with(goodbye, goodbye.reason.close_code()).await;
    }

    /// The same with a close code that says more than that of the reason.
    pub(super) async fn part_with(&mut self, goodbye: &Goodbye, code: u16) {
        self.say(&ServerMessage::Goodbye(goodbye.clone()));
        let farewell = if goodbye.reason == GoodbyeReason::ShuttingDown {
            SHUTDOWN_FAREWELL
        } else {
            FAREWELL
        };
        let deadline = tokio::time::Instant::now() + farewell;
        let closing = self.send_close(code, &goodbye.message);
        if tokio::time::timeout_at(deadline, closing).await.is_err() {
            return reset_on_close(self.socket.get_ref());
        }
        // Who does not listen even now is left.
        tokio::time::timeout_at(deadline, self.drain()).await.ok();
    }

    /// Sends a close frame with a code and a reason.
    async fn send_close(&mut self, code: u16, reason: &str) {
        let mut end = LONGEST_REASON.min(reason.len());
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        let frame = CloseFrame {
            code: code.into(),
            reason: reason[..end].into(),
        };
        self.socket.send(Message::Close(Some(frame))).await.ok();
    }

    /// Waits for the visitor to have heard it.
    async fn drain(&mut self) {
        while let Some(Ok(_)) = self.socket.next().await {}
        // What cannot be understood is read all the same: closed with unread bytes, a connection is reset, and the
        // visitor may lose the last words with it (RFC 6455 §7.1.1).
        let stream = self.socket.get_mut();
        stream.shutdown().await.ok();
        let mut rest = [0; 512];
        while stream.read(&mut rest).await.is_ok_and(|read| read > 0) {}
    }
}

/// Whether a rule was broken by what the visitor sent. The library calls some ends of a connection so, too.
const fn is_a_rule(broken: &ProtocolError) -> bool {
    !matches!(
        broken,
        ProtocolError::ResetWithoutClosingHandshake
            | ProtocolError::ReceivedAfterClosing
            | ProtocolError::SendAfterClosing
    )
}
