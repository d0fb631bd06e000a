//! Servers are started, stopped and killed, and an address that is in use is explained.

use shared::{
    call::Transport::{Tcp, Udp},
    lab::Settings,
    message::Ask,
    trace::{KernelSocket, SocketState, Sockets},
};

use super::*;
use crate::model::panes::server::{AddressHold, ServerCommand, ServerOptions};

const SETTINGS: Settings = Settings {
    backlog: 1,
    receive_size: 1_024,
    think_ms: 0,
    reuse_address: false,
};

impl Page {
    fn asks(&mut self) -> Vec<(u64, Ask)> {
        let ask = |message: ClientMessage| match message.request {
            Request::Ask(ask) => (message.id, ask),
            Request::Call(call) => panic!("no ask but {call:?}"),
        };
        self.said().into_iter().map(ask).collect()
    }

    /// The TCP server is this one now.
    fn has(&mut self, program: Program, state: ServerState) {
        let mut server = server(Tcp, state);
        (server.program, server.settings) = (program, Some(SETTINGS));
        self.sees(1, What::Server(server));
    }
}

fn wanted(program: Program, task: Task, settings: Settings) -> ServerOptions {
    ServerOptions {
        program: Some(program),
        task: Some(task),
        settings: Some(settings),
    }
}

#[test]
fn a_server_is_asked_to_start_and_its_refusal_is_told() {
    let mut page = Page::open();
    page.does(WholeEvent::Server(ServerCommand::Stop));
    let said = page.said();
    assert_eq!(
        said[0].request,
        Request::Ask(Ask::StopServer { transport: Udp })
    );
    assert!(page.model.servers.is_asked());
    page.fails(said[0].id, "EPERM");
    assert!(!page.model.servers.is_asked());
    assert_eq!(
        page.model
            .servers
            .refused
            .as_ref()
            .map(|failed| failed.errno.as_str()),
        Some("EPERM")
    );
    page.sees(1, What::Server(server(Udp, ServerState::Stopped)));
    assert!(page.model.servers.is_down(Udp) && page.model.servers.refused.is_none());
}

#[test]
fn only_what_was_changed_is_asked_for() {
    let mut page = Page::open();
    page.chooses(Tcp);
    page.has(Program::Book, ServerState::Stopped);
    let slow = Settings {
        think_ms: 800,
        ..SETTINGS
    };
    for (form, expected) in [
        (
            wanted(Program::Book, Task::Upper, SETTINGS),
            ServerOptions::default(),
        ),
        (
            wanted(Program::Sturdy, Task::Upper, SETTINGS),
            ServerOptions {
                program: Some(Program::Sturdy),
                ..ServerOptions::default()
            },
        ),
        (
            wanted(Program::Book, Task::Count('s'), slow),
            ServerOptions {
                program: None,
                task: Some(Task::Count('s')),
                settings: Some(slow),
            },
        ),
    ] {
        page.does(WholeEvent::Server(ServerCommand::Start(form)));
        let ServerOptions {
            program,
            task,
            settings,
        } = expected;
        let [(id, ask)] = &page.asks()[..] else {
            panic!("one ask")
        };
        let expected = Ask::StartServer {
            transport: Tcp,
            program,
            task,
            settings,
        };
        assert_eq!(*ask, expected);
        page.returns(*id, Returned::Nothing);
    }
}

#[test]
fn a_restart_starts_what_it_has_stopped_and_nothing_else() {
    let mut page = Page::open();
    page.chooses(Tcp);
    page.has(Program::Book, ServerState::Running);
    page.does(WholeEvent::Server(ServerCommand::Restart(
        ServerOptions::default(),
    )));
    let [(stop, Ask::StopServer { transport: Tcp })] = page.asks()[..] else {
        panic!("it stops first")
    };
    page.has(Program::Book, ServerState::Stopped);
    page.returns(stop, Returned::Nothing);
    let [(start, Ask::StartServer { transport: Tcp, .. })] = page.asks()[..] else {
        panic!("then it starts")
    };
    page.fails(start, "EADDRINUSE");
    page.has(Program::Book, ServerState::Stopped);
    assert!(page.model.servers.finds_address_in_use(Tcp));
    page.does(WholeEvent::Server(ServerCommand::Restart(
        ServerOptions::default(),
    )));
    let stop = page.asks()[0].0;
    page.fails(stop, "EPERM");
    assert_eq!(page.said(), [], "what was not stopped is not started");
}

