//! At the workbench: what the trace and the kernel tell becomes sockets, states and doors.

use std::net::SocketAddr;

use shared::{
    call::Family,
    message::Seat,
    trace::{Fact, KernelSocket, SocketState, Sockets, Source},
};

use super::*;
use crate::model::panes::workbench::{
    CallForm, WorkbenchCommand,
    doors::{House, house},
    state_diagram::{self, DiagramState, StateSource},
};

const MINE: &str = "127.0.0.1:49152";

fn at(address: &str) -> SocketAddr {
    address.parse().expect("an address")
}

impl Page {
    /// A call of mine on a TCP socket, started and returned.
    fn did(&mut self, call: u64, name: CallName, fd: Option<u32>, outcome: Outcome) {
        self.began(call, name, fd, None);
        self.came_back(call, outcome, None);
    }

    fn began(&mut self, call: u64, name: CallName, fd: Option<u32>, request: Option<u64>) {
        let transport = Transport::Tcp;
        let started = started(call, ME, name, fd, request);
        self.sees(
            call,
            What::CallStarted(Box::new(CallStarted {
                transport,
                ..started
            })),
        );
    }

    fn came_back(&mut self, call: u64, outcome: Outcome, state: Option<&str>) {
        let connected = call > 2;
        let facts = state.map(|state| Fact {
            name: "tcp_info.state".to_owned(),
            value: state.to_owned(),
            source: Source::Kernel,
        });
        let returned = CallReturned {
            outcome,
            local: connected.then(|| at(MINE)),
            peer: connected.then(server_address),
            facts: facts.into_iter().collect(),
            ..returned(call, ME, Returned::Nothing)
        };
        self.sees(call, What::CallReturned(Box::new(returned)));
    }

    fn opens_tcp(&mut self) {
        let socket = Outcome::Returned(Returned::Socket { fd: 3 });
        self.did(1, CallName::Socket, None, socket);
    }

    fn lists(&mut self, us: u64, sockets: Vec<KernelSocket>) {
        self.sees(us, What::Sockets(Sockets { sockets, more: 0 }));
    }

    fn stands(&self) -> (DiagramState, StateSource) {
        let card = self.model.workbench.cards.last().expect("a socket");
        let now = state_diagram::now(card, &self.model, self.now);
        (now.state, now.source)
    }
}

fn ok() -> Outcome {
    Outcome::Returned(Returned::Nothing)
}

fn listed(local: &str, peer: Option<&str>, state: SocketState, held: bool) -> KernelSocket {
    KernelSocket {
        transport: Transport::Tcp,
        local: at(local),
        peer: peer.map(at),
        state,
        held,
        receive_queue: 0,
        send_queue: 0,
        ends_in_ms: (state == SocketState::TimeWait).then_some(60_000),
    }
}

#[test]
fn a_tcp_socket_goes_through_the_states_of_the_rfc() {
    let mut page = Page::open();
    page.opens_tcp();
    assert_eq!(
        page.stands(),
        (DiagramState::Closed, StateSource::Call(CallName::Socket))
    );
    page.began(3, CallName::Connect, Some(3), None);
    assert_eq!(
        page.stands(),
        (DiagramState::SynSent, StateSource::Call(CallName::Connect))
    );
    page.came_back(3, ok(), Some("ESTABLISHED"));
    let by_kernel = |call| StateSource::Kernel(Some(call));
    assert_eq!(
        page.stands(),
        (DiagramState::Established, by_kernel(CallName::Connect))
    );
    page.began(4, CallName::Shutdown, Some(3), None);
    page.came_back(4, ok(), Some("FIN-WAIT-2"));
    assert_eq!(
        page.stands(),
        (DiagramState::FinWait2, by_kernel(CallName::Shutdown))
    );
    page.did(5, CallName::Close, Some(3), ok());
    page.lists(
        6,
        vec![listed(
            MINE,
            Some("127.0.0.1:12000"),
            SocketState::TimeWait,
            false,
        )],
    );
    assert_eq!(page.stands(), (DiagramState::TimeWait, StateSource::List));
    let card = page.model.workbench.cards.last().expect("a socket");
    let now = state_diagram::now(card, &page.model, page.now + 20_000);
    assert_eq!((now.left, now.over), (Some(40_000), false));
    page.lists(7, Vec::new());
    assert_eq!(page.stands(), (DiagramState::Closed, StateSource::List));
}

