//! The events of batches and of single calls, one line each.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use bytes::Bytes;
use shared::{
    call::Transport,
    data::Data,
    lab::Level,
    outcome::{Outcome, Returned},
    trace::{Arguments, CallName, CallReturned, CallStarted, Event, ProcessId, Role, What},
};

use super::*;
use crate::{
    metrics::{Meter, Metrics},
    sys::{Ancillary, Hops},
    trace::{CallArgs, CallReturn, Flow, Processes, Trace, Visibility},
};

const CLIENT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5000);
const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 12_000);

/// The ancillary data of every datagram: four facts.
const ANCILLARY: Ancillary = Ancillary {
    received_at_ns: Some(7),
    dropped: 2,
    hops: Some(Hops::Ttl(64)),
    is_answer: true,
    touched: None,
};

/// A buffer that the batch keeps.
static KEPT: &str = "hello";

fn meter() -> Meter {
    Meter::for_other_lab(Arc::new(Metrics::default()))
}

fn trace(level: Level) -> Trace {
    Trace::new(level, 1 << 20, meter())
}

/// The events that a viewer sees, without their times.
fn visible(trace: &Trace, visibility: Visibility) -> Vec<String> {
    let chunk = trace.read(0, visibility, usize::MAX);
    let events = chunk.events.iter();
    events.map(|recorded| render(&recorded.event)).collect()
}

fn all(trace: &Trace) -> Vec<String> {
    visible(trace, Visibility::All)
}

fn render(event: &Event) -> String {
    match &event.what {
        What::Process(process) => format!("process {} {:?}", process.process, process.role),
        What::CallStarted(started) => render_started(started),
        What::CallReturned(returned) => render_returned(returned),
        What::Derived(derived) => format!(
            "derived {:?} {}>{} {} from {} for {:?}",
            derived.kind,
            derived.from.port(),
            derived.to.port(),
            derived.length,
            derived.because,
            derived.process
        ),
        What::ProcessEnded { .. }
        | What::Packet(_)
        | What::Facts(_)
        | What::Server(_)
        | What::Sockets(_)
        | What::Conditions(_)
        | What::Edge(_)
        | What::CaptureLost { .. } => format!("{:?}", event.what),
    }
}

fn render_started(started: &CallStarted) -> String {
    let Arguments {
        address,
        data,
        number,
        word,
    } = &started.arguments;
    let arguments = [
        address.map(|address| address.port().to_string()),
        data.as_ref().map(render_data),
        number.map(|number| number.to_string()),
        word.clone(),
    ];
    format!(
        "{} process {} fd {:?} {}({})",
        started.call,
        started.process,
        started.fd,
        started.name.as_str(),
        arguments
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" ")
    )
}

fn render_returned(returned: &CallReturned) -> String {
    let result = match &returned.outcome {
        Outcome::Returned(Returned::Chunk { data }) => render_data(data),
        Outcome::Returned(Returned::Datagram {
            data,
            from,
            truncated,
            length,
        }) => format!(
            "{} of {length} from {} {truncated}",
            render_data(data),
            from.port()
        ),
        Outcome::Returned(_) | Outcome::Failed(_) => format!("{:?}", returned.outcome),
    };
    let port = |address: Option<SocketAddr>| address.map(|address| address.port());
    format!(
        "{} returned {result} at {:?} local {:?} peer {:?} facts {}",
        returned.call,
        returned.offset,
        port(returned.local),
        port(returned.peer),
        returned.facts.len()
    )
}

fn render_data(data: &Data) -> String {
    match data.as_text() {
        Some(text) if text.len() < 10 => text.to_owned(),
        _ => format!("{} bytes", data.len()),
    }
}

fn server_flow(transport: Transport) -> Flow {
    Flow {
        process: Processes::server(transport),
        fd: Some(3),
        transport,
        local: Some(SERVER),
        peer: Some(CLIENT),
        client: Some(CLIENT),
    }
}

fn client_flow(process: ProcessId, transport: Transport) -> Flow {
    Flow {
        process,
        fd: Some(3),
        transport,
        local: Some(CLIENT),
        peer: Some(SERVER),
        client: Some(CLIENT),
    }
}

fn start(flow: Flow, name: CallName, arguments: Arguments) -> CallStart {
    let Flow {
        process,
        fd,
        transport,
        client,
        ..
    } = flow;
    CallStart {
        process,
        fd,
        transport,
        name,
        arguments,
        request: None,
        client,
    }
}

fn sends(text: &'static str) -> CallArgs<&'static [u8]> {
    CallArgs {
        data: Some(text.as_bytes()),
        ..CallArgs::default()
    }
}

fn receives(size: usize) -> CallArgs<&'static [u8]> {
    CallArgs {
        size: Some(size),
        ..CallArgs::default()
    }
}

