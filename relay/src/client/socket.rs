//! One real socket, and the calls that can be made on it.
//!
//! A call that would block never blocks the relay: it is tried, and tried again when the kernel says so.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    rc::Rc,
    time::Duration,
};

use shared::{
    call::{Call, Family, Fd, How, SocketOption, Target, Transport},
    data::Data,
    lab::Level,
    outcome::{Failed, FailureSource, Reason, Returned},
    trace::Fact,
};
use socket2::{SockRef, Socket};
use tokio::{io::Interest, net::TcpStream};

use super::{
    handle::{self, Datagram, Handle},
    nobody::{self, Hold},
};
use crate::{
    edge::Gate,
    failure::{self, CallResult},
    sys::{facts, receive},
};

/// Ports below belong to the system (RFC 6335 §6).
const FIRST_FREE_PORT: u16 = 1024;

/// One socket of a client process.
#[derive(Debug)]
pub struct ClientSocket {
    transport: Transport,
    family: Family,
    server: SocketAddr,
    handle: RefCell<Handle>,
    /// Where nobody is as long as this socket may send there.
    held: RefCell<Vec<Rc<Hold>>>,
    timeout: Cell<Option<Duration>>,
    local: Cell<Option<SocketAddr>>,
    peer: Cell<Option<SocketAddr>>,
    sent: Cell<u64>,
    received: Cell<u64>,
    level: Level,
    gate: Gate,
    told: RefCell<Vec<Fact>>,
}

impl ClientSocket {
    /// Opens a socket that can talk to `server` and otherwise only to where nobody is; of the server's family unless
    /// another is wanted. A datagram comes through `gate`.
    ///
    /// # Errors
    /// The kernel's, as a failed `socket` call.
    pub fn open(
        transport: Transport,
        family: Option<Family>,
        server: SocketAddr,
        level: Level,
        gate: Gate,
    ) -> Result<Self, Failed> {
        let family = family.unwrap_or(family_of(server));
        let handle = handle::open(transport, family).map_err(|error| failure::kernel(&error))?;
        if level >= Level::L1 && transport == Transport::Udp {
            facts::ask_of_datagrams(&*handle.socket(), family == Family::Inet6);
        }
        Ok(Self {
            transport,
            family,
            server,
            handle: RefCell::new(handle),
            held: RefCell::default(),
            timeout: Cell::default(),
            local: Cell::default(),
            peer: Cell::default(),
            sent: Cell::default(),
            received: Cell::default(),
            level,
            gate,
            told: RefCell::default(),
        })
    }

    /// Its transport.
    #[must_use]
    pub const fn transport(&self) -> Transport {
        self.transport
    }

    /// Its own address, once it has a port.
    #[must_use]
    pub fn local(&self) -> Option<SocketAddr> {
        if self.local.get().is_none() {
            let address = self
                .handle
                .borrow()
                .socket()
                .local_addr()
                .ok()
                .and_then(|address| address.as_socket());
            self.local
                .set(address.filter(|address| address.port() != 0));
        }
        self.local.get()
    }

    /// Its own address as others see it: a socket bound to no address in particular sends from `host`, and one of
    /// IPv6 that speaks IPv4 from the IPv4 address.
    #[must_use]
    pub fn seen_as(&self, host: IpAddr) -> Option<SocketAddr> {
        let local = self.local()?;
        let ip = local.ip().to_canonical();
        let ip = if ip.is_unspecified() { host } else { ip };
        Some(SocketAddr::new(ip, local.port()))
    }

    /// Its address as seen at `::1`, where it is bound to no IPv6 address in particular.
    #[must_use]
    pub fn seen_at_localhost6(&self) -> Option<SocketAddr> {
        let local = self.local()?;
        let everywhere = local.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        everywhere.then(|| SocketAddr::new(Ipv6Addr::LOCALHOST.into(), local.port()))
    }

    /// After a `connect` that failed the kernel may have taken its port back: what was known is asked anew.
    pub fn forgets_local(&self) {
        self.local.take();
    }

    /// The address `bind` gives it: this port of the client's host, as its family has it.
    #[must_use]
    pub fn bind_address(&self, port: u16) -> SocketAddr {
        let host = match self.family {
            family if family == family_of(self.server) => self.server.ip(),
            Family::Inet => Ipv4Addr::LOCALHOST.into(),
            Family::Inet6 => Ipv6Addr::LOCALHOST.into(),
        };
        SocketAddr::new(host, port)
    }

