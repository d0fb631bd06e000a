//! One golden file per variant: what a third party's client reads to know the protocol, and what must not change.
//!
//! `UPDATE_GOLDENS=1 cargo test -p shared` writes them anew; the difference is then to be looked at.

use std::{collections::BTreeSet, fs, net::SocketAddr, path::PathBuf};

use super::class;
use crate::{
    PROTOCOL_V1,
    call::{Call, Family, How, SocketOption, Target, Transport},
    codec::{
        decode_client, decode_server, encode_client, encode_event, encode_server, join_events,
        joined_bytes,
    },
    conditions::{Conditions, Direction, Fate, Verdict, Way},
    data::Data,
    lab::{
        Lab, LabKind, Level, Obstacle, ObstacleKind, Program, Server, ServerState, Settings, Task,
        Truth,
    },
    limits::Limits,
    message::{
        Ask, ClientMessage, Gap, Goodbye, GoodbyeReason, Reply, Request, Seat, ServerMessage,
        Welcome,
    },
    outcome::{Failed, FailureSource, Outcome, Reason, Returned},
    trace::{
        Arguments, BurstPlace, CallName, CallReturned, CallStarted, Derived, DerivedKind, Edge,
        Event, Fact, Facts, KernelSocket, Link, Packet, Process, Role, SocketState, Sockets,
        Source, What,
    },
};

#[test]
fn every_client_message_is_as_its_golden_file() {
    for (name, message) in client_samples() {
        let text = golden(&format!("client/{name}.json"), &encode_client(&message));
        assert_eq!(decode_client(&text), Ok(message), "{name}");
    }
}

#[test]
fn every_server_message_is_as_its_golden_file() {
    for (name, message) in server_samples() {
        let text = golden(&format!("server/{name}.json"), &encode_server(&message));
        assert_eq!(decode_server(&text).expect("decodes"), message, "{name}");
    }
}

#[test]
fn joined_events_are_the_message_that_the_types_encode() {
    for count in 1..=2 {
        let events = &batch()[..count];
        let texts: Vec<_> = events.iter().map(encode_event).collect();
        let joined = join_events(&texts);
        let bytes = texts.iter().map(String::len).sum();
        assert_eq!(joined.len(), joined_bytes(count, bytes));
        let message = ServerMessage::Traces(events.to_vec());
        assert_eq!(String::from_utf8(joined), Ok(encode_server(&message)));
    }
}

