//! Both directions of the conversation on one page.

use std::net::SocketAddr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use crate::{
    call::{Call, Fd, How, SocketOption, Target, Transport},
    data::Data,
    lab::{Lab, Program, Task, Truth},
    limits::Limits,
    outcome::{Failed, Outcome, Returned},
    trace::{Event, ProcessId},
};

/// What a page says: always something that gets one [`Reply`] with the same id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientMessage {
    /// Chosen by the page; in use until its reply has come.
    pub id: u64,
    /// What it wants.
    pub request: Request,
}

/// What a page can want.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// A socket call: `"call":"…"`.
    Call(Call),
    /// Something of the lab itself: `"ask":"…"`.
    Ask(Ask),
}

/// What a page can ask of its lab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Start a stopped or dead server; what is left out stays as it was.
    StartServer {
        /// Which one.
        transport: Transport,
        /// The program to run.
        program: Option<Program>,
        /// What it does.
        task: Option<Task>,
    },
    /// Stop a running server: its sockets close.
    StopServer {
        /// Which one.
        transport: Transport,
    },
    /// Send the trace from this number on, and go on with it.
    Watch {
        /// The first event wanted; what is no longer kept is said as a [`Gap`].
        from: u64,
    },
    /// Send no more of the trace.
    Unwatch,
}

/// What the relay says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerMessage {
    /// First of all: where the page is and what it may do.
    Welcome(Box<Welcome>),
    /// How a call or an ask ended.
    Reply(Reply),
    /// Something happened in the lab.
    Trace(Event),
    /// Some events could not be kept for this page.
    Gap(Gap),
    /// The relay ends the conversation; the close frame follows.
    Goodbye(Goodbye),
}

/// Where the page is and what it may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// [`crate::PROTOCOL`].
    pub protocol: String,
    /// The relay's own version.
    pub version: String,
    /// The page's number among the lab's processes.
    pub process: ProcessId,
    /// The lab it is in.
    pub lab: Lab,
    /// What it may use.
    pub limits: Limits,
    /// How much can be seen here.
    pub truth: Truth,
    /// Whether it may start and stop the lab's servers and see all of its trace.
    pub may_control: bool,
}

/// The answer to the message with the same id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The message's id; none where it could not be read.
    pub id: Option<u64>,
    /// How it ended.
    pub outcome: Outcome,
    /// How long the call took, from start to return, in nanoseconds.
    pub took_ns: u64,
    /// The socket's own address, once it has one.
    pub local: Option<SocketAddr>,
    /// The address at the other end, where the socket is connected.
    pub peer: Option<SocketAddr>,
}

/// Events `from..=to` are gone for this page: no longer kept, or it read too slowly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The first missing number.
    pub from: u64,
    /// The last missing number.
    pub to: u64,
}

/// Why the relay ends the conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goodbye {
    /// The reason, for a page to say in its reader's language.
    pub reason: GoodbyeReason,
    /// The limit that was hit, in its own unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// One English sentence.
    pub message: String,
}

/// The reasons to end a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GoodbyeReason {
    /// The relay is ending.
    ShuttingDown,
    /// The page said nothing for `idle_seconds`.
    Idle,
    /// More than `pages` in total.
    TooManyPages,
    /// More than `pages_per_address` from this address.
    TooManyPagesFromAddress,
    /// The page did not read what it was sent for `unread_seconds`.
    Unread,
    /// What came was no conversation: not a JSON object, or not text.
    NotAConversation,
    /// One message was too long even to be answered.
    TooLong,
}

impl GoodbyeReason {
    /// The WebSocket close code that goes with it (RFC 6455 §7.4; 4000 and up are ours).
    #[must_use]
    pub const fn close_code(self) -> u16 {
        match self {
            Self::ShuttingDown => 1001,
            Self::NotAConversation => 1003,
            Self::TooLong => 1009,
            Self::TooManyPages | Self::TooManyPagesFromAddress => 1013,
            Self::Idle => 4000,
            Self::Unread => 4001,
        }
    }
}

