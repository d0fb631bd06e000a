//! Trying a call on a socket again once the socket is ready, and never in a circle.
//!
//! tokio keeps `Ready::READ_CLOSED` and `Ready::WRITE_CLOSED` as long as it watches a socket: it takes EPOLLRDHUP and
//! EPOLLHUP for final. The kernel reports them also for a UDP socket after `shutdown` and for a TCP socket between two
//! connections, and a call on such a socket can block all the same. It is tried again after a pause.

use std::{io, time::Duration};

use tokio::{
    io::{Interest, Ready},
    net::{TcpStream, UdpSocket},
};

/// The pause after the first attempt in vain; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
/// The longest pause: four attempts a second cost nothing that could be measured.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// A socket that the event loop watches.
pub trait Watched {
    /// Waits until the socket is said to be ready for this, or closed for it.
    ///
    /// # Errors
    /// Where the event loop has ended.
    fn ready(&self, interest: Interest) -> impl Future<Output = io::Result<Ready>>;

    /// Tries, if the socket is said to be ready. After `WouldBlock` it is ready no longer, unless it is closed.
    ///
    /// # Errors
    /// The attempt's; `WouldBlock` without an attempt where the socket is not ready.
    fn try_io<T>(
        &self,
        interest: Interest,
        attempt: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T>;
}

impl Watched for UdpSocket {
    async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        self.ready(interest).await
    }

    fn try_io<T>(
        &self,
        interest: Interest,
        attempt: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        self.try_io(interest, attempt)
    }
}

impl Watched for TcpStream {
    async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        self.ready(interest).await
    }

    fn try_io<T>(
        &self,
        interest: Interest,
        attempt: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        self.try_io(interest, attempt)
    }
}

/// The pauses between attempts that were in vain.
#[derive(Debug)]
pub struct Pauses(Duration);

impl Default for Pauses {
    fn default() -> Self {
        Self(FIRST_PAUSE)
    }
}

impl Pauses {
    /// Lets time pass: twice as much as the time before.
    pub async fn pass(&mut self) {
        let next = (self.0 * 2).min(LONGEST_PAUSE);
        tokio::time::sleep(std::mem::replace(&mut self.0, next)).await;
    }

    /// Waits until a socket may have something to read.
    ///
    /// # Errors
    /// Where the event loop has ended.
    pub async fn until_readable(&mut self, socket: &impl Watched) -> io::Result<()> {
        if socket.ready(Interest::READABLE).await?.is_read_closed() {
            self.pass().await;
        }
        Ok(())
    }
}

/// Tries whenever the socket is ready, until the attempt would not block.
///
/// # Errors
/// The attempt's.
pub async fn retry<T>(
    socket: &impl Watched,
    interest: Interest,
    mut attempt: impl FnMut() -> io::Result<T>,
) -> io::Result<T> {
    let mut pauses = Pauses::default();
    loop {
        let ready = socket.ready(interest).await?;
        match socket.try_io(interest, &mut attempt) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            other => return other,
        }
        if ready.is_read_closed() || ready.is_write_closed() {
            pauses.pass().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, net::Shutdown, time::Instant};

    use super::*;

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_socket_that_is_always_ready_is_tried_a_few_times_a_second() {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        let address = socket.local_addr().expect("bound");
        socket.connect(address).await.expect("an address");
        socket2::SockRef::from(&socket)
            .shutdown(Shutdown::Read)
            .expect("a connected socket");
        let (attempts, begun) = (Cell::new(0_u32), Instant::now());
        let receiving = retry(&socket, Interest::READABLE, || {
            attempts.set(attempts.get() + 1);
            socket.try_recv(&mut [0; 8])
        });
        let received = tokio::time::timeout(Duration::from_millis(700), receiving).await;
        assert!(received.is_err(), "nothing came: {received:?}");
        let seconds = u32::try_from(begun.elapsed().as_secs()).expect("a short test");
        let most = 12 + 4 * seconds;
        assert!((2..=most).contains(&attempts.get()), "{attempts:?}");
    }
}
