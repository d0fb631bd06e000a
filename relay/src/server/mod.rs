//! The server programs of section 2.7: `book` has the book's own, `robust` (`sturdy` in messages) has those that no
//! input ends.
//!
//! They record every call in the lab's trace. Starting and stopping them lives in `lab`, client sockets in `client`;
//! pages and WebSockets are unknown here.

mod book;
mod robust;
mod settings;
pub mod task;
mod tracer;
pub mod uppercase;

pub use settings::{ServerConfig, check, usual};
pub use tracer::Interrupt;

use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
    rc::Rc,
};

use shared::{
    call::{Fd, Transport},
    lab::{Level, PLAYGROUND_PORT, Program, Settings, Task},
    trace::CallName,
};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use self::tracer::ServerTracer;
use crate::{
    netem::Netem,
    sys::{Ancillary, answers, binding, facts},
    trace::Trace,
};

/// The first socket of a program: 0, 1 and 2 are its terminal.
const FIRST_FD: Fd = 3;

/// The default 208 KiB hold some 270 small datagrams; the kernel cuts it to net.core.rmem_max.
const ROBUST_RECEIVE_BUFFER_BYTES: usize = 4 << 20;

/// Whether a datagram is to be answered. Two servers would answer each other forever after one datagram with a forged
/// source. So a datagram with the mark of a relay's answer is not answered, nor one from the port of section 2.7, where
/// the book's own servers are, nor one from the server's own port.
const fn is_question(from: SocketAddr, ancillary: &Ancillary, own_port: u16) -> bool {
    !ancillary.is_answer && from.port() != PLAYGROUND_PORT && from.port() != own_port
}

/// A server program ready to run: its socket is bound, its port is its own.
#[derive(Debug)]
pub enum Bound {
    /// The UDP server's one socket.
    Udp(Socket),
    /// The TCP server's welcoming socket, listening.
    Tcp(Socket),
}

/// Why a server's socket could not be bound.
#[derive(Debug)]
pub struct Refused {
    /// The call that failed.
    pub call: CallName,
    /// How: the port is taken, the address is not of this machine, it is not allowed.
    pub error: io::Error,
}

/// How a server program ended.
#[derive(Debug)]
pub enum Ended {
    /// By an error that the program did not handle.
    Died(String),
    /// Interrupted: it has closed its sockets.
    Stopped,
}

/// The task of one server program, and the settings it needs while it runs.
#[derive(Clone, Copy, Debug)]
struct TaskConfig {
    task: Task,
    receive_size: usize,
    think_ms: u32,
    shares_port: bool,
}

impl TaskConfig {
    /// Sets the options of an accepted connection. In TIME_WAIT it blocks the address of its own server, as any does
    /// without `SO_REUSEADDR`, but not that of the open lab's server, which is bound to all addresses.
    fn configure_connection(self, connection: &TcpStream) {
        if self.shares_port {
            // What cannot be set holds an address for shorter, or for longer.
            binding::share_port(connection, false).ok();
            SockRef::from(connection).set_reuse_address(true).ok();
        }
    }

    /// As much of a datagram as there is room for.
    fn truncate(self, datagram: &[u8]) -> &[u8] {
        &datagram[..datagram.len().min(self.receive_size)]
    }
}

/// Makes the calls a server program begins with, on a socket of this transport. One that `shares_port` may be at an
/// address of its own although another such server of the relay is at all addresses.
///
/// # Errors
/// The call the kernel failed.
pub fn bind(
    transport: Transport,
    address: SocketAddr,
    program: Program,
    settings: Settings,
    shares_port: bool,
) -> Result<Bound, Refused> {
    let refused = |call| move |error| Refused { call, error };
    let socket = open(transport, address).map_err(refused(CallName::Socket))?;
    if settings.reuse_address {
        let set = socket.set_reuse_address(true);
        set.map_err(refused(CallName::SetSockOpt))?;
    }
    if transport == Transport::Udp && program == Program::Sturdy {
        // With a smaller buffer it loses more datagrams in a burst, and still serves.
        socket
            .set_recv_buffer_size(ROBUST_RECEIVE_BUFFER_BYTES)
            .ok();
    }
    match occupy(&socket, transport, address, settings) {
        Err(Refused { error, .. }) if shares_port && error.kind() == ErrorKind::AddrInUse => {
            let shared = binding::share_port(&socket, true);
            shared.map_err(refused(CallName::Bind))?;
            occupy(&socket, transport, address, settings)?;
            if transport == Transport::Tcp {
                binding::forget_last_bound(address.port());
            }
        }
        occupied => {
            occupied?;
            if shares_port {
                // Without it the next server cannot share, and says so.
                binding::share_port(&socket, true).ok();
            }
        }
    }
    Ok(match transport {
        Transport::Udp => Bound::Udp(socket),
        Transport::Tcp => Bound::Tcp(socket),
    })
}

