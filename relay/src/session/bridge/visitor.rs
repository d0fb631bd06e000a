//! The visitor's end of a bridge: many messages in with one read, many out with one write.

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
    frames::{self, Fault, Part, Reader},
    hands::{self, Left, Slip},
};
use crate::sys::streams::reset_on_close;

/// What one read takes.
const READ: usize = 64 << 10;
/// More room than this is not kept for the next who has something to write.
const KEPT_ROOM: usize = 1 << 20;
/// How long the last words may take to be heard.
const FAREWELL: Duration = Duration::from_secs(1);
/// The same when the relay ends, which is to take no longer than that in all.
const SHUTDOWN_FAREWELL: Duration = Duration::from_millis(500);

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
    /// What is to be written next.
    out: Vec<u8>,
    /// What is being written, and how much of it was.
    going: Vec<u8>,
    written: usize,
    /// So many bytes somebody else is writing; nothing else is written meanwhile.
    away: usize,
    slip: Option<Arc<Slip>>,
    /// The event loop's turn in which it was last answered.
    answered: u64,
    queued_most: usize,
    unread_since: Option<Instant>,
    /// Whether anything was heard since that was asked last.
    heard: bool,
}

/// Why no more is heard.
#[derive(Debug)]
pub(super) enum Lost {
    /// It has ended its side of the connection, without a close frame.
    Ended,
    /// It is gone.
    Gone,
    /// It cannot be understood.
    Fault(Fault),
}

impl Visitor {
    /// `early` came before the handshake was answered; of a `stream` only the bytes count.
    pub(super) const fn new(
        connection: TcpStream,
        early: Vec<u8>,
        stream: bool,
        queued_most: usize,
    ) -> Self {
        Self {
            stream: connection,
            early,
            reader: Reader::new(stream),
            out: Vec::new(),
            going: Vec::new(),
            written: 0,
            away: 0,
            slip: None,
            answered: 0,
            queued_most,
            unread_since: None,
            heard: false,
        }
    }

    /// Whether anything was heard since this was asked last.
    pub(super) const fn was_heard(&mut self) -> bool {
        mem::replace(&mut self.heard, false)
    }

    /// Bytes that are not written yet.
    pub(super) const fn queued(&self) -> usize {
        self.out.len() + self.going.len() - self.written + self.away
    }

    /// Whether more may be queued.
    pub(super) const fn has_room(&self) -> bool {
        self.queued() < self.queued_most
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
            let mut early = mem::take(&mut self.early);
            return Poll::Ready(reader.read(&mut early, &mut hear).map_err(Lost::Fault));
        }
        READING.with_borrow_mut(|buffer| {
            let mut room = ReadBuf::new(buffer);
            let read = ready!(Pin::new(&mut self.stream).poll_read(context, &mut room));
            Poll::Ready(match (read, room.filled_mut()) {
                (Err(_), _) => Err(Lost::Gone),
                (Ok(()), []) => Err(Lost::Ended),
                (Ok(()), bytes) => {
                    self.heard = true;
                    reader.read(bytes, &mut hear).map_err(Lost::Fault)
                }
            })
        })
    }

    /// Where frames are appended to be written next.
    pub(super) fn out(&mut self) -> &mut Vec<u8> {
        if self.out.capacity() == 0 {
            self.out = WRITING.take();
        }
        &mut self.out
    }

    /// Writes what is queued, as far as the kernel has room, or has somebody else write it.
    pub(super) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_back(context, !self.out.is_empty()));
        if self.going.is_empty() && !self.out.is_empty() && self.gives_away(context) {
            return Poll::Ready(Ok(()));
        }
        while self.next() {
            let rest = &self.going[self.written..];
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

    /// Whether there is something to go on writing with.
    fn next(&mut self) -> bool {
        if self.written < self.going.len() {
            return true;
        }
        self.written = 0;
        let room = mem::replace(&mut self.going, mem::take(&mut self.out));
        keep(room);
        !self.going.is_empty()
    }

    /// Has somebody else write what is queued. Who has no room for more has to be woken when there is some, so it
    /// writes by itself.
    fn gives_away(&mut self, context: &Context<'_>) -> bool {
        let length = self.out.len();
        if !hands::are_needed(&mut self.answered) || !self.has_room() {
            return false;
        }
        if self.slip.is_none() && hands::are_there() {
            self.slip = Slip::of(&self.stream);
        }
        let Some(slip) = &self.slip else {
            return false;
        };
        match hands::take(slip, mem::take(&mut self.out), context) {
            Ok(room) => {
                self.away = length;
                keep(room);
                true
            }
            Err(bytes) => {
                self.out = bytes;
                false
            }
        }
    }

    /// Takes back what somebody else was writing; wakes the task when that can be, if it `waits` for it.
    fn poll_back(&mut self, context: &Context<'_>, waits: bool) -> Poll<()> {
        if self.away > 0
            && let Some(slip) = &self.slip
        {
            if let Some(Left { bytes, written }) = ready!(slip.poll_back(context, waits)) {
                (self.going, self.written) = (bytes, written);
            }
            self.away = 0;
        }
        Poll::Ready(())
    }

    /// Says why the bridge ends, and waits a little for the visitor to have heard it.
    pub(super) async fn close(mut self, code: Option<u16>, reason: &str) {
        frames::write_close(code, reason, &mut self.out);
        let time = if code == Some(AWAY) {
            SHUTDOWN_FAREWELL
        } else {
            FAREWELL
        };
        self.hang_up_within(time).await;
    }

    /// Writes what is queued and ends the connection, and waits a little for the visitor to have heard it.
    pub(super) async fn hang_up(self) {
        self.hang_up_within(FAREWELL).await;
    }

    async fn hang_up_within(mut self, time: Duration) {
        let deadline = tokio::time::Instant::now() + time;
        let writing = async {
            std::future::poll_fn(|context| self.poll_back(context, true)).await;
            self.stream.write_all(&self.going[self.written..]).await?;
            self.stream.write_all(&self.out).await?;
            self.stream.shutdown().await
        };
        let Ok(written) = tokio::time::timeout_at(deadline, writing).await else {
            return reset_on_close(&self.stream);
        };
        let reading = async {
            let mut rest = [0; 512];
            while let Ok(1..) = self.stream.read(&mut rest).await {}
        };
        if written.is_ok() {
            // Who does not listen even now is left.
            tokio::time::timeout_at(deadline, reading).await.ok();
        }
    }
}

/// Keeps room for the next who has something to write.
fn keep(mut room: Vec<u8>) {
    if (1..=KEPT_ROOM).contains(&room.capacity()) {
        room.clear();
        WRITING.replace(room);
    }
}

#[cfg(test)]
mod tests;
