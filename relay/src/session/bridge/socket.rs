//! The client's end of a bridge: one read takes in many messages, one write sends many.
//!
//! It knows frames and bytes, not what they mean; see [`super`] for the bridge.

use std::{
    cell::RefCell,
    io, mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
};

use super::{
    AWAY,
    frames::{self, ClientFrame, FrameError, FrameReader},
    writer_thread::{self, Unsent, WriteState},
};
use crate::sys::streams::reset_on_close;

const READ_BUFFER_BYTES: usize = 64 << 10;
/// A write buffer with more capacity is freed, not reused.
const MAX_KEPT_CAPACITY: usize = 1 << 20;
/// How long the client may take to receive the last messages.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// The same when the relay ends.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(500);

thread_local! {
    /// Read and write buffers shared by all bridges of an event loop: an idle bridge holds none.
    static READ_BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BUFFER_BYTES]);
    static SPARE_BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A bridge's WebSocket.
#[derive(Debug)]
pub(super) struct BridgeSocket {
    stream: TcpStream,
    /// Bytes that arrived before the handshake was answered.
    read_ahead: Vec<u8>,
    reader: FrameReader,
    /// Frames that are written next.
    pending: Vec<u8>,
    /// Frames that are being written, of which the first `written` bytes are.
    in_flight: Vec<u8>,
    written: usize,
    /// The number of bytes the writer thread has. Nothing else is written meanwhile.
    offloaded: usize,
    write_state: Option<Arc<WriteState>>,
    /// The event loop's turn of the last write.
    last_turn: u64,
    max_queued_bytes: usize,
    unread_since: Option<Instant>,
    has_received: bool,
}

/// Why nothing more is read.
#[derive(Debug)]
pub(super) enum ReadEnd {
    /// The client ended its side of the connection, without a close frame.
    Eof,
    /// The connection failed.
    Reset,
    /// The client's bytes are no frames.
    Invalid(FrameError),
}

impl BridgeSocket {
    /// `read_ahead` arrived before the handshake was answered; `is_stream` as in [`FrameReader`].
    pub(super) const fn new(
        stream: TcpStream,
        read_ahead: Vec<u8>,
        is_stream: bool,
        max_queued_bytes: usize,
    ) -> Self {
        Self {
            stream,
            read_ahead,
            reader: FrameReader::new(is_stream),
            pending: Vec::new(),
            in_flight: Vec::new(),
            written: 0,
            offloaded: 0,
            write_state: None,
            last_turn: 0,
            max_queued_bytes,
            unread_since: None,
            has_received: false,
        }
    }

    /// Whether anything was received since the last call.
    pub(super) const fn take_received(&mut self) -> bool {
        mem::replace(&mut self.has_received, false)
    }

    /// The number of bytes that are not written yet.
    pub(super) const fn queued_bytes(&self) -> usize {
        self.pending.len() + self.in_flight.len() - self.written + self.offloaded
    }

    /// Whether more may be queued.
    pub(super) const fn has_room(&self) -> bool {
        self.queued_bytes() < self.max_queued_bytes
    }

    /// Since when the client does not take what is sent.
    pub(super) const fn unread_since(&self) -> Option<Instant> {
        self.unread_since
    }

