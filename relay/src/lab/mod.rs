//! A lab: a place with its own servers and its own trace.

pub mod export;
mod look;
mod servers;

use std::{
    io,
    net::{IpAddr, SocketAddr},
    rc::Rc,
};

use shared::{
    call::Transport,
    conditions::Conditions,
    lab::{Lab as Told, LabKind, Program, Server, ServerState, Task},
    trace::{ProcessId, Role},
};

use crate::{
    server::{self, Bound, Orders},
    trace::Trace,
};
pub use servers::Changes;
use servers::Slot;

/// What the host of the open lab's server is called in it.
const OPEN_HOST: &str = "open-lab.internal";

/// A lab and what happens in it.
#[derive(Debug)]
pub struct Lab {
    id: String,
    trace: Rc<Trace>,
    slots: [Slot; 2],
}

/// The open lab's servers, bound and not yet running; so a start that fails leaves nothing half started.
#[derive(Debug)]
pub enum Prepared {
    /// The relay's own.
    Own(Orders, [(SocketAddr, Bound); 2]),
    /// Somebody else's.
    External(SocketAddr, Task),
}

impl Prepared {
    /// Binds both servers at `address`; with port 0 they share a port wherever that can be had.
    ///
    /// # Errors
    /// The transport that could not be bound, and the kernel's error.
    pub fn bind(address: SocketAddr, orders: Orders) -> Result<Self, (Transport, io::Error)> {
        let tcp = bind_at(Transport::Tcp, address, orders)?;
        let beside = SocketAddr::new(address.ip(), tcp.0.port());
        let udp = match bind_at(Transport::Udp, beside, orders) {
            Err(_) if address.port() == 0 => bind_at(Transport::Udp, address, orders)?,
            other => other?,
        };
        Ok(Self::Own(orders, [udp, tcp]))
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
    orders: Orders,
) -> Result<(SocketAddr, Bound), (Transport, io::Error)> {
    let bound = server::bind(transport, address, orders.program, orders.of(transport))
        .map_err(|refused| (transport, refused.error))?;
    let address = bound.address().map_err(|error| (transport, error))?;
    Ok((address, bound))
}

impl Lab {
    /// Opens the lab: its servers run from now on, on the event loop this is called from.
    #[must_use]
    pub fn open(id: &str, prepared: Prepared, trace: Rc<Trace>) -> Rc<Self> {
        server::uppercase::prepare();
        let addresses = prepared.addresses();
        let (program, task, state) = match &prepared {
            Prepared::Own(orders, _) => (orders.program, orders.task, ServerState::Stopped),
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
                    Prepared::Own(orders, _) => Some(orders.of(transport)),
                    Prepared::External(..) => None,
                },
                state: state.clone(),
            };
            Slot::new(server)
        });
        let lab = Rc::new(Self {
            id: id.to_owned(),
            trace,
            slots,
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
        let looking = look::look(look::View {
            trace: Rc::clone(&lab.trace),
            servers: Transport::ALL.map(|transport| (transport, lab.server_address(transport))),
            backlog: Rc::clone(&lab.slot(Transport::Tcp).backlog),
        });
        let (gathering, kind) = (Rc::clone(&lab.trace), lab.kind());
        tokio::task::spawn_local(async move {
            let telling = gathering.tell_viewers();
            match kind {
                // What strangers have open at the open lab is not everybody's business.
                LabKind::Open => telling.await,
                LabKind::Private => drop(tokio::join!(telling, looking)),
            }
        });
        lab
    }

    /// Its trace.
    #[must_use]
    pub const fn trace(&self) -> &Rc<Trace> {
        &self.trace
    }

    /// Its name in URLs.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whose it is.
    #[must_use]
    pub const fn kind(&self) -> LabKind {
        LabKind::Open
    }

    /// What its server's host is called in it.
    #[must_use]
    pub const fn host_name(&self) -> &str {
        OPEN_HOST
    }

    /// Where a server is reached.
    #[must_use]
    pub fn server_address(&self, transport: Transport) -> SocketAddr {
        self.slot(transport).server.borrow().address
    }

    /// The address client sockets have.
    #[must_use]
    pub fn client_host(&self) -> IpAddr {
        self.server_address(Transport::Udp).ip()
    }

    /// The lab as a page is told of it.
    #[must_use]
    pub fn told(&self) -> Told {
        let (first_seq, next_seq) = self.trace.range();
        let servers = self
            .slots
            .iter()
            .map(|slot| slot.server.borrow().clone())
            .collect();
        Told {
            id: self.id.clone(),
            kind: self.kind(),
            host_name: self.host_name().to_owned(),
            conditions: Conditions::default(),
            client_host: self.client_host(),
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