#[test]
fn the_newest_word_counts() {
    let mut page = Page::open();
    page.opens_tcp();
    page.did(3, CallName::Connect, Some(3), ok());
    page.lists(
        4,
        vec![listed(
            MINE,
            Some("127.0.0.1:12000"),
            SocketState::CloseWait,
            true,
        )],
    );
    assert_eq!(page.stands(), (DiagramState::CloseWait, StateSource::List));
    page.began(5, CallName::Shutdown, Some(3), None);
    page.came_back(5, ok(), Some("LAST-ACK"));
    assert_eq!(page.stands().0, DiagramState::LastAck);
}

#[test]
fn without_the_kernels_word_only_the_calls_are_believed() {
    let mut page = Page::open();
    page.opens_tcp();
    page.began(3, CallName::Connect, Some(3), None);
    page.came_back(3, Outcome::Failed(failed("ECONNREFUSED")), None);
    assert_eq!(
        page.stands(),
        (DiagramState::Closed, StateSource::Call(CallName::Connect))
    );
    page.did(4, CallName::Connect, Some(3), ok());
    page.did(
        5,
        CallName::Recv,
        Some(3),
        Outcome::Returned(Returned::EndOfStream),
    );
    assert_eq!(
        page.stands(),
        (DiagramState::CloseWait, StateSource::Call(CallName::Recv))
    );
    page.did(6, CallName::Close, Some(3), ok());
    assert_eq!(
        page.stands(),
        (DiagramState::Closed, StateSource::Call(CallName::Close))
    );
}

#[test]
fn who_stops_waiting_has_not_stopped_the_kernel() {
    let mut page = Page::open();
    page.opens_tcp();
    page.began(3, CallName::Connect, Some(3), None);
    page.came_back(3, Outcome::Failed(failed("ECANCELED")), None);
    assert_eq!(page.stands().0, DiagramState::SynSent);
}

#[test]
fn calls_are_asked_for_once_and_known_again_in_the_trace() {
    let mut page = Page::open();
    page.does(WholeEvent::Workbench(WorkbenchCommand::Open(
        Transport::Tcp,
        Family::Inet,
    )));
    let (id, call) = page.calls().pop().expect("a call");
    assert_eq!(
        call,
        Call::Socket {
            transport: Transport::Tcp,
            family: None
        }
    );
    assert!(page.model.workbench.calls[0].waits_for_its_turn());
    page.began(1, CallName::Socket, None, Some(id));
    page.came_back(1, Outcome::Returned(Returned::Socket { fd: 3 }), None);
    assert_eq!(page.model.workbench.calls.len(), 1);
    let typed = CallForm {
        size: "16".to_owned(),
        ..CallForm::default()
    };
    page.does(WholeEvent::Workbench(WorkbenchCommand::Call(
        1,
        CallName::Recv,
        typed.clone(),
    )));
    page.does(WholeEvent::Workbench(WorkbenchCommand::Call(
        1,
        CallName::Recv,
        typed,
    )));
    let calls = page.calls();
    assert_eq!(calls.len(), 2, "pipelined");
    page.does(WholeEvent::Workbench(WorkbenchCommand::Cancel(calls[1].0)));
    assert_eq!(page.calls()[0].1, Call::Cancel { of: calls[1].0 });
}

#[test]
fn what_the_relay_would_not_do_stands_there_too() {
    let mut page = Page::open();
    page.opens_tcp();
    page.does(WholeEvent::Workbench(WorkbenchCommand::Call(
        1,
        CallName::GetSockName,
        CallForm::default(),
    )));
    let (id, _) = page.calls().pop().expect("a call");
    let mut refused = failed("EBADF");
    (refused.source, refused.reason) = (FailureSource::Relay, Some(Reason::NoSuchSocket));
    page.ends(id, Outcome::Failed(refused));
    let made = page.model.workbench.calls.last().expect("a call");
    assert_eq!(made.failed().map(|failed| &*failed.errno), Some("EBADF"));
}