#[test]
fn no_golden_file_is_left_over() {
    let names = |side: &str, samples: Vec<&str>| {
        let expected: BTreeSet<_> = samples.iter().map(|name| format!("{name}.json")).collect();
        let entries = fs::read_dir(folder().join(side)).expect("goldens are there");
        let found: BTreeSet<_> = entries
            .map(|entry| {
                entry
                    .expect("readable")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        assert_eq!(found, expected, "{side}");
    };
    names(
        "client",
        client_samples().iter().map(|(name, _)| *name).collect(),
    );
    names(
        "server",
        server_samples().iter().map(|(name, _)| *name).collect(),
    );
}

/// The golden file's text; it must be what is encoded now.
fn golden(name: &str, encoded: &str) -> String {
    let path = folder().join(name);
    if std::env::var_os("UPDATE_GOLDENS").is_some() {
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(&path, format!("{encoded}\n")).expect("written");
    }
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(text.trim_end(), encoded, "{name}");
    text
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("goldens")
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

pub(super) fn client_samples() -> Vec<(&'static str, ClientMessage)> {
    let calls = vec![
        (
            "socket",
            Call::Socket {
                transport: Transport::Udp,
                family: None,
            },
        ),
        (
            "socket_inet6",
            Call::Socket {
                transport: Transport::Tcp,
                family: Some(Family::Inet6),
            },
        ),
        (
            "getaddrinfo",
            Call::GetAddrInfo {
                name: "localhost".to_owned(),
                transport: Transport::Udp,
            },
        ),
        (
            "connect_nobody",
            Call::Connect {
                fd: 4,
                to: Target::Nobody,
            },
        ),
        (
            "connect_localhost6",
            Call::Connect {
                fd: 5,
                to: Target::Localhost6,
            },
        ),
        (
            "sendto_own_socket",
            Call::SendTo {
                fd: 3,
                to: Target::Fd(4),
                data: "FAKE".into(),
            },
        ),
        ("bind", Call::Bind { fd: 3, port: 0 }),
        (
            "connect",
            Call::Connect {
                fd: 4,
                to: Target::Server,
            },
        ),
        (
            "send",
            Call::Send {
                fd: 4,
                data: "hello 世界".into(),
            },
        ),
        (
            "sendto",
            Call::SendTo {
                fd: 3,
                to: Target::Server,
                data: "hello".into(),
            },
        ),
        (
            "sendto_bytes",
            Call::SendTo {
                fd: 3,
                to: Target::Server,
                data: Data(vec![0xff, 0]),
            },
        ),
        ("recv", Call::Recv { fd: 4, size: 1024 }),
        ("recvfrom", Call::RecvFrom { fd: 3, size: 2048 }),
        (
            "settimeout",
            Call::SetTimeout {
                fd: 3,
                milliseconds: Some(2500),
            },
        ),
        (
            "settimeout_none",
            Call::SetTimeout {
                fd: 3,
                milliseconds: None,
            },
        ),
        (
            "setsockopt",
            Call::SetSockOpt {
                fd: 3,
                option: SocketOption::SoRcvbuf,
                value: 4096,
            },
        ),
        ("getsockname", Call::GetSockName { fd: 3 }),
        ("getpeername", Call::GetPeerName { fd: 4 }),
        (
            "shutdown",
            Call::Shutdown {
                fd: 4,
                how: How::Write,
            },
        ),
        ("close", Call::Close { fd: 4 }),
        ("cancel", Call::Cancel { of: 7 }),
    ];
    let start = Ask::StartServer {
        transport: Transport::Tcp,
        program: Some(Program::Book),
        task: Some(Task::Count('s')),
        settings: Some(settings()),
    };
    let asks = vec![
        ("start_server", start),
        (
            "kill_server",
            Ask::KillServer {
                transport: Transport::Tcp,
            },
        ),
        (
            "enter",
            Ask::Enter {
                lab: LabKind::Private,
            },
        ),
        (
            "resume",
            Ask::Resume {
                token: "b2s5Z3VhcmQxMjM0NTY3OA".to_owned(),
                heard: Some(12),
            },
        ),
        (
            "set_conditions",
            Ask::SetConditions {
                conditions: conditions(),
            },
        ),
        (
            "decide",
            Ask::Decide {
                datagram: 4,
                verdict: Verdict::Release,
            },
        ),
        (
            "stop_server",
            Ask::StopServer {
                transport: Transport::Udp,
            },
        ),
        (
            "watch",
            Ask::Watch {
                from: 17,
                whose: None,
            },
        ),
        ("unwatch", Ask::Unwatch),
        ("ping", Ask::Ping),
    ];
    let asks = asks.into_iter().chain(class::asks());
    let calls = calls
        .into_iter()
        .map(|(name, call)| (name, Request::Call(call)));
    let requests = calls.chain(asks.map(|(name, ask)| (name, Request::Ask(ask))));
    requests
        .zip(1..)
        .map(|((name, request), id)| (name, ClientMessage { id, request }))
        .collect()
}

pub(super) fn server_samples() -> Vec<(&'static str, ServerMessage)> {
    let goodbye = Goodbye {
        reason: GoodbyeReason::Idle,
        limit: Some(3600),
        message: "nothing was said".to_owned(),
    };
    let mut samples = vec![
        ("welcome", ServerMessage::Welcome(Box::new(welcome()))),
        ("gap", ServerMessage::Gap(Gap { from: 3, to: 9 })),
        ("goodbye", ServerMessage::Goodbye(goodbye)),
    ];
    let replies = outcomes()
        .into_iter()
        .zip(1..)
        .map(|((name, outcome), id)| {
            let reply = Reply {
                id: Some(id),
                outcome,
                took_ns: 41_234,
                local: Some(address(49_152)),
                peer: None,
            };
            (name, ServerMessage::Reply(reply))
        });
    samples.extend(replies);
    samples.extend(class::news());
    samples.push(("welcome_class", welcome_to_a_class()));
    samples.push(("traces", ServerMessage::Traces(batch())));
    let events = happenings()
        .into_iter()
        .zip(17..)
        .map(|((name, what), seq)| (name, ServerMessage::Trace(event(seq, what))));
    samples.extend(events);
    samples
}

fn batch() -> Vec<Event> {
    let ended = [1, 2].map(|process| What::ProcessEnded { process });
    ended
        .into_iter()
        .zip(17..)
        .map(|(what, seq)| event(seq, what))
        .collect()
}

const fn event(seq: u64, what: What) -> Event {
    Event {
        seq,
        mono_ns: 1_000_000,
        wall_us: 1_790_000_000_000_000,
        what,
    }
}

const fn settings() -> Settings {
    Settings {
        backlog: 1,
        receive_size: 1024,
        think_ms: 0,
        reuse_address: false,
    }
}

fn conditions() -> Conditions {
    Conditions {
        request: Way {
            loss_percent: 30,
            ..Way::default()
        },
        reply: Way {
            duplicate_percent: 5,
            reorder_percent: 5,
            delay_ms: 200,
            jitter_ms: 50,
            by_hand: true,
            ..Way::default()
        },
        seed: 7,
    }
}

fn welcome() -> Welcome {
    let server = |transport, state| Server {
        transport,
        address: address(12_000),
        program: Program::Sturdy,
        task: Task::Upper,
        settings: Some(settings()),
        state,
    };
    let dead = ServerState::Dead {
        why: "decode: not UTF-8, an invalid byte at position 0".to_owned(),
    };
    Welcome {
        protocol: PROTOCOL_V1.to_owned(),
        version: "0.1.0".to_owned(),
        process: 3,
        lab: Lab {
            id: "open".to_owned(),
            kind: LabKind::Open,
            host_name: "open-lab.internal".to_owned(),
            conditions: Conditions::default(),
            client_host: address(0).ip(),
            client_source: Some(address(0).ip()),
            servers: vec![
                server(Transport::Udp, ServerState::Running),
                server(Transport::Tcp, dead),
            ],
            first_seq: 1,
            next_seq: 17,
        },
        limits: Limits {
            message_bytes: 262_144,
            data_bytes: 131_072,
            sockets: 64,
            calls: 1024,
            queued_bytes: 1_048_576,
            pages_per_address: 2048,
            pages: 8192,
            connections: 8192,
            connections_per_address: 2048,
            handshake_seconds: 10,
            idle_seconds: 3600,
            unread_seconds: 30,
            ping_seconds: 20,
            trace_bytes: 67_108_864,
            lab_trace_bytes: 4_194_304,
            labs: 600,
            labs_per_address: 64,
            keep_seconds: 60,
            classes: 100,
            members: 1000,
            members_per_address: 400,
            links: 1000,
            links_per_address: 200,
            links_bytes: 67_108_864,
            links_bytes_per_address: 16_777_216,
            link_bytes: 4_194_304,
            link_days: 30,
        },
        truth: Truth {
            level: Level::L1,
            why_not_higher: Some(Obstacle {
                kind: ObstacleKind::NoCapNetRaw,
                detail: "Operation not permitted (os error 1)".to_owned(),
            }),
        },
        may_control: true,
        seat: Some(Seat {
            token: "b2s5Z3VhcmQxMjM0NTY3OA".to_owned(),
            heard: 15,
            next_id: 16,
            keep_seconds: 60,
            is_new: false,
        }),
        class: None,
    }
}

fn welcome_to_a_class() -> ServerMessage {
    let mut told = welcome();
    told.lab.kind = LabKind::Class;
    told.may_control = false;
    told.class = Some(Box::new(class::standing()));
    if let Some(seat) = &mut told.seat {
        (seat.heard, seat.next_id, seat.is_new) = (0, 2, true);
    }
    ServerMessage::Welcome(Box::new(told))
}

fn outcomes() -> Vec<(&'static str, Outcome)> {
    let datagram = |data: Data, truncated, length| {
        Outcome::Returned(Returned::Datagram {
            data,
            from: address(12_000),
            truncated,
            length,
        })
    };
    let refused = Failed {
        errno: "ECONNREFUSED".to_owned(),
        message: "Connection refused".to_owned(),
        source: FailureSource::Kernel,
        reason: None,
        limit: None,
    };
    let too_many = Failed {
        errno: "EMFILE".to_owned(),
        message: "a page may have 64 sockets: close one".to_owned(),
        source: FailureSource::Relay,
        reason: Some(Reason::TooManySockets),
        limit: Some(64),
    };
    vec![
        ("returned_nothing", Outcome::Returned(Returned::Nothing)),
        (
            "returned_socket",
            Outcome::Returned(Returned::Socket { fd: 3 }),
        ),
        (
            "returned_accepted",
            Outcome::Returned(Returned::Accepted {
                fd: 4,
                from: address(49_152),
            }),
        ),
        (
            "returned_sent",
            Outcome::Returned(Returned::Sent { sent: 5 }),
        ),
        (
            "returned_chunk",
            Outcome::Returned(Returned::Chunk {
                data: "HELLO".into(),
            }),
        ),
        ("returned_datagram", datagram("HELLO".into(), false, 5)),
        (
            "returned_datagram_truncated",
            datagram("HELL".into(), true, 11),
        ),
        (
            "returned_datagram_empty",
            datagram(Data::default(), false, 0),
        ),
        (
            "returned_end_of_stream",
            Outcome::Returned(Returned::EndOfStream),
        ),
        (
            "returned_address",
            Outcome::Returned(Returned::Address {
                address: address(49_152),
            }),
        ),
        (
            "returned_resolved",
            Outcome::Returned(Returned::Resolved {
                addresses: vec![address(0).ip()],
            }),
        ),
        ("failed_by_kernel", Outcome::Failed(refused)),
        ("failed_by_relay", Outcome::Failed(too_many)),
        (
            "returned_saved",
            Outcome::Returned(Returned::Saved {
                link: "Zm9yd2hvZXZlcmhhc2l0MQ".to_owned(),
                secret: "b2Z0aGVvbmV3aG9tYWRlaQ".to_owned(),
                expires_s: 1_792_592_000,
            }),
        ),
        (
            "failed_unknown_key",
            Outcome::Failed(Failed {
                errno: "EINVAL".to_owned(),
                message: "unknown key \"port\": recv has fd, size".to_owned(),
                source: FailureSource::Relay,
                reason: Some(Reason::UnknownKey),
                limit: None,
            }),
        ),
    ]
}

fn happenings() -> Vec<(&'static str, What)> {
    let arguments = Arguments {
        address: Some(address(12_000)),
        data: Some("hello".into()),
        number: None,
        word: None,
    };
    let started = CallStarted {
        call: 9,
        process: 3,
        fd: Some(3),
        transport: Transport::Udp,
        name: CallName::SendTo,
        arguments,
        request: Some(2),
    };
    let fact = Fact {
        name: "ip.ttl".to_owned(),
        value: "64".to_owned(),
        source: Source::Kernel,
    };
    let returned = CallReturned {
        call: 9,
        process: 3,
        outcome: Outcome::Returned(Returned::Sent { sent: 5 }),
        took_ns: 41_234,
        local: Some(address(49_152)),
        peer: Some(address(12_000)),
        offset: None,
        facts: vec![fact.clone()],
    };
    let packet = Packet {
        interface: "lo".to_owned(),
        link: Link::Raw,
        bytes: vec![0x45, 0, 0, 20],
        length: 20,
        kernel_s: 1_790_000_000,
        kernel_ns: 7,
        checksum_unfinished: true,
        burst: Some(BurstPlace {
            index: 2,
            count: 32,
        }),
        process: Some(3),
        call: Some(9),
        direction: Some(Direction::Request),
    };
    let derived = Derived {
        kind: DerivedKind::Datagram,
        transport: Transport::Udp,
        from: address(49_152),
        to: address(12_000),
        length: 5,
        because: 9,
        process: Some(3),
    };
    let stopped = Server {
        transport: Transport::Udp,
        address: address(12_000),
        program: Program::Book,
        task: Task::Count('s'),
        settings: Some(settings()),
        state: ServerState::Killed,
    };
    let waiting = KernelSocket {
        transport: Transport::Tcp,
        local: address(12_000),
        peer: Some(address(49_152)),
        state: SocketState::TimeWait,
        held: false,
        receive_queue: 0,
        send_queue: 0,
        ends_in_ms: Some(59_990),
    };
    let lost = Edge {
        datagram: 4,
        direction: Direction::Request,
        from: address(49_152),
        to: address(12_000),
        length: 5,
        fate: Fate::Lost,
        by_hand: false,
        process: Some(3),
        call: Some(9),
    };
    vec![
        (
            "trace_process",
            What::Process(Process {
                process: 3,
                role: Role::Page,
            }),
        ),
        ("trace_process_ended", What::ProcessEnded { process: 3 }),
        ("trace_call_started", What::CallStarted(Box::new(started))),
        (
            "trace_call_returned",
            What::CallReturned(Box::new(returned)),
        ),
        ("trace_packet", What::Packet(Box::new(packet))),
        ("trace_derived", What::Derived(derived)),
        (
            "trace_facts",
            What::Facts(Facts {
                process: 3,
                fd: Some(4),
                call: Some(9),
                facts: vec![fact],
            }),
        ),
        ("trace_server", What::Server(stopped)),
        (
            "trace_sockets",
            What::Sockets(Sockets {
                sockets: vec![waiting],
                more: 0,
            }),
        ),
        ("trace_conditions", What::Conditions(conditions())),
        ("trace_edge", What::Edge(Box::new(lost))),
        (
            "trace_capture_lost",
            What::CaptureLost {
                packets: 2,
                within_ns: Some(200_000_000),
            },
        ),
    ]
}
