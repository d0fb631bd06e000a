//! epoll(7), with a token for each socket.

use std::{io, os::fd::AsFd, time::Duration};

use nix::{
    errno::Errno,
    sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout},
};

/// The most events per wait.
const PORTION: usize = 512;

/// An epoll instance.
#[derive(Debug)]
pub(crate) struct Poll {
    epoll: Epoll,
    events: Vec<EpollEvent>,
}

/// A socket that is ready.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready {
    /// Its token.
    pub(crate) token: usize,
    /// Whether a read may return bytes, the end or an error.
    pub(crate) readable: bool,
    /// Whether a write may succeed.
    pub(crate) writable: bool,
}

impl Poll {
    /// An instance that watches nothing.
    pub(crate) fn new() -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        Ok(Self {
            epoll,
            events: vec![EpollEvent::empty(); PORTION],
        })
    }

    /// Watches a socket for reading, and for writing if `writes`, until it is closed.
    pub(crate) fn watch(&self, socket: impl AsFd, token: usize, writes: bool) -> io::Result<()> {
        Ok(self
            .epoll
            .add(socket, EpollEvent::new(interest(writes), token as u64))?)
    }

    /// Changes what a socket is watched for.
    pub(crate) fn change(&self, socket: impl AsFd, token: usize, writes: bool) -> io::Result<()> {
        let mut event = EpollEvent::new(interest(writes), token as u64);
        Ok(self.epoll.modify(socket, &mut event)?)
    }

    /// Waits, and returns how many sockets are ready.
    pub(crate) fn wait(&mut self, longest: Duration) -> io::Result<usize> {
        let timeout = EpollTimeout::try_from(longest).unwrap_or(EpollTimeout::MAX);
        match self.epoll.wait(&mut self.events, timeout) {
            Err(Errno::EINTR) => Ok(0),
            other => Ok(other?),
        }
    }

    /// A socket that the last wait found ready.
    pub(crate) fn ready(&self, at: usize) -> Ready {
        let event = self.events[at];
        let flags = event.events();
        let fails = flags.intersects(EpollFlags::EPOLLERR | EpollFlags::EPOLLHUP);
        Ready {
            token: usize::try_from(event.data()).unwrap_or(usize::MAX),
            readable: fails || flags.contains(EpollFlags::EPOLLIN),
            writable: fails || flags.contains(EpollFlags::EPOLLOUT),
        }
    }
}

fn interest(writes: bool) -> EpollFlags {
    if writes {
        EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT
    } else {
        EpollFlags::EPOLLIN
    }
}
