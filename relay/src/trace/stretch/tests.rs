//! What is written down together reads as what is written down call by call.

use std::sync::Arc;

use shared::{
    lab::Level,
    trace::{Event, Role, What},
};

use super::*;
use crate::{
    metrics::{Meter, Metrics},
    sys::Hops,
    trace::{Ends, Processes, Sight, Starting},
};

const CLIENT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 5000);
const SERVER: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 12_000);

/// What the kernel tells of every datagram.
const TOLD: Ancillary = Ancillary {
    received_at_ns: Some(7),
    dropped: 2,
    hops: Some(Hops::Ttl(64)),
    is_answer: true,
    touched: None,
};

/// What is kept from the start.
static HELD: &str = "hello";

fn trace(level: Level) -> Trace {
    Trace::new(
        level,
        1 << 20,
        Meter::of_another_lab(Arc::new(Metrics::default())),
    )
}

/// All events, without their times, and behind them those that somebody else sees, too.
fn timeless(trace: &Trace) -> Vec<Event> {
    let mut events = seen_by(trace, Sight::All);
    events.extend(seen_by(trace, Sight::own(ProcessId::MAX)));
    events
}

fn seen_by(trace: &Trace, sight: Sight) -> Vec<Event> {
    let page = trace.read(0, sight, usize::MAX);
    let mut events: Vec<Event> = page.events.iter().map(|made| made.event.clone()).collect();
    for event in &mut events {
        (event.mono_ns, event.wall_us) = (0, 0);
        if let What::CallReturned(returned) = &mut event.what {
            returned.took_ns = 0;
        }
    }
    events
}

fn server_line(transport: Transport) -> Line {
    Line {
        process: Processes::server(transport),
        fd: 3,
        transport,
        local: Some(SERVER),
        peer: CLIENT,
        client: CLIENT,
    }
}

fn client_line(process: ProcessId, transport: Transport) -> Line {
    Line {
        process,
        fd: 3,
        transport,
        local: Some(CLIENT),
        peer: SERVER,
        client: CLIENT,
    }
}

/// A call on a line, made in one breath, by both ways of writing it down.
struct Call {
    name: CallName,
    on_socket: bool,
    given: Given<'static>,
    came: Came<'static>,
    offset: Option<u64>,
    /// Where the client is known only once it returned.
    client_unknown: bool,
}

fn one_by_one(trace: &Trace, line: Line, calls: &[Call]) {
    for call in calls {
        let Given {
            data,
            size,
            names_peer,
            letter,
        } = call.given;
        let arguments = Arguments {
            address: names_peer.then_some(line.peer),
            data: data.map(Into::into),
            number: size.map(|size| i64::try_from(size).expect("small")),
            word: letter.map(|letter| letter.to_string()),
        };
        let open = trace.call_started(Starting {
            process: line.process,
            fd: Some(line.fd).filter(|_| call.on_socket),
            transport: line.transport,
            name: call.name,
            arguments,
            request: None,
            client: Some(line.client).filter(|_| !call.client_unknown),
        });
        let (returned, facts) = match call.came {
            Came::Sent(sent) => (Returned::Sent { sent }, Vec::new()),
            Came::Chunk(data) => (Returned::Chunk { data: data.into() }, Vec::new()),
            Came::Datagram(data, length) => {
                let returned = Returned::Datagram {
                    data: data.into(),
                    from: line.peer,
                    truncated: data.len() < length,
                    length: length as u64,
                };
                (returned, TOLD.facts())
            }
        };
        let ends = Ends {
            local: line.local.filter(|_| call.on_socket),
            peer: Some(line.peer),
            client: Some(line.client),
            offset: call.offset,
            facts,
        };
        trace.call_returned(open, Outcome::Returned(returned), ends);
    }
}

