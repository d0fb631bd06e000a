//! A lab: a place with its own servers and its own trace.

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
    lab::{Lab as Told, LabKind, Program, Server, ServerState, Task, Truth},
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

/// The open lab's name in URLs.
pub const OPEN: &str = "open";
/// What the host of its server is called in it.
const OPEN_HOST: &str = "open-lab.internal";

/// A lab and what happens in it.
#[derive(Debug)]
pub struct Lab {
    about: LabIdentity,
    trace: Rc<Trace>,
    netem: Rc<Netem>,
    slots: [ServerSlot; 2],
    source: IpAddr,
    /// As [`ServerConfig`] have it.
    shares_port: bool,
    tasks: AbortHandle,
}

/// What tells a lab from another.
#[derive(Debug)]
pub struct LabIdentity {
    /// Its name in URLs.
    pub id: String,
    /// Whose it is.
    pub kind: LabKind,
    /// What its server's host is called in it.
    pub host_name: String,
    /// How much can be seen in it.
    pub truth: Truth,
}

impl LabIdentity {
    /// The open lab.
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

/// A lab's servers, bound and not yet running; so a start that fails leaves nothing half started.
#[derive(Debug)]
pub enum Prepared {
    /// The relay's own.
    Own(ServerConfig, [(SocketAddr, Bound); 2]),
    /// Somebody else's.
    External(SocketAddr, Task),
}

impl Prepared {
    /// Binds both servers at `address`; with port 0 they share a port wherever that can be had.
    ///
    /// # Errors
    /// The transport that could not be bound, and the kernel's error.
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

    /// Where the servers are, UDP first.
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

/// The address from which the kernel has a socket speak to this one that is bound to none: it is asked (ip(7)).
#[must_use]
pub fn source_for(server: SocketAddr) -> IpAddr {
    let any: IpAddr = if server.is_ipv4() {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    };
    let asked = || {
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect(server)?;
        socket.local_addr()
    };
    asked().map_or(server.ip(), |address| address.ip())
}

impl Lab {
    /// Opens a lab: its servers run from now on, on the event loop this is called from.
    #[must_use]
    pub fn open(about: LabIdentity, prepared: Prepared, trace: Rc<Trace>) -> Rc<Self> {
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
        let looking = socket_poller::look(socket_poller::SocketPoller {
            trace: Rc::clone(&trace),
            servers: [0, 1].map(|at| (Transport::ALL[at], addresses[at])),
            backlog: Rc::clone(&slots[1].backlog),
        });
        let (gathering, kind) = (Rc::clone(&trace), about.kind);
        let tasks = tokio::task::spawn_local(async move {
            let tasks = gathering.tell_viewers();
            match kind {
                // What strangers have open at the open lab is not everybody's business.
                LabKind::Open => tasks.await,
                LabKind::Private | LabKind::Class => drop(tokio::join!(tasks, looking)),
            }
        });
        let lab = Rc::new(Self {
            about,
            netem: Netem::new(Rc::clone(&trace)),
            trace,
            slots,
            source: source_for(addresses[0]),
            shares_port: matches!(&prepared, Prepared::Own(server_config, _) if server_config.shares_port),
            tasks: tasks.abort_handle(),
        });
        // Of somebody else's server nothing is known to be down.
        for transport in Transport::ALL {
            lab.trace
                .metrics()
                .server_is(transport, lab.is_up(transport));
        }
        if let Prepared::Own(_, bound) = prepared {
            for ((_, bound), transport) in bound.into_iter().zip(Transport::ALL) {
                lab.run(transport, bound);
            }
        }
        lab
    }

    /// Ends all that runs in it; what is left of it goes with the last who holds it.
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

    /// Its name in URLs.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.about.id
    }

    /// Whose it is.
    #[must_use]
    pub const fn kind(&self) -> LabKind {
        self.about.kind
    }

    /// What its server's host is called in it.
    #[must_use]
    pub fn host_name(&self) -> &str {
        &self.about.host_name
    }

    /// How much can be seen in it.
    #[must_use]
    pub const fn truth(&self) -> &Truth {
        &self.about.truth
    }

    /// Where its servers are bound.
    #[must_use]
    pub fn servers(&self) -> [(Transport, SocketAddr); 2] {
        let bound = |transport| self.slot(transport).server.borrow().address;
        Transport::ALL.map(|transport| (transport, bound(transport)))
    }

    /// Whether its servers leave their port to other servers of the relay at addresses of their own.
    #[must_use]
    pub const fn shares_port(&self) -> bool {
        self.shares_port
    }

    /// Where this machine's clients reach a server. One at all addresses is at the loopback address, too.
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

    /// The host its servers are on.
    #[must_use]
    pub fn server_host(&self) -> IpAddr {
        self.server_address(Transport::Udp).ip()
    }

    /// The address that is this lab's alone, if it has one.
    #[must_use]
    pub fn own_address(&self) -> Option<Ipv4Addr> {
        match (self.kind(), self.server_host()) {
            (LabKind::Private | LabKind::Class, IpAddr::V4(address)) => {
                Some(address).filter(|address| *address != Ipv4Addr::LOCALHOST)
            }
            _ => None,
        }
    }

    /// The relay's machine as a host of clients. Only the machine's own user `may_choose_ports` there.
    #[must_use]
    pub fn machine_host(&self, may_choose_ports: bool) -> ClientHost {
        let servers = Transport::ALL.map(|transport| self.server_address(transport));
        ClientHost::of_machine(servers, self.source, may_choose_ports)
    }

    /// Its own host of clients, as far as it has one.
    #[must_use]
    pub fn default_client_host(&self) -> ClientHost {
        let own = self.own_address();
        own.map_or_else(
            || self.machine_host(true),
            |own| self.client_host_at(own, None),
        )
    }

    /// A host of clients with an address of its own; leased, unless it is the lab's.
    #[must_use]
    pub fn client_host_at(&self, address: Ipv4Addr, lease: Option<AddressLease>) -> ClientHost {
        let servers = Transport::ALL.map(|transport| self.server_address(transport));
        ClientHost::at(address, lease, servers)
    }

    /// The lab as a page on this host is told of it.
    #[must_use]
    pub fn to_message(&self, host: &ClientHost) -> Told {
        let (first_seq, next_seq) = self.trace.range();
        let servers = self
            .slots
            .iter()
            .map(|slot| slot.server.borrow().clone())
            .collect();
        Told {
            id: self.about.id.clone(),
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

    /// A client process comes.
    #[must_use]
    pub fn join(&self, role: Role) -> ProcessId {
        self.trace.process_came(role)
    }

    /// It goes.
    pub fn leave(&self, process: ProcessId) {
        self.trace.process_went(process);
    }

    /// Whether a server is neither stopped nor killed nor dead.
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
