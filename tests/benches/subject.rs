//! Who is measured: running programs, and the way through them to a server.

use std::{any::Any, cell::Cell, io, rc::Rc, time::Duration};

use shared::call::Transport;

use crate::{
    generator::{Load, LoadDriver, Sentences, Target},
    machine,
    peers::{Peer, Service, Tracing},
};

/// Everybody who can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    /// The relay, tracing so much, reached so.
    Relay(Service, Tracing),
    /// A UDP server, no bridge.
    RawUdp,
    /// A TCP server, no bridge.
    RawTcp,
    /// A WebSocket server, no bridge.
    Echo,
    /// The least bridge to UDP.
    Bridge,
    /// Another program.
    Peer(Peer),
}

/// Connections, and sentences outstanding on each, with which somebody is warmed up.
const WARMING: (usize, u64) = (16, 1);

/// A process by its number, and what ends it.
pub(crate) type Program = (u32, Rc<dyn Any>);

/// A contender that runs.
pub(crate) struct Subject {
    /// Who.
    pub(crate) contender: Contender,
    /// How sentences reach the server.
    pub(crate) target: Target,
    /// Its processes, all of the way but the generator. They end when this is dropped.
    programs: Vec<Program>,
    cpu_ns: Cell<Option<u64>>,
}

/// How a contender is to be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The relay.
    Ours,
    /// What the machine allows.
    Floor,
    /// Somebody else's program.
    Peer,
}

impl Contender {
    /// As it is written in a table.
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

    /// To which server it leads.
    pub(crate) const fn leads_to(self) -> Transport {
        match self {
            Self::Relay(Service::RawTcp | Service::Tcp, _) | Self::RawTcp => Transport::Tcp,
            Self::Peer(peer) => peer.leads_to(),
            Self::Relay(..) | Self::RawUdp | Self::Echo | Self::Bridge => Transport::Udp,
        }
    }

    /// Whether the kernel does more for every packet of the machine while this runs: it takes the time of each, or
    /// hands over a copy.
    pub(crate) const fn watches(self) -> bool {
        matches!(self, Self::Relay(_, Tracing::L1 | Tracing::L2))
    }

    /// How it is to be seen.
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

    /// Whether a sentence comes back.
    pub(crate) fn answers(&self) -> io::Result<()> {
        LoadDriver::open(self.target, &Rc::new(Sentences::of(64)), 1).map(drop)
    }

    /// Has it answer for so long, which is not measured; who cannot take part is found out when it is.
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

    /// Does something, and counts its processor time meanwhile.
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

    /// The processor time that was counted, once.
    pub(crate) fn take_cpu_ns(&self) -> Option<u64> {
        self.cpu_ns.take()
    }

    /// Processor time of its processes so far; none of one that makes a new process of every connection.
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

    /// Memory of its processes.
    pub(crate) fn pss_kib(&self) -> Option<u64> {
        self.programs
            .iter()
            .map(|(pid, _)| machine::pss_kib(*pid))
            .sum()
    }
}
