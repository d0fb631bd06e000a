//! [`LabRegistry`]: opens private and class labs, finds labs by id, and leases the addresses of labs and client hosts.

use std::{
    cell::RefCell,
    collections::HashMap,
    io::{self, ErrorKind},
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    ops::Deref,
    rc::Rc,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use shared::{
    lab::{LabKind, Level, Obstacle, ObstacleKind, PLAYGROUND_PORT, Program, Task, Truth},
    limits::Limits,
    outcome::{Failed, Reason},
};

use super::{Lab, LabIdentity, Prepared, addresses::Addresses};
use crate::{
    admission::{Permit, QuotaCounter, QuotaExceeded},
    client::{AddressLease, AddressLeases, ClientHost},
    failure,
    metrics::{Meter, Metrics},
    server::ServerConfig,
    token,
    trace::Trace,
    wire::Routes,
};

/// Maximum number of addresses tried for a lab. A second one is almost never needed, unless another program is bound to
/// the port at `0.0.0.0`: then none is free.
const MAX_ADDRESS_TRIES: usize = 8;

/// The trace of a class's lab may have this many times the bytes of a private lab's.
const CLASS_TRACE_FACTOR: u64 = 8;

/// The labs of a relay.
#[derive(Debug)]
pub struct LabRegistry {
    open: Rc<Lab>,
    labs: RefCell<HashMap<String, Rc<Lab>>>,
    counter: Rc<QuotaCounter>,
    addresses: RefCell<Addresses>,
    /// The leased addresses of client hosts.
    leases: AddressLeases,
    /// The address that all bridges share, from the first bridge on.
    bridge_lease: RefCell<Option<(Ipv4Addr, AddressLease)>>,
    routes: Rc<Routes>,
    config: LabConfig,
}

/// The configuration of all labs.
#[derive(Debug)]
pub struct LabConfig {
    /// Maximum number of labs, and the size of their traces.
    pub limits: Rc<Limits>,
    /// The level of truth of a lab that has the usual port.
    pub truth: Truth,
    /// What new servers do with a sentence.
    pub task: Task,
    /// Counts labs.
    pub metrics: Arc<Metrics>,
}

/// A lease of a private or class lab. Dropping it ends the lab: the servers stop, and the address is free again.
#[derive(Debug)]
pub struct LabLease {
    registry: Rc<LabRegistry>,
    lab: Rc<Lab>,
    _permit: Permit,
}

impl LabRegistry {
    /// A registry with the open lab, whose packets are routed to its trace from now on.
    #[must_use]
    pub fn new(open: Rc<Lab>, routes: Rc<Routes>, config: LabConfig) -> Rc<Self> {
        routes.add(open.servers(), open.trace());
        Rc::new(Self {
            open,
            labs: RefCell::default(),
            counter: QuotaCounter::new(Arc::clone(&config.metrics), |metrics| &metrics.labs),
            addresses: RefCell::new(Addresses::new(token::random_seed())),
            leases: AddressLeases::default(),
            bridge_lease: RefCell::default(),
            routes,
            config,
        })
    }

    /// The open lab.
    #[must_use]
    pub const fn open(&self) -> &Rc<Lab> {
        &self.open
    }

    /// Finds a lab by its id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<Rc<Lab>> {
        if id == self.open.id() {
            return Some(Rc::clone(&self.open));
        }
        self.labs.borrow().get(id).cloned()
    }

    /// Opens a private lab for a visitor at this address and starts its servers.
    ///
    /// # Errors
    /// If a limit is reached or no address is free.
    pub fn open_private(self: &Rc<Self>, from: IpAddr) -> Result<LabLease, Failed> {
        self.open_lab(LabKind::Private, token::random_token(), from)
    }

    /// Opens the lab of a class under its permanent id. Its servers and its trace are sized for many clients.
    ///
    /// # Errors
    /// If a limit is reached or no address is free.
    pub fn open_class(self: &Rc<Self>, id: String, from: IpAddr) -> Result<LabLease, Failed> {
        self.open_lab(LabKind::Class, id, from)
    }

    fn open_lab(
        self: &Rc<Self>,
        kind: LabKind,
        id: String,
        from: IpAddr,
    ) -> Result<LabLease, Failed> {
        let LabConfig {
            limits,
            task,
            metrics,
            ..
        } = &self.config;
        let permit = self
            .counter
            .acquire(from.to_canonical(), limits.labs, limits.labs_per_address)
            .map_err(|full| quota_failure(full, limits))?;
        let program = match kind {
            LabKind::Class => Program::Sturdy,
            LabKind::Private | LabKind::Open => Program::Book,
        };
        let server_config = ServerConfig {
            shares_port: self.open.shares_port(),
            ..ServerConfig::usual(kind, program, *task)
        };
        let (prepared, truth) = self
            .bind(server_config)
            .map_err(|error| bind_failure(&error))?;
        let meter = Meter::for_other_lab(Arc::clone(metrics));
        let trace = match kind {
            LabKind::Class => {
                let bytes = limits.lab_trace_bytes.saturating_mul(CLASS_TRACE_FACTOR);
                Trace::new_of_class(truth.level, bytes, meter)
            }
            LabKind::Private | LabKind::Open => {
                Trace::new(truth.level, limits.lab_trace_bytes, meter)
            }
        };
        let identity = LabIdentity {
            id,
            kind,
            host_name: token::random_host_name(),
            truth,
        };
        let trace = trace.with_split_bursts(self.routes.splits_bursts());
        let lab = Lab::open(identity, prepared, Rc::new(trace));
        self.routes.add(lab.servers(), lab.trace());
        self.labs
            .borrow_mut()
            .insert(lab.id().to_owned(), Rc::clone(&lab));
        metrics.labs_opened.fetch_add(1, Relaxed);
        Ok(LabLease {
            registry: Rc::clone(self),
            lab,
            _permit: permit,
        })
    }

    /// Binds servers at an address of their own or, if none is free, at a port of their own. Returns the level of truth
    /// there as well.
    fn bind(&self, server_config: ServerConfig) -> io::Result<(Prepared, Truth)> {
        let truth = &self.config.truth;
        let in_use = |address| self.is_in_use(address);
        let mut addresses = self.addresses.borrow_mut();
        let bind = |address| Prepared::bind(address, server_config).map_err(|(_, error)| error);
        let (prepared, address) = first_free(|| addresses.next(in_use), bind)?;
        let is_captured = address.port() == PLAYGROUND_PORT;
        Ok((
            prepared,
            if is_captured {
                truth.clone()
            } else {
                uncaptured(truth)
            },
        ))
    }

    fn is_in_use(&self, address: Ipv4Addr) -> bool {
        let labs = self.labs.borrow();
        self.leases.contains(address) || labs.values().any(|lab| lab.server_host() == address)
    }

    /// The client host of bridges to this lab. All bridges share one address, because their sockets are connected and the
    /// kernel chooses their ports.
    #[must_use]
    pub fn bridge_host(&self, lab: &Lab) -> ClientHost {
        let mut shared = self.bridge_lease.borrow_mut();
        if shared.is_none() {
            *shared = self.lease();
        }
        let address = shared.as_ref().map(|(address, _)| *address);
        address.map_or_else(
            || lab.machine_host(false),
            |address| lab.client_host_at(address, None),
        )
    }

    /// The client host of a page in this lab. In a private lab it is the lab's address. In a shared lab each page has an
    /// address of its own, so that pages cannot take each other's ports or datagrams; only a visitor with the rights of
    /// this machine is at the machine's address.
    #[must_use]
    pub fn client_host(&self, lab: &Lab, is_this_machine: bool) -> ClientHost {
        match (lab.kind(), lab.own_address()) {
            (LabKind::Open, _) if is_this_machine => lab.machine_host(true),
            (LabKind::Private, Some(address)) => lab.client_host_at(address, None),
            (LabKind::Private, None) => lab.machine_host(is_this_machine),
            (LabKind::Open | LabKind::Class, _) => match self.lease() {
                Some((address, lease)) => lab.client_host_at(address, Some(lease)),
                None => lab.machine_host(is_this_machine),
            },
        }
    }

    /// Leases an unused loopback address; `None` if the system has only one or none is free.
    fn lease(&self) -> Option<(Ipv4Addr, AddressLease)> {
        let mut addresses = self.addresses.borrow_mut();
        let mut last = None;
        for _ in 0..MAX_ADDRESS_TRIES {
            let address = addresses.next(|address| self.is_in_use(address));
            match UdpSocket::bind((address, PLAYGROUND_PORT)) {
                // Another relay's lab has this address, or a server is bound to all addresses. The latter does no
                // harm, so the last address tried is used if none is free.
                Err(error) if error.kind() == ErrorKind::AddrInUse => last = Some(address),
                Err(_) => return None,
                Ok(_) => {
                    last = Some(address);
                    break;
                }
            }
        }
        last.and_then(|address| Some((address, self.leases.take(address)?)))
    }
}

