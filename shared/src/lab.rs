//! A lab as a page is told of it: its hosts, its servers, and how much of the truth can be seen here.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::call::Transport;

/// The lab a page is in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lab {
    /// Its name in URLs; the open lab's is `open`.
    pub id: String,
    /// The address the page's sockets have.
    pub client_host: IpAddr,
    /// The servers as they are now, UDP first.
    pub servers: Vec<Server>,
    /// The first event the trace still keeps.
    pub first_seq: u64,
    /// The number the next event will have.
    pub next_seq: u64,
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
    /// How it is.
    pub state: ServerState,
}

/// Which program a server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Program {
    /// The book's: one client at a time, one receive per connection, dies of what it did not expect.
    Book,
    /// Serves everyone at once, answers a stream as it comes, and never dies.
    Sturdy,
    /// None of the relay's: whatever listens at that address.
    External,
}

/// What a server does with a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Sends it back in upper case.
    Upper,
    /// Sends back how often this letter is in it, either case.
    Count(char),
}

/// How a server is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerState {
    /// It serves.
    Running,
    /// Somebody stopped it.
    Stopped,
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
