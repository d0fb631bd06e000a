//! Starting and ending the relay: it binds everything before it runs, and closes every session before it ends.

use std::{
    collections::BTreeSet, error::Error, fmt, io, net::SocketAddr, rc::Rc, sync::Arc,
    time::Duration,
};

use shared::{
    lab::{LabKind, Obstacle, ObstacleKind, PLAYGROUND_PORT, Task, Truth},
    limits::Limits,
};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
};

use crate::{
    admission::{PageQuota, Trust},
    class::{ClassConfig, ClassRegistry},
    config::Config,
    descriptors,
    http::{self, AppState, Downloads},
    lab::{Lab, LabConfig, LabIdentity, LabRegistry, Prepared, source_for},
    metrics::{Meter, Metrics},
    server::ServerConfig,
    session::{self, Command, SessionContext},
    store::Store,
    sys::errno,
    trace::Trace,
    wire::{Routes, Scope, Watch},
};

/// How long sessions may take to close when the relay ends.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(3);

/// A relay whose addresses are bound, ready to run.
#[derive(Debug)]
pub struct Relay {
    listener: TcpListener,
    network_url: Option<String>,
    prepared: Prepared,
    store: Store,
    task: Task,
    watch: Watch,
    limits: Rc<Limits>,
    trust: Trust,
    lowered_limits: Vec<String>,
    descriptor_limit: Option<u64>,
    allow_host: Vec<String>,
    admin_token: Option<String>,
}

/// Why the relay could not start. `Display` is one line that says what to do.
#[derive(Debug)]
pub struct StartError {
    what: String,
    flag: &'static str,
    address: SocketAddr,
    error: io::Error,
}

impl Relay {
    /// Binds all addresses; nothing runs yet. Lowers limits that need more than `descriptor_limit` descriptors.
    ///
    /// # Errors
    /// The address that cannot be bound, and what to do about it.
    pub async fn bind(
        config: Config,
        store: Store,
        descriptor_limit: Option<u64>,
    ) -> Result<Self, StartError> {
        let Config {
            http,
            server,
            program,
            task,
            external_server,
            max_level,
            allow_host,
            trust_proxy,
            owner,
            admin_token,
            limits,
            data: _,
        } = config;
        let no_page = |error| StartError {
            what: "serve the page".to_owned(),
            flag: "--http",
            address: http,
            error,
        };
        let listener = TcpListener::bind(http).await.map_err(no_page)?;
        let prepared = if external_server {
            Prepared::External(server, task)
        } else {
            let server_config = ServerConfig {
                shares_port: server.ip().is_unspecified(),
                ..ServerConfig::usual(LabKind::Open, program.into(), task)
            };
            Prepared::bind(server, server_config).map_err(|(transport, error)| {
                let what = format!("run the {} server", transport.name());
                StartError {
                    what,
                    flag: "--server",
                    address: server,
                    error,
                }
            })?
        };
        let scope = Scope::for_servers(&prepared.addresses());
        let watch = Watch::open(max_level.into(), &ports(&prepared), scope);
        let network_url = network_url(&listener);
        let asked = limits.into();
        let (limits, lowered_limits) = match descriptor_limit {
            Some(descriptors) => descriptors::fit_limits(&asked, descriptors),
            None => (asked, Vec::new()),
        };
        Ok(Self {
            listener,
            network_url,
            prepared,
            store,
            task,
            watch,
            trust: Trust::new(trust_proxy, !allow_host.is_empty(), &owner),
            limits: Rc::new(limits),
            lowered_limits,
            descriptor_limit,
            allow_host,
            admin_token,
        })
    }

    /// The address the page is served at.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// One line for the log about each limit that was lowered.
    #[must_use]
    pub fn lowered_limits(&self) -> &[String] {
        &self.lowered_limits
    }

    /// A line for the log: the level of truth, and why it is not higher.
    #[must_use]
    pub fn truth_line(&self) -> String {
        let Truth {
            level,
            why_not_higher,
        } = self.watch.truth();
        match why_not_higher {
            None => {
                let place = match self.watch.scope() {
                    Scope::Loopback => "on the loopback interface, which carries all of them",
                    Scope::Everywhere => "on every interface that has an address",
                };
                format!("level of truth {level:?}: all packets of the servers are captured {place}")
            }
            Some(Obstacle { kind, detail }) => format!(
                "level of truth {level:?}, not higher: {} ({detail})",
                remedy(*kind)
            ),
        }
    }

    /// A line for the log: which clients have the rights of this machine.
    #[must_use]
    pub fn trust_line(&self) -> String {
        self.trust.log_line()
    }