/// The flat JSON of a [`ClientMessage`]: one optional key per argument of any call or ask.
///
/// Flat and hand-matched rather than tagged by serde: no buffering of the whole message, and an error
/// can say which argument of which call is missing.
#[derive(Debug, Default, Serialize, Deserialize)]
struct ClientRepr {
    id: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    call: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ask: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fd: Option<Fd>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transport: Option<Transport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<Target>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Data>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    milliseconds: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    option: Option<SocketOption>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    how: Option<How>,
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    program: Option<Program>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<Task>,
}

/// The name no call or ask has; the codec turns it into its own reason.
pub(crate) const UNKNOWN: &str = "unknown call or ask";

fn need<T>(argument: Option<T>, of: &str, name: &str) -> Result<T, String> {
    argument.ok_or_else(|| format!("{of} needs \"{name}\""))
}

impl ClientRepr {
    fn read(self) -> Result<ClientMessage, String> {
        let id = self.id;
        let request = match (self.call.is_some(), self.ask.is_some()) {
            (true, false) => Request::Call(self.read_call()?),
            (false, true) => Request::Ask(self.read_ask()?),
            _ => return Err("a message has either \"call\" or \"ask\"".to_owned()),
        };
        Ok(ClientMessage { id, request })
    }

    fn read_call(self) -> Result<Call, String> {
        let name = self.call.unwrap_or_default();
        let of = name.as_str();
        let fd = need(self.fd, of, "fd");
        Ok(match of {
            "socket" => Call::Socket {
                transport: need(self.transport, of, "transport")?,
            },
            "bind" => Call::Bind {
                fd: fd?,
                port: need(self.port, of, "port")?,
            },
            "connect" => Call::Connect {
                fd: fd?,
                to: need(self.to, of, "to")?,
            },
            "send" => Call::Send {
                fd: fd?,
                data: need(self.data, of, "data")?,
            },
            "sendto" => Call::SendTo {
                fd: fd?,
                to: need(self.to, of, "to")?,
                data: need(self.data, of, "data")?,
            },
            "recv" => Call::Recv {
                fd: fd?,
                size: need(self.size, of, "size")?,
            },
            "recvfrom" => Call::RecvFrom {
                fd: fd?,
                size: need(self.size, of, "size")?,
            },
            "settimeout" => Call::SetTimeout {
                fd: fd?,
                milliseconds: self.milliseconds,
            },
            "setsockopt" => Call::SetSockOpt {
                fd: fd?,
                option: need(self.option, of, "option")?,
                value: need(self.value, of, "value")?,
            },
            "getsockname" => Call::GetSockName { fd: fd? },
            "getpeername" => Call::GetPeerName { fd: fd? },
            "shutdown" => Call::Shutdown {
                fd: fd?,
                how: need(self.how, of, "how")?,
            },
            "close" => Call::Close { fd: fd? },
            "cancel" => Call::Cancel {
                of: need(self.of, of, "of")?,
            },
            _ => return Err(format!("{UNKNOWN}: {of:.40}")),
        })
    }

    fn read_ask(self) -> Result<Ask, String> {
        let name = self.ask.unwrap_or_default();
        let of = name.as_str();
        Ok(match of {
            "start_server" => Ask::StartServer {
                transport: need(self.transport, of, "transport")?,
                program: self.program,
                task: self.task,
            },
            "stop_server" => Ask::StopServer {
                transport: need(self.transport, of, "transport")?,
            },
            "watch" => Ask::Watch {
                from: need(self.from, of, "from")?,
            },
            "unwatch" => Ask::Unwatch,
            _ => return Err(format!("{UNKNOWN}: {of:.40}")),
        })
    }

    fn write(message: &ClientMessage) -> Self {
        let mut repr = Self {
            id: message.id,
            ..Self::default()
        };
        match message.request.clone() {
            Request::Call(call) => repr.write_call(call),
            Request::Ask(ask) => repr.write_ask(ask),
        }
        repr
    }