/// Answers a datagram `count` times, as the server does: it starts to receive before it knows from whom.
fn answer_datagrams(trace: &Trace, count: usize) {
    let flow = server_flow(Transport::Udp);
    let number = Arguments {
        number: Some(2),
        ..Arguments::default()
    };
    let unknown = Flow {
        client: None,
        ..flow
    };
    let mut receiving = Some(trace.start_call(start(unknown, CallName::RecvFrom, number)));
    let mut batch = trace.batch(flow);
    batch.set_ancillary(ANCILLARY);
    batch.keep_buffer(&Bytes::from_static(KEPT.as_bytes()));
    for _ in 0..count {
        let mut receive = || batch.start_call(CallName::RecvFrom, true, receives(2));
        let open = receiving.take().unwrap_or_else(&mut receive);
        let datagram = CallReturn::Datagram(&KEPT.as_bytes()[..2], 5);
        batch.finish_call(open, datagram, None);
        let counted = CallArgs {
            letter: Some('h'),
            ..sends("he")
        };
        let open = batch.start_call(CallName::Count, false, counted);
        batch.finish_call(open, CallReturn::Chunk(b"1"), None);
        let answer = CallArgs {
            names_peer: true,
            ..sends("1")
        };
        let open = batch.start_call(CallName::SendTo, true, answer);
        batch.finish_call(open, CallReturn::Sent(1), None);
    }
}

#[test]
fn a_server_answers_a_datagram_of_an_external_client() {
    let expected = [
        "1 process 1 fd Some(3) recvfrom(2)",
        "process 3 Terminal",
        "1 returned he of 5 from 5000 true at None local Some(12000) peer Some(5000) facts 4",
        "derived Datagram 5000>12000 5 from 1 for Some(3)",
        "2 process 1 fd None count(he h)",
        "2 returned 1 at None local None peer Some(5000) facts 0",
        "3 process 1 fd Some(3) sendto(5000 1)",
        "3 returned Returned(Sent { sent: 1 }) at None local Some(12000) peer Some(5000) facts 0",
        "derived Datagram 12000>5000 1 from 3 for Some(3)",
    ];
    for level in [Level::L0, Level::L1, Level::L2] {
        let trace = trace(level);
        answer_datagrams(&trace, 1);
        let mut expected = expected.to_vec();
        expected.retain(|line| level < Level::L2 || !line.starts_with("derived"));
        assert_eq!(all(&trace), expected, "{level:?}");
        let others = visible(&trace, Visibility::own(ProcessId::MAX));
        assert_eq!(others, expected[..1], "it waited for any client");
    }
}

#[test]
fn a_server_answers_a_stream_of_an_external_client() {
    let trace = trace(Level::L1);
    let mut batch = trace.batch(server_flow(Transport::Tcp));
    let open = batch.start_call(CallName::Recv, true, receives(1024));
    batch.finish_call(open, CallReturn::Chunk(b"hello"), Some(0));
    let open = batch.start_call(CallName::Upper, false, sends("hello"));
    batch.finish_call(open, CallReturn::Chunk(b"HELLO"), None);
    let open = batch.start_call(CallName::Send, true, sends("HELLO"));
    batch.finish_call(open, CallReturn::Sent(5), Some(0));
    drop(batch);
    let expected = [
        "process 3 Terminal",
        "1 process 2 fd Some(3) recv(1024)",
        "1 returned hello at Some(0) local Some(12000) peer Some(5000) facts 0",
        "derived Data 5000>12000 5 from 1 for Some(3)",
        "2 process 2 fd None upper(hello)",
        "2 returned HELLO at None local None peer Some(5000) facts 0",
        "3 process 2 fd Some(3) send(HELLO)",
        "3 returned Returned(Sent { sent: 5 }) at Some(0) local Some(12000) peer Some(5000) facts 0",
        "derived Data 12000>5000 5 from 3 for Some(3)",
    ];
    assert_eq!(all(&trace), expected);
}

#[test]
fn a_viewer_of_a_class_sees_only_its_own_calls() {
    let trace = Trace::new_of_class(Level::L1, 1 << 20, meter());
    answer_datagrams(&trace, 3);
    assert_eq!(all(&trace).len(), 1 + 3 * 8);
    for process in [1, 2, 4] {
        let others = visible(&trace, Visibility::own(process));
        assert_eq!(others, Vec::<String>::new(), "{process}");
    }
    assert_eq!(visible(&trace, Visibility::own(3)), all(&trace));
}