#[test]
fn what_means_nothing_is_not_asked() {
    let mut page = Page::open();
    page.opens_tcp();
    let typed = CallForm {
        data: r"\q".to_owned(),
        ..CallForm::default()
    };
    page.does(WholeEvent::Workbench(WorkbenchCommand::Call(
        1,
        CallName::Send,
        typed,
    )));
    assert!(page.calls().is_empty());
    assert!(page.model.workbench.error.is_some());
}

#[test]
fn sentences_are_no_business_of_the_workbench() {
    let mut page = Page::open();
    page.chooses(Transport::Tcp);
    page.sends("hello");
    let (id, _) = page.calls().pop().expect("a call");
    page.began(1, CallName::Socket, None, Some(id));
    page.came_back(1, Outcome::Returned(Returned::Socket { fd: 3 }), None);
    assert!(page.model.workbench.cards.is_empty());
}

#[test]
fn sockets_outlive_the_connection_only_where_there_is_a_seat() {
    for seated in [false, true] {
        let mut page = Page::open();
        if seated {
            let ServerMessage::Welcome(mut welcome) = welcome(10) else {
                unreachable!("a welcome is a welcome")
            };
            welcome.lab.kind = LabKind::Private;
            welcome.seat = Some(Seat {
                token: "t".to_owned(),
                heard: 0,
                next_id: 1,
                keep_seconds: 60,
                is_new: false,
            });
            page.hears(ServerMessage::Welcome(welcome));
            page.effects
                .retain(|effect| matches!(effect, Effect::Send(_)));
            let watch = page
                .said()
                .pop()
                .expect("it reads the trace from its beginning");
            page.returns(watch.id, Returned::Nothing);
        }
        page.opens_tcp();
        page.does(Event::Closed);
        assert_eq!(page.model.workbench.cards[0].gone, !seated);
    }
}

#[test]
fn a_house_is_drawn_from_the_kernels_list() {
    let mut page = Page::open();
    let server = "127.0.0.1:12000";
    let mut door = listed(server, None, SocketState::Listen, true);
    (door.receive_queue, door.send_queue) = (1, 5);
    page.lists(
        1,
        vec![
            door,
            listed(server, Some("127.0.0.1:1"), SocketState::Established, true),
            listed(server, Some("127.0.0.1:2"), SocketState::Established, false),
            listed(server, Some("127.0.0.1:3"), SocketState::SynReceived, false),
            listed(server, Some("127.0.0.1:4"), SocketState::TimeWait, false),
            listed("127.0.0.1:1", Some(server), SocketState::Established, true),
        ],
    );
    let server = page.model.servers.get(Transport::Tcp).expect("a server");
    let drawn = house(server, &page.model.kernel, &page.model.accepted, page.now);
    let expected = House {
        by_list: true,
        welcomes: true,
        backlog: Some(5),
        bytes: 0,
        arriving: vec![at("127.0.0.1:3")],
        waiting: vec![at("127.0.0.1:2")],
        rooms: vec![(at("127.0.0.1:1"), Some(SocketState::Established))],
        fading: vec![(at("127.0.0.1:4"), SocketState::TimeWait, Some(60_000))],
        held: None,
    };
    assert_eq!(drawn, Some(expected));
}

#[test]
fn without_a_list_it_is_drawn_from_accept_and_close() {
    let mut page = Page::open();
    let from = at("127.0.0.1:1");
    let accepted = returned(1, TCP_SERVER, Returned::Accepted { fd: 4, from });
    page.sees(1, What::CallReturned(Box::new(accepted)));
    let rooms = |page: &Page| {
        let server = page.model.servers.get(Transport::Tcp).expect("a server");
        let drawn = house(server, &page.model.kernel, &page.model.accepted, page.now);
        drawn.map(|house| (house.by_list, house.rooms))
    };
    assert_eq!(rooms(&page), Some((false, vec![(from, None)])));
    let close = started(2, TCP_SERVER, CallName::Close, Some(4), None);
    page.sees(2, What::CallStarted(Box::new(close)));
    assert_eq!(rooms(&page), Some((false, Vec::new())));
}
