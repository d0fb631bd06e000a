//! One real socket, and the calls that can be made on it.
//!
//! A call that would block never blocks the relay: it is tried, and tried again when the kernel says so.

mod addresses;
mod connect;
mod receiving;

use std::{
    cell::{Cell, RefCell},
    future::Future,
    io,
    net::SocketAddr,
    rc::Rc,
    time::Duration,
};

use shared::{
    call::{Call, Family, How, SocketOption, Target, Transport},
    data::Data,
    lab::Level,
    outcome::{Failed, Reason, Returned},
    trace::Fact,
};
use socket2::Socket;
use tokio::{
    io::Interest,
    net::{TcpStream, UdpSocket},
};

use super::{
    handle::{self, Handle},
    host::{ClientHost, family_of},
    reserved_port::PortReservation,
    siblings::Siblings,
};
use crate::{
    failure::{self, CallResult},
    netem::ImpairedReceiver,
    sys::{bursts::Burst, facts, receive},
};

/// One socket of a client process.
#[derive(Debug)]
pub struct ClientSocket {
    transport: Transport,
    family: Family,
    server: SocketAddr,
    host: Rc<ClientHost>,
    /// Whether it has an address, or the kernel will choose one: it needs no implicit bind before it sends.
    is_bound: Cell<bool>,
    handle: RefCell<Handle>,
    /// Ports kept closed while this socket may send to them.
    reservations: RefCell<Vec<Rc<PortReservation>>>,
    siblings: Rc<Siblings>,
    timeout: Cell<Option<Duration>>,
    /// Whether its receiving was shut down, of UDP.
    receiving_shut_down: Cell<bool>,
    /// As `SO_REUSEADDR` was set.
    shares_port: Cell<bool>,
    local: Cell<Option<SocketAddr>>,
    peer: Cell<Option<SocketAddr>>,
    sent: Cell<u64>,
    received: Cell<u64>,
    level: Level,
    receiver: ImpairedReceiver,
    datagram_facts: RefCell<Vec<Fact>>,
}

/// What a socket needs to know of its process and lab.
#[derive(Debug)]
pub(super) struct SocketContext {
    /// The server it can talk to.
    pub(super) server: SocketAddr,
    /// The host it is on.
    pub(super) host: Rc<ClientHost>,
    /// How much is seen.
    pub(super) level: Level,
    /// What a datagram comes through.
    pub(super) receiver: ImpairedReceiver,
    /// The other sockets of its process.
    pub(super) siblings: Rc<Siblings>,
}

impl ClientSocket {
    /// Opens a socket that can send to its server, to its siblings and to reserved ports only; of the server's family
    /// unless another is given.
    ///
    /// # Errors
    /// The kernel's, as a failed `socket` call.
    pub(super) fn open(
        transport: Transport,
        family: Option<Family>,
        context: SocketContext,
    ) -> Result<Self, Failed> {
        let SocketContext {
            server,
            host,
            level,
            receiver,
            siblings,
        } = context;
        let family = family.unwrap_or(family_of(server));
        let handle = handle::open(transport, family).map_err(|error| failure::kernel(&error))?;
        if level >= Level::L1 && transport == Transport::Udp {
            facts::ask_of_datagrams(&*handle.socket(), family == Family::Inet6);
        }
        Ok(Self {
            transport,
            family,
            server,
            host,
            is_bound: Cell::default(),
            handle: RefCell::new(handle),
            reservations: RefCell::default(),
            siblings,
            timeout: Cell::default(),
            receiving_shut_down: Cell::default(),
            shares_port: Cell::default(),
            local: Cell::default(),
            peer: Cell::default(),
            sent: Cell::default(),
            received: Cell::default(),
            level,
            receiver,
            datagram_facts: RefCell::default(),
        })
    }

    /// The kernel's socket, of UDP.
    pub(super) fn udp(&self) -> Option<Rc<UdpSocket>> {
        match &*self.handle.borrow() {
            Handle::Udp(socket) => Some(Rc::clone(socket)),
            Handle::Unconnected(_) | Handle::Tcp(_) => None,
        }
    }

    /// The kernel's socket of a connection.
    pub(super) fn stream(&self) -> Option<Rc<TcpStream>> {
        match &*self.handle.borrow() {
            Handle::Tcp(stream) => Some(Rc::clone(stream)),
            Handle::Unconnected(_) | Handle::Udp(_) => None,
        }
    }