fn together(trace: &Trace, line: Line, calls: &[Call]) {
    // A server has begun to receive before it knows from whom.
    let mut begun = calls
        .first()
        .filter(|call| call.client_unknown)
        .map(|call| {
            let number = call
                .given
                .size
                .map(|size| i64::try_from(size).expect("small"));
            trace.call_started(Starting {
                process: line.process,
                fd: Some(line.fd),
                transport: line.transport,
                name: call.name,
                arguments: Arguments {
                    number,
                    ..Arguments::default()
                },
                request: None,
                client: None,
            })
        });
    let mut stretch = trace.stretch(line);
    stretch.is_told(TOLD);
    // Others are copied, and read the same.
    stretch.holds(&Bytes::from_static(HELD.as_bytes()));
    for call in calls {
        let starts = || stretch.starts(call.name, call.on_socket, call.given);
        let open = begun.take().unwrap_or_else(starts);
        stretch.returns(open, call.came, call.offset);
    }
}

fn call(name: CallName, given: Given<'static>, came: Came<'static>, offset: Option<u64>) -> Call {
    Call {
        on_socket: name != CallName::Upper && name != CallName::Count,
        client_unknown: name == CallName::RecvFrom,
        name,
        given,
        came,
        offset,
    }
}

fn data(text: &'static str) -> Given<'static> {
    Given {
        data: Some(text.as_bytes()),
        ..Given::default()
    }
}

fn room(size: usize) -> Given<'static> {
    Given {
        size: Some(size),
        ..Given::default()
    }
}

fn chunk(text: &'static str) -> Came<'static> {
    Came::Chunk(text.as_bytes())
}

fn a_datagram_is_answered() -> Vec<Call> {
    let came = Came::Datagram(&HELD.as_bytes()[..2], 5);
    let counted = Given {
        letter: Some('h'),
        ..data("he")
    };
    let answer = Given {
        names_peer: true,
        ..data("1")
    };
    vec![
        call(CallName::RecvFrom, room(2), came, None),
        call(CallName::Count, counted, chunk("1"), None),
        call(CallName::SendTo, answer, Came::Sent(1), None),
    ]
}

fn a_stream_is_answered() -> Vec<Call> {
    vec![
        call(CallName::Recv, room(1024), chunk("hello"), Some(0)),
        call(CallName::Upper, data("hello"), chunk("HELLO"), None),
        call(CallName::Send, data("HELLO"), Came::Sent(5), Some(0)),
    ]
}

#[test]
fn a_servers_calls_for_a_program_outside_are_the_same() {
    for level in [Level::L0, Level::L1, Level::L2] {
        for (transport, calls) in [
            (Transport::Udp, a_datagram_is_answered()),
            (
                Transport::Udp,
                [a_datagram_is_answered(), a_datagram_is_answered()]
                    .into_iter()
                    .flatten()
                    .collect(),
            ),
            (Transport::Tcp, a_stream_is_answered()),
        ] {
            let (slow, fast) = (trace(level), trace(level));
            one_by_one(&slow, server_line(transport), &calls);
            together(&fast, server_line(transport), &calls);
            let seen = timeless(&fast);
            assert!(
                seen.len() > 2 * calls.len(),
                "and the program came: {seen:#?}"
            );
            assert_eq!(timeless(&slow), seen, "{transport:?} at {level:?}");
        }
    }
}

#[test]
fn each_of_a_crowd_sees_the_same() {
    let crowd = || {
        let meter = Meter::of_another_lab(Arc::new(Metrics::default()));
        Trace::of_a_crowd(Level::L1, 1 << 20, meter)
    };
    let calls: Vec<Call> = (0..3).flat_map(|_| a_datagram_is_answered()).collect();
    let (slow, fast) = (crowd(), crowd());
    one_by_one(&slow, server_line(Transport::Udp), &calls);
    together(&fast, server_line(Transport::Udp), &calls);
    for process in [1, 2, 3, 4] {
        let sight = Sight::own(process);
        assert_eq!(seen_by(&slow, sight), seen_by(&fast, sight), "{process}");
    }
    assert_eq!(timeless(&slow), timeless(&fast));
}

#[test]
fn a_clients_calls_are_the_same() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let calls = [
            call(CallName::Send, data("hello"), Came::Sent(5), Some(3)),
            call(CallName::Recv, room(9), chunk("HELLO"), Some(3)),
        ];
        let write = |write: fn(&Trace, Line, &[Call])| {
            let trace = trace(Level::L1);
            let process = trace.process_came(Role::Bridge);
            trace.has_address(process, transport, CLIENT);
            write(&trace, client_line(process, transport), &calls);
            timeless(&trace)
        };
        let seen = write(together);
        let derived = seen
            .iter()
            .filter(|event| matches!(event.what, What::Derived(_)));
        assert_eq!(derived.count(), 1, "what it sent: {seen:#?}");
        assert_eq!(write(one_by_one), seen);
    }
}

