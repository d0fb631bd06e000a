//! Packets come, and somebody looks into them: stories without a browser, and the frames they are told with.

mod selection;

use shared::{
    call::Transport,
    conditions::Direction,
    dissect::{Link, complete_checksums},
    lab::{Program, Server as LabServer, ServerState, Task},
    outcome::{Outcome, Returned},
    trace::{
        Arguments, CallId, CallName, CallReturned, CallStarted, Derived, Event, Fact, Packet,
        ProcessId, What,
    },
};

use super::{Inspector, Log};
use crate::model::panes::server::Servers;

pub(super) const CLIENT: &str = "127.0.0.1:49152";
pub(super) const SERVER: &str = "127.0.0.1:12000";
pub(super) const ME: ProcessId = 7;
pub(super) const UDP_SERVER: ProcessId = 1;

/// The flags of TCP.
pub(super) const FIN: u8 = 1;
pub(super) const SYN: u8 = 2;
pub(super) const RST: u8 = 4;
pub(super) const ACK: u8 = 16;

/// A lab that is looked at.
pub(super) struct Lab {
    pub(super) inspector: Inspector,
    pub(super) log: Log,
    pub(super) servers: Servers,
    seq: u64,
    us: u64,
}

impl Lab {
    /// With its servers, and somebody who looks.
    pub(super) fn open() -> Self {
        let mut servers = Servers::default();
        let server = |transport| LabServer {
            transport,
            address: SERVER.parse().expect("an address"),
            program: Program::Sturdy,
            task: Task::Upper,
            settings: None,
            state: ServerState::Running,
        };
        servers.set_all(&Transport::ALL.map(server));
        let inspector = Inspector {
            open: true,
            ..Inspector::default()
        };
        Self {
            inspector,
            log: Log::default(),
            servers,
            seq: 0,
            us: 1_000,
        }
    }

    /// Something happens, ten microseconds later; its event's number is given.
    pub(super) fn happens(&mut self, what: What) -> u64 {
        self.seq += 1;
        self.us += 10;
        let event = Event {
            seq: self.seq,
            mono_ns: self.us * 1_000,
            wall_us: 1_700_000_000_000_000 + self.us,
            what,
        };
        self.inspector
            .handle_event(&event, &self.log, &self.servers);
        self.log.add(event, 0);
        self.seq
    }

    /// A packet is captured, of this call if one is named.
    pub(super) fn captures(&mut self, bytes: Vec<u8>, call: Option<CallId>) -> u64 {
        self.captures_of(ME, bytes, call, None)
    }

    /// The same of another client, which way it went told.
    pub(super) fn captures_of(
        &mut self,
        process: ProcessId,
        bytes: Vec<u8>,
        call: Option<CallId>,
        direction: Option<Direction>,
    ) -> u64 {
        let us = 1_700_000_000_000_000 + self.us + 10;
        let packet = Packet {
            interface: "lo".to_owned(),
            link: Link::Raw,
            length: bytes.len() as u64,
            bytes,
            kernel_s: us / 1_000_000,
            kernel_ns: u32::try_from(us % 1_000_000 * 1_000).expect("less than a second"),
            checksum_unfinished: false,
            burst: None,
            process: Some(process),
            call,
            direction,
        };
        self.happens(What::Packet(Box::new(packet)))
    }

    /// A socket is made, so that its calls have a place.
    pub(super) fn opens(&mut self) {
        self.starts(10, ME, CallName::Socket, None);
        self.returns(10, ME, Returned::Socket { fd: 3 }, Vec::new());
    }

    pub(super) fn derives(&mut self, derived: Derived) -> u64 {
        self.happens(What::Derived(derived))
    }

    pub(super) fn starts(
        &mut self,
        call: CallId,
        process: ProcessId,
        name: CallName,
        text: Option<&str>,
    ) {
        let arguments = Arguments {
            data: text.map(Into::into),
            ..Arguments::default()
        };
        let (fd, transport, request) = (Some(3), Transport::Udp, None);
        let started = CallStarted {
            call,
            process,
            fd,
            transport,
            name,
            arguments,
            request,
        };
        self.happens(What::CallStarted(Box::new(started)));
    }

    pub(super) fn returns(
        &mut self,
        call: CallId,
        process: ProcessId,
        returned: Returned,
        facts: Vec<Fact>,
    ) {
        let client = CLIENT.parse().ok();
        let returned = CallReturned {
            call,
            process,
            outcome: Outcome::Returned(returned),
            took_ns: 1_000,
            local: client.filter(|_| process == ME),
            peer: client.filter(|_| process != ME),
            offset: None,
            facts,
        };
        self.happens(What::CallReturned(Box::new(returned)));
    }

    /// The next frame is drawn.
    pub(super) fn settles(&mut self) {
        while self.inspector.settle(&self.log) {}
    }

    /// The numbers of the packets in the table.
    pub(super) fn shown(&self) -> Vec<u64> {
        let Inspector {
            display_filter,
            store,
            ..
        } = &self.inspector;
        (0..display_filter.len(store))
            .filter_map(|row| display_filter.at(row, store))
            .collect()
    }
}

/// A datagram with everything in it as it should be.
pub(super) fn udp(from: &str, to: &str, payload: &[u8]) -> Vec<u8> {
    let mut rest = ports(from, to);
    rest.extend(
        u16::try_from(payload.len() + 8)
            .expect("short")
            .to_be_bytes(),
    );
    rest.extend([0; 2]);
    rest.extend(payload);
    ip(17, from, to, &rest)
}

/// A segment.
pub(super) fn tcp(
    from: &str,
    to: &str,
    flags: u8,
    [seq, ack]: [u32; 2],
    payload: &[u8],
) -> Vec<u8> {
    let mut rest = ports(from, to);
    rest.extend(seq.to_be_bytes());
    rest.extend(ack.to_be_bytes());
    rest.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    rest.extend(payload);
    ip(6, from, to, &rest)
}

/// An ICMP error: nobody has the port this packet was for.
pub(super) fn refusal(from: &str, to: &str, about: &[u8]) -> Vec<u8> {
    let mut rest = vec![3, 3, 0, 0, 0, 0, 0, 0];
    rest.extend(about);
    ip(1, from, to, &rest)
}

fn ports(from: &str, to: &str) -> Vec<u8> {
    let port = |end: &str| {
        end.parse::<std::net::SocketAddr>()
            .expect("an address")
            .port()
            .to_be_bytes()
    };
    [port(from), port(to)].concat()
}

fn ip(protocol: u8, from: &str, to: &str, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len() + 20).expect("short").to_be_bytes();
    let address = |end: &str| match end
        .parse::<std::net::SocketAddr>()
        .expect("an address")
        .ip()
    {
        std::net::IpAddr::V4(address) => address.octets(),
        std::net::IpAddr::V6(_) => panic!("only IPv4 here"),
    };
    let mut packet = vec![
        0x45, 0, length[0], length[1], 0x12, 0x34, 0x40, 0, 64, protocol, 0, 0,
    ];
    packet.extend(address(from));
    packet.extend(address(to));
    packet.extend(rest);
    complete_checksums(Link::Raw, &mut packet);
    packet
}
