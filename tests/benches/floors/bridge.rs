//! A bridge from WebSocket messages to datagrams with nothing but epoll: the least a bridge can do.

use std::{
    io::{self, Read, Write},
    net::SocketAddr,
};

use socket2::{Domain, Protocol, Socket, Type};

use super::{epoll_server::Handler, handshake::handshake};
use crate::generator::{Frame, Kind, Parser, answer_head};

/// One connection, and its socket on the other side.
#[derive(Debug)]
pub(super) struct Bridge {
    open: bool,
    request: Vec<u8>,
    parser: Parser,
    socket: Socket,
}

impl Bridge {
    /// Leads to this server.
    pub(super) fn to(server: SocketAddr) -> Self {
        Self {
            open: false,
            request: Vec::new(),
            parser: Parser::default(),
            socket: connected(server).expect("a datagram socket"),
        }
    }
}

fn connected(server: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(server),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    socket.set_nonblocking(true)?;
    socket.connect(&server.into())?;
    Ok(socket)
}

impl Handler for Bridge {
    fn handle_bytes(&mut self, bytes: &mut [u8], answer: &mut Vec<u8>) -> io::Result<()> {
        let Self {
            open,
            request,
            parser,
            socket,
        } = self;
        if !*open {
            *open = handshake(request, bytes, answer)?;
            return Ok(());
        }
        parser.feed(bytes, |Frame { kind, payload, .. }| match kind {
            Kind::Close => Err(io::ErrorKind::ConnectionAborted.into()),
            Kind::Continuation | Kind::Text | Kind::Binary | Kind::Ping | Kind::Pong => {
                (&*socket).write(payload).map(drop)
            }
        })
    }

    fn other_socket(&self) -> Option<&Socket> {
        Some(&self.socket)
    }

    fn handle_other(&mut self, buffer: &mut [u8], answer: &mut Vec<u8>) -> io::Result<()> {
        loop {
            let length = match (&self.socket).read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                other => other?,
            };
            answer_head(Kind::Binary, length, answer);
            answer.extend_from_slice(&buffer[..length]);
        }
    }
}