    /// The address a call names; none where there is no such port.
    #[must_use]
    pub fn named(&self, to: Target) -> Option<SocketAddr> {
        match to {
            Target::Server => Some(self.server),
            Target::Nobody => nobody::nobody_beside(self.server),
            Target::Localhost6 => {
                let localhost = Ipv6Addr::LOCALHOST.into();
                Some(SocketAddr::new(localhost, self.server.port()))
            }
        }
    }

    /// The address a call names, once it is sure that nobody else than named is there.
    fn reach(&self, to: Target) -> Result<SocketAddr, Failed> {
        let no_port = || failure::relay(Reason::NotNobody, "there is no port beside the server's");
        let address = self.named(to).ok_or_else(no_port)?;
        // An IPv4 socket reaches no IPv6 address; the kernel says how it fails.
        let unreachable = self.family == Family::Inet && address.is_ipv6();
        if address != self.server && !unreachable {
            let hold = nobody::hold(self.transport, address)?;
            let mut held = self.held.borrow_mut();
            if !held.iter().any(|known| Rc::ptr_eq(known, &hold)) {
                held.push(hold);
            }
        }
        Ok(address)
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

    /// What the kernel tells after a call: of the datagram it received, or of the connection it changed.
    #[must_use]
    pub fn facts(&self, call: &Call, result: &CallResult) -> Vec<Fact> {
        match (self.transport, call, result) {
            (Transport::Udp, _, Err(_)) => self.errors(),
            (Transport::Tcp, Call::Connect { .. } | Call::Shutdown { .. }, _)
            | (Transport::Tcp, _, Ok(Returned::EndOfStream) | Err(_)) => self.last_facts(),
            (Transport::Udp | Transport::Tcp, _, _) => self.told.take(),
        }
    }

    /// The ICMP errors a UDP socket heard of, if it listens for them.
    fn errors(&self) -> Vec<Fact> {
        match &*self.handle.borrow() {
            Handle::Udp(socket) if self.level >= Level::L1 => facts::of_errors(socket.as_ref()),
            Handle::Udp(_) | Handle::Unconnected(_) | Handle::Tcp(_) => Vec::new(),
        }
    }

    /// What the kernel tells of the connection as it is now.
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

    fn bind(&self, port: u16) -> CallResult {
        if port != 0 && port < FIRST_FREE_PORT {
            let message = "ports below 1024 belong to the system: choose 0, or 1024 to 65535";
            return Err(failure::relay(Reason::PortReserved, message));
        }
        let address = self.bind_address(port);
        self.local.take();
        self.kernel(|socket| socket.bind(&address.into()))
    }

    async fn connect(&self, to: Target) -> CallResult {
        let peer = self.reach(to)?;
        let result = self.handle().socket().connect(&peer.into());
        match result {
            Ok(()) => self.watch().map_err(|error| failure::kernel(&error))?,
            Err(error) if self.waits_for(&error) => self.finish_connecting(peer).await?,
            Err(error) => {
                if handle::in_progress(&error) {
                    // It goes on by itself; later calls have to be told when they can go on, too.
                    self.watch().map_err(|error| failure::kernel(&error))?;
                }
                return Err(failure::kernel(&error));
            }
        }
        self.local.take();
        // Where an attempt had begun before, it is that one's peer.
        let connected = self.handle().socket().peer_addr().ok();
        let connected = connected.and_then(|peer| peer.as_socket());
        self.peer.set(connected.map(canonical).or(Some(peer)));
        Ok(Returned::Nothing)
    }

    /// Whether a `connect` that could not be done at once is waited for, as a blocking one is. A second one waits for
    /// the first only where it may wait for ever: with a timeout Python does not block, and is told `EALREADY`.
    fn waits_for(&self, error: &io::Error) -> bool {
        match self.timeout.get() {
            None => handle::in_progress(error) || handle::in_progress_already(error),
            Some(Duration::ZERO) => false,
            Some(_) => handle::in_progress(error),
        }
    }

    async fn finish_connecting(&self, peer: SocketAddr) -> Result<(), Failed> {
        self.watch().map_err(|error| failure::kernel(&error))?;
        let Handle::Tcp(stream) = self.handle() else {
            return Ok(());
        };
        let attempt = || handle::connected(&stream, peer);
        let connecting = stream.async_io(Interest::WRITABLE, attempt);
        let result = self.in_time(connecting).await;
        drop(stream);
        // Where only the time is over the attempt goes on.
        if let Err(failed) = &result
            && failed.source == FailureSource::Kernel
        {
            self.unwatch();
        }
        result
    }

    /// From now on the event loop knows this TCP socket.
    fn watch(&self) -> io::Result<()> {
        let mut handle = self.handle.borrow_mut();
        if let Handle::Unconnected(socket) = &*handle {
            let stream = TcpStream::from_std(socket.try_clone()?.into())?;
            *handle = Handle::Tcp(Rc::new(stream));
        }
        Ok(())
    }

    /// After a failed `connect` the socket is as new, and may try again.
    fn unwatch(&self) {
        let mut handle = self.handle.borrow_mut();
        if let Handle::Tcp(stream) = &*handle
            && let Ok(socket) = SockRef::from(stream.as_ref()).try_clone()
        {
            *handle = Handle::Unconnected(Rc::new(socket));
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
        Ok(Returned::Sent { sent: sent as u64 })
    }

    async fn send_to(&self, to: Target, data: &Data) -> CallResult {
        let to = self.reach(to)?.into();
        let sent = self
            .blocking(Interest::WRITABLE, |handle| {
                handle.socket().send_to(&data.0, &to)
            })
            .await?;
        Ok(Returned::Sent { sent: sent as u64 })
    }

    async fn receive(&self, size: u32) -> CallResult {
        let size = size as usize;
        match self.transport {
            Transport::Udp => {
                let Datagram {
                    data,
                    length,
                    from,
                    facts,
                } = self.datagram(size).await?;
                self.told.replace(facts);
                let truncated = (data.len() as u64) < length;
                Ok(Returned::Datagram {
                    data,
                    from,
                    truncated,
                    length,
                })
            }
            Transport::Tcp => {
                let data = self
                    .blocking(Interest::READABLE, |handle| handle.chunk(size))
                    .await?;
                if data.is_empty() && size > 0 {
                    return Ok(Returned::EndOfStream);
                }
                self.received.set(self.received.get() + data.len() as u64);
                Ok(Returned::Chunk { data })
            }
        }
    }

    /// The next datagram, from the kernel itself or, where something happens to datagrams, through the edge.
    async fn datagram(&self, size: usize) -> Result<Datagram, Failed> {
        let handle = self.handle();
        match handle.datagram_now(&self.gate, size) {
            Err(error) if self.waits_after(&error) => {}
            other => return other.map_err(|error| failure::kernel(&error)),
        }
        self.in_time(handle.next_datagram(&self.gate, size)).await
    }

    fn set_option(&self, option: SocketOption, value: i32) -> CallResult {
        let bytes = usize::try_from(value).unwrap_or_default();
        let linger = u64::try_from(value).ok().map(Duration::from_secs);
        self.kernel(|socket| match option {
            SocketOption::SoReuseaddr => socket.set_reuse_address(value != 0),
            SocketOption::SoRcvbuf => socket.set_recv_buffer_size(bytes),
            SocketOption::SoSndbuf => socket.set_send_buffer_size(bytes),
            SocketOption::SoLinger => socket.set_linger(linger),
            SocketOption::TcpNodelay => socket.set_tcp_nodelay(value != 0),
            SocketOption::IpRecverr => receive::hear_errors(socket, value != 0),
        })
    }

    fn shutdown(&self, how: How) -> CallResult {
        let how = match how {
            How::Read => std::net::Shutdown::Read,
            How::Write => std::net::Shutdown::Write,
            How::Both => std::net::Shutdown::Both,
        };
        self.kernel(|socket| socket.shutdown(how))
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
            Err(error) if self.waits_after(&error) => {}
            other => return other.map_err(|error| failure::kernel(&error)),
        }
        self.in_time(handle.retry(interest, || attempt(&handle)))
            .await
    }

    /// Whether a call that met this error is to wait.
    fn waits_after(&self, error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::WouldBlock && self.timeout.get() != Some(Duration::ZERO)
    }

    async fn in_time<T>(&self, call: impl Future<Output = io::Result<T>>) -> Result<T, Failed> {
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

/// The lowest number no socket has, as POSIX wants it; a process starts with 0, 1 and 2 taken.
#[must_use]
pub fn lowest_free(taken: impl Fn(Fd) -> bool) -> Fd {
    (3..).find(|fd| !taken(*fd)).unwrap_or(Fd::MAX)
}

const fn family_of(address: SocketAddr) -> Family {
    match address {
        SocketAddr::V4(_) => Family::Inet,
        SocketAddr::V6(_) => Family::Inet6,
    }
}

/// An IPv4 address that an IPv6 socket speaks to, as the IPv4 address it is.
const fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