    /// The line on stdout with all addresses, for people and programs.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn ready_line(&self) -> io::Result<String> {
        let [udp, tcp] = self.prepared.addresses();
        Ok(format!(
            "Socket Playground at http://{} · UDP {udp} · TCP {tcp}",
            self.address()?
        ))
    }

    /// Runs until `shutdown` resolves and sessions have closed, up to `SHUTDOWN_TIMEOUT`. Must run in a
    /// [`tokio::task::LocalSet`].
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let metrics = Arc::new(Metrics::new(self.descriptor_limit));
        let truth = self.watch.truth().clone();
        let meter = Meter::for_open_lab(Arc::clone(&metrics));
        let trace = Trace::new(truth.level, self.limits.trace_bytes, meter)
            .with_split_bursts(self.watch.splits_bursts());
        let routes = Rc::new(Routes::new(self.watch.splits_bursts()));
        tokio::task::spawn_local(self.watch.run(Rc::clone(&routes), Arc::clone(&metrics)));
        let external_server = match &self.prepared {
            Prepared::External(address, _) => Some(*address),
            Prepared::Own(..) => None,
        };
        let lab = Lab::open(
            LabIdentity::open(truth.clone()),
            self.prepared,
            Rc::new(trace),
        );
        let rules = LabConfig {
            limits: Rc::clone(&self.limits),
            truth,
            task: self.task,
            metrics: Arc::clone(&metrics),
        };
        let classes = ClassRegistry::open(ClassConfig {
            limits: Rc::clone(&self.limits),
            store: self.store.clone(),
            admin_token: self.admin_token,
            metrics: Arc::clone(&metrics),
            network_url: self.network_url.clone(),
        });
        let classes = classes.await;
        let labs = LabRegistry::new(Rc::clone(&lab), routes, rules);
        let (begin_shutdown, is_shutting_down) = watch::channel(false);
        let (sender, commands) = mpsc::unbounded_channel();
        let state = Arc::new(AppState {
            commands: sender,
            metrics: Arc::clone(&metrics),
            trust: self.trust,
            downloads: Downloads::default(),
            allow_host: self.allow_host,
            external_server,
            network_url: self.network_url,
        });
        let context = SessionContext {
            lab,
            labs,
            sessions: Rc::default(),
            classes,
            store: self.store,
            save_lock: Rc::default(),
            page_quota: Rc::new(PageQuota::new(Arc::clone(&metrics))),
            limits: Rc::clone(&self.limits),
            shutdown: is_shutting_down.clone(),
        };
        let accepting = http::accept(self.listener, state, self.limits, is_shutting_down);
        let accepting = tokio::task::spawn_local(accepting);
        let serving = tokio::task::spawn_local(run_commands(commands, context));
        shutdown.await;
        begin_shutdown.send_replace(true);
        // A session that has not closed by then is cut off.
        tokio::time::timeout(SHUTDOWN_TIMEOUT, async {
            accepting.await.ok();
            serving.await.ok();
        })
        .await
        .ok();
    }
}

/// The page's URL for other machines, by the source address this machine would use towards them.
fn network_url(listener: &TcpListener) -> Option<String> {
    let bound = listener.local_addr().ok()?;
    // An address of no machine (RFC 5737 §3). Connecting a UDP socket sends nothing.
    let outside = SocketAddr::from(([192, 0, 2, 1], 9));
    let host = if bound.ip().is_unspecified() {
        source_for(outside)
    } else {
        bound.ip()
    };
    let address = SocketAddr::new(host, bound.port());
    let is_reachable = !host.is_loopback() && !host.is_unspecified() && host != outside.ip();
    is_reachable.then(|| format!("http://{address}"))
}

/// The ports to capture: the open lab's servers, those of other labs, and the closed port beside each ("nobody").
fn ports(prepared: &Prepared) -> Vec<u16> {
    let open = prepared.addresses().map(|address| address.port());
    let servers = open.into_iter().chain([PLAYGROUND_PORT]);
    let ports: BTreeSet<u16> = servers
        .flat_map(|port| [port, port.saturating_add(1)])
        .collect();
    ports.into_iter().collect()
}

const fn remedy(kind: ObstacleKind) -> &'static str {
    match kind {
        ObstacleKind::NotLinux => "capturing needs Linux",
        ObstacleKind::NoCapNetRaw => {
            "capturing needs CAP_NET_RAW: run sudo setcap cap_net_raw+ep on this program, or run it as root"
        }
        ObstacleKind::CappedByChoice => "limited by --max-level",
        ObstacleKind::Failed => "the capture could not be opened",
    }
}

/// Runs commands, each session in a task of its own, until HTTP has stopped and all sessions have ended. A client that
/// connects while the relay ends receives a goodbye.
async fn run_commands(mut commands: mpsc::UnboundedReceiver<Command>, context: SessionContext) {
    let mut sessions = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            command = commands.recv() => match command {
                Some(Command::Serve(connection)) => {
                    sessions.spawn_local(session::serve(connection, context.clone()));
                }
                Some(Command::ReadLink(link, reply)) => {
                    tokio::task::spawn_local(context.clone().read_link(link, reply));
                }
                Some(Command::CheckAdminToken(token, origin, reply)) => {
                    let classes = Rc::clone(&context.classes);
                    tokio::task::spawn_local(async move {
                        // The receiver is gone if the HTTP client is.
                        reply.send(classes.is_admin_token(&token, origin).await).ok();
                    });
                }
                Some(Command::ExportTrace(lab, format, reply)) => {
                    context.export_trace(&lab, format, reply);
                }
                None => break,
            },
            Some(_) = sessions.join_next() => {}
        }
    }
    while sessions.join_next().await.is_some() {}
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what,
            flag,
            address,
            error,
        } = self;
        let name = errno::name(error);
        write!(
            f,
            "cannot {what} at {address}: {} ({name}). ",
            errno::message(error)
        )?;
        match name.as_str() {
            "EADDRINUSE" => write!(
                f,
                "Another program is using this port: stop it, or choose another port with {flag} ADDR:PORT"
            ),
            "EADDRNOTAVAIL" => write!(
                f,
                "This machine does not have this address: choose another with {flag} ADDR:PORT"
            ),
            "EACCES" => write!(
                f,
                "Ports below 1024 need a privilege: choose a higher port with {flag} ADDR:PORT"
            ),
            _ => write!(f, "Choose another address with {flag} ADDR:PORT"),
        }
    }
}

impl Error for StartError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}
