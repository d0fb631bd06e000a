//! Labs: each has two servers, a network and a trace of its own.
//!
//! `registry` opens private and class labs and ends them when their lease is dropped; `servers` starts and stops a lab's
//! servers; `socket_poller` watches the kernel's list of its sockets; `export` writes its trace as a file. What a server
//! does is in `server`, the client processes are in `client`, capturing is in `wire`, and who may enter a lab is decided
//! in `session` and `class`.

mod addresses;
pub mod export;
mod registry;
mod servers;
mod socket_poller;

pub use registry::{LabConfig, LabLease, LabRegistry};

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    rc::Rc,
};

use shared::{
    call::Transport,
    lab::{Lab as LabMessage, LabKind, Program, Server, ServerState, Task, Truth},
    trace::{ProcessId, Role},
};
use tokio::task::AbortHandle;

use crate::{
    client::{AddressLease, ClientHost},
    netem::Netem,
    server::{self, Bound, ServerConfig},
    trace::Trace,
};
pub use servers::ServerChanges;
use servers::ServerSlot;
use socket_poller::SocketPoller;

/// The open lab's id in URLs.
pub const OPEN: &str = "open";
/// Name of the open lab's server host.
const OPEN_HOST: &str = "open-lab.internal";

/// A running lab.
#[derive(Debug)]
pub struct Lab {
    identity: LabIdentity,
    trace: Rc<Trace>,
    netem: Rc<Netem>,
    slots: [ServerSlot; 2],
    source: IpAddr,
    /// As in [`ServerConfig`].
    shares_port: bool,
    tasks: AbortHandle,
}

/// What distinguishes a lab from the others.
#[derive(Debug)]
pub struct LabIdentity {
    /// Its id in URLs.
    pub id: String,
    /// Its kind: open, private or a class's.
    pub kind: LabKind,
    /// The name of its server's host.
    pub host_name: String,
    /// How much of the network traffic is captured in it.
    pub truth: Truth,
}

impl LabIdentity {
    /// The identity of the open lab.
    #[must_use]
    pub fn open(truth: Truth) -> Self {
        Self {
            id: OPEN.to_owned(),
            kind: LabKind::Open,
            host_name: OPEN_HOST.to_owned(),
            truth,
        }
    }
}

/// A lab's servers, bound but not running yet, so that a failed start leaves nothing behind.
#[derive(Debug)]
pub enum Prepared {
    /// Servers of the relay.
    Own(ServerConfig, [(SocketAddr, Bound); 2]),
    /// A server of another program.
    External(SocketAddr, Task),
}

impl Prepared {
    /// Binds both servers at `address`. With port 0 the kernel chooses a port; both servers have the same one if possible.
    ///
    /// # Errors
    /// The transport that could not be bound, with the kernel's error.
    pub fn bind(
        address: SocketAddr,
        server_config: ServerConfig,
    ) -> Result<Self, (Transport, io::Error)> {
        let tcp = bind_at(Transport::Tcp, address, server_config)?;
        let beside = SocketAddr::new(address.ip(), tcp.0.port());
        let udp = match bind_at(Transport::Udp, beside, server_config) {
            Err(_) if address.port() == 0 => bind_at(Transport::Udp, address, server_config)?,
            other => other?,
        };
        Ok(Self::Own(server_config, [udp, tcp]))
    }

    /// The servers' addresses, UDP first.
    #[must_use]
    pub const fn addresses(&self) -> [SocketAddr; 2] {
        match self {
            Self::Own(_, [(udp, _), (tcp, _)]) => [*udp, *tcp],
            Self::External(address, _) => [*address, *address],
        }
    }
}

fn bind_at(
    transport: Transport,
    address: SocketAddr,
    server_config: ServerConfig,
) -> Result<(SocketAddr, Bound), (Transport, io::Error)> {
    let bound = server::bind(
        transport,
        address,
        server_config.program,
        server_config.of(transport),
        server_config.shares_port,
    )
    .map_err(|refused| (transport, refused.error))?;
    let address = bound.address().map_err(|error| (transport, error))?;
    Ok((address, bound))
}

/// Returns the source address that the kernel chooses for an unbound socket connected to `server` (ip(7)).
#[must_use]
pub fn source_for(server: SocketAddr) -> IpAddr {
    let any: IpAddr = if server.is_ipv4() {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    };
    let source = || {
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect(server)?;
        socket.local_addr()
    };
    source().map_or(server.ip(), |address| address.ip())
}

impl Lab {
    /// Opens a lab and starts its servers on the current event loop.
    #[must_use]
    pub fn open(identity: LabIdentity, prepared: Prepared, trace: Rc<Trace>) -> Rc<Self> {
        let addresses = prepared.addresses();
        let (program, task, state) = match &prepared {
            Prepared::Own(server_config, _) => (
                server_config.program,
                server_config.task,
                ServerState::Stopped,
            ),
            Prepared::External(_, task) => (Program::External, *task, ServerState::External),
        };
        let slots = [0, 1].map(|at| {
            let (transport, address) = (Transport::ALL[at], addresses[at]);
            let server = Server {
                transport,
                address,
                program,
                task,
                settings: match &prepared {
                    Prepared::Own(server_config, _) => Some(server_config.of(transport)),
                    Prepared::External(..) => None,
                },
                state: state.clone(),
            };
            ServerSlot::new(server)
        });
        let poller = SocketPoller {
            trace: Rc::clone(&trace),
            servers: [0, 1].map(|at| (Transport::ALL[at], addresses[at])),
            backlog: Rc::clone(&slots[1].backlog),
        };
        let (viewed, kind) = (Rc::clone(&trace), identity.kind);
        let tasks = tokio::task::spawn_local(async move {
            let notifying = viewed.publish_events();
            match kind {
                // The sockets of strangers in the open lab are private.
                LabKind::Open => notifying.await,
                LabKind::Private | LabKind::Class => drop(tokio::join!(notifying, poller.run())),
            }
        });
        let lab = Rc::new(Self {
            identity,
            netem: Netem::new(Rc::clone(&trace)),
            trace,
            slots,
            source: source_for(addresses[0]),
            shares_port: matches!(&prepared, Prepared::Own(server_config, _) if server_config.shares_port),
            tasks: tasks.abort_handle(),
        });
        // An external server counts as up until `/readyz` finds that it is not.
        for transport in Transport::ALL {
            lab.trace
                .metrics()
                .set_server_up(transport, lab.is_up(transport));
        }
        if let Prepared::Own(_, bound) = prepared {
            for ((_, bound), transport) in bound.into_iter().zip(Transport::ALL) {
                lab.spawn_server(transport, bound);
            }
        }
        lab
    }

