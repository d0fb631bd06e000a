//! One connection of the load: opens, says sentences, hears and checks the answers. It never blocks.

use std::{
    io::{self, Read, Write},
    rc::Rc,
    time::Instant,
};

use socket2::{Domain, Protocol, Socket, Type};

use super::{
    Dialect, KEY, KEY_ANSWER, Outcome, Ready, Way,
    frame::{Frame, Kind, Parser},
    ledger::Ledger,
    letters::{self, Letter},
    outbox::Outbox,
    sentence::Sentences,
    watcher::Watcher,
};

/// What a datagram socket has room for: an answer that came must not be lost here.
const RECEIVE_BUFFER: usize = 4 << 20;

/// One connection.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: Socket,
    way: Way,
    ledger: Ledger,
    stage: Stage,
    parser: Parser,
    message: Vec<u8>,
    outbox: Outbox,
    /// Whether it is watched for room to write.
    pub(crate) watched_for_room: bool,
    /// What it has seen of the trace, if this is a conversation.
    pub(crate) watcher: Watcher,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Connecting,
    Shaking,
    Open,
}

impl Connection {
    /// Starts to open it.
    pub(crate) fn start(way: Way, number: u32, sentences: &Rc<Sentences>) -> io::Result<Self> {
        let udp = way.dialect == Dialect::Datagrams;
        let (kind, protocol) = if udp {
            (Type::DGRAM, Protocol::UDP)
        } else {
            (Type::STREAM, Protocol::TCP)
        };
        let socket = Socket::new(Domain::for_address(way.address), kind, Some(protocol))?;
        socket.set_nonblocking(true)?;
        if udp {
            socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        } else {
            socket.set_tcp_nodelay(true)?;
        }
        match socket.connect(&way.address.into()) {
            Err(error) if !is_under_way(&error) => return Err(error),
            _ => {}
        }
        Ok(Self {
            socket,
            way,
            ledger: Ledger::new(number, sentences),
            stage: if udp { Stage::Open } else { Stage::Connecting },
            parser: Parser::default(),
            message: Vec::new(),
            outbox: Outbox::default(),
            watched_for_room: !udp,
            watcher: Watcher::default(),
        })
    }

    /// The socket, to be watched.
    pub(crate) const fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Whether it waits for room to write.
    pub(crate) fn wants_room(&self) -> bool {
        self.stage == Stage::Connecting || !self.outbox.is_empty()
    }

    /// Sentences said and not yet answered.
    pub(crate) const fn outstanding(&self) -> u64 {
        self.ledger.outstanding()
    }

    /// Whether its first sentence is still to be said.
    pub(crate) const fn has_said_nothing(&self) -> bool {
        self.ledger.next() == 0
    }

    /// Says sentences until so many are outstanding, once it is open.
    pub(crate) fn fill(&mut self, window: u64) -> io::Result<()> {
        if self.stage != Stage::Open || self.outstanding() >= window {
            return Ok(());
        }
        let now = Instant::now();
        while self.outstanding() < window {
            self.say()?;
            self.ledger.says(now);
        }
        self.outbox.flush(&self.socket)
    }

    fn say(&mut self) -> io::Result<()> {
        let (sentences, sayer, seq) = (
            self.ledger.sentences(),
            self.ledger.sayer(),
            self.ledger.next(),
        );
        let out = self.outbox.bytes();
        match self.way.dialect {
            Dialect::Datagrams => {
                sentences.write(sayer, seq, out);
                return self.outbox.flush(&self.socket);
            }
            Dialect::Stream => sentences.write(sayer, seq, out),
            Dialect::Messages | Dialect::Pieces => sentences.write_message(sayer, seq, out),
            Dialect::Conversation { .. } => letters::write_sentence(sentences, sayer, seq, out)?,
        }
        Ok(())
    }

    /// Does what can be done now.
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
        if self.way.dialect == Dialect::Stream {
            self.stage = Stage::Open;
            return Ok(());
        }
        self.stage = Stage::Shaking;
        let Way { address, path, .. } = self.way;
        write!(
            self.outbox.bytes(),
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
    }

    /// Reads what has come. A stream is read once, datagrams as long as answers are due.
    pub(crate) fn receive(&mut self, buffer: &mut [u8], outcome: &mut Outcome) -> io::Result<()> {
        let udp = self.way.dialect == Dialect::Datagrams;
        loop {
            let length = match (&self.socket).read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                other => other?,
            };
            let now = Instant::now();
            if udp {
                self.ledger.whole(&buffer[..length], now, outcome);
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
        match (self.stage, self.way.dialect) {
            (Stage::Connecting, _) => Ok(()),
            (Stage::Shaking, _) => self.shake(bytes, now, outcome),
            (Stage::Open, Dialect::Stream) => {
                self.ledger.piece(bytes, now, outcome);
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

    /// Reads the answer to the handshake; what follows it is frames already.
    fn shake(&mut self, bytes: &[u8], now: Instant, outcome: &mut Outcome) -> io::Result<()> {
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
        if let Dialect::Conversation { watching } = self.way.dialect {
            letters::write_opening(watching, self.outbox.bytes());
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
        match (kind, self.way.dialect) {
            (Kind::Ping | Kind::Pong, _) => {}
            (Kind::Close, _) => {
                let why = String::from_utf8_lossy(payload.get(2..).unwrap_or_default());
                return Err(io::Error::other(format!("the other side closed: {why}")));
            }
            (_, Dialect::Pieces) => self.ledger.piece(payload, now, outcome),
            (_, Dialect::Conversation { .. }) => return self.letter(payload, now, outcome),
            _ if last && self.message.is_empty() => self.ledger.whole(payload, now, outcome),
            _ => {
                self.message.extend_from_slice(payload);
                if last {
                    let message = std::mem::take(&mut self.message);
                    self.ledger.whole(&message, now, outcome);
                }
            }
        }
        Ok(())
    }

    fn letter(&mut self, text: &[u8], now: Instant, outcome: &mut Outcome) -> io::Result<()> {
        match letters::read(text)? {
            Letter::Opening | Letter::Sent => {}
            Letter::Event => self.watcher.event(text),
            Letter::Gap => self.watcher.gap(text),
            Letter::Received(seq, rest) => {
                let answer = rest
                    .get(..self.ledger.sentences().size())
                    .unwrap_or_default();
                let ends = rest.get(answer.len()) == Some(&b'"');
                if ends && seq == self.ledger.due() {
                    self.ledger.whole(answer, now, outcome);
                } else {
                    outcome.wrong += 1;
                }
            }
        }
        Ok(())
    }

    /// Gives up what can no longer be hoped for, where anything may be lost.
    pub(crate) fn give_up(&mut self, now: Instant, outcome: &mut Outcome) {
        if self.way.dialect.may_lose() {
            self.ledger.give_up(now, outcome);
        }
    }
}

fn is_under_way(error: &io::Error) -> bool {
    error.raw_os_error() == Some(nix::errno::Errno::EINPROGRESS as i32)
}
