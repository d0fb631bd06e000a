//! Datagrams of one size in bursts: one call sends many (udp(7), `UDP_SEGMENT`) and one receives many (`UDP_GRO`), so
//! that the generator is not what ends first.

use std::{
    io,
    net::{SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use nix::sys::socket::{setsockopt, sockopt};
use socket2::SockRef;

use super::{Outcome, Sentences};

/// Datagrams per burst: every kernel with such bursts takes this many.
const BURST: u64 = 64;
/// Bursts outstanding. The textbook's server has room for about 270 small datagrams.
const BURSTS: u64 = 2;
/// A burst without an answer after this time counts as lost.
const LOST_AFTER: Duration = Duration::from_millis(300);
const RECEIVE_BUFFER: usize = 4 << 20;
/// The most bytes that one receive returns.
const MOST: usize = 65_536;

/// Sends bursts for some time, two at a time, and checks every answer.
pub(crate) fn bursts(
    server: SocketAddr,
    sentences: &Sentences,
    time: Duration,
) -> io::Result<Outcome> {
    let mut sender = Sender::open(server, sentences)?;
    let begun = Instant::now();
    for _ in 0..BURSTS {
        sender.say()?;
    }
    while begun.elapsed() < time {
        sender.hear()?;
        while sender.said - sender.heard <= (BURSTS - 1) * BURST {
            sender.say()?;
        }
    }
    sender.outcome.set_duration(begun.elapsed());
    Ok(sender.outcome)
}

struct Sender<'a> {
    socket: UdpSocket,
    sentences: &'a Sentences,
    said: u64,
    heard: u64,
    burst: Vec<u8>,
    buffer: Vec<u8>,
    outcome: Outcome,
}

impl<'a> Sender<'a> {
    fn open(server: SocketAddr, sentences: &'a Sentences) -> io::Result<Self> {
        let socket = UdpSocket::bind(SocketAddr::new(server.ip(), 0))?;
        socket.connect(server)?;
        socket.set_read_timeout(Some(LOST_AFTER))?;
        SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER)?;
        let size = i32::try_from(sentences.size()).map_err(io::Error::other)?;
        setsockopt(&socket, sockopt::UdpGsoSegment, &size)?;
        setsockopt(&socket, sockopt::UdpGroSegment, &true)?;
        Ok(Self {
            socket,
            sentences,
            said: 0,
            heard: 0,
            burst: Vec::new(),
            buffer: vec![0; MOST],
            outcome: Outcome::default(),
        })
    }

    fn say(&mut self) -> io::Result<()> {
        self.burst.clear();
        for seq in self.said..self.said + BURST {
            self.sentences.write(0, seq, &mut self.burst);
        }
        self.socket.send(&self.burst)?;
        self.said += BURST;
        Ok(())
    }

    fn hear(&mut self) -> io::Result<()> {
        let length = match self.socket.recv(&mut self.buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.outcome.lost += self.said - self.heard;
                self.heard = self.said;
                return Ok(());
            }
            other => other?,
        };
        for answer in self.buffer[..length].chunks(self.sentences.size()) {
            match self.sentences.seq_of(0, answer) {
                Some(seq) if seq < self.heard => {}
                Some(seq) if seq < self.said => {
                    self.outcome.lost += seq - self.heard;
                    self.heard = seq + 1;
                    self.outcome.answered += 1;
                }
                _ => self.outcome.wrong += 1,
            }
        }
        Ok(())
    }
}
