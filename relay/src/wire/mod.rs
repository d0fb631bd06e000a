//! Captures the packets between clients and servers, and records each in the trace of its lab.
//!
//! Levels of truth: L0 calls, L1 the kernel's facts about sockets, L2 captured packets. [`Watch`] opens the highest level
//! that works here; [`attribute`] finds the client and the call of a packet, [`routes`] its lab. How packets are decoded
//! is in `shared::dissect`; datagrams are delayed or dropped in [`crate::netem`].

mod attribute;
mod bpf;
#[cfg(target_os = "linux")]
mod capture;
mod fragments;
mod interfaces;
mod routes;
#[cfg(target_os = "linux")]
mod vnet;

use std::{
    io,
    net::SocketAddr,
    rc::Rc,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use shared::lab::{Level, Obstacle, ObstacleKind, Truth};

use crate::metrics::Metrics;

pub use routes::Routes;

/// The interfaces on which packets of the servers may be captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The loopback interface: no server is reachable from another machine.
    Loopback,
    /// Every interface that has an address, or gets one later.
    Everywhere,
}

impl Scope {
    /// The interfaces for servers at these addresses.
    #[must_use]
    pub fn for_servers(servers: &[SocketAddr]) -> Self {
        let is_local = |server: &SocketAddr| server.ip().to_canonical().is_loopback();
        if servers.iter().all(is_local) {
            Self::Loopback
        } else {
            Self::Everywhere
        }
    }
}

/// The capture of packets, or the level below if none can be opened.
#[derive(Debug)]
pub struct Watch {
    truth: Truth,
    scope: Scope,
    #[cfg(target_os = "linux")]
    capture: Option<capture::Capture>,
}

impl Watch {
    /// Opens the highest level of at most `highest` that works here, and keeps the reason why no higher one does.
    #[must_use]
    pub fn open(highest: Level, ports: &[u16], scope: Scope) -> Self {
        if highest < Level::L2 {
            let level = if cfg!(target_os = "linux") {
                highest
            } else {
                Level::L0
            };
            return Self::without_capture(
                level,
                ObstacleKind::CappedByChoice,
                format!("--max-level {highest:?}"),
            );
        }
        Self::open_capture(ports, scope)
    }

    #[cfg(target_os = "linux")]
    fn open_capture(ports: &[u16], scope: Scope) -> Self {
        match capture::Capture::open(ports, scope) {
            Ok(capture) => Self {
                truth: Truth {
                    level: Level::L2,
                    why_not_higher: None,
                },
                scope,
                capture: Some(capture),
            },
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Self::without_capture(Level::L1, ObstacleKind::NoCapNetRaw, error.to_string())
            }
            Err(error) => Self::without_capture(Level::L1, ObstacleKind::Failed, error.to_string()),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn open_capture(_ports: &[u16], _scope: Scope) -> Self {
        Self::without_capture(
            Level::L0,
            ObstacleKind::NotLinux,
            std::env::consts::OS.to_owned(),
        )
    }

    fn without_capture(level: Level, kind: ObstacleKind, detail: String) -> Self {
        let truth = Truth {
            level,
            why_not_higher: Some(Obstacle { kind, detail }),
        };
        Self {
            truth,
            scope: Scope::Loopback,
            #[cfg(target_os = "linux")]
            capture: None,
        }
    }

    /// The level in force, and why it is not higher.
    #[must_use]
    pub const fn truth(&self) -> &Truth {
        &self.truth
    }

    /// The interfaces on which packets are captured, if they are.
    #[must_use]
    pub const fn scope(&self) -> Scope {
        self.scope
    }

    /// Whether datagrams that leave together, and are captured as one packet, can be split again.
    #[must_use]
    pub const fn splits_bursts(&self) -> bool {
        #[cfg(target_os = "linux")]
        if let Some(capture) = &self.capture {
            return capture.splits_bursts();
        }
        false
    }

    /// Captures for as long as the relay runs, and records every packet in the trace of its lab.
    pub async fn run(self, routes: Rc<Routes>, metrics: Arc<Metrics>) {
        #[cfg(target_os = "linux")]
        if let Some(capture) = self.capture {
            let mut attribution = attribute::Attribution::default();
            let on_packet = |packet| attribution.record(&routes, packet);
            let on_drops = |packets, within| {
                metrics.packets_lost.fetch_add(packets, Relaxed);
                routes.record_lost(packets, within);
            };
            if let Err(error) = capture.run(on_packet, on_drops).await {
                eprintln!("relay: the capture has ended: {error}");
            }
        }
    }
}
