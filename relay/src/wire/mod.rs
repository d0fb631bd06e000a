//! What crosses between client and server, as truly as this system lets it be seen.
//!
//! Levels of truth: L0 calls, L1 the kernel's facts about sockets, L2 captured packets. The next one up, a network
//! of the relay's own between two hosts, would deliver [`Seen`] packets in the same way.

mod attribute;
mod bpf;
#[cfg(target_os = "linux")]
mod capture;
mod fragments;
mod interfaces;
mod routes;

use std::{io, net::SocketAddr, rc::Rc};

use shared::{
    lab::{Level, Obstacle, ObstacleKind, Truth},
    trace::Link,
};

pub use routes::Routes;

/// A packet as it was seen.
#[derive(Debug)]
pub struct Seen {
    /// On which interface.
    pub interface: Rc<str>,
    /// What its bytes start with.
    pub link: Link,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its true length, should the bytes be only its beginning.
    pub length: u64,
    /// When the kernel saw it.
    pub stamp: Stamp,
    /// Whether the kernel had left the checksum unfinished.
    pub checksum_unfinished: bool,
}

/// A time of the kernel's wall clock, since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Whole seconds.
    pub seconds: u64,
    /// Nanoseconds of the second that has begun.
    pub nanoseconds: u32,
}

/// Where packets of the servers cross.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// On the loopback interface: from elsewhere no server is reached.
    Loopback,
    /// On any interface that has an address, or will have one.
    Everywhere,
}

impl Scope {
    /// Where those of servers at these addresses do.
    #[must_use]
    pub fn of(servers: &[SocketAddr]) -> Self {
        let is_local = |server: &SocketAddr| server.ip().to_canonical().is_loopback();
        if servers.iter().all(is_local) {
            Self::Loopback
        } else {
            Self::Everywhere
        }
    }
}

/// How the wire is watched: the highest level that works here.
#[derive(Debug)]
pub struct Watch {
    truth: Truth,
    scope: Scope,
    #[cfg(target_os = "linux")]
    capture: Option<capture::Capture>,
}

impl Watch {
    /// Tries the levels from the top down; a level that fails says why and leaves the next one.
    #[must_use]
    pub fn open(highest: Level, ports: &[u16], scope: Scope) -> Self {
        if highest < Level::L2 {
            let level = if cfg!(target_os = "linux") {
                highest
            } else {
                Level::L0
            };
            return Self::below(
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
                Self::below(Level::L1, ObstacleKind::NoCapNetRaw, error.to_string())
            }
            Err(error) => Self::below(Level::L1, ObstacleKind::Failed, error.to_string()),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn open_capture(_ports: &[u16], _scope: Scope) -> Self {
        Self::below(
            Level::L0,
            ObstacleKind::NotLinux,
            std::env::consts::OS.to_owned(),
        )
    }

    fn below(level: Level, kind: ObstacleKind, detail: String) -> Self {
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

    /// Where packets are captured, if they are.
    #[must_use]
    pub const fn scope(&self) -> Scope {
        self.scope
    }

    /// Watches for as long as the relay runs, and writes every packet into the trace of the lab it belongs to.
    pub async fn run(self, routes: Rc<Routes>) {
        #[cfg(target_os = "linux")]
        if let Some(capture) = self.capture {
            let mut attribution = attribute::Attribution::default();
            let (seen, lost) = (
                |seen| attribution.record(&routes, seen),
                |packets| routes.lost(packets),
            );
            if let Err(error) = capture.run(seen, lost).await {
                eprintln!("relay: the capture has ended: {error}");
            }
        }
    }
}
