//! The contenders of the benchmark, as running programs with the address at which they answer.

use std::{any::Any, cell::Cell, io, rc::Rc, time::Duration};

use shared::call::Transport;

use crate::{
    generator::{Load, LoadDriver, Sentences, Target},
    machine,
    peers::{Peer, Service, Tracing},
};

/// All contenders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    /// The relay, with this access and this level of tracing.
    Relay(Service, Tracing),
    /// A UDP server, no bridge.
    RawUdp,
    /// A TCP server, no bridge.
    RawTcp,
    /// A WebSocket server, no bridge.
    Echo,
    /// A minimal bridge to UDP.
    Bridge,
    /// Another program.
    Peer(Peer),
}

/// Connections, and sentences outstanding on each, for warming up.
const WARMING: (usize, u64) = (16, 1);

/// A process id, and the guard that ends the process.
pub(crate) type Program = (u32, Rc<dyn Any>);

/// A running contender.
pub(crate) struct Subject {
    /// Who.
    pub(crate) contender: Contender,
    /// The address and encoding for sentences.
    pub(crate) target: Target,
    /// Its processes, without the generator. They end when this is dropped.
    programs: Vec<Program>,
    cpu_ns: Cell<Option<u64>>,
}

/// The role of a contender in the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The relay.
    Ours,
    /// A floor: what the machine allows.
    Floor,
    /// Another project's program.
    Peer,
}

impl Contender {
    /// Its name in tables.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Relay(service, tracing) => {
                format!("relay {}, {}", service.name(), tracing.name())
            }
            Self::RawUdp => "raw udp".to_owned(),
            Self::RawTcp => "raw tcp".to_owned(),
            Self::Echo => "ws echo".to_owned(),
            Self::Bridge => "epoll bridge > udp".to_owned(),
            Self::Peer(peer) => peer.name().to_owned(),
        }
    }

    /// The transport of the server behind it.
    pub(crate) const fn leads_to(self) -> Transport {
        match self {
            Self::Relay(Service::RawTcp | Service::Tcp, _) | Self::RawTcp => Transport::Tcp,
            Self::Peer(peer) => peer.leads_to(),
            Self::Relay(..) | Self::RawUdp | Self::Echo | Self::Bridge => Transport::Udp,
        }
    }

    /// Whether the kernel does more for every packet of the machine while this runs: a timestamp or a copy of each.
    pub(crate) const fn watches(self) -> bool {
        matches!(self, Self::Relay(_, Tracing::L1 | Tracing::L2))
    }

    /// Its role in the comparison.
    pub(crate) const fn side(self) -> Side {
        match self {
            Self::Relay(..) => Side::Ours,
            Self::RawUdp | Self::RawTcp | Self::Echo | Self::Bridge => Side::Floor,
            Self::Peer(_) => Side::Peer,
        }
    }
}

impl Subject {
    /// Running.
    pub(crate) fn new(contender: Contender, target: Target, programs: Vec<Program>) -> Self {
        Self {
            contender,
            target,
            programs,
            cpu_ns: Cell::default(),
        }
    }

    /// Succeeds if a sentence is answered.
    pub(crate) fn answers(&self) -> io::Result<()> {
        LoadDriver::open(self.target, &Rc::new(Sentences::of(64)), 1).map(drop)
    }

    /// Puts a load on it for `time` without measuring. Errors are ignored: they show when it is measured.
    pub(crate) fn warm_up(&self, time: Duration) {
        let load = Load {
            window: WARMING.1,
            answers: u64::MAX,
            time,
        };
        let sentences = Rc::new(Sentences::of(64));
        let load_driver = LoadDriver::open(self.target, &sentences, WARMING.0);
        load_driver
            .and_then(|mut load_driver| load_driver.run(&load))
            .ok();
    }

    /// Runs `work`, and counts the contender's processor time meanwhile.
    pub(crate) fn counted<T>(&self, work: impl FnOnce() -> T) -> T {
        let before = self.cpu_so_far();
        let done = work();
        let after = self.cpu_so_far();
        self.cpu_ns.set(
            after
                .zip(before)
                .map(|(after, before)| after.saturating_sub(before)),
        );
        done
    }

    /// Takes the counted processor time, in nanoseconds.
    pub(crate) fn take_cpu_ns(&self) -> Option<u64> {
        self.cpu_ns.take()
    }

    /// Processor time of its processes so far; `None` for a program that forks for each connection.
    fn cpu_so_far(&self) -> Option<u64> {
        if let Contender::Peer(peer) = self.contender
            && peer.forks()
        {
            return None;
        }
        self.programs
            .iter()
            .map(|(pid, _)| machine::cpu_ns(*pid))
            .sum()
    }

    /// Memory of its processes (proportional set size), in KiB.
    pub(crate) fn pss_kib(&self) -> Option<u64> {
        self.programs
            .iter()
            .map(|(pid, _)| machine::pss_kib(*pid))
            .sum()
    }
}
