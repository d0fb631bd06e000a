//! TCP streams: reading with few system calls, and options for closing and sending.

use std::{
    cell::RefCell,
    io,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use socket2::SockRef;
use tokio::{io::Interest, net::TcpStream};

thread_local! {
    /// Where all streams of an event loop receive: an idle one needs no room.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The next bytes, at most `most`; empty at the end of the stream.
pub fn poll_read(
    context: &mut Context<'_>,
    stream: &TcpStream,
    most: usize,
) -> Poll<io::Result<Bytes>> {
    loop {
        ready!(stream.poll_read_ready(context))?;
        let mut chunk = None;
        let reading = stream.try_io(Interest::READABLE, || {
            let (read, drained) = read(stream, most)?;
            chunk = Some(read);
            if drained {
                // So the event loop need not try once more to know that there is nothing left.
                return Err(io::ErrorKind::WouldBlock.into());
            }
            Ok(())
        });
        match (chunk, reading) {
            (Some(chunk), _) => return Poll::Ready(Ok(chunk)),
            (None, Err(error)) if error.kind() != io::ErrorKind::WouldBlock => {
                return Poll::Ready(Err(error));
            }
            (None, _) => {}
        }
    }
}

/// What is there now, and whether that was all.
fn read(stream: &TcpStream, most: usize) -> io::Result<(Bytes, bool)> {
    BUFFER.with_borrow_mut(|buffer| {
        if buffer.len() < most {
            buffer.resize(most, 0);
        }
        let room = &mut buffer[..most];
        let length = io::Read::read(&mut &*SockRef::from(stream), room)?;
        let drained = 0 < length && length < most;
        Ok((Bytes::copy_from_slice(&room[..length]), drained))
    })
}

/// Has the kernel drop what the peer has not read when `stream` is closed, instead of offering it for minutes to a peer
/// that does not read (tcp(7), `SO_LINGER` of 0).
pub fn reset_on_close(stream: &TcpStream) {
    // Where it fails, the kernel keeps the bytes a while longer.
    SockRef::from(stream).set_linger(Some(Duration::ZERO)).ok();
}

/// Limits the unsent bytes in the kernel's buffer (tcp(7), `TCP_NOTSENT_LOWAT`).
#[cfg(target_os = "linux")]
pub fn limit_unsent<'s, S>(socket: &'s S, bytes: u32)
where
    SockRef<'s>: From<&'s S>,
{
    SockRef::from(socket).set_tcp_notsent_lowat(bytes).ok();
}

/// Does nothing: only Linux has the option.
#[cfg(not(target_os = "linux"))]
pub const fn limit_unsent<S>(_: &S, _: u32) {}
