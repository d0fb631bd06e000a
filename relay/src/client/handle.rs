//! The kernel's socket behind a client socket, and how it is tried without blocking anyone.

use std::{cell::RefCell, io, net::SocketAddr, rc::Rc};

use shared::{
    call::{Family, Transport},
    data::Data,
    trace::Fact,
};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::{
    io::Interest,
    net::{TcpStream, UdpSocket},
};

use crate::{
    netem::{Delivered, ImpairedReceiver},
    sys::{receive, retry::retry},
};

/// The kernel's socket. A TCP socket is watched only from `connect` on: watched earlier, it would be reported
/// as hung up once and for all.
#[derive(Clone, Debug)]
pub(super) enum Handle {
    Udp(Rc<UdpSocket>),
    Unconnected(Rc<Socket>),
    Tcp(Rc<TcpStream>),
}

impl Handle {
    pub(super) fn socket(&self) -> SockRef<'_> {
        match self {
            Self::Udp(socket) => SockRef::from(socket.as_ref()),
            Self::Unconnected(socket) => SockRef::from(socket.as_ref()),
            Self::Tcp(stream) => SockRef::from(stream.as_ref()),
        }
    }
}

impl Handle {
    /// The datagram that can be had now: the kernel's if netem is bypassed, else the next that netem delivers.
    pub(super) fn datagram_now(
        &self,
        receiver: &ImpairedReceiver,
        size: usize,
    ) -> io::Result<Datagram> {
        if receiver.is_bypassed() {
            return self.datagram(size);
        }
        Ok(Datagram::cut(
            &receiver.try_next_delivered(self.udp()?)?,
            size,
        ))
    }

    /// Waits for the next one.
    pub(super) async fn next_datagram(
        &self,
        receiver: &ImpairedReceiver,
        size: usize,
    ) -> io::Result<Datagram> {
        let socket = self.udp()?;
        match receiver
            .receive_directly(socket, || self.datagram(size))
            .await?
        {
            Some(datagram) => Ok(datagram),
            None => Ok(Datagram::cut(&receiver.next_delivered(socket).await?, size)),
        }
    }

    fn udp(&self) -> io::Result<&UdpSocket> {
        match self {
            Self::Udp(socket) => Ok(socket),
            Self::Unconnected(_) | Self::Tcp(_) => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    pub(super) async fn retry<T>(
        &self,
        interest: Interest,
        attempt: impl FnMut() -> io::Result<T>,
    ) -> io::Result<T> {
        match self {
            Self::Udp(socket) => retry(&**socket, interest, attempt).await,
            Self::Tcp(stream) => retry(&**stream, interest, attempt).await,
            // The kernel never lets a call on an unconnected stream wait.
            Self::Unconnected(_) => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// As much of the next datagram as `size` bytes hold.
    fn datagram(&self, size: usize) -> io::Result<Datagram> {
        let socket = self.udp()?;
        with_buffer(size, |buffer| {
            let receive::Received {
                kept,
                length,
                from,
                ancillary,
            } = receive::datagram(socket, buffer)?;
            Ok(Datagram {
                data: buffer[..kept].into(),
                length: length as u64,
                from,
                facts: ancillary.facts(),
            })
        })
    }

    /// At most `size` bytes of the stream.
    pub(super) fn chunk(&self, size: usize) -> io::Result<Data> {
        with_buffer(size, |buffer| {
            let kept = io::Read::read(&mut &*self.socket(), buffer)?;
            Ok(buffer[..kept].into())
        })
    }
}

/// A datagram as it was received.
pub(super) struct Datagram {
    pub(super) data: Data,
    pub(super) length: u64,
    pub(super) from: SocketAddr,
    pub(super) facts: Vec<Fact>,
}

impl Datagram {
    /// As much of one that netem delivered as `size` bytes hold.
    pub(super) fn cut(delivered: &Delivered, size: usize) -> Self {
        let mut data = vec![0; delivered.length().min(size)];
        let receive::Received {
            length,
            from,
            ancillary,
            ..
        } = delivered.copy_into(&mut data);
        Self {
            data: Data(data),
            length: length as u64,
            from,
            facts: ancillary.facts(),
        }
    }
}

thread_local! {
    /// Where all sockets of an event loop receive: what is kept is copied out at its own length.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

fn with_buffer<T>(size: usize, receive: impl FnOnce(&mut [u8]) -> T) -> T {
    BUFFER.with_borrow_mut(|buffer| {
        if buffer.len() < size {
            buffer.resize(size, 0);
        }
        receive(&mut buffer[..size])
    })
}

/// A new socket.
pub(super) fn open(transport: Transport, family: Family) -> io::Result<Handle> {
    let (kind, protocol) = match transport {
        Transport::Udp => (Type::DGRAM, Protocol::UDP),
        Transport::Tcp => (Type::STREAM, Protocol::TCP),
    };
    let domain = match family {
        Family::Inet => Domain::IPV4,
        Family::Inet6 => Domain::IPV6,
    };
    let socket = Socket::new(domain, kind, Some(protocol))?;
    socket.set_nonblocking(true)?;
    Ok(match transport {
        Transport::Udp => Handle::Udp(Rc::new(UdpSocket::from_std(socket.into())?)),
        Transport::Tcp => Handle::Unconnected(Rc::new(socket)),
    })
}

/// Whether a `connect` has only begun.
pub(super) fn in_progress(error: &io::Error) -> bool {
    #[cfg(unix)]
    let started = error.raw_os_error() == Some(libc::EINPROGRESS);
    #[cfg(not(unix))]
    let started = error.kind() == io::ErrorKind::WouldBlock;
    started
}

/// Whether one that began before is not over yet.
#[cfg(unix)]
pub(super) fn in_progress_already(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EALREADY)
}

/// Other systems do not distinguish it.
#[cfg(not(unix))]
pub(super) const fn in_progress_already(_: &io::Error) -> bool {
    false
}

/// What has become of a `connect` that began; `WouldBlock` while nothing has. Asked by `connect` again, Linux ends
/// the attempt as a `connect` that waited would have: one that failed leaves the socket as it was before.
#[cfg(target_os = "linux")]
pub(super) fn connected(stream: &TcpStream, peer: SocketAddr) -> io::Result<()> {
    match SockRef::from(stream).connect(&peer.into()) {
        Err(error) if in_progress_already(&error) => Err(io::ErrorKind::WouldBlock.into()),
        other => other,
    }
}

/// What has become of a `connect` that began; `WouldBlock` while nothing has.
#[cfg(not(target_os = "linux"))]
pub(super) fn connected(stream: &TcpStream, _peer: SocketAddr) -> io::Result<()> {
    match stream.take_error()? {
        Some(error) => Err(error),
        None => match stream.peer_addr() {
            Err(error) if error.kind() == io::ErrorKind::NotConnected => {
                Err(io::ErrorKind::WouldBlock.into())
            }
            other => other.map(drop),
        },
    }
}
