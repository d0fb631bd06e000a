//! A server of connections with nothing but epoll: one thread, each connection's answers written once per read.

use std::{
    collections::HashMap,
    io::{self, Read},
    net::Ipv4Addr,
    time::Duration,
};

use socket2::{Domain, Protocol, Socket, Type};

use crate::{
    generator::{Outbox, Poll, Ready},
    machine,
};

const BACKLOG: i32 = 4_096;
const BUFFER: usize = 256 << 10;
const LISTENER: usize = 0;

/// What is done with one connection.
pub(super) trait Guest {
    /// Bytes came over the connection; adds what is to be answered.
    fn says(&mut self, bytes: &mut [u8], answer: &mut Vec<u8>) -> io::Result<()>;
    /// A second socket to be watched along with the connection.
    fn other_socket(&self) -> Option<&Socket>;
    /// That socket has something; adds what is to be passed on.
    fn other_says(&mut self, buffer: &mut [u8], answer: &mut Vec<u8>) -> io::Result<()>;
}

/// A connection, and what waits to be written to it.
struct Place<G> {
    socket: Socket,
    guest: G,
    outbox: Outbox,
    watched_for_room: bool,
}

/// Serves for ever; `welcome` makes a guest of every connection.
pub(super) fn serve<G: Guest>(welcome: impl Fn() -> G) -> io::Result<()> {
    machine::raise_descriptor_limit();
    let listener = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    listener.set_nonblocking(true)?;
    listener.bind(&(std::net::SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).into())?;
    listener.listen(BACKLOG)?;
    let address = listener.local_addr()?.as_socket();
    let mut poll = Poll::new()?;
    poll.watch(&listener, LISTENER, false)?;
    println!("{}", address.ok_or(io::ErrorKind::AddrNotAvailable)?);
    let (mut places, mut buffer, mut came) = (HashMap::new(), vec![0; BUFFER], 0);
    loop {
        for at in 0..poll.wait(Duration::from_secs(1))? {
            let ready = poll.ready(at);
            if ready.token == LISTENER {
                came += 1;
                places.extend(let_in(&listener, &poll, came, &welcome)?.map(|place| (came, place)));
            } else if let Some(place) = places.get_mut(&(ready.token / 2))
                && place.proceed(ready, &poll, &mut buffer).is_err()
            {
                places.remove(&(ready.token / 2));
            }
        }
    }
}

/// A connection has two tokens: an even one of its own, and the odd one after it for the second socket.
fn let_in<G: Guest>(
    listener: &Socket,
    poll: &Poll,
    number: usize,
    welcome: impl Fn() -> G,
) -> io::Result<Option<Place<G>>> {
    let socket = match listener.accept() {
        Ok((socket, _)) => socket,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
        Err(error) => return Err(error),
    };
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    let guest = welcome();
    poll.watch(&socket, number * 2, false)?;
    if let Some(other) = guest.other_socket() {
        poll.watch(other, number * 2 + 1, false)?;
    }
    Ok(Some(Place {
        socket,
        guest,
        outbox: Outbox::default(),
        watched_for_room: false,
    }))
}

impl<G: Guest> Place<G> {
    /// Does what can be done now.
    ///
    /// # Errors
    /// The end of the connection, however it came.
    fn proceed(&mut self, ready: Ready, poll: &Poll, buffer: &mut [u8]) -> io::Result<()> {
        if ready.token % 2 == 1 {
            self.guest.other_says(buffer, self.outbox.bytes())?;
        } else if ready.readable {
            match (&self.socket).read(buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => self
                    .guest
                    .says(&mut buffer[..length], self.outbox.bytes())?,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        self.outbox.flush(&self.socket)?;
        if self.outbox.is_empty() == self.watched_for_room {
            self.watched_for_room = !self.watched_for_room;
            poll.change(&self.socket, ready.token & !1, self.watched_for_room)?;
        }
        Ok(())
    }
}
