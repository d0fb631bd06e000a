//! The server programs of section 2.7, for real: `book` as the book has them, `sturdy` as one would run them.
//!
//! They report every call they make to the lab's trace, and know nothing of pages or WebSockets.

mod books;
mod sturdy;
pub mod task;
pub mod uppercase;

use std::{io, net::SocketAddr, rc::Rc};

use shared::{
    call::{Fd, Transport},
    lab::{Level, Program, Settings, Task},
    outcome::Returned,
    trace::{Arguments, CallName, Fact, ProcessId},
};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use crate::{
    edge::Edge,
    failure::{self, CallResult},
    sys::facts,
    trace::{Ends, OpenCall, Processes, Starting, Trace},
};

/// The first socket of a program: 0, 1 and 2 are its terminal.
const FIRST_FD: Fd = 3;

/// The book's `listen(1)`: one connection may wait, and by Linux's count one more.
const BOOK_BACKLOG: i32 = 1;
/// With thousands waiting no SYN is dropped; the kernel cuts it to net.core.somaxconn.
const STURDY_BACKLOG: i32 = 4096;
/// The default 208 KiB hold some 270 small datagrams; the kernel cuts it to net.core.rmem_max.
const STURDY_RECEIVE_BUFFER: usize = 4 << 20;

/// The port no datagram is answered from: two servers there would answer each other for ever.
pub const PLAYGROUND_PORT: u16 = 12_000;

/// A server program ready to run: its socket is bound, its port is its own.
#[derive(Debug)]
pub enum Bound {
    /// The UDP server's one socket.
    Udp(Socket),
    /// The TCP server's welcoming socket, listening.
    Tcp(Socket),
}

/// What a server program is told when it is started.
#[derive(Clone, Copy, Debug)]
pub struct Orders {
    /// Which program.
    pub program: Program,
    /// What to do with a sentence.
    pub task: Task,
}

/// How a program does its work unless told otherwise; none of somebody else's.
#[must_use]
pub const fn usual(program: Program, transport: Transport) -> Option<Settings> {
    let (backlog, receive_size) = match (program, transport) {
        (Program::Book, Transport::Udp) => (BOOK_BACKLOG, 2048),
        (Program::Book, Transport::Tcp) => (BOOK_BACKLOG, 1024),
        (Program::Sturdy, Transport::Udp) => (STURDY_BACKLOG, 65_535),
        (Program::Sturdy, Transport::Tcp) => (STURDY_BACKLOG, 64 << 10),
        (Program::External, _) => return None,
    };
    Some(Settings {
        backlog: backlog.cast_unsigned(),
        receive_size,
        think_ms: 0,
        reuse_address: true,
    })
}

/// Why a server program ended by itself.
#[derive(Debug)]
pub struct Died(pub String);

/// Binds a server's socket. `SO_REUSEADDR` is set, so that a restart need not wait for old connections.
///
/// # Errors
/// The kernel's: the port is taken, the address is not of this machine, it is not allowed.
pub fn bind(transport: Transport, address: SocketAddr, program: Program) -> io::Result<Bound> {
    let (kind, protocol) = match transport {
        Transport::Udp => (Type::DGRAM, Protocol::UDP),
        Transport::Tcp => (Type::STREAM, Protocol::TCP),
    };
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    socket.set_nonblocking(true)?;
    match transport {
        Transport::Udp => {
            if program == Program::Sturdy {
                socket.set_recv_buffer_size(STURDY_RECEIVE_BUFFER)?;
            }
            socket.bind(&address.into())?;
            Ok(Bound::Udp(socket))
        }
        Transport::Tcp => {
            socket.set_reuse_address(true)?;
            socket.bind(&address.into())?;
            socket.listen(if program == Program::Book {
                BOOK_BACKLOG
            } else {
                STURDY_BACKLOG
            })?;
            Ok(Bound::Tcp(socket))
        }
    }
}

impl Bound {
    /// The address it has got.
    ///
    /// # Errors
    /// The kernel's.
    pub fn address(&self) -> io::Result<SocketAddr> {
        let (Self::Udp(socket) | Self::Tcp(socket)) = self;
        socket
            .local_addr()?
            .as_socket()
            .ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }

    /// Runs the program until it dies, which a sturdy one does not; dropped, it is gone as a killed process is.
    ///
    /// # Errors
    /// Where the event loop cannot watch the socket.
    pub async fn run(self, orders: Orders, trace: Rc<Trace>, edge: &Rc<Edge>) -> io::Result<Died> {
        let trace_level = trace.level();
        match self {
            Self::Udp(socket) => {
                let witness = Witness::new(Transport::Udp, trace);
                if trace_level >= Level::L1 {
                    facts::ask_of_datagrams(&socket, socket.local_addr()?.is_ipv6());
                }
                let socket = UdpSocket::from_std(socket.into())?;
                let gate = edge.before_server();
                witness.says_listening(socket.local_addr()?, None);
                match orders.program {
                    Program::Book => Ok(books::udp(socket, gate, orders.task, witness).await),
                    Program::Sturdy | Program::External => {
                        sturdy::udp(socket, gate, orders.task, witness).await
                    }
                }
            }
            Self::Tcp(socket) => {
                let witness = Witness::new(Transport::Tcp, trace);
                if trace_level >= Level::L1 {
                    // A kernel that cannot keep them leaves one fact less.
                    facts::save_syns(&socket).ok();
                }
                let listener = TcpListener::from_std(socket.into())?;
                let backlog = if orders.program == Program::Book {
                    BOOK_BACKLOG
                } else {
                    STURDY_BACKLOG
                };
                witness.says_listening(listener.local_addr()?, Some(backlog));
                match orders.program {
                    Program::Book => Ok(books::tcp(listener, orders.task, witness).await),
                    Program::Sturdy | Program::External => {
                        sturdy::tcp(listener, orders.task, witness).await
                    }
                }
            }
        }
    }
}