#[test]
fn a_fin_that_waits_for_room_is_told_after_the_bytes_were_taken() {
    let write = |write: fn(&Trace, Line, &[Call])| {
        let trace = trace(Level::L1);
        let process = trace.process_came(Role::Bridge);
        trace.has_address(process, Transport::Tcp, CLIENT);
        let ends = || Ends {
            local: Some(CLIENT),
            peer: Some(SERVER),
            client: Some(CLIENT),
            ..Ends::default()
        };
        let made = |name, word: &str, returned| {
            let starting = Starting {
                process,
                fd: Some(3),
                transport: Transport::Tcp,
                name,
                arguments: Arguments {
                    word: Some(word.to_owned()),
                    ..Arguments::default()
                },
                request: None,
                client: Some(CLIENT),
            };
            trace.call(starting, returned, ends());
        };
        made(CallName::Connect, "", Returned::Nothing);
        let line = server_line(Transport::Tcp);
        let accepted = Starting {
            process: line.process,
            fd: Some(3),
            transport: Transport::Tcp,
            name: CallName::Accept,
            arguments: Arguments::default(),
            request: None,
            client: None,
        };
        let accept_ends = Ends {
            local: Some(SERVER),
            peer: Some(CLIENT),
            ..ends()
        };
        trace.call(
            accepted,
            Returned::Accepted {
                fd: 4,
                from: CLIENT,
            },
            accept_ends,
        );
        let much: &'static str = "many bytes".repeat(500).leak();
        let sent = Came::Sent(much.len() as u64);
        write(
            &trace,
            client_line(process, Transport::Tcp),
            &[call(CallName::Send, data(much), sent, Some(0))],
        );
        made(CallName::Shutdown, "SHUT_WR", Returned::Nothing);
        write(
            &trace,
            line,
            &[call(CallName::Recv, room(9000), chunk(much), Some(0))],
        );
        timeless(&trace)
    };
    let seen = write(together);
    let is_fin = |event: &Event| matches!(&event.what, What::Derived(derived) if derived.kind == DerivedKind::Fin);
    let by = seen.iter().position(is_fin).map(|at| &seen[at - 1].what);
    let taken = matches!(by, Some(What::CallReturned(returned)) if returned.process == 2);
    assert!(taken, "the FIN follows the server's recv: {by:?}");
    assert_eq!(write(one_by_one), seen);
}

#[test]
fn what_is_off_writes_nothing() {
    let off = Trace::new(
        Level::L1,
        0,
        Meter::of_another_lab(Arc::new(Metrics::default())),
    );
    together(&off, server_line(Transport::Udp), &a_datagram_is_answered());
    assert_eq!(timeless(&off), []);
}

#[test]
fn the_oldest_of_a_stretch_are_forgotten_first_looked_at_or_not() {
    let meter = Meter::of_another_lab(Arc::new(Metrics::default()));
    let small = Trace::new(Level::L2, 3_000, meter);
    for _ in 0..4 {
        together(
            &small,
            server_line(Transport::Udp),
            &a_datagram_is_answered(),
        );
        let (first, next) = small.range();
        let kept = small.read(first, Sight::All, usize::MAX).events;
        assert_eq!(kept.len() as u64, next - first);
    }
    let (first, _) = small.range();
    assert!(first > 1, "the oldest are gone");
}
