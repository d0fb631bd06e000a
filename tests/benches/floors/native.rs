//! Servers without any bridge: a loop around two calls for datagrams, and the same for streams.

use std::{
    io,
    net::{Ipv4Addr, UdpSocket},
};

use socket2::{SockRef, Socket};

use super::epoll_server::Handler;

/// Room for many bursts: a server that loses datagrams for want of room is no floor.
const RECEIVE_BUFFER: usize = 4 << 20;

/// Upper-cases datagrams for ever.
pub(super) fn udp() -> io::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER)?;
    println!("{}", socket.local_addr()?);
    let mut buffer = [0; 65_536];
    loop {
        let (length, from) = socket.recv_from(&mut buffer)?;
        let sentence = &mut buffer[..length];
        sentence.make_ascii_uppercase();
        socket.send_to(sentence, from)?;
    }
}

/// Upper-cases what comes over one connection.
#[derive(Debug, Default)]
pub(super) struct Stream;

impl Handler for Stream {
    fn handle_bytes(&mut self, bytes: &mut [u8], answer: &mut Vec<u8>) -> io::Result<()> {
        bytes.make_ascii_uppercase();
        answer.extend_from_slice(bytes);
        Ok(())
    }

    fn other_socket(&self) -> Option<&Socket> {
        None
    }

    fn handle_other(&mut self, _: &mut [u8], _: &mut Vec<u8>) -> io::Result<()> {
        Ok(())
    }
}
