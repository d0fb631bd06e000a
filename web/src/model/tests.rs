//! Stories of the page without a browser: what people and the relay do goes in, what it says and shows comes out.

mod archive;
mod byte_mapping;
mod cards;
mod class;
mod connection;
mod event_journal;
mod explain;
mod impairments;
mod lab_session;
mod ladder;
mod link;
mod listing;
mod liveness;
mod log;
mod out_of_class;
mod programs;
mod replay;
mod rerun;
mod reuse;
mod server;
mod workbench;

use shared::{
    call::{Call, Transport},
    codec,
    conditions::Conditions,
    data::Data,
    lab::{Lab, LabKind, Level, Program, Server, ServerState, Task, Truth},
    limits::Limits,
    message::{Ask, ClientMessage, Goodbye, Reply, Request, ServerMessage, Welcome},
    outcome::{Failed, FailureSource, Outcome, Reason, Returned},
    trace::{Arguments, CallName, CallReturned, CallStarted, Event as TraceEvent, ProcessId, What},
};

use crate::{
    i18n::{Language, Texts},
    model::{Effect, Event, Model, WholeEvent, core::time::Millis, panes::status_text},
};

/// The page's own process in these stories.
const ME: ProcessId = 7;
const UDP_SERVER: ProcessId = 1;
const TCP_SERVER: ProcessId = 2;

/// A page and whoever is before it.
struct Page {
    model: Model,
    now: Millis,
    effects: Vec<Effect>,
    seq: u64,
}

impl Page {
    /// Opened and welcomed.
    fn open() -> Self {
        let mut page = Self {
            model: Model::default(),
            now: 1_000,
            effects: Vec::new(),
            seq: 10,
        };
        page.does(Event::Started);
        assert_eq!(std::mem::take(&mut page.effects), [Effect::Connect]);
        page.hears(welcome(10));
        page
    }

    fn does(&mut self, event: impl Into<Event>) {
        let effects = self.model.update(event.into(), self.now, 0);
        self.effects.extend(effects);
    }

    fn waits(&mut self, ms: Millis) {
        self.now += ms;
        self.does(Event::TimerFired);
    }

    fn chooses(&mut self, transport: Transport) {
        self.does(Event::ChooseTransport(transport));
    }

    fn sends(&mut self, text: &str) {
        self.does(Event::Submit {
            text: text.to_owned(),
            upper_case_bytes: text.to_uppercase().len(),
        });
    }

    fn hears(&mut self, message: ServerMessage) {
        self.does(Event::MessageReceived(codec::encode_server(&message)));
    }

    /// What it has said since the last time, but for pings.
    fn said(&mut self) -> Vec<ClientMessage> {
        let mut said = self.said_and_pinged();
        said.retain(|message| message.request != Request::Ask(Ask::Ping));
        said
    }

    /// When it wants to look again, but for the ping that a quiet line asks for.
    fn wakes_at(&mut self) -> Option<Millis> {
        self.model.connection.record_received(self.now);
        let at = self.model.wakes_at(self.now);
        at.filter(|at| *at != self.now + 7_000)
    }

    /// What it has said since the last time.
    fn said_and_pinged(&mut self) -> Vec<ClientMessage> {
        let read = |effect| match effect {
            Effect::Send(text) => {
                codec::decode_client(&text).expect("a message the relay understands")
            }
            other @ (Effect::Connect
            | Effect::Disconnect
            | Effect::ProbeRefusal
            | Effect::Download(_)
            | Effect::Copy(_)
            | Effect::Fetch(_)
            | Effect::ShowLab
            | Effect::StoreLinks(_)
            | Effect::StoreSessionToken(_)
            | Effect::StoreClassSeat(..)
            | Effect::StoreCardProgress(_)) => {
                panic!("nothing else was to be done: {other:?}")
            }
        };
        let is_said = |effect: &Effect| !matches!(effect, Effect::StoreClassSeat(..));
        self.effects.retain(is_said);
        self.effects.drain(..).map(read).collect()
    }

    /// The calls it has made since the last time, by their numbers.
    fn calls(&mut self) -> Vec<(u64, Call)> {
        let call = |message: ClientMessage| match message.request {
            Request::Call(call) => (message.id, call),
            Request::Ask(ask) => panic!("no call but {ask:?}"),
        };
        self.said().into_iter().map(call).collect()
    }

    fn returns(&mut self, id: u64, returned: Returned) {
        self.ends(id, Outcome::Returned(returned));
    }

    fn fails(&mut self, id: u64, errno: &str) {
        self.ends(id, Outcome::Failed(failed(errno)));
    }