    /// Ends the lab's servers and tasks. Its memory is freed with the last reference.
    fn close(&self) {
        self.end_servers();
        self.tasks.abort();
    }

    /// Its trace.
    #[must_use]
    pub const fn trace(&self) -> &Rc<Trace> {
        &self.trace
    }

    /// The emulation of its network.
    #[must_use]
    pub const fn netem(&self) -> &Rc<Netem> {
        &self.netem
    }

    /// Its id in URLs.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.identity.id
    }

    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> LabKind {
        self.identity.kind
    }

    /// The name of its server's host.
    #[must_use]
    pub fn host_name(&self) -> &str {
        &self.identity.host_name
    }

    /// How much of the network traffic is captured in it.
    #[must_use]
    pub const fn truth(&self) -> &Truth {
        &self.identity.truth
    }

    /// The addresses at which its servers are bound.
    #[must_use]
    pub fn servers(&self) -> [(Transport, SocketAddr); 2] {
        let bound = |transport| self.slot(transport).server.borrow().address;
        Transport::ALL.map(|transport| (transport, bound(transport)))
    }

    /// Whether its servers allow other servers of the relay to bind the same port at other addresses.
    #[must_use]
    pub const fn shares_port(&self) -> bool {
        self.shares_port
    }

    /// The address at which clients on this machine reach a server: the loopback address if it is bound to all addresses.
    #[must_use]
    pub fn server_address(&self, transport: Transport) -> SocketAddr {
        let bound = self.slot(transport).server.borrow().address;
        let ip = match bound.ip() {
            IpAddr::V4(any) if any.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(any) if any.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            other @ (IpAddr::V4(_) | IpAddr::V6(_)) => other,
        };
        SocketAddr::new(ip, bound.port())
    }

    /// The IP address of its servers.
    #[must_use]
    pub fn server_host(&self) -> IpAddr {
        self.server_address(Transport::Udp).ip()
    }

    /// The IP address that belongs to this lab alone, if it has one.
    #[must_use]
    pub fn own_address(&self) -> Option<Ipv4Addr> {
        match (self.kind(), self.server_host()) {
            (LabKind::Private | LabKind::Class, IpAddr::V4(address)) => {
                Some(address).filter(|address| *address != Ipv4Addr::LOCALHOST)
            }
            _ => None,
        }
    }

    /// The relay's machine as a client host. `may_choose_ports` is for visitors with the rights of this machine.
    #[must_use]
    pub fn machine_host(&self, may_choose_ports: bool) -> ClientHost {
        let servers = Transport::ALL.map(|transport| self.server_address(transport));
        ClientHost::of_machine(servers, self.source, may_choose_ports)
    }

    /// The lab's own client host, or the relay's machine if it has none.
    #[must_use]
    pub fn default_client_host(&self) -> ClientHost {
        let own = self.own_address();
        own.map_or_else(
            || self.machine_host(true),
            |own| self.client_host_at(own, None),
        )
    }

    /// A client host at an address of its own. The address is leased unless it belongs to the lab.
    #[must_use]
    pub fn client_host_at(&self, address: Ipv4Addr, lease: Option<AddressLease>) -> ClientHost {
        let servers = Transport::ALL.map(|transport| self.server_address(transport));
        ClientHost::at(address, lease, servers)
    }

    /// The lab as the protocol describes it to a page on `host`.
    #[must_use]
    pub fn to_message(&self, host: &ClientHost) -> LabMessage {
        let (first_seq, next_seq) = self.trace.range();
        let servers = self
            .slots
            .iter()
            .map(|slot| slot.server.borrow().clone())
            .collect();
        LabMessage {
            id: self.identity.id.clone(),
            kind: self.kind(),
            host_name: self.host_name().to_owned(),
            conditions: self.netem.conditions(),
            client_host: host.address(),
            client_source: Some(host.source()),
            servers,
            first_seq,
            next_seq,
        }
    }

    /// Registers a client process in the trace.
    #[must_use]
    pub fn join(&self, role: Role) -> ProcessId {
        self.trace.register_process(role)
    }

    /// Records the end of a client process.
    pub fn leave(&self, process: ProcessId) {
        self.trace.end_process(process);
    }

    /// Whether a server is running or external.
    #[must_use]
    pub fn is_up(&self, transport: Transport) -> bool {
        matches!(
            self.slot(transport).server.borrow().state,
            ServerState::Running | ServerState::External
        )
    }

    /// Whether a server has died.
    #[must_use]
    pub fn is_dead(&self, transport: Transport) -> bool {
        matches!(
            self.slot(transport).server.borrow().state,
            ServerState::Dead { .. }
        )
    }
}
