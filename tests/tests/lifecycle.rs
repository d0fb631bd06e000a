//! Servers are started with settings, stopped and killed; what their clients then get.

use shared::{
    call::{
        Call, Fd, Target,
        Transport::{self, Tcp, Udp},
    },
    lab::{Program, ServerState, Settings, Task},
    message::Ask,
    outcome::{Failed, Outcome, Reason, Returned},
    trace::{CallName, ProcessId},
};
use tests::{
    address_allocator,
    calls::ExpectReply,
    page::Page,
    relay::Relay,
    trace::{TCP_SERVER, Trace, UDP_SERVER},
};

/// Longer than any story.
const FOR_LONG: u32 = 60_000;

#[tokio::test]
async fn a_stopped_server_is_interrupted_and_closes_its_sockets() {
    let relay = Relay::start_at(address_allocator::own_host(), &[]);
    let mut page = Page::open(&relay).await;
    let fd = page.connects(Tcp).await;
    page.sends_data(fd, "hello").await;
    assert_eq!(page.reads(fd, 5).await, "HELLO");
    stops(&mut page, Tcp).await;
    assert_eq!(page.reads_to_the_end(fd).await, "", "an orderly end");
    let trace = Trace::watched(&mut page, |trace| has_ended(trace, Tcp)).await;
    for blocked in [CallName::Accept, CallName::Recv] {
        assert_eq!(last_error(&trace, TCP_SERVER, blocked), "EINTR");
    }
    let closed = trace.returns(TCP_SERVER, CallName::Close);
    assert_eq!(
        closed.len(),
        2,
        "the connection's socket and the welcoming one"
    );
    assert_eq!(last_state(&trace, Tcp), &ServerState::Stopped);
}

#[tokio::test]
async fn a_killed_server_returns_from_nothing_and_closes_nothing() {
    for program in [Program::Sturdy, Program::Book] {
        let relay = Relay::start_at(address_allocator::own_host(), &[]);
        let mut page = Page::open(&relay).await;
        restarts(&mut page, Tcp, Some(program), None).await;
        let (accepted, waiting) = (page.connects(Tcp).await, page.connects(Tcp).await);
        let receives = |trace: &Trace| !trace.starts(TCP_SERVER, CallName::Recv).is_empty();
        Trace::watched(&mut page, receives).await;
        kills(&mut page, Tcp).await;
        assert_eq!(page.reads_to_the_end(accepted).await, "");
        let end = page.calls(recv(waiting)).await.outcome;
        match program {
            Program::Sturdy => assert_eq!(end, Outcome::Returned(Returned::EndOfStream)),
            Program::Book | Program::External => assert_eq!(error(&end), "ECONNRESET"),
        }
        let trace = Trace::watched(&mut page, |trace| {
            last_state_is(trace, Tcp, &ServerState::Killed)
        })
        .await;
        // One socket was closed before: by the server that was stopped to make room for this one.
        assert_eq!(trace.returns(TCP_SERVER, CallName::Close).len(), 1);
        assert!(trace.returns(TCP_SERVER, CallName::Recv).is_empty());
        let fd = page.makes_socket(Tcp).await;
        let to = Target::Server;
        let refused = page.fails(Call::Connect { fd, to }).await;
        assert_eq!(refused.errno, "ECONNREFUSED");
    }
}

#[tokio::test]
async fn unread_bytes_of_a_killed_server_reset_the_connection() {
    let relay = Relay::start_at(address_allocator::own_host(), &[]);
    let mut page = Page::open(&relay).await;
    let thinks = Settings {
        think_ms: FOR_LONG,
        ..settings(&page, Tcp)
    };
    restarts(&mut page, Tcp, Some(Program::Book), Some(thinks)).await;
    let fd = page.connects(Tcp).await;
    page.sends_data(fd, "read").await;
    let thinks = |trace: &Trace| !trace.starts(TCP_SERVER, CallName::Sleep).is_empty();
    Trace::watched(&mut page, thinks).await;
    page.sends_data(fd, "never read").await;
    kills(&mut page, Tcp).await;
    assert_eq!(page.fails(recv(fd)).await.errno, "ECONNRESET");
}