    fn ends(&mut self, id: u64, outcome: Outcome) {
        let (local, peer) = (
            Some(CLIENT.parse().expect("an address")),
            Some(server_address()),
        );
        self.hears(ServerMessage::Reply(Reply {
            id: Some(id),
            outcome,
            took_ns: 1_000,
            local,
            peer,
        }));
    }

    /// Something happens in the lab, at this many microseconds of its time.
    fn sees(&mut self, us: u64, what: What) {
        let event = TraceEvent {
            seq: self.seq,
            mono_ns: us * 1_000,
            wall_us: 1_700_000_000_000_000 + us,
            what,
        };
        self.seq += 1;
        self.hears(ServerMessage::Trace(event));
    }

    fn reply(&self) -> String {
        self.model
            .program
            .sentence()
            .map(status_text::reply)
            .unwrap_or_default()
    }

    fn note(&self) -> status_text::Note {
        status_text::note(&self.model, &Texts::new(Language::English), self.now)
    }
}

const CLIENT: &str = "127.0.0.1:49152";

fn server_address() -> std::net::SocketAddr {
    "127.0.0.1:12000".parse().expect("an address")
}

fn server(transport: Transport, state: ServerState) -> Server {
    Server {
        transport,
        address: server_address(),
        program: Program::Sturdy,
        task: Task::Upper,
        settings: None,
        state,
    }
}

fn welcome(next_seq: u64) -> ServerMessage {
    let servers = Transport::ALL
        .map(|transport| server(transport, ServerState::Running))
        .to_vec();
    let client_host = server_address().ip();
    ServerMessage::Welcome(Box::new(Welcome {
        protocol: shared::PROTOCOL_V1.to_owned(),
        version: "0.1.0".to_owned(),
        process: ME,
        lab: Lab {
            id: "open".to_owned(),
            kind: LabKind::Open,
            host_name: "open-lab.internal".to_owned(),
            conditions: Conditions::default(),
            client_host,
            client_source: None,
            servers,
            first_seq: 0,
            next_seq,
        },
        limits: limits(),
        truth: Truth {
            level: Level::L1,
            why_not_higher: None,
        },
        may_control: true,
        seat: None,
        class: None,
    }))
}

pub(super) fn limits() -> Limits {
    Limits {
        message_bytes: 1 << 20,
        data_bytes: 65_536,
        sockets: 16,
        calls: 64,
        queued_bytes: 1 << 20,
        pages_per_address: 10,
        pages: 100,
        connections: 100,
        connections_per_address: 10,
        handshake_seconds: 10,
        idle_seconds: 600,
        unread_seconds: 10,
        ping_seconds: 20,
        trace_bytes: 1 << 20,
        lab_trace_bytes: 1 << 20,
        labs: 10,
        labs_per_address: 5,
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
    }
}

fn failed(errno: &str) -> Failed {
    let reason = (errno == "ECANCELED").then_some(Reason::Cancelled);
    let source = if reason.is_some() {
        FailureSource::Relay
    } else {
        FailureSource::Kernel
    };
    Failed {
        errno: errno.to_owned(),
        message: errno.to_lowercase(),
        source,
        reason,
        limit: None,
    }
}

fn datagram(text: &str) -> Returned {
    let length = text.len() as u64;
    Returned::Datagram {
        data: text.into(),
        from: server_address(),
        truncated: false,
        length,
    }
}

fn chunk(text: &str) -> Returned {
    Returned::Chunk {
        data: Data::from(text),
    }
}

/// A call in the trace, on a UDP socket unless its process is the TCP server.
fn started(
    call: u64,
    process: ProcessId,
    name: CallName,
    fd: Option<u32>,
    request: Option<u64>,
) -> CallStarted {
    let transport = if process == TCP_SERVER {
        Transport::Tcp
    } else {
        Transport::Udp
    };
    CallStarted {
        call,
        process,
        fd,
        transport,
        name,
        arguments: Arguments::default(),
        request,
    }
}

fn returned(call: u64, process: ProcessId, returned: Returned) -> CallReturned {
    let outcome = Outcome::Returned(returned);
    CallReturned {
        call,
        process,
        outcome,
        took_ns: 1_000,
        local: None,
        peer: None,
        offset: None,
        facts: Vec::new(),
    }
}

fn goodbye(reason: shared::message::GoodbyeReason) -> ServerMessage {
    ServerMessage::Goodbye(Goodbye {
        reason,
        limit: Some(600),
        message: String::new(),
    })
}
