//! One connection of the load: opens, sends sentences, receives and checks the answers. It never blocks.

use std::{
    io::{self, Read, Write},
    rc::Rc,
    time::Instant,
};

use socket2::{Domain, Protocol, Socket, Type};

use super::{
    Encoding, KEY, KEY_ANSWER, Outcome, Ready, Target,
    answer_checker::AnswerChecker,
    frame::{Frame, Kind, Parser},
    outbox::Outbox,
    sentence::Sentences,
    watcher::Watcher,
    ws_messages::{self, RelayMessage},
};

/// The receive buffer of a datagram socket, in bytes: large enough to lose no answer here.
const RECEIVE_BUFFER: usize = 4 << 20;

/// One connection.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: Socket,
    target: Target,
    checker: AnswerChecker,
    stage: Stage,
    parser: Parser,
    message: Vec<u8>,
    outbox: Outbox,
    /// Whether the poll watches it for room to write.
    pub(crate) watches_for_room: bool,
    /// The events that it has received, if it is a page.
    pub(crate) watcher: Watcher,
}

/// The state of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Connecting,
    Shaking,
    Open,
}

impl Connection {
    /// Starts to connect.
    pub(crate) fn start(
        target: Target,
        number: u32,
        sentences: &Rc<Sentences>,
    ) -> io::Result<Self> {
        let udp = target.encoding == Encoding::Datagrams;
        let (kind, protocol) = if udp {
            (Type::DGRAM, Protocol::UDP)
        } else {
            (Type::STREAM, Protocol::TCP)
        };
        let socket = Socket::new(Domain::for_address(target.address), kind, Some(protocol))?;
        socket.set_nonblocking(true)?;
        if udp {
            socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        } else {
            socket.set_tcp_nodelay(true)?;
        }
        match socket.connect(&target.address.into()) {
            Err(error) if !is_under_way(&error) => return Err(error),
            _ => {}
        }
        Ok(Self {
            socket,
            target,
            checker: AnswerChecker::new(number, sentences),
            stage: if udp { Stage::Open } else { Stage::Connecting },
            parser: Parser::default(),
            message: Vec::new(),
            outbox: Outbox::default(),
            watches_for_room: !udp,
            watcher: Watcher::default(),
        })
    }

    /// The socket, for the poll.
    pub(crate) const fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Whether bytes wait for room to write.
    pub(crate) fn needs_to_write(&self) -> bool {
        self.stage == Stage::Connecting || !self.outbox.is_empty()
    }

    /// The number of sentences without an answer.
    pub(crate) const fn outstanding(&self) -> u64 {
        self.checker.outstanding()
    }

    /// Whether it is open and has sent nothing.
    pub(crate) const fn has_said_nothing(&self) -> bool {
        self.checker.next() == 0
    }

    /// Sends sentences until `window` are outstanding, once it is open.
    pub(crate) fn fill(&mut self, window: u64) -> io::Result<()> {
        if self.stage != Stage::Open || self.outstanding() >= window {
            return Ok(());
        }
        let now = Instant::now();
        while self.outstanding() < window {
            self.say()?;
            self.checker.record_sent(now);
        }
        self.outbox.flush(&self.socket)
    }

    fn say(&mut self) -> io::Result<()> {
        let (sentences, sender, seq) = (
            self.checker.sentences(),
            self.checker.sender(),
            self.checker.next(),
        );
        let out = self.outbox.bytes();
        match self.target.encoding {
            Encoding::Datagrams => {
                sentences.write(sender, seq, out);
                return self.outbox.flush(&self.socket);
            }
            Encoding::Stream => sentences.write(sender, seq, out),
            Encoding::Messages | Encoding::Pieces => sentences.write_message(sender, seq, out),
            Encoding::Conversation { .. } => {
                ws_messages::write_sentence(sentences, sender, seq, out)?
            }
        }
        Ok(())
    }

    /// Reads and writes what is possible now.
    pub(crate) fn proceed(
        &mut self,
        ready: Ready,
        buffer: &mut [u8],
        outcome: &mut Outcome,
    ) -> io::Result<()> {
        if ready.writable {
            self.connected()?;
            self.outbox.flush(&self.socket)?;
        }
        if ready.readable {
            self.receive(buffer, outcome)?;
        }
        Ok(())
    }

    fn connected(&mut self) -> io::Result<()> {
        if self.stage != Stage::Connecting {
            return Ok(());
        }
        if let Some(error) = self.socket.take_error()? {
            return Err(error);
        }
        if self.target.encoding == Encoding::Stream {
            self.stage = Stage::Open;
            return Ok(());
        }
        self.stage = Stage::Shaking;
        let Target {
            address,
            path,
            encoding,
        } = self.target;
        let out = self.outbox.bytes();
        write!(
            out,
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n"
        )?;
        if let Encoding::Conversation { protocol, .. } = encoding {
            write!(out, "Sec-WebSocket-Protocol: {protocol}\r\n")?;
        }
        out.write_all(b"\r\n")
    }

