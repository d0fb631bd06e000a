//! A WebSocket server that upper-cases itself: what a WebSocket costs without a bridge.

use std::io;

use socket2::Socket;

use super::{epoll_server::Handler, handshake::handshake};
use crate::generator::{Frame, Kind, Parser, answer_head};

/// One connection.
#[derive(Debug, Default)]
pub(super) struct Echo {
    open: bool,
    request: Vec<u8>,
    parser: Parser,
}

impl Handler for Echo {
    fn handle_bytes(&mut self, bytes: &mut [u8], answer: &mut Vec<u8>) -> io::Result<()> {
        if !self.open {
            self.open = handshake(&mut self.request, bytes, answer)?;
            return Ok(());
        }
        self.parser.feed(bytes, |Frame { kind, payload, .. }| {
            if kind == Kind::Close {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            payload.make_ascii_uppercase();
            answer_head(kind, payload.len(), answer);
            answer.extend_from_slice(payload);
            Ok(())
        })
    }

    fn other_socket(&self) -> Option<&Socket> {
        None
    }

    fn handle_other(&mut self, _: &mut [u8], _: &mut Vec<u8>) -> io::Result<()> {
        Ok(())
    }
}
