//! A server with nothing but epoll: one thread, and one write of answers per read.

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

/// Handles one connection.
pub(super) trait Handler {
    /// Handles bytes from the connection; appends the answer.
    fn handle_bytes(&mut self, bytes: &mut [u8], answer: &mut Vec<u8>) -> io::Result<()>;
    /// A second socket to watch with the connection.
    fn other_socket(&self) -> Option<&Socket>;
    /// Reads from that socket; appends what the connection is to get.
    fn handle_other(&mut self, buffer: &mut [u8], answer: &mut Vec<u8>) -> io::Result<()>;
}

/// A connection, and the bytes that wait to be written to it.
struct Client<H> {
    socket: Socket,
    handler: H,
    outbox: Outbox,
    watches_for_room: bool,
}

/// Serves for ever; `new_handler` makes a handler for each connection.
pub(super) fn serve<H: Handler>(new_handler: impl Fn() -> H) -> io::Result<()> {
    machine::raise_descriptor_limit();
    let listener = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    listener.set_nonblocking(true)?;
    listener.bind(&(std::net::SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).into())?;
    listener.listen(BACKLOG)?;
    let address = listener.local_addr()?.as_socket();
    let mut poll = Poll::new()?;
    poll.watch(&listener, LISTENER, false)?;
    println!("{}", address.ok_or(io::ErrorKind::AddrNotAvailable)?);
    let (mut clients, mut buffer, mut accepted) = (HashMap::new(), vec![0; BUFFER], 0);
    loop {
        for at in 0..poll.wait(Duration::from_secs(1))? {
            let ready = poll.ready(at);
            if ready.token == LISTENER {
                accepted += 1;
                clients.extend(
                    accept(&listener, &poll, accepted, &new_handler)?
                        .map(|client| (accepted, client)),
                );
            } else if let Some(client) = clients.get_mut(&(ready.token / 2))
                && client.proceed(ready, &poll, &mut buffer).is_err()
            {
                clients.remove(&(ready.token / 2));
            }
        }
    }
}

/// A connection has two tokens: an even one of its own, and the odd one after it for the second socket.
fn accept<H: Handler>(
    listener: &Socket,
    poll: &Poll,
    number: usize,
    new_handler: impl Fn() -> H,
) -> io::Result<Option<Client<H>>> {
    let socket = match listener.accept() {
        Ok((socket, _)) => socket,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
        Err(error) => return Err(error),
    };
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    let handler = new_handler();
    poll.watch(&socket, number * 2, false)?;
    if let Some(other) = handler.other_socket() {
        poll.watch(other, number * 2 + 1, false)?;
    }
    Ok(Some(Client {
        socket,
        handler,
        outbox: Outbox::default(),
        watches_for_room: false,
    }))
}

impl<H: Handler> Client<H> {
    /// Reads and writes what is possible now.
    ///
    /// # Errors
    /// The end of the connection.
    fn proceed(&mut self, ready: Ready, poll: &Poll, buffer: &mut [u8]) -> io::Result<()> {
        if ready.token % 2 == 1 {
            self.handler.handle_other(buffer, self.outbox.bytes())?;
        } else if ready.readable {
            match (&self.socket).read(buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => self
                    .handler
                    .handle_bytes(&mut buffer[..length], self.outbox.bytes())?,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        self.outbox.flush(&self.socket)?;
        if self.outbox.is_empty() == self.watches_for_room {
            self.watches_for_room = !self.watches_for_room;
            poll.change(&self.socket, ready.token & !1, self.watches_for_room)?;
        }
        Ok(())
    }
}