    /// Reads once and calls `handle` with each frame and the buffer for replies.
    pub(super) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        handle: &mut impl FnMut(ClientFrame<'_>, &mut Vec<u8>),
    ) -> Poll<Result<(), ReadEnd>> {
        let Self {
            reader, pending, ..
        } = self;
        let mut handle = |frame: ClientFrame<'_>| handle(frame, pending);
        if !self.read_ahead.is_empty() {
            let mut bytes = mem::take(&mut self.read_ahead);
            let read = reader.read(&mut bytes, &mut handle);
            return Poll::Ready(read.map_err(ReadEnd::Invalid));
        }
        READ_BUFFER.with_borrow_mut(|buffer| {
            let mut buffer = ReadBuf::new(buffer);
            let read = ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer));
            Poll::Ready(match (read, buffer.filled_mut()) {
                (Err(_), _) => Err(ReadEnd::Reset),
                (Ok(()), []) => Err(ReadEnd::Eof),
                (Ok(()), bytes) => {
                    self.has_received = true;
                    reader.read(bytes, &mut handle).map_err(ReadEnd::Invalid)
                }
            })
        })
    }

    /// The buffer to which frames are appended.
    pub(super) fn pending_mut(&mut self) -> &mut Vec<u8> {
        if self.pending.capacity() == 0 {
            self.pending = SPARE_BUFFER.take();
        }
        &mut self.pending
    }

    /// Writes what is queued as far as the kernel takes it, or queues it for the writer thread.
    pub(super) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_offloaded(context, !self.pending.is_empty()));
        if self.in_flight.is_empty() && !self.pending.is_empty() && self.offload(context) {
            return Poll::Ready(Ok(()));
        }
        while self.load_in_flight() {
            let rest = &self.in_flight[self.written..];
            match Pin::new(&mut self.stream).poll_write(context, rest) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => self.written += written,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.unread_since.get_or_insert_with(Instant::now);
                    return Poll::Pending;
                }
            }
        }
        self.unread_since = None;
        Poll::Ready(Ok(()))
    }

    /// Moves the pending bytes in flight once all before them are written; false if there are none.
    fn load_in_flight(&mut self) -> bool {
        if self.written < self.in_flight.len() {
            return true;
        }
        self.written = 0;
        recycle(mem::replace(
            &mut self.in_flight,
            mem::take(&mut self.pending),
        ));
        !self.in_flight.is_empty()
    }

    /// Queues the pending bytes for the writer thread; false if the event loop must write them itself. With a full queue
    /// it must, because only it registers a write waker.
    fn offload(&mut self, context: &Context<'_>) -> bool {
        let length = self.pending.len();
        if !writer_thread::should_queue(&mut self.last_turn) || !self.has_room() {
            return false;
        }
        if self.write_state.is_none() && writer_thread::exists() {
            self.write_state = WriteState::new(&self.stream);
        }
        let Some(state) = &self.write_state else {
            return false;
        };
        match writer_thread::queue(state, mem::take(&mut self.pending), context) {
            Ok(spare) => {
                self.offloaded = length;
                recycle(spare);
                true
            }
            Err(bytes) => {
                self.pending = bytes;
                false
            }
        }
    }

    /// Waits for the writer thread and takes back what it could not write. `wake_when_done` as in
    /// [`WriteState::poll_done`].
    fn poll_offloaded(&mut self, context: &Context<'_>, wake_when_done: bool) -> Poll<()> {
        if self.offloaded > 0
            && let Some(state) = &self.write_state
        {
            if let Some(Unsent { bytes, written }) =
                ready!(state.poll_done(context, wake_when_done))
            {
                (self.in_flight, self.written) = (bytes, written);
            }
            self.offloaded = 0;
        }
        Poll::Ready(())
    }

    /// Sends a close frame and closes the connection. Waits up to [`CLOSE_TIMEOUT`] for the client to read it.
    pub(super) async fn close(mut self, code: Option<u16>, reason: &str) {
        frames::write_close(code, reason, &mut self.pending);
        let timeout = if code == Some(AWAY) {
            SHUTDOWN_TIMEOUT
        } else {
            CLOSE_TIMEOUT
        };
        self.shut_down_within(timeout).await;
    }

    /// The same where the close frame is queued already.
    pub(super) async fn shut_down(self) {
        self.shut_down_within(CLOSE_TIMEOUT).await;
    }

    async fn shut_down_within(mut self, timeout: Duration) {
        let deadline = tokio::time::Instant::now() + timeout;
        let writing = async {
            std::future::poll_fn(|context| self.poll_offloaded(context, true)).await;
            self.stream
                .write_all(&self.in_flight[self.written..])
                .await?;
            self.stream.write_all(&self.pending).await?;
            self.stream.shutdown().await
        };
        let Ok(written) = tokio::time::timeout_at(deadline, writing).await else {
            return reset_on_close(&self.stream);
        };
        let draining = async {
            let mut rest = [0; 512];
            while let Ok(1..) = self.stream.read(&mut rest).await {}
        };
        if written.is_ok() {
            // A client that has not closed by then is cut off.
            tokio::time::timeout_at(deadline, draining).await.ok();
        }
    }
}

/// Keeps an empty buffer's capacity for the next write of any bridge.
fn recycle(mut buffer: Vec<u8>) {
    if (1..=MAX_KEPT_CAPACITY).contains(&buffer.capacity()) {
        buffer.clear();
        SPARE_BUFFER.replace(buffer);
    }
}

#[cfg(test)]
mod tests;