/// Binds at the first free address of the next ones; if none is free, at any port of 127.0.0.1.
fn first_free<T>(
    mut next: impl FnMut() -> Ipv4Addr,
    mut bind: impl FnMut(SocketAddr) -> io::Result<T>,
) -> io::Result<(T, SocketAddr)> {
    let anywhere = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0);
    for _ in 0..MAX_ADDRESS_TRIES {
        let address = SocketAddr::new(next().into(), PLAYGROUND_PORT);
        match bind(address) {
            Ok(bound) => return Ok((bound, address)),
            Err(error) if is_taken(&error) => {}
            Err(error) => return Err(error),
        }
    }
    bind(anywhere).map(|bound| (bound, anywhere))
}

fn is_taken(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::AddrInUse | ErrorKind::AddrNotAvailable
    )
}

/// The level of truth for servers at a port that the capture filter does not include.
fn uncaptured(truth: &Truth) -> Truth {
    if truth.level < Level::L2 {
        return truth.clone();
    }
    let detail =
        format!("only port {PLAYGROUND_PORT} is captured, and that port was not free for this lab");
    Truth {
        level: Level::L1,
        why_not_higher: Some(Obstacle {
            kind: ObstacleKind::Failed,
            detail,
        }),
    }
}

fn quota_failure(full: QuotaExceeded, limits: &Limits) -> Failed {
    match full {
        QuotaExceeded::Total => {
            let limit = limits.labs;
            let message =
                format!("this relay already has {limit} labs, its limit: try again later");
            failure::limit(Reason::TooManyLabs, limit, message)
        }
        QuotaExceeded::Address => {
            let limit = limits.labs_per_address;
            let message = format!(
                "your address already has {limit} labs on this relay, the limit for one address"
            );
            failure::limit(Reason::TooManyLabsFromAddress, limit, message)
        }
    }
}