#[tokio::test]
async fn a_server_thinks_before_it_answers() {
    const THINK_MS: u32 = 20;
    for program in [Program::Sturdy, Program::Book] {
        let relay = Relay::start_at(address_allocator::own_host(), &[]);
        let mut page = Page::open(&relay).await;
        for (transport, process, send) in [
            (Udp, UDP_SERVER, CallName::SendTo),
            (Tcp, TCP_SERVER, CallName::Send),
        ] {
            let thinks = Settings {
                think_ms: THINK_MS,
                ..settings(&page, transport)
            };
            restarts(&mut page, transport, Some(program), Some(thinks)).await;
            let answer = match transport {
                Udp => page.exchanges_by_udp("hm").await,
                Tcp => page.exchanges_by_tcp("hm").await,
            };
            assert_eq!(answer, "HM");
            let sent = |trace: &Trace| !trace.returns(process, send).is_empty();
            let trace = Trace::watched(&mut page, sent).await;
            let first = |places: Vec<usize>| places[0];
            let order = [
                first(trace.returns(process, CallName::Upper)),
                first(trace.starts(process, CallName::Sleep)),
                first(trace.returns(process, CallName::Sleep)),
                first(trace.starts(process, send)),
            ];
            assert!(order.is_sorted(), "work, think, answer: {order:?}");
            let slept = trace.results(process, CallName::Sleep)[0].took_ns;
            assert!(slept >= u64::from(THINK_MS) * 1_000_000, "{slept} ns");
        }
    }
}