#[test]
fn of_a_traced_client_only_what_it_sends_is_derived() {
    for (transport, kind) in [(Transport::Udp, "Datagram"), (Transport::Tcp, "Data")] {
        let trace = trace(Level::L1);
        let process = trace.register_process(Role::Bridge);
        trace.register_address(process, transport, CLIENT);
        let mut batch = trace.batch(client_flow(process, transport));
        let open = batch.start_call(CallName::Send, true, sends("hello"));
        batch.finish_call(open, CallReturn::Sent(5), Some(3));
        let open = batch.start_call(CallName::Recv, true, receives(9));
        batch.finish_call(open, CallReturn::Chunk(b"HELLO"), Some(3));
        drop(batch);
        let derived = format!("derived {kind} 5000>12000 5 from 1 for Some(3)");
        let expected = [
            "process 3 Bridge",
            "1 process 3 fd Some(3) send(hello)",
            "1 returned Returned(Sent { sent: 5 }) at Some(3) local Some(5000) peer Some(12000) facts 0",
            &derived,
            "2 process 3 fd Some(3) recv(9)",
            "2 returned HELLO at Some(3) local Some(5000) peer Some(12000) facts 0",
        ];
        assert_eq!(all(&trace), expected);
    }
}

#[test]
fn a_fin_that_waits_for_room_follows_from_the_recv_that_makes_room() {
    let trace = trace(Level::L1);
    let process = trace.register_process(Role::Bridge);
    trace.register_address(process, Transport::Tcp, CLIENT);
    let client = client_flow(process, Transport::Tcp);
    let server = server_flow(Transport::Tcp);
    let single = |flow: Flow, name, word: Option<&str>, returned| {
        let arguments = Arguments {
            word: word.map(str::to_owned),
            ..Arguments::default()
        };
        let Flow { local, peer, .. } = flow;
        let socket = SocketSnapshot {
            local,
            peer,
            client: Some(CLIENT),
            ..SocketSnapshot::default()
        };
        trace.record_call(start(flow, name, arguments), returned, socket);
    };
    let unknown = Flow {
        client: None,
        ..server
    };
    let accepted = Returned::Accepted {
        fd: 4,
        from: CLIENT,
    };
    single(client, CallName::Connect, None, Returned::Nothing);
    single(unknown, CallName::Accept, None, accepted);
    let bytes: &'static str = "many bytes".repeat(500).leak();
    let mut batch = trace.batch(client);
    let open = batch.start_call(CallName::Send, true, sends(bytes));
    batch.finish_call(open, CallReturn::Sent(bytes.len() as u64), Some(0));
    drop(batch);
    single(
        client,
        CallName::Shutdown,
        Some("SHUT_WR"),
        Returned::Nothing,
    );
    let mut batch = trace.batch(server);
    let open = batch.start_call(CallName::Recv, true, receives(9000));
    batch.finish_call(open, CallReturn::Chunk(bytes.as_bytes()), Some(0));
    drop(batch);
    let expected = [
        "process 3 Bridge",
        "1 process 3 fd Some(3) connect()",
        "1 returned Returned(Nothing) at None local Some(5000) peer Some(12000) facts 0",
        "derived Handshake 5000>12000 0 from 1 for Some(3)",
        "2 process 2 fd Some(3) accept()",
        "2 returned Returned(Accepted { fd: 4, from: 127.0.0.1:5000 }) at None local Some(12000) peer Some(5000) facts 0",
        "3 process 3 fd Some(3) send(5000 bytes)",
        "3 returned Returned(Sent { sent: 5000 }) at Some(0) local Some(5000) peer Some(12000) facts 0",
        "derived Data 5000>12000 5000 from 3 for Some(3)",
        "4 process 3 fd Some(3) shutdown(SHUT_WR)",
        "4 returned Returned(Nothing) at None local Some(5000) peer Some(12000) facts 0",
        "5 process 2 fd Some(3) recv(9000)",
        "5 returned 5000 bytes at Some(0) local Some(12000) peer Some(5000) facts 0",
        "derived Fin 5000>12000 0 from 4 for Some(3)",
    ];
    assert_eq!(all(&trace), expected);
}

#[test]
fn nothing_is_recorded_when_the_trace_is_off() {
    let off = Trace::new(Level::L1, 0, meter());
    answer_datagrams(&off, 1);
    assert_eq!(all(&off), Vec::<String>::new());
}

#[test]
fn the_oldest_batches_are_dropped_first() {
    let small = Trace::new(Level::L2, 3_000, meter());
    for _ in 0..4 {
        answer_datagrams(&small, 1);
        let (first, next) = small.range();
        let kept = small.read(first, Visibility::All, usize::MAX).events;
        assert_eq!(kept.len() as u64, next - first);
    }
    let (first, _) = small.range();
    assert!(first > 1, "the oldest events are dropped");
}