    fn write_call(&mut self, call: Call) {
        self.fd = call.fd();
        let name = match call {
            Call::Socket { transport } => {
                self.transport = Some(transport);
                "socket"
            }
            Call::Bind { port, .. } => {
                self.port = Some(port);
                "bind"
            }
            Call::Connect { to, .. } => {
                self.to = Some(to);
                "connect"
            }
            Call::Send { data, .. } => {
                self.data = Some(data);
                "send"
            }
            Call::SendTo { to, data, .. } => {
                (self.to, self.data) = (Some(to), Some(data));
                "sendto"
            }
            Call::Recv { size, .. } => {
                self.size = Some(size);
                "recv"
            }
            Call::RecvFrom { size, .. } => {
                self.size = Some(size);
                "recvfrom"
            }
            Call::SetTimeout { milliseconds, .. } => {
                self.milliseconds = milliseconds;
                "settimeout"
            }
            Call::SetSockOpt { option, value, .. } => {
                (self.option, self.value) = (Some(option), Some(value));
                "setsockopt"
            }
            Call::GetSockName { .. } => "getsockname",
            Call::GetPeerName { .. } => "getpeername",
            Call::Shutdown { how, .. } => {
                self.how = Some(how);
                "shutdown"
            }
            Call::Close { .. } => "close",
            Call::Cancel { of } => {
                self.of = Some(of);
                "cancel"
            }
        };
        self.call = Some(name.to_owned());
    }

    fn write_ask(&mut self, ask: Ask) {
        let name = match ask {
            Ask::StartServer {
                transport,
                program,
                task,
            } => {
                (self.transport, self.program, self.task) = (Some(transport), program, task);
                "start_server"
            }
            Ask::StopServer { transport } => {
                self.transport = Some(transport);
                "stop_server"
            }
            Ask::Watch { from } => {
                self.from = Some(from);
                "watch"
            }
            Ask::Unwatch => "unwatch",
        };
        self.ask = Some(name.to_owned());
    }
}

impl Serialize for ClientMessage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ClientRepr::write(self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ClientMessage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ClientRepr::deserialize(deserializer)?
            .read()
            .map_err(D::Error::custom)
    }
}

/// The flat JSON of a [`ServerMessage`]: the one key that is there tells the variant.
#[derive(Default, Serialize, Deserialize)]
struct ServerRepr {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    returned: Option<Returned>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<Failed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    took_ns: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    local: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    welcome: Option<Box<Welcome>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<Event>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gap: Option<Gap>,
    #[serde(skip_serializing_if = "Option::is_none")]
    goodbye: Option<Goodbye>,
}

impl Serialize for ServerMessage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut repr = ServerRepr::default();
        match self.clone() {
            Self::Welcome(welcome) => repr.welcome = Some(welcome),
            Self::Reply(Reply {
                id,
                outcome,
                took_ns,
                local,
                peer,
            }) => {
                (repr.id, repr.took_ns, repr.local, repr.peer) = (id, Some(took_ns), local, peer);
                match outcome {
                    Outcome::Returned(returned) => repr.returned = Some(returned),
                    Outcome::Failed(failed) => repr.failed = Some(failed),
                }
            }
            Self::Trace(event) => repr.trace = Some(event),
            Self::Gap(gap) => repr.gap = Some(gap),
            Self::Goodbye(goodbye) => repr.goodbye = Some(goodbye),
        }
        repr.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ServerMessage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let repr = ServerRepr::deserialize(deserializer)?;
        let outcome = match (repr.returned, repr.failed) {
            (Some(returned), None) => Some(Outcome::Returned(returned)),
            (None, Some(failed)) => Some(Outcome::Failed(failed)),
            _ => None,
        };
        let reply = outcome.map(|outcome| {
            let took_ns = repr.took_ns.unwrap_or_default();
            Self::Reply(Reply {
                id: repr.id,
                outcome,
                took_ns,
                local: repr.local,
                peer: repr.peer,
            })
        });
        reply
            .or(repr.trace.map(Self::Trace))
            .or(repr.welcome.map(Self::Welcome))
            .or(repr.gap.map(Self::Gap))
            .or(repr.goodbye.map(Self::Goodbye))
            .ok_or_else(|| D::Error::custom("neither reply nor trace, welcome, gap or goodbye"))
    }
}