fn bind_failure(error: &io::Error) -> Failed {
    if is_taken(error) {
        let message = "no address is free for another lab: try again later";
        return failure::relay(Reason::NoAddressLeft, message);
    }
    failure::kernel(error)
}

impl Deref for LabLease {
    type Target = Rc<Lab>;

    fn deref(&self) -> &Rc<Lab> {
        &self.lab
    }
}

impl Drop for LabLease {
    fn drop(&mut self) {
        let Self { registry, lab, .. } = self;
        registry.routes.remove(lab.servers());
        registry.labs.borrow_mut().remove(lab.id());
        lab.close();
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, rc::Weak};

    use clap::Parser;
    use tokio::task::LocalSet;

    use super::*;
    use crate::config::Config;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn registry(args: &[&str]) -> Rc<LabRegistry> {
        let args = [&["relay"], args].concat();
        let limits: Rc<Limits> = Rc::new(Config::parse_from(args).limits.into());
        let metrics = Arc::<Metrics>::default();
        let truth = Truth {
            level: Level::L1,
            why_not_higher: None,
        };
        let meter = Meter::for_open_lab(Arc::clone(&metrics));
        let trace = Rc::new(Trace::new(truth.level, limits.trace_bytes, meter));
        let external = Prepared::External(SocketAddr::new(HERE, PLAYGROUND_PORT), Task::Upper);
        let open = Lab::open(LabIdentity::open(truth.clone()), external, trace);
        let config = LabConfig {
            limits,
            truth,
            task: Task::Upper,
            metrics,
        };
        LabRegistry::new(open, Rc::default(), config)
    }

    async fn on_an_event_loop<T>(story: impl Future<Output = T>) -> T {
        LocalSet::new().run_until(story).await
    }