    /// What stands before it.
    pub(super) const fn receiver(&self) -> &ImpairedReceiver {
        &self.receiver
    }

    /// What comes next, of UDP.
    pub(super) async fn burst(&self) -> io::Result<Burst> {
        let socket = self.udp().ok_or(io::ErrorKind::InvalidInput)?;
        self.receiver.receive_burst(&socket).await
    }

    /// Its transport.
    #[must_use]
    pub const fn transport(&self) -> Transport {
        self.transport
    }

    /// The other end, where it is connected.
    #[must_use]
    pub const fn peer(&self) -> Option<SocketAddr> {
        self.peer.get()
    }

    /// How many bytes of the stream went the way of this call before it; none for UDP.
    #[must_use]
    pub fn offset(&self, call: &Call) -> Option<u64> {
        match (self.transport, call) {
            (Transport::Tcp, Call::Send { .. }) => Some(self.sent.get()),
            (Transport::Tcp, Call::Recv { .. } | Call::RecvFrom { .. }) => {
                Some(self.received.get())
            }
            _ => None,
        }
    }

    /// The kernel's facts after a call: about the datagram it received, or the connection it changed.
    #[must_use]
    pub fn facts(&self, call: &Call, result: &CallResult) -> Vec<Fact> {
        match (self.transport, call, result) {
            (Transport::Udp, _, Err(_)) => self.errors(),
            (Transport::Tcp, Call::Connect { .. } | Call::Shutdown { .. }, _)
            | (Transport::Tcp, _, Ok(Returned::EndOfStream) | Err(_)) => self.last_facts(),
            (Transport::Udp | Transport::Tcp, _, _) => self.datagram_facts.take(),
        }
    }

    /// The ICMP errors a UDP socket heard of, if it listens for them.
    pub(super) fn errors(&self) -> Vec<Fact> {
        match &*self.handle.borrow() {
            Handle::Udp(socket) if self.level >= Level::L1 => facts::of_errors(socket.as_ref()),
            Handle::Udp(_) | Handle::Unconnected(_) | Handle::Tcp(_) => Vec::new(),
        }
    }

    /// The kernel's facts about the connection now.
    #[must_use]
    pub fn last_facts(&self) -> Vec<Fact> {
        match &*self.handle.borrow() {
            Handle::Tcp(stream) if self.level >= Level::L1 => facts::of_connection(stream.as_ref()),
            Handle::Tcp(_) | Handle::Unconnected(_) | Handle::Udp(_) => Vec::new(),
        }
    }

    /// Makes a call; resolves when it returns. Dropping the future gives the call up.
    ///
    /// # Errors
    /// The kernel's, or the relay's where a rule forbids the call.
    pub async fn perform(&self, call: &Call) -> CallResult {
        match call {
            Call::Bind { port, .. } => self.bind(*port),
            Call::Connect { to, .. } => self.connect(*to).await,
            Call::Send { data, .. } => self.send(data).await,
            Call::SendTo { to, data, .. } => self.send_to(*to, data).await,
            Call::Recv { size, .. } | Call::RecvFrom { size, .. } => self.receive(*size).await,
            Call::SetTimeout { milliseconds, .. } => {
                self.timeout.set(
                    milliseconds.map(|milliseconds| Duration::from_millis(milliseconds.into())),
                );
                Ok(Returned::Nothing)
            }
            Call::SetSockOpt { option, value, .. } => self.set_option(*option, *value),
            Call::GetSockName { .. } => self.address(|socket| socket.local_addr()),
            Call::GetPeerName { .. } => self.address(|socket| socket.peer_addr()),
            Call::Shutdown { how, .. } => self.shutdown(*how),
            // The caller drops the socket: that is what closes it.
            Call::Close { .. } => Ok(Returned::Nothing),
            Call::Socket { .. } | Call::GetAddrInfo { .. } | Call::Cancel { .. } => Err(
                failure::relay(Reason::Malformed, "this call is not made on a socket"),
            ),
        }
    }

    /// A blocking `send` takes all of a stream's bytes; one with a timeout takes what fits, as in Python.
    async fn send(&self, data: &Data) -> CallResult {
        let mut sent = 0;
        loop {
            let rest = &data.0[sent..];
            sent += self
                .blocking(Interest::WRITABLE, |handle| handle.socket().send(rest))
                .await?;
            if sent >= data.len() || self.timeout.get().is_some() {
                break;
            }
        }
        self.sent.set(self.sent.get() + sent as u64);
        self.rings(self.peer());
        Ok(Returned::Sent { sent: sent as u64 })
    }

