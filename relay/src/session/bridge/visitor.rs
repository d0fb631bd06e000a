//! The visitor's end of a bridge: many messages in with one read, many out with one write.

use std::{
    cell::RefCell,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
};

use super::frames::{self, Fault, Part, Reader};

/// What one read takes.
const READ: usize = 64 << 10;
/// More room than this is not kept for the next who has something to write.
const KEPT_ROOM: usize = 1 << 20;
/// How long the last words may take to be heard.
const FAREWELL: Duration = Duration::from_secs(1);

thread_local! {
    /// Where all bridges of an event loop read, and where they begin to write: one that is idle needs no room.
    static READING: RefCell<Vec<u8>> = RefCell::new(vec![0; READ]);
    static WRITING: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A visitor's WebSocket.
#[derive(Debug)]
pub(super) struct Visitor {
    stream: TcpStream,
    early: Vec<u8>,
    reader: Reader,
    out: Vec<u8>,
    written: usize,
    unread_since: Option<Instant>,
}

/// Why no more is heard.
#[derive(Debug)]
pub(super) enum Lost {
    /// It is gone.
    Gone,
    /// It cannot be understood.
    Fault(Fault),
}

impl Visitor {
    /// `early` came before the handshake was answered; of a `stream` only the bytes count.
    pub(super) const fn new(connection: TcpStream, early: Vec<u8>, stream: bool) -> Self {
        Self {
            stream: connection,
            early,
            reader: Reader::new(stream),
            out: Vec::new(),
            written: 0,
            unread_since: None,
        }
    }

    /// Bytes that wait to be written.
    pub(super) const fn queued(&self) -> usize {
        self.out.len() - self.written
    }

    /// Since when the visitor has not taken what was sent to it.
    pub(super) const fn unread_since(&self) -> Option<Instant> {
        self.unread_since
    }

    /// Reads once; `hear` is told of what the visitor says, and of where an answer can be written.
    pub(super) fn poll_hear(
        &mut self,
        context: &mut Context<'_>,
        hear: &mut impl FnMut(Part<'_>, &mut Vec<u8>),
    ) -> Poll<Result<(), Lost>> {
        let Self { reader, out, .. } = self;
        let mut hear = |part: Part<'_>| hear(part, out);
        if !self.early.is_empty() {
            let mut early = std::mem::take(&mut self.early);
            return Poll::Ready(reader.read(&mut early, &mut hear).map_err(Lost::Fault));
        }
        READING.with_borrow_mut(|buffer| {
            let mut room = ReadBuf::new(buffer);
            let read = ready!(Pin::new(&mut self.stream).poll_read(context, &mut room));
            Poll::Ready(match (read, room.filled_mut()) {
                (Err(_), _) | (Ok(()), []) => Err(Lost::Gone),
                (Ok(()), bytes) => reader.read(bytes, &mut hear).map_err(Lost::Fault),
            })
        })
    }

    /// Queues messages.
    pub(super) fn queue(&mut self, messages: impl Iterator<Item = impl AsRef<[u8]>>) {
        if self.out.capacity() == 0 {
            self.out = WRITING.take();
        }
        for message in messages {
            frames::write_data(message.as_ref(), &mut self.out);
        }
    }

    /// Writes what is queued, as far as the kernel has room.
    pub(super) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.queued() > 0 {
            let rest = &self.out[self.written..];
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
        if self.written > 0 {
            let mut room = std::mem::take(&mut self.out);
            self.written = 0;
            room.clear();
            if room.capacity() <= KEPT_ROOM {
                WRITING.replace(room);
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Says why the bridge ends, and waits a little for the visitor to have heard it.
    pub(super) async fn close(mut self, code: Option<u16>, reason: &str) {
        frames::write_close(code, reason, &mut self.out);
        let farewell = async {
            self.stream.write_all(&self.out[self.written..]).await?;
            self.stream.shutdown().await?;
            let mut rest = [0; 512];
            while self.stream.read(&mut rest).await? > 0 {}
            io::Result::Ok(())
        };
        // Who does not listen even now is left.
        tokio::time::timeout(FAREWELL, farewell).await.ok();
    }
}