    #[tokio::test]
    async fn each_lab_has_a_name_and_an_address_of_its_own() {
        on_an_event_loop(async {
            let registry = registry(&[]);
            let labs = [(); 3].map(|()| registry.open_private(HERE).expect("a lab"));
            for lab in &labs {
                let found = registry.find(lab.id()).expect("it is there");
                assert!(Rc::ptr_eq(&found, lab));
                let same = |other: &&LabLease| other.server_host() == lab.server_host();
                assert_eq!(labs.iter().filter(same).count(), 1);
                assert_eq!(lab.kind(), LabKind::Private);
            }
            assert!(registry.find("nobody's").is_none());
            assert_eq!(registry.find("open").expect("always").id(), "open");
        })
        .await;
    }

    #[tokio::test]
    async fn limits_are_told_and_a_lab_given_up_makes_room() {
        on_an_event_loop(async {
            let registry = registry(&["--max-labs", "2", "--max-labs-per-address", "1"]);
            let other = IpAddr::from([192, 168, 1, 5]);
            let first = registry.open_private(HERE).expect("a lab");
            let mapped = Ipv4Addr::LOCALHOST.to_ipv6_mapped().into();
            let refused = registry.open_private(mapped).expect_err("a second one");
            assert_eq!(refused.reason, Some(Reason::TooManyLabsFromAddress));
            assert_eq!(refused.limit, Some(1));
            let _second = registry.open_private(other).expect("a lab");
            let third = registry.open_private([192, 168, 1, 6].into());
            let refused = third.expect_err("a third one");
            assert_eq!(refused.reason, Some(Reason::TooManyLabs));
            assert_eq!(refused.limit, Some(2));
            drop(first);
            registry.open_private(HERE).expect("room again");
        })
        .await;
    }

    #[tokio::test]
    async fn nothing_is_left_of_ten_thousand_closed_labs() {
        on_an_event_loop(async {
            let registry = registry(&[]);
            let mut before: Weak<Lab> = Weak::new();
            for _ in 0..10_000 {
                let lab = registry.open_private(HERE).expect("a lab");
                let weak = Rc::downgrade(&lab);
                drop(lab);
                // Its tasks end at their next turn.
                tokio::task::yield_now().await;
                assert!(before.upgrade().is_none(), "the previous lab is freed");
                before = weak;
            }
            let metrics = &registry.config.metrics;
            assert_eq!(metrics.labs.load(Relaxed), 0);
            assert_eq!(metrics.labs_opened.load(Relaxed), 10_000);
            assert!(registry.labs.borrow().is_empty());
            assert!(registry.routes.is_only_of(registry.open().trace()));
        })
        .await;
    }

    #[test]
    fn taken_addresses_are_skipped_up_to_the_maximum() {
        let tries = Cell::new(0_u8);
        let next = || {
            tries.set(tries.get() + 1);
            Ipv4Addr::new(127, 9, 9, tries.get())
        };
        let taken = || Err(ErrorKind::AddrInUse.into());
        let third = |address: SocketAddr| match address.to_string().as_str() {
            "127.9.9.3:12000" => Ok(()),
            _ => taken(),
        };
        let ((), address) = first_free(next, third).expect("the third");
        assert_eq!(address.to_string(), "127.9.9.3:12000");
        let any_port = |address: SocketAddr| match address.port() {
            0 => Ok(address.ip()),
            _ => Err(ErrorKind::AddrNotAvailable.into()),
        };
        let (host, address) = first_free(next, any_port).expect("a port");
        assert_eq!((host, address.port()), (HERE, 0));
        assert_eq!(usize::from(tries.get()), 3 + MAX_ADDRESS_TRIES);
        let error = first_free(next, |_| taken() as io::Result<()>).expect_err("nothing");
        assert_eq!(bind_failure(&error).reason, Some(Reason::NoAddressLeft));
    }

    #[test]
    fn a_lab_without_capture_has_a_lower_level_of_truth() {
        let truth = |level| Truth {
            level,
            why_not_higher: None,
        };
        assert_eq!(uncaptured(&truth(Level::L0)), truth(Level::L0));
        let told = uncaptured(&truth(Level::L2));
        assert_eq!(told.level, Level::L1);
        assert!(told.why_not_higher.is_some());
    }
}