fn occupy(
    socket: &Socket,
    transport: Transport,
    address: SocketAddr,
    settings: Settings,
) -> Result<(), Refused> {
    let refused = |call| move |error| Refused { call, error };
    let bound = socket.bind(&address.into());
    bound.map_err(refused(CallName::Bind))?;
    if transport == Transport::Tcp {
        let backlog = i32::try_from(settings.backlog).unwrap_or(i32::MAX);
        let listening = socket.listen(backlog);
        listening.map_err(refused(CallName::Listen))?;
    }
    Ok(())
}

fn open(transport: Transport, address: SocketAddr) -> io::Result<Socket> {
    let (kind, protocol) = match transport {
        Transport::Udp => (Type::DGRAM, Protocol::UDP),
        Transport::Tcp => (Type::STREAM, Protocol::TCP),
    };
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Records a program that started, could not bind its port, and ended.
pub fn record_refused(
    transport: Transport,
    address: SocketAddr,
    settings: Settings,
    refused: &Refused,
    trace: &Rc<Trace>,
) {
    let tracer = ServerTracer::new(transport, Rc::clone(trace), Rc::default());
    tracer.record_bind(address, settings, Some(refused));
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
            .ok_or_else(|| ErrorKind::InvalidInput.into())
    }

    /// How many connections the kernel lets wait, as it says itself; none of a UDP socket, or where it does not say.
    #[must_use]
    pub fn backlog(&self) -> Option<u32> {
        match self {
            Self::Udp(_) => None,
            Self::Tcp(socket) => facts::backlog(socket),
        }
    }

    /// Runs the program until it is interrupted or dies, which a robust one does not; dropped, it is gone as a
    /// killed process is.
    ///
    /// # Errors
    /// Where the event loop cannot watch the socket.
    pub async fn run(
        self,
        server_config: ServerConfig,
        interrupt: Rc<Interrupt>,
        trace: Rc<Trace>,
        netem: &Rc<Netem>,
    ) -> io::Result<Ended> {
        let level = trace.level();
        let address = self.address()?;
        let (transport, socket) = match self {
            Self::Udp(socket) => (Transport::Udp, socket),
            Self::Tcp(socket) => (Transport::Tcp, socket),
        };
        let settings = server_config.of(transport);
        let config = TaskConfig {
            task: server_config.task,
            receive_size: usize::try_from(settings.receive_size).unwrap_or(usize::MAX),
            think_ms: settings.think_ms,
            shares_port: server_config.shares_port,
        };
        let tracer = ServerTracer::new(transport, trace, interrupt);
        tracer.record_bind(address, settings, None);
        match transport {
            Transport::Udp => {
                answers::mark(&socket, address.is_ipv6());
                if level >= Level::L1 {
                    facts::ask_of_datagrams(&socket, address.is_ipv6());
                }
                let socket = UdpSocket::from_std(socket.into())?;
                let receiver = netem.server_receiver();
                match server_config.program {
                    Program::Book => Ok(book::udp(socket, receiver, config, tracer).await),
                    Program::Sturdy | Program::External => {
                        robust::udp(socket, receiver, config, tracer).await
                    }
                }
            }
            Transport::Tcp => {
                if level >= Level::L1 {
                    // A kernel that cannot keep them leaves one fact less.
                    facts::save_syns(&socket).ok();
                }
                let listener = TcpListener::from_std(socket.into())?;
                match server_config.program {
                    Program::Book => Ok(book::tcp(listener, config, tracer).await),
                    Program::Sturdy | Program::External => {
                        Ok(robust::tcp(listener, config, tracer).await)
                    }
                }
            }
        }
    }
}