#[tokio::test]
async fn a_sturdy_server_thinks_about_each_by_itself_and_can_be_interrupted_or_killed() {
    let relay = Relay::start_at(address_allocator::own_host(), &[]);
    let mut page = Page::open(&relay).await;
    for (transport, process) in [(Udp, UDP_SERVER), (Tcp, TCP_SERVER)] {
        let thinks = Settings {
            think_ms: FOR_LONG,
            ..settings(&page, transport)
        };
        restarts(&mut page, transport, None, Some(thinks)).await;
        for sentence in ["one", "two"] {
            let fd = page.connects(transport).await;
            page.sends_data(fd, sentence).await;
        }
        let both = |trace: &Trace| trace.starts(process, CallName::Sleep).len() == 2;
        let trace = Trace::watched(&mut page, both).await;
        assert!(trace.returns(process, CallName::Sleep).is_empty());
        stops(&mut page, transport).await;
        let trace = Trace::watched(&mut page, |trace| {
            last_state_is(trace, transport, &ServerState::Stopped) && both(trace)
        })
        .await;
        let slept = trace.results(process, CallName::Sleep);
        let ends: Vec<_> = slept.iter().map(|call| error(&call.outcome)).collect();
        assert_eq!(ends, ["EINTR", "EINTR"]);
        starts(&mut page, transport, None, None)
            .await
            .expect("free");
        let fd = page.connects(transport).await;
        page.sends_data(fd, "three").await;
        let third = |trace: &Trace| trace.starts(process, CallName::Sleep).len() == 3;
        Trace::watched(&mut page, third).await;
        kills(&mut page, transport).await;
        let again = starts(&mut page, transport, None, None).await;
        again.expect("nothing that thought holds the port");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn with_a_silent_client_and_no_room_to_wait_a_connect_hangs() {
    use tests::kernel::{self, state};

    let relay = Relay::start_at(address_allocator::own_host(), &[]);
    let mut page = Page::open(&relay).await;
    let narrow = Settings {
        backlog: 0,
        ..settings(&page, Tcp)
    };
    restarts(&mut page, Tcp, Some(Program::Book), Some(narrow)).await;
    let silent = page.connects(Tcp).await;
    let accepted = |trace: &Trace| !trace.returns(TCP_SERVER, CallName::Accept).is_empty();
    Trace::watched(&mut page, |trace| {
        accepted(trace) && !trace.starts(TCP_SERVER, CallName::Recv).is_empty()
    })
    .await;
    let waiting = page.connects(Tcp).await;
    let third = page.makes_socket(Tcp).await;
    let port = address_allocator::free_address(relay.tcp.ip()).port();
    page.makes(Call::Bind { fd: third, port }).await;
    let own = page.own_address(third).await;
    let to = Target::Server;
    let hangs = page.starts(Call::Connect { fd: third, to }).await;
    kernel::waits_for_state(own, relay.tcp, Some(state::SYN_SENT)).await;
    // A served client frees a place; the kernel retransmits the SYN.
    for served in [silent, waiting] {
        page.sends_data(served, "x").await;
        assert_eq!(page.reads_to_the_end(served).await, "X");
    }
    page.waits_for_reply(hangs).await.returned();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_port_stays_taken_while_a_connection_the_server_closed_waits() {
    use tests::kernel::{self, state};

    let relay = Relay::start_at(address_allocator::own_host(), &[]);
    let mut page = Page::open(&relay).await;
    let as_the_book = Settings {
        reuse_address: false,
        ..settings(&page, Tcp)
    };
    restarts(&mut page, Tcp, Some(Program::Book), Some(as_the_book)).await;
    let fd = page.connects(Tcp).await;
    let client = page.own_address(fd).await;
    page.sends_data(fd, "bye").await;
    assert_eq!(page.reads_to_the_end(fd).await, "BYE");
    page.makes(Call::Close { fd }).await;
    kernel::waits_for_state(relay.tcp, client, Some(state::TIME_WAIT)).await;
    stops(&mut page, Tcp).await;
    let refused = starts(&mut page, Tcp, None, None).await;
    assert_eq!(refused.expect_err("it waits").errno, "EADDRINUSE");
    let tried = |trace: &Trace| {
        let bound = trace.results(TCP_SERVER, CallName::Bind);
        bound
            .iter()
            .any(|call| error(&call.outcome) == "EADDRINUSE")
    };
    let trace = Trace::watched(&mut page, tried).await;
    assert_eq!(last_state(&trace, Tcp), &ServerState::Stopped);
    // Linux wants it of both: the socket that waits was made without SO_REUSEADDR.
    let reuses = Settings {
        reuse_address: true,
        ..as_the_book
    };
    let refused = starts(&mut page, Tcp, None, Some(reuses)).await;
    assert_eq!(refused.expect_err("it waits").errno, "EADDRINUSE");
}

#[tokio::test]
async fn settings_stay_until_replaced_and_a_program_has_its_own() {
    let relay = Relay::start_at(address_allocator::own_host(), &[]);
    let mut page = Page::open(&relay).await;
    let usual = settings(&page, Tcp);
    let changed = Settings {
        backlog: 7,
        receive_size: 4,
        ..usual
    };
    restarts(&mut page, Tcp, None, Some(changed)).await;
    assert_eq!(seen(&relay).await, (Program::Sturdy, Some(changed)));
    restarts(&mut page, Tcp, None, None).await;
    assert_eq!(seen(&relay).await, (Program::Sturdy, Some(changed)));
    let fd = page.connects(Tcp).await;
    page.sends_data(fd, "longer than four").await;
    assert_eq!(page.reads(fd, 16).await, "LONGER THAN FOUR");
    let received = |trace: &Trace| trace.returns(TCP_SERVER, CallName::Recv).len() >= 4;
    let trace = Trace::watched(&mut page, received).await;
    for call in trace.results(TCP_SERVER, CallName::Recv) {
        if let Outcome::Returned(Returned::Chunk { data }) = &call.outcome {
            assert_eq!(data.len(), 4);
        }
    }
    restarts(&mut page, Tcp, Some(Program::Book), None).await;
    let (program, book) = seen(&relay).await;
    let book = book.expect("a server of the relay's");
    assert_eq!(program, Program::Book);
    assert_eq!((book.backlog, book.receive_size), (1, 1024));
}

#[tokio::test]
async fn an_impossible_setting_changes_nothing() {
    let relay = Relay::start_at(address_allocator::own_host(), &[]);
    let mut page = Page::open(&relay).await;
    let usual = settings(&page, Tcp);
    stops(&mut page, Tcp).await;
    for impossible in [
        Settings {
            backlog: 65_536,
            ..usual
        },
        Settings {
            receive_size: 0,
            ..usual
        },
        Settings {
            receive_size: (1 << 20) + 1,
            ..usual
        },
        Settings {
            think_ms: 60_001,
            ..usual
        },
    ] {
        let wanted = starts(&mut page, Tcp, Some(Program::Book), Some(impossible)).await;
        let failed = wanted.expect_err("out of range");
        assert_eq!(failed.reason, Some(Reason::OutOfRange));
        assert!(failed.limit.is_some());
    }
    assert_eq!(seen(&relay).await, (Program::Sturdy, Some(usual)));
    starts(&mut page, Tcp, None, None).await.expect("as it was");
    assert_eq!(page.exchanges_by_tcp("alive").await, "ALIVE");
}

#[tokio::test]
async fn sentences_return_reversed_or_unchanged() {
    let relay = Relay::start_at(address_allocator::own_host(), &["--task", "reverse"]);
    let mut page = Page::open(&relay).await;
    for program in [Program::Sturdy, Program::Book] {
        for (task, answer) in [(Task::Reverse, "界世 ih"), (Task::Echo, "hi 世界")] {
            for transport in [Udp, Tcp] {
                stops(&mut page, transport).await;
                let ask = Ask::StartServer {
                    transport,
                    program: Some(program),
                    task: Some(task),
                    settings: None,
                };
                page.asks(ask).await.returned();
            }
            assert_eq!(page.exchanges_by_udp("hi 世界").await, answer);
            assert_eq!(page.exchanges_by_tcp("hi 世界").await, answer);
        }
    }
}

fn recv(fd: Fd) -> Call {
    Call::Recv { fd, size: 1024 }
}

async fn stops(page: &mut Page, transport: Transport) {
    page.asks(Ask::StopServer { transport }).await.returned();
}

async fn kills(page: &mut Page, transport: Transport) {
    page.asks(Ask::KillServer { transport }).await.returned();
}

async fn starts(
    page: &mut Page,
    transport: Transport,
    program: Option<Program>,
    settings: Option<Settings>,
) -> Result<(), Failed> {
    let ask = Ask::StartServer {
        transport,
        program,
        task: None,
        settings,
    };
    match page.asks(ask).await.outcome {
        Outcome::Returned(_) => Ok(()),
        Outcome::Failed(failed) => Err(failed),
    }
}

async fn restarts(
    page: &mut Page,
    transport: Transport,
    program: Option<Program>,
    settings: Option<Settings>,
) {
    stops(page, transport).await;
    let started = starts(page, transport, program, settings).await;
    started.expect("its port is free");
}

/// The settings the server had when the page came.
fn settings(page: &Page, transport: Transport) -> Settings {
    let mut servers = page.welcome.lab.servers.iter();
    let server = servers.find(|server| server.transport == transport);
    server.and_then(|server| server.settings).expect("its own")
}

/// The TCP server as a new page's welcome describes it.
async fn seen(relay: &Relay) -> (Program, Option<Settings>) {
    let lab = Page::open(relay).await.welcome.lab;
    (lab.servers[1].program, lab.servers[1].settings)
}

fn has_ended(trace: &Trace, transport: Transport) -> bool {
    let states = trace.states(transport);
    states.len() > 1 && states.last() != Some(&&ServerState::Running)
}

fn last_state_is(trace: &Trace, transport: Transport, state: &ServerState) -> bool {
    has_ended(trace, transport) && last_state(trace, transport) == state
}

fn last_state(trace: &Trace, transport: Transport) -> &ServerState {
    let states = trace.states(transport);
    states.last().copied().expect("the server's life")
}

#[track_caller]
fn last_error(trace: &Trace, process: ProcessId, name: CallName) -> String {
    let calls = trace.results(process, name);
    error(&calls.last().expect("the call came back").outcome)
}

/// The errno of a call that failed; of one that did not, nothing.
fn error(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Failed(failed) => failed.errno.clone(),
        Outcome::Returned(_) => String::new(),
    }
}
