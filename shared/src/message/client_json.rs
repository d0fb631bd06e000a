//! What a page says, as JSON: a flat object, told apart by its `call` or `ask`.

mod given;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use super::{Ask, ClientMessage, Request, keys};
use crate::{
    call::{Call, Family, Fd, How, SocketOption, Target, Transport},
    class::{Act, Whose},
    conditions::{Conditions, DatagramId, Verdict},
    data::Data,
    lab::{LabKind, Program, Settings, Task},
};

/// The flat JSON of a [`ClientMessage`]: one optional key per argument of any call or ask.
///
/// Flat and hand-matched rather than tagged by serde: no buffering of the whole message, and an error
/// can say which argument of which call is missing.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "keys::settings"
    )]
    settings: Option<Settings>,
    #[serde(skip_serializing_if = "Option::is_none")]
    family: Option<Family>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lab: Option<LabKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    heard: Option<u64>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "keys::conditions"
    )]
    conditions: Option<Conditions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    datagram: Option<DatagramId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<Verdict>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    admin: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    act: Option<Act>,
    #[serde(skip_serializing_if = "Option::is_none")]
    whose: Option<Whose>,
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<Vec<(u64, u64)>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    days: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

/// The name no call or ask has; the codec turns it into its own reason.
pub(crate) const UNKNOWN: &str = "unknown call or ask";

fn need<T>(argument: Option<T>, of: &str, name: &str) -> Result<T, String> {
    argument.ok_or_else(|| format!("{of} needs \"{name}\""))
}

impl ClientRepr {
    fn read(self) -> Result<ClientMessage, String> {
        let id = self.id;
        self.check_keys()?;
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
                family: self.family,
            },
            "getaddrinfo" => Call::GetAddrInfo {
                name: need(self.name, of, "name")?,
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
            "enter" => Ask::Enter {
                lab: need(self.lab, of, "lab")?,
            },
            "resume" => Ask::Resume {
                token: need(self.token, of, "token")?,
                heard: self.heard,
            },
            "set_conditions" => Ask::SetConditions {
                conditions: need(self.conditions, of, "conditions")?,
            },
            "decide" => Ask::Decide {
                datagram: need(self.datagram, of, "datagram")?,
                verdict: need(self.verdict, of, "verdict")?,
            },
            "start_server" => Ask::StartServer {
                transport: need(self.transport, of, "transport")?,
                program: self.program,
                task: self.task,
                settings: self.settings,
            },
            "kill_server" => Ask::KillServer {
                transport: need(self.transport, of, "transport")?,
            },
            "stop_server" => Ask::StopServer {
                transport: need(self.transport, of, "transport")?,
            },
            "watch" => Ask::Watch {
                from: need(self.from, of, "from")?,
                whose: self.whose,
            },
            "create_class" => Ask::CreateClass {
                title: need(self.title, of, "title")?,
                admin: self.admin,
            },
            "join_class" => Ask::JoinClass {
                code: need(self.code, of, "code")?,
                name: need(self.name, of, "name")?,
                token: self.token,
            },
            "class" => Ask::Class {
                act: need(self.act, of, "act")?,
            },
            "save" => Ask::Save {
                events: self.events,
                days: self.days,
            },
            "delete_link" => Ask::DeleteLink {
                link: need(self.link, of, "link")?,
                secret: need(self.secret, of, "secret")?,
            },
            "unwatch" => Ask::Unwatch,
            "ping" => Ask::Ping,
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
            Call::Socket { transport, family } => {
                (self.transport, self.family) = (Some(transport), family);
                "socket"
            }
            Call::GetAddrInfo { name, transport } => {
                (self.name, self.transport) = (Some(name), Some(transport));
                "getaddrinfo"
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
            Ask::Enter { lab } => {
                self.lab = Some(lab);
                "enter"
            }
            Ask::Resume { token, heard } => {
                (self.token, self.heard) = (Some(token), heard);
                "resume"
            }
            Ask::SetConditions { conditions } => {
                self.conditions = Some(conditions);
                "set_conditions"
            }
            Ask::Decide { datagram, verdict } => {
                (self.datagram, self.verdict) = (Some(datagram), Some(verdict));
                "decide"
            }
            Ask::StartServer {
                transport,
                program,
                task,
                settings,
            } => {
                (self.transport, self.program) = (Some(transport), program);
                (self.task, self.settings) = (task, settings);
                "start_server"
            }
            Ask::KillServer { transport } => {
                self.transport = Some(transport);
                "kill_server"
            }
            Ask::StopServer { transport } => {
                self.transport = Some(transport);
                "stop_server"
            }
            Ask::Watch { from, whose } => {
                (self.from, self.whose) = (Some(from), whose);
                "watch"
            }
            Ask::CreateClass { title, admin } => {
                (self.title, self.admin) = (Some(title), admin);
                "create_class"
            }
            Ask::JoinClass { code, name, token } => {
                (self.code, self.name, self.token) = (Some(code), Some(name), token);
                "join_class"
            }
            Ask::Class { act } => {
                self.act = Some(act);
                "class"
            }
            Ask::Save { events, days } => {
                (self.events, self.days) = (events, days);
                "save"
            }
            Ask::DeleteLink { link, secret } => {
                (self.link, self.secret) = (Some(link), Some(secret));
                "delete_link"
            }
            Ask::Unwatch => "unwatch",
            Ask::Ping => "ping",
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
