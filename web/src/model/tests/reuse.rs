//! A client's port that is used again, and which way packets went while the calls are still under way.

use shared::{
    call::Transport::{Tcp, Udp},
    conditions::Direction::{self, Reply, Request},
    trace::{Link, Packet},
};

use super::{log::from_client, *};
use crate::model::trace::{ladder, log::RunKind};

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const PSH: u8 = 8;
const ACK: u8 = 16;

const OTHER: ProcessId = 9;
const OUTSIDE: ProcessId = 12;

/// A TCP segment between the client and the server.
#[derive(Clone, Copy)]
struct Segment {
    way: Direction,
    flags: u8,
    seq: u32,
    ack: u32,
    process: ProcessId,
    call: Option<u64>,
}

const fn segment(way: Direction, flags: u8, seq: u32, ack: u32, process: ProcessId) -> Segment {
    Segment {
        way,
        flags,
        seq,
        ack,
        process,
        call: None,
    }
}

/// A client of TCP, by its socket's number and calls.
#[derive(Clone, Copy)]
struct Visit {
    process: ProcessId,
    isn: u32,
    /// Its first call's number.
    call: u64,
    us: u64,
}

const FIRST: Visit = Visit {
    process: ME,
    isn: 1_000,
    call: 100,
    us: 1_000,
};

impl Page {
    /// As older relays tell it where `told` is not set.
    fn captures(&mut self, us: u64, segment: Segment, told: bool) {
        let mut bytes = vec![
            0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1,
        ];
        let (client, server) = (49_152_u16.to_be_bytes(), 12_000_u16.to_be_bytes());
        match segment.way {
            Request => bytes.extend([client, server].concat()),
            Reply => bytes.extend([server, client].concat()),
        }
        bytes.extend(segment.seq.to_be_bytes());
        bytes.extend(segment.ack.to_be_bytes());
        bytes.extend([0x50, segment.flags, 0xff, 0xff, 0, 0, 0, 0]);
        let packet = Packet {
            interface: "lo".to_owned(),
            link: Link::Raw,
            length: bytes.len() as u64,
            bytes,
            kernel_s: 1_700_000_000,
            kernel_ns: u32::try_from(us * 1_000).expect("less than a second"),
            checksum_unfinished: false,
            burst: None,
            process: Some(segment.process),
            call: segment.call,
            direction: told.then_some(segment.way),
        };
        self.sees(us, What::Packet(Box::new(packet)));
    }

    fn tcp(&mut self, us: u64, call: u64, process: ProcessId, name: CallName, fd: Option<u32>) {
        let mut call = started(call, process, name, fd, None);
        call.transport = Tcp;
        if name == CallName::Connect {
            call.arguments.address = Some(server_address());
        }
        self.sees(us, What::CallStarted(Box::new(call)));
    }

    fn tcp_ends(&mut self, us: u64, call: u64, process: ProcessId, outcome: Returned) {
        let mut end = returned(call, process, outcome);
        let (client, server) = (CLIENT.parse().ok(), Some(server_address()));
        (end.local, end.peer) = if process == TCP_SERVER {
            (server, client)
        } else {
            (client, server)
        };
        self.sees(us, What::CallReturned(Box::new(end)));
    }

    /// `socket`, and `connect` up to its SYN.
    fn dials(&mut self, visit: Visit, told: bool) {
        let Visit {
            process,
            isn,
            call,
            us,
        } = visit;
        self.tcp(us, call, process, CallName::Socket, None);
        let fd = Returned::Socket { fd: 3 };
        let mut end = returned(call, process, fd);
        end.local = None;
        self.sees(us + 1, What::CallReturned(Box::new(end)));
        self.tcp(us + 2, call + 1, process, CallName::Connect, Some(3));
        let syn = segment(Request, SYN, isn, 0, process);
        let call = Some(call + 1).filter(|_| told);
        self.captures(us + 3, Segment { call, ..syn }, told);
    }

    /// All of a visit but its last call.
    fn converses(&mut self, visit: Visit, told: bool) {
        let Visit {
            process,
            isn,
            call,
            us,
        } = visit;
        self.shakes_hands(visit, told);
        self.tcp_ends(us + 6, call + 1, process, Returned::Nothing);
        let push = segment(Request, PSH | ACK, isn + 1, 9_001, process);
        self.captures(us + 7, push, told);
    }

