//! Starting and ending: everything is bound before anything runs, and everyone is told before all ends.

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
    session::{self, Errand, Surroundings},
    store::Store,
    sys::errno,
    trace::Trace,
    wire::{Routes, Scope, Watch},
};

/// How long sessions may take to say goodbye.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

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

/// Why the relay could not start: one line that says what to do.
#[derive(Debug)]
pub struct StartError {
    what: String,
    flag: &'static str,
    address: SocketAddr,
    error: io::Error,
}

impl Relay {
    /// Binds everything; nothing runs yet. What is to be kept goes to `store`. Limits that `descriptor_limit` cannot
    /// bear are lowered.
    ///
    /// # Errors
    /// The address that cannot be had, and what to do about it.
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
        let scope = Scope::of(&prepared.addresses());
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

    /// Where the page is served.
    ///
    /// # Errors
    /// The kernel's.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The limits that are lower than asked for, a line about each: for the log.
    #[must_use]
    pub fn lowered_limits(&self) -> &[String] {
        &self.lowered_limits
    }

    /// How much can be seen, and why not more: for the log.
    #[must_use]
    pub fn truth_line(&self) -> String {
        let Truth {
            level,
            why_not_higher,
        } = self.watch.truth();
        match why_not_higher {
            None => {
                let place = match self.watch.scope() {
                    Scope::Loopback => "on the loopback interface, where all of them cross",
                    Scope::Everywhere => "on every interface that has an address",
                };
                format!(
                    "level of truth {level:?}: every packet of the servers is captured, {place}"
                )
            }
            Some(Obstacle { kind, detail }) => format!(
                "level of truth {level:?}, not higher: {} ({detail})",
                remedy(*kind)
            ),
        }
    }

    /// Who has the rights of this machine: for the log.
    #[must_use]
    pub fn trust_line(&self) -> String {
        self.trust.line()
    }

    /// The line that tells a person, or a program, where everything is.
    ///
    /// # Errors
    /// The kernel's.
    pub fn ready_line(&self) -> io::Result<String> {
        let [udp, tcp] = self.prepared.addresses();
        Ok(format!(
            "Socket Playground at http://{} · UDP {udp} · TCP {tcp}",
            self.address()?
        ))
    }

    /// Runs until `shutdown` resolves and everybody has been told. Needs a [`tokio::task::LocalSet`] around it.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let metrics = Arc::new(Metrics::new(self.descriptor_limit));
        let truth = self.watch.truth().clone();
        let meter = Meter::of_the_open_lab(Arc::clone(&metrics));
        let trace = Trace::new(truth.level, self.limits.trace_bytes, meter);
        let routes = Rc::new(Routes::default());
        tokio::task::spawn_local(self.watch.run(Rc::clone(&routes)));
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
        let (end, ending) = watch::channel(false);
        let (errands, waiting) = mpsc::unbounded_channel();
        let desk = Arc::new(AppState {
            errands,
            metrics: Arc::clone(&metrics),
            trust: self.trust,
            downloads: Downloads::default(),
            allow_host: self.allow_host,
            external_server,
            network_url: self.network_url,
        });
        let surroundings = Surroundings {
            lab,
            labs,
            seats: Rc::default(),
            classes,
            store: self.store,
            saving: Rc::default(),
            page_quota: Rc::new(PageQuota::new(Arc::clone(&metrics))),
            limits: Rc::clone(&self.limits),
            ending: ending.clone(),
        };
        let accepting = http::accept(self.listener, desk, self.limits, ending);
        let accepting = tokio::task::spawn_local(accepting);
        let receiving = tokio::task::spawn_local(receive(waiting, surroundings));
        shutdown.await;
        end.send_replace(true);
        // Whoever has not left by then is cut off.
        tokio::time::timeout(CLOSE_TIMEOUT, async {
            accepting.await.ok();
            receiving.await.ok();
        })
        .await
        .ok();
    }
}

/// Where other machines network_url the page, as far as this one can know: it is asked from where it would speak to them.
fn network_url(listener: &TcpListener) -> Option<String> {
    let bound = listener.local_addr().ok()?;
    // An address of no machine (RFC 5737 §3); to connect a UDP socket sends nothing.
    let nowhere = SocketAddr::from(([192, 0, 2, 1], 9));
    let host = if bound.ip().is_unspecified() {
        source_for(nowhere)
    } else {
        bound.ip()
    };
    let address = SocketAddr::new(host, bound.port());
    let is_reached = !host.is_loopback() && !host.is_unspecified() && host != nowhere.ip();
    is_reached.then(|| format!("http://{address}"))
}

/// What is captured: the open lab's servers, those of all labs to come, and beside each the port where nobody is.
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
            "capturing needs CAP_NET_RAW: sudo setcap cap_net_raw+ep on this program, or run it as root"
        }
        ObstacleKind::CappedByChoice => "so it was asked for",
        ObstacleKind::Failed => "the capture could not be opened",
    }
}

/// Does errands, serving each visitor in a task of its own, until the front door is shut and all have left. Who
/// comes in as the relay ends is still told so.
async fn receive(mut waiting: mpsc::UnboundedReceiver<Errand>, surroundings: Surroundings) {
    let mut sessions = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            errand = waiting.recv() => match errand {
                Some(Errand::Visit(visitor)) => {
                    sessions.spawn_local(session::serve(visitor, surroundings.clone()));
                }
                Some(Errand::Link(link, wanted)) => {
                    tokio::task::spawn_local(surroundings.clone().link(link, wanted));
                }
                Some(Errand::Admin(token, from, wanted)) => {
                    let classes = Rc::clone(&surroundings.classes);
                    tokio::task::spawn_local(async move {
                        // Who does not wait any longer does not want to know any longer.
                        wanted.send(classes.is_admin_token(&token, from).await).ok();
                    });
                }
                Some(Errand::Export(lab, format, wanted)) => surroundings.export(&lab, format, wanted),
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
                "Another program has this port: stop it, or choose another with {flag} ADDR:PORT"
            ),
            "EADDRNOTAVAIL" => write!(
                f,
                "This machine has no such address: choose one it has with {flag}"
            ),
            "EACCES" => write!(
                f,
                "Ports below 1024 need a privilege: choose a higher one with {flag}"
            ),
            _ => write!(f, "Choose another address with {flag}"),
        }
    }
}

impl Error for StartError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}
