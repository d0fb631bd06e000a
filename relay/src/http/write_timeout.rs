//! [`WriteTimeout`]: a TCP connection on which a write fails if the peer does not read for too long.
//!
//! The kernel does not close such a connection: a peer that does not read still acknowledges window probes, so neither
//! TCP keepalive nor retransmission times out (RFC 9293 §3.8.6.1).

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

/// Bytes that the kernel must accept for the timeout to restart. A peer cannot hold a connection by reading one byte at a
/// time.
const PROGRESS_BYTES: usize = 16 << 10;

/// Maximum unsent bytes in the kernel's buffer (tcp(7), `TCP_NOTSENT_LOWAT`). With the default of megabytes, the
/// progress of a slow reader would not show here until a third of them are sent.
pub(super) const MAX_UNSENT_BYTES: u32 = 64 << 10;

/// A TCP connection on which a stalled write fails with [`io::ErrorKind::TimedOut`].
#[derive(Debug)]
pub(super) struct WriteTimeout {
    stream: TcpStream,
    /// Dropped after the stream, so that its descriptor is free by then.
    slot: Option<ReserveSlot>,
    limit: Duration,
    /// Set while the kernel accepts no bytes.
    deadline: Option<Pin<Box<Sleep>>>,
    written: usize,
}

impl WriteTimeout {
    /// A write may wait for the peer for at most `limit`.
    pub(super) const fn new(stream: TcpStream, slot: Option<ReserveSlot>, limit: Duration) -> Self {
        Self {
            stream,
            slot,
            limit,
            deadline: None,
            written: 0,
        }
    }

    /// Returns the connection and the descriptor of the reserve that it uses, if any.
    pub(super) fn into_parts(self) -> (TcpStream, Option<ReserveSlot>) {
        // An upgraded connection uses the kernel's default again.
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

    /// Flushing ends the timeout, because nothing is waiting to be written.
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
    /// More than both kernels' buffers hold on loopback.
    const LARGE: usize = 64 << 20;

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
    async fn a_write_to_a_peer_that_never_reads_times_out() {
        let (mut ours, peer) = connected().await;
        let error = ours.write_all(&vec![0; LARGE]).await.expect_err("stalled");
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
    async fn a_slow_reader_may_exceed_the_limit_in_total() {
        let (mut ours, mut peer) = connected().await;
        let began = std::time::Instant::now();
        let reading = tokio::spawn(async move {
            let (mut total, mut buffer) = (0, vec![0; 4 << 20]);
            while total < LARGE {
                // The limit passes several times before the whole is read.
                tokio::time::sleep(LIMIT / 8).await;
                total += peer.read(&mut buffer).await.expect("more");
            }
        });
        ours.write_all(&vec![0; LARGE]).await.expect("written");
        ours.flush().await.expect("flushed");
        reading.await.expect("all of it");
        assert!(began.elapsed() > LIMIT);
    }
}