    /// What the server and the wire tell.
    fn shakes_hands(&mut self, visit: Visit, told: bool) {
        let Visit {
            process,
            isn,
            call,
            us,
        } = visit;
        self.captures(
            us + 4,
            segment(Reply, SYN | ACK, 9_000, isn + 1, process),
            told,
        );
        self.captures(us + 5, segment(Request, ACK, isn + 1, 9_001, process), told);
        let accept = call + 50;
        self.tcp(us, accept, TCP_SERVER, CallName::Accept, Some(3));
        let from = CLIENT.parse().expect("an address");
        let fd = u32::try_from(call).expect("a small number");
        self.tcp_ends(us + 6, accept, TCP_SERVER, Returned::Accepted { fd, from });
    }

    fn closes(&mut self, visit: Visit) {
        let Visit {
            process, call, us, ..
        } = visit;
        self.tcp(us + 50, call + 2, process, CallName::Close, Some(3));
        self.tcp_ends(us + 51, call + 2, process, Returned::Nothing);
    }

    /// The sequence numbers of each run's packets.
    fn packets(&self) -> Vec<Vec<u32>> {
        let runs = self.model.log.runs().iter();
        let numbers = |run: &crate::model::trace::log::Run| {
            let mut numbers: Vec<_> = run
                .transmissions
                .iter()
                .filter_map(|crossing| Some(crossing.numbers?.seq))
                .collect();
            numbers.sort_unstable();
            numbers
        };
        runs.map(numbers).collect()
    }
}

#[test]
fn the_syn_goes_to_the_server_while_connect_is_under_way() {
    for told in [true, false] {
        let mut page = Page::open();
        page.dials(FIRST, told);
        page.captures(
            FIRST.us + 4,
            Segment {
                call: Some(101).filter(|_| told),
                ..segment(Reply, SYN | ACK, 9_000, 1_001, ME)
            },
            told,
        );
        let run = page.model.log.run_of(101).expect("a run");
        let laid = ladder::lay(run, page.model.log.waiting(), 20, Some(page.now));
        let ways: Vec<_> = laid.arrows.iter().map(|arrow| arrow.to_server).collect();
        if told {
            assert_eq!(ways, [true, false]);
        } else {
            assert_eq!(
                ways,
                Vec::<bool>::new(),
                "an older relay did not say whose they are yet"
            );
        }
    }
}

#[test]
fn an_older_trace_tells_the_direction_by_what_connect_names() {
    let mut page = Page::open();
    page.dials(FIRST, false);
    let syn = Segment {
        call: Some(101),
        ..segment(Request, SYN, 5_000, 0, ME)
    };
    page.captures(FIRST.us + 4, syn, false);
    let run = page.model.log.run_of(101).expect("a run");
    let laid = ladder::lay(run, page.model.log.waiting(), 20, Some(page.now));
    let ways: Vec<_> = laid.arrows.iter().map(|arrow| arrow.to_server).collect();
    assert_eq!(ways, [true]);
}

#[test]
fn every_direction_is_the_packets_own_whatever_the_ports() {
    let mut page = Page::open();
    page.dials(FIRST, true);
    let reset = Segment {
        call: Some(101),
        ..segment(Reply, RST | ACK, 0, 1_001, ME)
    };
    page.captures(FIRST.us + 4, reset, true);
    let run = page.model.log.run_of(101).expect("a run");
    let laid = ladder::lay(run, page.model.log.waiting(), 20, Some(page.now));
    let ways: Vec<_> = laid.arrows.iter().map(|arrow| arrow.to_server).collect();
    assert_eq!(ways, [true, false]);
}

