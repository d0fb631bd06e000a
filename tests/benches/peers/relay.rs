//! The relay as a contender: the real program at a given level of tracing.

use std::rc::Rc;

use shared::{PROTOCOL_V1, PROTOCOL_V2};
use tests::relay::Relay;

use crate::{
    generator::{Encoding, Target},
    subject::{Contender, Subject},
};

/// An access to the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    /// `/raw/udp`.
    RawUdp,
    /// `/raw/tcp`.
    RawTcp,
    /// `/ws`, by a page that watches the trace.
    Page,
    /// The same in batches of events.
    BatchedPage,
    /// `/ws`, by a page that does not.
    BlindPage,
    /// Its UDP server, by datagrams.
    Udp,
    /// Its TCP server, by connections.
    Tcp,
}

/// A level of tracing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tracing {
    /// Nothing.
    Off,
    /// Calls and the kernel's facts, which is the default without privileges.
    L1,
    /// Packets too; needs the privilege to capture.
    L2,
}

/// A page that gets each event as a message.
pub(crate) const SINGLE_EVENTS: Encoding = Encoding::Conversation {
    watching: true,
    protocol: PROTOCOL_V1,
};
/// A page that gets events in batches.
const BATCHES: Encoding = Encoding::Conversation {
    watching: true,
    protocol: PROTOCOL_V2,
};
/// A page that gets no events.
pub(crate) const NO_EVENTS: Encoding = Encoding::Conversation {
    watching: false,
    protocol: PROTOCOL_V2,
};

impl Service {
    /// Its name in tables.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::RawUdp => "/raw/udp",
            Self::RawTcp => "/raw/tcp",
            Self::Page => "/ws",
            Self::BatchedPage => "/ws v2",
            Self::BlindPage => "/ws unwatched",
            Self::Udp => "udp server",
            Self::Tcp => "tcp server",
        }
    }

    const fn target(self, relay: &Relay) -> Target {
        let (address, path, encoding) = match self {
            Self::RawUdp => (relay.http, "/raw/udp", Encoding::Messages),
            Self::RawTcp => (relay.http, "/raw/tcp", Encoding::Pieces),
            Self::Page => (relay.http, "/ws", SINGLE_EVENTS),
            Self::BatchedPage => (relay.http, "/ws", BATCHES),
            Self::BlindPage => (relay.http, "/ws", NO_EVENTS),
            Self::Udp => (relay.udp, "", Encoding::Datagrams),
            Self::Tcp => (relay.tcp, "", Encoding::Stream),
        };
        Target {
            address,
            path,
            encoding,
        }
    }
}

impl Tracing {
    /// Its name in tables.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Off => "no trace",
            Self::L1 => "L1",
            Self::L2 => "L2",
        }
    }

    const fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Off => &["--max-level", "l1", "--trace-bytes", "0"],
            Self::L1 => &["--max-level", "l1"],
            Self::L2 => &["--max-level", "l2"],
        }
    }
}

/// Starts the relay with room for every connection of this benchmark.
///
/// # Errors
/// When it may not capture here.
pub(crate) fn start(tracing: Tracing, more: &[&str]) -> Result<Relay, String> {
    // A load driver that waits for its turn reads nothing, so it could not answer a ping.
    let room = [
        "--max-pages",
        "20000",
        "--max-pages-per-address",
        "20000",
        "--max-connections-per-address",
        "20000",
        "--ping-seconds",
        "3600",
    ];
    let relay = Relay::start(&[&room[..], tracing.arguments(), more].concat());
    if tracing == Tracing::L2 && !captures(&relay) {
        return Err("it may not capture packets here: that needs CAP_NET_RAW".to_owned());
    }
    Ok(relay)
}

/// The relay writes its level before its ready line, but on standard error, which arrives separately.
fn captures(relay: &Relay) -> bool {
    let line = tests::timeout::poll_until(tests::timeout::TIMEOUT, || {
        let diary = relay.output();
        diary
            .lines()
            .find(|line| line.contains("level of truth"))
            .map(str::to_owned)
    });
    line.is_some_and(|line| line.contains("level of truth L2"))
}

/// Starts it for this access.
pub(super) fn subject(service: Service, tracing: Tracing) -> Result<Subject, String> {
    let relay = start(tracing, &[])?;
    let target = service.target(&relay);
    let contender = Contender::Relay(service, tracing);
    Ok(Subject::new(
        contender,
        target,
        vec![(relay.pid(), Rc::new(relay))],
    ))
}