    async fn send_to(&self, to: Target, data: &Data) -> CallResult {
        let address = self.authorize(to)?;
        self.bind_implicitly(address)?;
        let sent = self
            .blocking(Interest::WRITABLE, |handle| {
                // A sibling that was closed while this waited is at no address any more.
                let to = self
                    .target_address(to)
                    .ok_or(io::ErrorKind::AddrNotAvailable)?;
                handle.socket().send_to(&data.0, &to.into())
            })
            .await?;
        self.rings(self.target_address(to));
        Ok(Returned::Sent { sent: sent as u64 })
    }

    /// A datagram was sent there: if that is the server, it need not be told by the system.
    fn rings(&self, to: Option<SocketAddr>) {
        if self.transport == Transport::Udp && to == Some(self.server) {
            self.receiver.hint_server();
        }
    }

    fn set_option(&self, option: SocketOption, value: i32) -> CallResult {
        let bytes = usize::try_from(value).unwrap_or_default();
        let linger = u64::try_from(value).ok().map(Duration::from_secs);
        let result = self.kernel(|socket| match option {
            SocketOption::SoReuseaddr => socket.set_reuse_address(value != 0),
            SocketOption::SoRcvbuf => socket.set_recv_buffer_size(bytes),
            SocketOption::SoSndbuf => socket.set_send_buffer_size(bytes),
            SocketOption::SoLinger => socket.set_linger(linger),
            SocketOption::TcpNodelay => socket.set_tcp_nodelay(value != 0),
            SocketOption::IpRecverr => receive::receive_errors(socket, value != 0),
        });
        if option == SocketOption::SoReuseaddr && result.is_ok() {
            self.shares_port.set(value != 0);
        }
        result
    }

    fn shutdown(&self, how: How) -> CallResult {
        let how = match how {
            How::Read => std::net::Shutdown::Read,
            How::Write => std::net::Shutdown::Write,
            How::Both => std::net::Shutdown::Both,
        };
        let result = self.handle().socket().shutdown(how);
        if self.transport == Transport::Udp && how != std::net::Shutdown::Write {
            // Linux shuts an unconnected socket down, too, although it calls that ENOTCONN.
            let is_shut = result.is_ok() || cfg!(target_os = "linux");
            self.receiving_shut_down.set(is_shut);
        }
        result.map_err(|error| failure::kernel(&error))?;
        Ok(Returned::Nothing)
    }

    fn address(&self, of: impl FnOnce(&Socket) -> io::Result<socket2::SockAddr>) -> CallResult {
        let address = of(&self.handle().socket()).map_err(|error| failure::kernel(&error))?;
        let unknown = || failure::relay(Reason::NotOnThisSystem, "not an internet address");
        Ok(Returned::Address {
            address: address.as_socket().ok_or_else(unknown)?,
        })
    }

    fn kernel(&self, call: impl FnOnce(&Socket) -> io::Result<()>) -> CallResult {
        call(&self.handle().socket()).map_err(|error| failure::kernel(&error))?;
        Ok(Returned::Nothing)
    }

    fn handle(&self) -> Handle {
        self.handle.borrow().clone()
    }

    /// Tries, and where the kernel would block, waits for it as long as the socket's timeout allows.
    async fn blocking<T>(
        &self,
        interest: Interest,
        mut attempt: impl FnMut(&Handle) -> io::Result<T>,
    ) -> Result<T, Failed> {
        let handle = self.handle();
        match attempt(&handle) {
            Err(error) if self.may_wait_after(&error) => {}
            other => return other.map_err(|error| failure::kernel(&error)),
        }
        self.with_timeout(handle.retry(interest, || attempt(&handle)))
            .await
    }

    /// Whether a call that met this error is to wait.
    fn may_wait_after(&self, error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::WouldBlock && self.timeout.get() != Some(Duration::ZERO)
    }

    async fn with_timeout<T>(
        &self,
        call: impl Future<Output = io::Result<T>>,
    ) -> Result<T, Failed> {
        let Some(timeout) = self.timeout.get() else {
            return call.await.map_err(|error| failure::kernel(&error));
        };
        match tokio::time::timeout(timeout, call).await {
            Ok(result) => result.map_err(|error| failure::kernel(&error)),
            Err(_) => Err(failure::limit(
                Reason::TimedOut,
                u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
                "nothing came in the time settimeout gave",
            )),
        }
    }
}