/// Reports a server program's calls to the trace.
#[derive(Clone, Debug)]
struct Witness {
    transport: Transport,
    process: ProcessId,
    trace: Rc<Trace>,
}

impl Witness {
    fn new(transport: Transport, trace: Rc<Trace>) -> Self {
        let process = Processes::server(transport);
        trace.server_came(process);
        Self {
            transport,
            process,
            trace,
        }
    }

    /// The calls `bind` made, told once the program is there to have made them.
    fn says_listening(&self, address: SocketAddr, backlog: Option<i32>) {
        let ends = || Ends {
            local: Some(address),
            ..Ends::default()
        };
        let call = |fd, name, arguments, returned| {
            let Self {
                process, transport, ..
            } = *self;
            let starting = Starting {
                process,
                fd,
                transport,
                name,
                arguments,
                request: None,
                client: None,
            };
            self.trace.call(starting, returned, ends());
        };
        call(
            None,
            CallName::Socket,
            Arguments::default(),
            Returned::Socket { fd: FIRST_FD },
        );
        let at = Arguments {
            address: Some(address),
            ..Arguments::default()
        };
        call(Some(FIRST_FD), CallName::Bind, at, Returned::Nothing);
        if let Some(backlog) = backlog {
            let arguments = Arguments {
                number: Some(backlog.into()),
                ..Arguments::default()
            };
            call(
                Some(FIRST_FD),
                CallName::Listen,
                arguments,
                Returned::Nothing,
            );
        }
    }

    /// A call starts; `client` is the address it is about, where that is known already.
    fn starts(
        &self,
        fd: Option<Fd>,
        name: CallName,
        arguments: Arguments,
        client: Option<SocketAddr>,
    ) -> OpenCall {
        let Self {
            process, transport, ..
        } = *self;
        self.trace.call_started(Starting {
            process,
            fd,
            transport,
            name,
            arguments,
            request: None,
            client,
        })
    }

    /// It returns. Of a server the client is always at the other end.
    fn returns(&self, open: OpenCall, result: CallResult, ends: Ends) {
        let client = ends.peer;
        self.trace
            .call_returned(open, failure::outcome(result), Ends { client, ..ends });
    }

    /// What the kernel tells of a connection, and of one just accepted also its first packet.
    fn facts(&self, stream: &TcpStream, just_accepted: bool) -> Vec<Fact> {
        if self.trace.level() < Level::L1 {
            return Vec::new();
        }
        let mut told = facts::of_connection(stream);
        told.extend(just_accepted.then(|| facts::saved_syn(stream)).flatten());
        told
    }

    /// The work on a sentence, which is no system call but what the server is there for.
    fn works<T: AsRef<[u8]>, E>(
        &self,
        task: Task,
        sentence: &[u8],
        client: SocketAddr,
        work: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let (name, word) = match task {
            Task::Upper => (CallName::Upper, None),
            Task::Count(letter) => (CallName::Count, Some(letter.to_string())),
            Task::Reverse => (CallName::Reverse, None),
            // Nothing is done with it.
            Task::Echo => return work(),
        };
        let arguments = Arguments {
            data: Some(sentence.into()),
            word,
            ..Arguments::default()
        };
        let open = self.starts(None, name, arguments, Some(client));
        let answer = work()?;
        let ends = Ends {
            peer: Some(client),
            ..Ends::default()
        };
        let data = answer.as_ref().into();
        self.returns(open, Ok(Returned::Chunk { data }), ends);
        Ok(answer)
    }

    /// The same where nothing can go wrong.
    fn answers(
        &self,
        task: Task,
        sentence: &[u8],
        client: SocketAddr,
        work: impl FnOnce() -> Vec<u8>,
    ) -> Vec<u8> {
        let work = || Ok::<_, std::convert::Infallible>(work());
        let Ok(answer) = self.works(task, sentence, client, work);
        answer
    }
}

fn receives(size: usize) -> Arguments {
    Arguments {
        number: i64::try_from(size).ok(),
        ..Arguments::default()
    }
}

fn sends(data: &[u8], to: Option<SocketAddr>) -> Arguments {
    Arguments {
        address: to,
        data: Some(data.into()),
        ..Arguments::default()
    }
}
