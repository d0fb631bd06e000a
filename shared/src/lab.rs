//! A lab as a page sees it: its hosts, its servers, and which levels of observation work here.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::{call::Transport, conditions::Conditions};

/// The port of the book's servers (section 2.7), and of the servers of every lab with an address of its own.
pub const PLAYGROUND_PORT: u16 = 12_000;

/// The lab a page is in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lab {
    /// Its name in URLs; the open lab's is `open`, any other's cannot be guessed.
    pub id: String,
    /// Whose it is.
    #[serde(default)]
    pub kind: LabKind,
    /// The name of its server's host, known in this lab only.
    #[serde(default)]
    pub host_name: String,
    /// The address `bind` gives the page's sockets: of a page on the relay's own machine the server's; of any other the
    /// lab's, or where many meet one of its own, in 127.0.0.0/8.
    pub client_host: IpAddr,
    /// The address those speak from that are bound to none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_source: Option<IpAddr>,
    /// The servers as they are now, UDP first.
    pub servers: Vec<Server>,
    /// What happens to its datagrams.
    #[serde(default)]
    pub conditions: Conditions,
    /// The first event the trace still keeps.
    pub first_seq: u64,
    /// The number the next event will have.
    pub next_seq: u64,
}

/// The kinds of labs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabKind {
    /// Everybody's; always there, and where a terminal's own programs land.
    #[default]
    Open,
    /// One page's own: its server is nobody else's.
    Private,
    /// A class's: many pages and a teacher, see [`crate::class`].
    Class,
}

/// One server of a lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// UDP or TCP.
    pub transport: Transport,
    /// Where it is reached.
    pub address: SocketAddr,
    /// Which program it runs.
    pub program: Program,
    /// What that program does with a sentence.
    pub task: Task,
    /// How it does it; none of a server that is not the relay's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Settings>,
    /// How it is.
    pub state: ServerState,
}

/// Which program a server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Program {
    /// The book's: one client at a time, one receive per connection, dies of what it did not expect.
    Book,
    /// Serves all clients at once, answers a stream chunk by chunk, and survives any input.
    Sturdy,
    /// None of the relay's: whatever listens at that address.
    External,
}

/// What can be set of a server program without touching its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// TCP: how many connections may wait to be accepted (listen(2)); Linux lets one more in.
    pub backlog: u32,
    /// Most bytes that one receive returns.
    pub receive_size: u32,
    /// Milliseconds between having worked out an answer and sending it.
    pub think_ms: u32,
    /// Whether it sets `SO_REUSEADDR` before `bind` (socket(7)).
    pub reuse_address: bool,
}

/// What a server does with a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Sends it back in upper case.
    Upper,
    /// Sends back how often this letter is in it, either case.
    Count(char),
    /// Sends it back with its characters in reverse.
    Reverse,
    /// Sends it back as it came.
    Echo,
}

/// How a server is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerState {
    /// It serves.
    Running,
    /// It was stopped: it closed its sockets and ended.
    Stopped,
    /// It was killed at an arbitrary point: the kernel closed its sockets.
    Killed,
    /// It died.
    Dead {
        /// The error that ended it, as the program met it.
        why: String,
    },
    /// It is not the relay's: whether it runs shows when it is called.
    External,
}

/// How much of the truth this relay can see, and what would show more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Truth {
    /// The level in force.
    pub level: Level,
    /// Why it is not the next one up; none at the top.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_not_higher: Option<Obstacle>,
}

/// A level of truth; each has all that the lower ones have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Level {
    /// Any system: calls, addresses, bytes, times.
    L0,
    /// Linux without privilege: the kernel's facts about sockets and datagrams.
    L1,
    /// With `CAP_NET_RAW`: every packet on the loopback interface, captured.
    L2,
}

/// What keeps the relay from the next level.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Obstacle {
    /// Which one.
    pub kind: ObstacleKind,
    /// The system's own words.
    pub detail: String,
}

/// The obstacles a host can meet, each with a remedy the page names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObstacleKind {
    /// The system is not Linux.
    NotLinux,
    /// The process lacks `CAP_NET_RAW`.
    NoCapNetRaw,
    /// The level was capped on the command line.
    CappedByChoice,
    /// Something else failed while opening it.
    Failed,
}