#[test]
fn a_server_is_killed_and_is_down() {
    let mut page = Page::open();
    page.chooses(Tcp);
    page.does(WholeEvent::Server(ServerCommand::Kill));
    assert!(matches!(
        page.asks()[..],
        [(_, Ask::KillServer { transport: Tcp })]
    ));
    page.has(Program::Book, ServerState::Killed);
    assert!(page.model.servers.is_down(Tcp));
}

#[test]
fn an_address_in_use_counts_down_what_the_kernel_told() {
    let mut page = Page::open();
    page.chooses(Tcp);
    page.has(Program::Book, ServerState::Running);
    let waiting = KernelSocket {
        transport: Tcp,
        local: server_address(),
        peer: CLIENT.parse().ok(),
        state: SocketState::TimeWait,
        held: false,
        receive_queue: 0,
        send_queue: 0,
        ends_in_ms: Some(43_000),
    };
    page.sees(
        2,
        What::Sockets(Sockets {
            sockets: vec![waiting],
            more: 0,
        }),
    );
    assert_eq!(page.model.address_hold(page.now), None, "it runs");
    page.has(
        Program::Book,
        ServerState::Dead {
            why: "bind: Address already in use".to_owned(),
        },
    );
    assert_eq!(
        page.model.address_hold(page.now),
        Some(AddressHold::TimeWait(43_000))
    );
    assert_eq!(page.wakes_at(), Some(page.now + 1_000));
    page.now += 12_300;
    assert_eq!(
        page.model.address_hold(page.now),
        Some(AddressHold::TimeWait(30_700))
    );
    assert_eq!(page.wakes_at(), Some(page.now + 700));
    page.now += 60_000;
    assert_eq!(
        page.model.address_hold(page.now),
        Some(AddressHold::TimeWait(0))
    );
    assert_eq!(page.wakes_at(), None);
    let none = Sockets {
        sockets: Vec::new(),
        more: 0,
    };
    page.sees(4, What::Sockets(none.clone()));
    assert_eq!(page.model.address_hold(page.now), Some(AddressHold::Over));
    page.does(WholeEvent::Server(ServerCommand::Start(
        ServerOptions::default(),
    )));
    let (id, _) = page.asks()[0];
    page.fails(id, "EADDRINUSE");
    page.sees(5, What::Sockets(none));
    let held = page.model.address_hold(page.now);
    assert_eq!(
        held,
        Some(AddressHold::Other),
        "this time it was not TIME_WAIT"
    );
}

#[test]
fn a_client_that_has_not_closed_holds_the_address_too() {
    let mut page = Page::open();
    page.chooses(Tcp);
    let why = "bind: Address already in use".to_owned();
    page.has(Program::Book, ServerState::Dead { why });
    let socket = |port, state, ends_in_ms| KernelSocket {
        transport: Tcp,
        local: server_address(),
        peer: Some(([127, 0, 0, 1], port).into()),
        state,
        held: false,
        receive_queue: 0,
        send_queue: 0,
        ends_in_ms: Some(ends_in_ms),
    };
    let half_closed = socket(1, SocketState::FinWait2, 50_000);
    let over = socket(2, SocketState::TimeWait, 55_000);
    let mut holds = |seq, sockets: &[&KernelSocket]| {
        let sockets = sockets.iter().map(|socket| (*socket).clone()).collect();
        page.sees(seq, What::Sockets(Sockets { sockets, more: 0 }));
        page.model.address_hold(page.now)
    };
    let held = holds(2, &[&half_closed, &over]);
    assert_eq!(
        held,
        Some(AddressHold::HalfClosed(50_000)),
        "what can be helped"
    );
    assert_eq!(holds(3, &[&over]), Some(AddressHold::TimeWait(55_000)));
    assert_eq!(
        holds(4, &[&half_closed]),
        Some(AddressHold::HalfClosed(50_000))
    );
    assert_eq!(holds(5, &[]), Some(AddressHold::Over));
}