    /// Reads once from a stream, and as long as answers are due from a datagram socket.
    pub(crate) fn receive(&mut self, buffer: &mut [u8], outcome: &mut Outcome) -> io::Result<()> {
        let udp = self.target.encoding == Encoding::Datagrams;
        loop {
            let length = match (&self.socket).read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                other => other?,
            };
            let now = Instant::now();
            if udp {
                self.checker.whole(&buffer[..length], now, outcome);
            } else if length == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            } else {
                self.take(&mut buffer[..length], now, outcome)?;
            }
            if !udp || self.outstanding() == 0 {
                return Ok(());
            }
        }
    }

    fn take(&mut self, bytes: &mut [u8], now: Instant, outcome: &mut Outcome) -> io::Result<()> {
        match (self.stage, self.target.encoding) {
            (Stage::Connecting, _) => Ok(()),
            (Stage::Shaking, _) => self.handshake(bytes, now, outcome),
            (Stage::Open, Encoding::Stream) => {
                self.checker.piece(bytes, now, outcome);
                Ok(())
            }
            (Stage::Open, _) => {
                let mut parser = std::mem::take(&mut self.parser);
                let result = parser.feed(bytes, |frame| self.frame(frame, now, outcome));
                self.parser = parser;
                result
            }
        }
    }

    /// Reads the answer to the handshake; frames may follow it directly.
    fn handshake(&mut self, bytes: &[u8], now: Instant, outcome: &mut Outcome) -> io::Result<()> {
        const END: &[u8] = b"\r\n\r\n";

        self.message.extend_from_slice(bytes);
        let Some(end) = self
            .message
            .windows(END.len())
            .position(|window| window == END)
        else {
            return Ok(());
        };
        let mut rest = self.message.split_off(end + END.len());
        let answer = String::from_utf8(std::mem::take(&mut self.message)).unwrap_or_default();
        if !answer.starts_with("HTTP/1.1 101") || !answer.contains(KEY_ANSWER) {
            return Err(io::Error::other(format!("no WebSocket: {answer:.200}")));
        }
        self.stage = Stage::Open;
        if let Encoding::Conversation { watching, .. } = self.target.encoding {
            ws_messages::write_opening(watching, self.outbox.bytes());
        }
        if rest.is_empty() {
            Ok(())
        } else {
            self.take(&mut rest, now, outcome)
        }
    }

    fn frame(&mut self, frame: Frame<'_>, now: Instant, outcome: &mut Outcome) -> io::Result<()> {
        let Frame {
            kind,
            last,
            payload,
        } = frame;
        match (kind, self.target.encoding) {
            (Kind::Ping | Kind::Pong, _) => {}
            (Kind::Close, _) => {
                let why = String::from_utf8_lossy(payload.get(2..).unwrap_or_default());
                return Err(io::Error::other(format!("the other side closed: {why}")));
            }
            (_, Encoding::Pieces) => self.checker.piece(payload, now, outcome),
            (_, Encoding::Conversation { .. }) => return self.message(payload, now, outcome),
            _ if last && self.message.is_empty() => self.checker.whole(payload, now, outcome),
            _ => {
                self.message.extend_from_slice(payload);
                if last {
                    let message = std::mem::take(&mut self.message);
                    self.checker.whole(&message, now, outcome);
                }
            }
        }
        Ok(())
    }

    fn message(&mut self, text: &[u8], now: Instant, outcome: &mut Outcome) -> io::Result<()> {
        match ws_messages::read(text)? {
            RelayMessage::Opening | RelayMessage::Sent => {}
            RelayMessage::Event => self.watcher.event(text),
            RelayMessage::Events => self.watcher.events(text),
            RelayMessage::Gap => self.watcher.gap(text),
            RelayMessage::Received(seq, rest) => {
                let answer = rest
                    .get(..self.checker.sentences().size())
                    .unwrap_or_default();
                let ends = rest.get(answer.len()) == Some(&b'"');
                if ends && seq == self.checker.due() {
                    self.checker.whole(answer, now, outcome);
                } else {
                    outcome.wrong += 1;
                }
            }
        }
        Ok(())
    }

    /// Counts old sentences as lost, if the transport may lose them.
    pub(crate) fn give_up(&mut self, now: Instant, outcome: &mut Outcome) {
        if self.target.encoding.may_lose() {
            self.checker.give_up(now, outcome);
        }
    }
}

fn is_under_way(error: &io::Error) -> bool {
    error.raw_os_error() == Some(nix::errno::Errno::EINPROGRESS as i32)
}
