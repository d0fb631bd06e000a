//! A lab: a place with its own servers and its own trace. Here: its servers' lives, and who may rule over them.

pub mod export;

use std::{
    cell::{Cell, RefCell},
    io,
    net::{IpAddr, SocketAddr},
    rc::Rc,
};

use shared::{
    call::Transport,
    lab::{Lab as Told, LabKind, Program, Server, ServerState, Task},
    outcome::{Failed, Reason},
    trace::{ProcessId, Role, What},
};
use tokio::task::JoinHandle;

use crate::{
    edge::Edge,
    failure,
    server::{self, Bound, Orders},
    trace::{Processes, Trace},
};

/// What the host of the open lab's server is called in it.
const OPEN_HOST: &str = "open-lab.internal";

/// A lab and what happens in it.
#[derive(Debug)]
pub struct Lab {
    id: String,
    trace: Rc<Trace>,
    edge: Rc<Edge>,
    slots: [Slot; 2],
}

/// The place of one server: what it is or was, and the task it runs in.
#[derive(Debug)]
struct Slot {
    server: RefCell<Server>,
    running: RefCell<Option<JoinHandle<()>>>,
    /// Tells a server's end from that of the one started after it.
    life: Cell<u64>,
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
        let tcp = bind_at(Transport::Tcp, address, orders.program)?;
        let beside = SocketAddr::new(address.ip(), tcp.0.port());
        let udp = match bind_at(Transport::Udp, beside, orders.program) {
            Err(_) if address.port() == 0 => bind_at(Transport::Udp, address, orders.program)?,
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
    program: Program,
) -> Result<(SocketAddr, Bound), (Transport, io::Error)> {
    let bound = server::bind(transport, address, program).map_err(|error| (transport, error))?;
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
                settings: server::usual(program, transport),
                state: state.clone(),
            };
            Slot {
                server: RefCell::new(server),
                running: RefCell::default(),
                life: Cell::default(),
            }
        });
        let lab = Rc::new(Self {
            id: id.to_owned(),
            edge: Edge::new(Rc::clone(&trace)),
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
        let gathering = Rc::clone(&lab.trace);
        tokio::task::spawn_local(async move { gathering.tell_viewers().await });
        lab
    }

    /// Its trace.
    #[must_use]
    pub const fn trace(&self) -> &Rc<Trace> {
        &self.trace
    }

    /// The edge of its network.
    #[must_use]
    pub const fn edge(&self) -> &Rc<Edge> {
        &self.edge
    }

    /// Its name in URLs.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
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
            kind: LabKind::Open,
            host_name: OPEN_HOST.to_owned(),
            conditions: self.edge.conditions(),
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

    /// Whether a server is neither stopped nor dead.
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

    /// Starts a stopped or dead server, at the address it had.
    ///
    /// # Errors
    /// Where it runs already or is not the lab's own, and the kernel's where its port cannot be had.
    pub fn start_server(
        self: &Rc<Self>,
        transport: Transport,
        program: Option<Program>,
        task: Option<Task>,
    ) -> Result<(), Failed> {
        let slot = self.slot(transport);
        let server = slot.server.borrow().clone();
        self.must_own(&server, program)?;
        if server.state == ServerState::Running {
            return Err(failure::relay(
                Reason::AlreadyRunning,
                "this server is already running",
            ));
        }
        let program = program.unwrap_or(server.program);
        let bound = server::bind(transport, server.address, program)
            .map_err(|error| failure::kernel(&error))?;
        let mut changed = slot.server.borrow_mut();
        (changed.program, changed.task) = (program, task.unwrap_or(server.task));
        drop(changed);
        self.run(transport, bound);
        Ok(())
    }

    /// Stops a running server; when this resolves its sockets are closed.
    ///
    /// # Errors
    /// Where it does not run, or is not the lab's own.
    pub async fn stop_server(&self, transport: Transport) -> Result<(), Failed> {
        let slot = self.slot(transport);
        self.must_own(&slot.server.borrow(), None)?;
        let running = slot.running.take();
        let Some(running) = running.filter(|_| self.is_up(transport)) else {
            return Err(failure::relay(
                Reason::NotRunning,
                "this server is not running",
            ));
        };
        self.becomes(transport, ServerState::Stopped);
        running.abort();
        // An aborted task ends as cancelled: that is what was wanted.
        running.await.ok();
        self.trace.record(
            What::ProcessEnded {
                process: Processes::server(transport),
            },
            None,
        );
        Ok(())
    }

    fn must_own(&self, server: &Server, program: Option<Program>) -> Result<(), Failed> {
        if server.program == Program::External || program == Some(Program::External) {
            return Err(failure::relay(
                Reason::NotRunning,
                "this server is not the relay's own",
            ));
        }
        Ok(())
    }

    fn run(self: &Rc<Self>, transport: Transport, bound: Bound) {
        let slot = self.slot(transport);
        let life = slot.life.get() + 1;
        slot.life.set(life);
        let orders = {
            let server = slot.server.borrow();
            Orders {
                program: server.program,
                task: server.task,
            }
        };
        self.becomes(transport, ServerState::Running);
        let lab = Rc::clone(self);
        let running = tokio::task::spawn_local(async move {
            let why = match bound.run(orders, Rc::clone(&lab.trace), &lab.edge).await {
                Ok(server::Died(why)) => why,
                Err(error) => error.to_string(),
            };
            lab.died(transport, life, why);
        });
        slot.running.replace(Some(running));
    }

    fn died(&self, transport: Transport, life: u64, why: String) {
        if self.slot(transport).life.get() == life {
            self.trace.record(
                What::ProcessEnded {
                    process: Processes::server(transport),
                },
                None,
            );
            self.becomes(transport, ServerState::Dead { why });
        }
    }

    fn becomes(&self, transport: Transport, state: ServerState) {
        let mut server = self.slot(transport).server.borrow_mut();
        server.state = state;
        self.trace
            .metrics()
            .server_is(transport, server.state == ServerState::Running);
        self.trace.record(What::Server(server.clone()), None);
    }

    const fn slot(&self, transport: Transport) -> &Slot {
        match transport {
            Transport::Udp => &self.slots[0],
            Transport::Tcp => &self.slots[1],
        }
    }
}
