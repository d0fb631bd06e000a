//! `connect`, which may take its time; and what the event loop has to know of a TCP socket before and after.

use std::{io, net::SocketAddr, rc::Rc, time::Duration};

use shared::{
    call::Target,
    outcome::{Failed, FailureSource, Reason, Returned},
};
use socket2::SockRef;
use tokio::{io::Interest, net::TcpStream};

use super::ClientSocket;
use crate::{
    client::handle::{self, Handle},
    failure::{self, CallResult},
    sys::retry::retry,
};

/// A connected socket would keep sending to the port after its owner closed it and another program took it.
const ONLY_SENDTO: &str = "a socket of one's own is only for sendto on UDP";

impl ClientSocket {
    pub(super) async fn connect(&self, to: Target) -> CallResult {
        if matches!(to, Target::Fd(_)) {
            return Err(failure::relay(Reason::NoAddress, ONLY_SENDTO));
        }
        let peer = self.authorize(to)?;
        self.bind_implicitly(peer)?;
        let result = self.handle().socket().connect(&peer.into());
        match result {
            Ok(()) => self.watch().map_err(|error| failure::kernel(&error))?,
            Err(error) => {
                if handle::in_progress(&error) {
                    // An attempt has begun. Where this call does not wait for it, it goes on by itself, and later calls
                    // have to be told when they can go on, too.
                    self.unwatch();
                    self.watch().map_err(|error| failure::kernel(&error))?;
                }
                if !self.may_wait_for(&error) {
                    return Err(failure::kernel(&error));
                }
                self.finish_connecting(peer).await?;
            }
        }
        self.local.take();
        // Where an attempt had begun before, it is that one's peer.
        let connected = self.handle().socket().peer_addr().ok();
        let connected = connected.and_then(|peer| peer.as_socket());
        self.peer.set(connected.map(canonical).or(Some(peer)));
        Ok(Returned::Nothing)
    }

    /// Whether a `connect` that could not be done at once is waited for, as a blocking one is. A second one waits for
    /// the first only where it may wait for ever: with a timeout Python does not block, and is told `EALREADY`.
    fn may_wait_for(&self, error: &io::Error) -> bool {
        match self.timeout.get() {
            None => handle::in_progress(error) || handle::in_progress_already(error),
            Some(Duration::ZERO) => false,
            Some(_) => handle::in_progress(error),
        }
    }

    async fn finish_connecting(&self, peer: SocketAddr) -> Result<(), Failed> {
        let Handle::Tcp(stream) = self.handle() else {
            return Ok(());
        };
        let attempt = || handle::connected(&stream, peer);
        let connecting = retry(&*stream, Interest::WRITABLE, attempt);
        let result = self.with_timeout(connecting).await;
        drop(stream);
        // Where only the time is over the attempt goes on.
        if let Err(failed) = &result
            && failed.source == FailureSource::Kernel
        {
            self.unwatch();
        }
        result
    }

    /// From now on the event loop knows this TCP socket.
    fn watch(&self) -> io::Result<()> {
        let mut handle = self.handle.borrow_mut();
        if let Handle::Unconnected(socket) = &*handle {
            let stream = TcpStream::from_std(socket.try_clone()?.into())?;
            *handle = Handle::Tcp(Rc::new(stream));
        }
        Ok(())
    }

    /// The event loop forgets it, and that it was closed: after a failed `connect` the socket is as new, and may try
    /// again.
    fn unwatch(&self) {
        let mut handle = self.handle.borrow_mut();
        if let Handle::Tcp(stream) = &*handle
            && let Ok(socket) = SockRef::from(stream.as_ref()).try_clone()
        {
            *handle = Handle::Unconnected(Rc::new(socket));
        }
    }
}

/// An IPv4 address that an IPv6 socket speaks to, as the IPv4 address it is.
const fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
