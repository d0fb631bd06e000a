//! A connection whose peer has to read: a write that makes no progress for too long fails.
//!
//! The kernel does not end such a connection. A peer that does not read still acknowledges every window probe, so
//! neither TCP keepalive nor retransmission ever gives up on it (RFC 9293 §3.8.6.1).

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::Sleep,
};

use crate::{
    descriptors::ReserveSlot,
    sys::streams::{limit_unsent, reset_on_close},
};

/// This many bytes taken by the kernel count as progress: fewer would let a peer hold a connection by reading one
/// byte at a time.
const PROGRESS_BYTES: usize = 16 << 10;

/// The kernel takes no more than so many bytes that it has not sent (tcp(7), `TCP_NOTSENT_LOWAT`). Otherwise it has
/// megabytes, and a peer that reads slowly makes no progress that shows here until a third of them are gone.
pub(super) const MAX_UNSENT_BYTES: u32 = 64 << 10;

/// A TCP connection on which a stalled write fails with [`io::ErrorKind::TimedOut`].
#[derive(Debug)]
pub(super) struct WriteTimeout {
    stream: TcpStream,
    /// Given back after the stream has closed.
    slot: Option<ReserveSlot>,
    limit: Duration,
    /// Runs while something waits to be written; none as long as the kernel takes what there is.
    deadline: Option<Pin<Box<Sleep>>>,
    written: usize,
}

impl WriteTimeout {
    /// Each write may wait as long as `limit` for the peer to read.
    pub(super) const fn new(stream: TcpStream, slot: Option<ReserveSlot>, limit: Duration) -> Self {
        Self {
            stream,
            slot,
            limit,
            deadline: None,
            written: 0,
        }
    }

    /// The connection itself, and the descriptor of the reserve it uses.
    pub(super) fn into_parts(self) -> (TcpStream, Option<ReserveSlot>) {
        // Who is sent much goes on as the kernel likes.
        limit_unsent(&self.stream, u32::MAX);
        (self.stream, self.slot)
    }

    fn check(
        &mut self,
        context: &mut Context<'_>,
        wrote: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match wrote {
            Poll::Ready(Ok(bytes)) => {
                self.written += bytes;
                if self.written >= PROGRESS_BYTES {
                    self.restart();
                }
                Poll::Ready(Ok(bytes))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                let limit = self.limit;
                let deadline = self
                    .deadline
                    .get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
                ready!(deadline.as_mut().poll(context));
                reset_on_close(&self.stream);
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }

    fn restart(&mut self) {
        (self.deadline, self.written) = (None, 0);
    }
}

impl AsyncRead for WriteTimeout {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for WriteTimeout {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.check(context, wrote)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.check(context, wrote)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Flushed means that nothing waits any longer.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.restart();
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    const LIMIT: Duration = Duration::from_millis(200);
    /// More than two kernels buffer on loopback.
    const A_LOT: usize = 64 << 20;

    async fn connected() -> (WriteTimeout, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let address = listener.local_addr().expect("its address");
        let (peer, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (stream, _) = accepted.expect("accepted");
        (
            WriteTimeout::new(stream, None, LIMIT),
            peer.expect("connected"),
        )
    }

    #[tokio::test]
    async fn a_peer_that_never_reads_is_given_up() {
        let (mut ours, peer) = connected().await;
        let error = ours.write_all(&vec![0; A_LOT]).await.expect_err("stalled");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(ours);
        let mut peer = peer;
        let end = peer.read_to_end(&mut Vec::new()).await;
        assert_eq!(
            end.expect_err("reset").kind(),
            io::ErrorKind::ConnectionReset
        );
    }

    #[tokio::test]
    async fn a_peer_that_reads_may_take_longer_in_all() {
        let (mut ours, mut peer) = connected().await;
        let began = std::time::Instant::now();
        let reading = tokio::spawn(async move {
            let (mut total, mut buffer) = (0, vec![0; 4 << 20]);
            while total < A_LOT {
                // The limit passes several times before the whole is read.
                tokio::time::sleep(LIMIT / 8).await;
                total += peer.read(&mut buffer).await.expect("more");
            }
        });
        ours.write_all(&vec![0; A_LOT]).await.expect("written");
        ours.flush().await.expect("flushed");
        reading.await.expect("all of it");
        assert!(began.elapsed() > LIMIT);
    }
}