/// The second visit from the same port: by whom, and whether its calls are seen.
#[test]
fn the_second_connection_from_a_port_is_not_the_first() {
    for (process, told) in [
        (ME, true),
        (ME, false),
        (OTHER, true),
        (OTHER, false),
        (OUTSIDE, true),
        (OUTSIDE, false),
    ] {
        let second = Visit {
            process,
            isn: 70_000,
            call: 300,
            us: 2_000,
        };
        let mut page = Page::open();
        page.dials(FIRST, told);
        page.converses(FIRST, told);
        page.closes(FIRST);
        if process == OUTSIDE {
            // An older relay took it for the one before.
            let process = if told { OUTSIDE } else { ME };
            let syn = segment(Request, SYN, second.isn, 0, process);
            let call = Some(101).filter(|_| !told);
            page.captures(second.us + 3, Segment { call, ..syn }, told);
            page.shakes_hands(Visit { process, ..second }, told);
            let push = segment(Request, PSH | ACK, second.isn + 1, 9_001, process);
            page.captures(second.us + 7, push, told);
        } else {
            page.dials(second, told);
            page.converses(second, told);
        }
        // What comes late of the first.
        page.captures(2_020, segment(Request, FIN | ACK, 1_002, 9_001, ME), told);
        page.captures(2_021, segment(Reply, ACK, 9_001, 1_003, ME), told);
        page.captures(2_022, segment(Request, RST, 1_003, 0, ME), told);
        let first = vec![1_000, 1_001, 1_001, 1_002, 1_003, 9_000, 9_001];
        let mine = vec![9_000, 70_000, 70_001, 70_001];
        assert_eq!(page.packets(), [first, mine], "{process} {told}");
        let runs = page.model.log.runs();
        let accepts: Vec<_> = runs
            .iter()
            .map(|run| {
                run.calls
                    .iter()
                    .filter(|call| call.name == CallName::Accept)
            })
            .map(Iterator::count)
            .collect();
        assert_eq!(accepts, [1, 1], "{process} {told}");
        if process == OUTSIDE {
            assert!(matches!(runs[1].kind, RunKind::Stranger(Tcp, _)));
        }
    }
}

#[test]
fn what_waited_in_the_queue_is_still_its_clients() {
    let mut page = Page::open();
    page.dials(FIRST, true);
    page.tcp_ends(FIRST.us + 5, 101, ME, Returned::Nothing);
    page.closes(FIRST);
    page.shakes_hands(Visit { us: 2_000, ..FIRST }, true);
    assert_eq!(page.model.log.runs().len(), 1);
}

#[test]
fn calls_of_a_server_stay_with_the_connection_they_are_on() {
    let mut page = Page::open();
    page.dials(FIRST, true);
    page.converses(FIRST, true);
    page.closes(FIRST);
    let second = Visit {
        process: ME,
        isn: 70_000,
        call: 300,
        us: 2_000,
    };
    page.dials(second, true);
    page.converses(second, true);
    page.tcp(3_000, 500, TCP_SERVER, CallName::Close, Some(100));
    page.tcp_ends(3_001, 500, TCP_SERVER, Returned::Nothing);
    let run = page.model.log.run_of(500).expect("a run");
    assert!(run.calls.iter().any(|call| call.id == 101));
}

/// A datagram from the client's port, in a packet and in the server's `recvfrom`.
fn datagram_comes(page: &mut Page, us: u64, process: ProcessId, call: u64, text: &str) {
    let What::Packet(mut packet) = log::datagram_packet(us) else {
        panic!("a packet");
    };
    (packet.process, packet.direction) = (Some(process), Some(Request));
    page.sees(us, What::Packet(packet));
    let got = log::from_client_datagram(text);
    let got = from_client(returned(call, UDP_SERVER, got));
    page.sees(us + 1, What::CallReturned(Box::new(got)));
}

#[test]
fn a_datagram_is_of_whoever_was_bound_then() {
    let mut page = Page::open();
    page.sees_a_sentence();
    let mut close = started(16, ME, CallName::Close, Some(3), None);
    close.transport = Udp;
    page.sees(300, What::CallStarted(Box::new(close)));
    let mut closed = returned(16, ME, Returned::Nothing);
    closed.local = CLIENT.parse().ok();
    page.sees(301, What::CallReturned(Box::new(closed)));
    datagram_comes(&mut page, 900, OUTSIDE, 40, "hi");
    let runs = page.model.log.runs();
    assert_eq!(runs.len(), 2);
    assert!(matches!(runs[1].kind, RunKind::Stranger(Udp, _)));
    assert_eq!(runs[0].transmissions.len(), 0);
    assert_eq!(runs[1].transmissions.len(), 1);
    assert!(runs[1].calls.iter().any(|call| call.id == 40));
}
