//! Bytes that wait to be written: many sentences leave in one write, and the kernel may take only a part.

use std::io::{self, Write};

use socket2::Socket;

/// The bytes for one socket.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    bytes: Vec<u8>,
    gone: usize,
}

impl Outbox {
    /// The buffer, to append to.
    pub(crate) const fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Whether no bytes wait.
    pub(crate) const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Writes as much as the socket takes.
    pub(crate) fn flush(&mut self, mut socket: &Socket) -> io::Result<()> {
        while self.gone < self.bytes.len() {
            match socket.write(&self.bytes[self.gone..]) {
                Ok(written) => self.gone += written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        self.bytes.clear();
        self.gone = 0;
        Ok(())
    }
}
