//! The messages of both directions. How they look as JSON lives in [`crate::codec`].

pub(crate) mod client_json;
pub(crate) mod json;
mod keys;
mod server_json;

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::{
    call::{Call, Transport},
    class::{Act, News, Standing, Whose},
    conditions::{Conditions, DatagramId, Verdict},
    lab::{Lab, LabKind, Program, Settings, Task, Truth},
    limits::Limits,
    outcome::Outcome,
    trace::{Event, ProcessId},
};

pub(crate) use keys::{drive as strict_drive, progress as strict_progress};

/// A page's message. It gets exactly one [`Reply`], with the same id.
///
/// A key that its call or ask does not have, at whatever depth, is refused as `unknown_key` and never ignored: a
/// misspelt argument would have done something else than was meant, and a client that is newer than the relay learns
/// at once what the relay cannot do. So a client uses what the `protocol` and the `version` of the [`Welcome`] offer.
/// In the other direction clients ignore keys they do not know: a relay may add some to its messages, and to saved
/// traces, without another name for the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientMessage {
    /// Chosen by the page; in use until its reply arrives.
    pub id: u64,
    /// The request.
    pub request: Request,
}

/// A page's request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// A socket call: `"call":"…"`.
    Call(Call),
    /// A request to the lab itself: `"ask":"…"`.
    Ask(Ask),
}

/// What a page can ask of its lab. In JSON its name is the value of `ask`, its fields are the message's other keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Ask {
    /// Go to another lab. After the reply comes another [`Welcome`]; what the page had in the lab it leaves is
    /// closed or, where it had a [`Seat`] and does not go to another lab of its own, kept for a while. Where no lab
    /// can be had, it stays where it is.
    Enter {
        /// The open one, or a new one of its own; a class is created or joined.
        lab: LabKind,
    },
    /// Go to a new class, as its teacher. Like [`Ask::Enter`] in all else.
    CreateClass {
        /// What it is called.
        title: String,
        /// The relay's admin token; not needed on its own machine.
        #[serde(skip_serializing_if = "Option::is_none")]
        admin: Option<String>,
    },
    /// Go to a class, as a new member. Like [`Ask::Enter`] in all else.
    JoinClass {
        /// What to be called in it.
        name: String,
        /// The token of a seat this browser had in that class, if it remembers one: somebody who was removed is not
        /// a newcomer under another name.
        #[serde(skip_serializing_if = "Option::is_none")]
        token: Option<String>,
        /// The class's code.
        code: String,
    },
    /// Do something in the class the page is in.
    Class {
        /// What.
        act: Act,
    },
    /// Save what the page may see of the lab's trace as a link, `/t/{link}`, for whoever has it to read.
    Save {
        /// The first and the last number of every stretch that is wanted, in order; left out, all that is kept.
        #[serde(skip_serializing_if = "Option::is_none")]
        events: Option<Vec<(u64, u64)>>,
        /// Days to keep it, at most `link_days`; left out, as many as may be.
        #[serde(skip_serializing_if = "Option::is_none")]
        days: Option<u64>,
    },
    /// Delete a saved trace.
    DeleteLink {
        /// Its link.
        link: String,
        /// The secret that came with it.
        secret: String,
    },
    /// Go back to what is kept under a token, sockets and all. After the reply come another [`Welcome`] and the
    /// replies that were not heard. Who holds it now has to let go.
    Resume {
        /// The seat's.
        token: String,
        /// The number of replies of that seat the page has received; left out, none is repeated.
        #[serde(skip_serializing_if = "Option::is_none")]
        heard: Option<u64>,
    },
    /// Set the conditions of the lab's network; the dice begin anew.
    SetConditions {
        /// The conditions.
        #[serde(deserialize_with = "keys::StrictConditions::deserialize")]
        conditions: Conditions,
    },
    /// Decide about a datagram that is held.
    Decide {
        /// Which one.
        datagram: DatagramId,
        /// What becomes of it.
        verdict: Verdict,
    },
    /// Start a server that does not run; what is left out stays as it was, except that another program comes with
    /// its own settings.
    StartServer {
        /// Which one.
        transport: Transport,
        /// The program to run.
        #[serde(skip_serializing_if = "Option::is_none")]
        program: Option<Program>,
        /// What it does.
        #[serde(skip_serializing_if = "Option::is_none")]
        task: Option<Task>,
        /// How it does it.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "keys::settings"
        )]
        settings: Option<Settings>,
    },
    /// Kill a running server, as `kill -9` would: it ends in the midst of whatever it does.
    KillServer {
        /// Which one.
        transport: Transport,
    },
    /// Stop a running server, as Ctrl-C would: its sockets close.
    StopServer {
        /// Which one.
        transport: Transport,
    },
    /// Send the trace from this number on, and go on with it.
    Watch {
        /// The first event to send; events that are no longer kept are reported as a [`Gap`].
        from: u64,
        /// Whose events, in a class; left out, those the page gets by default.
        #[serde(skip_serializing_if = "Option::is_none")]
        whose: Option<Whose>,
    },
    /// Send no more of the trace.
    Unwatch,
    /// Answer at once: a page that has heard nothing for a while asks whether the relay is still there. Whether the
    /// page is in a lab or on its way to one, the reply is `{}`; a [`Seat`] counts neither. It does not keep a page from being
    /// [`GoodbyeReason::Idle`].
    Ping,
}

/// How long an event may wait for others to be sent in one [`ServerMessage::Traces`]: a frame of a display, in
/// milliseconds.
pub const MAX_BATCH_DELAY_MS: u64 = 16;

/// The longest [`ServerMessage::Traces`] of more than one event, in bytes of JSON.
pub const MAX_BATCH_BYTES: usize = 64 << 10;

/// A message of the relay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerMessage {
    /// First of all: where the page is and what it may do.
    Welcome(Box<Welcome>),
    /// Something happened in the lab. Sent under [`crate::PROTOCOL_V1`] only.
    Trace(Event),
    /// The next events of the lab, in order and at least one. Sent under [`crate::PROTOCOL_V2`] only.
    ///
    /// The first event after a silence is sent at once. Later ones are joined for at most [`MAX_BATCH_DELAY_MS`], in
    /// messages of at most [`MAX_BATCH_BYTES`]; an event that is longer has a message of its own. In a class of many
    /// pages they are joined for longer: 0.1 ms a page.
    ///
    /// Order: events, gaps, welcomes and the goodbye are in the order in which they happened, and no event of one lab
    /// follows the welcome of the next. A reply waits for no event: the events of a call may arrive before its reply or
    /// after it, and bear its id (`request`). The same is true of [`ServerMessage::Class`].
    Traces(Vec<Event>),
    /// Some events could not be kept for this page.
    Gap(Gap),
    /// Something is new in the class the page is in.
    Class(News),
    /// The relay ends the conversation; the close frame follows.
    Goodbye(Goodbye),
    /// How a call or an ask ended.
    #[serde(untagged)]
    Reply(Reply),
}

/// Where the page is and what it may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The subprotocol in use: [`crate::PROTOCOL_V1`] or [`crate::PROTOCOL_V2`].
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
    /// The seat the page can resume if its connection breaks; none in the open lab.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seat: Option<Seat>,
    /// What the page is in its class, if it is in one; also while it is in a lab of its own for a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Box<Standing>>,
}

/// A page's place in a lab of its own, or in a class: its process, its sockets, its blocked calls.
///
/// Both sides count, so that nothing is repeated and nothing lost when a connection breaks. *Requests* are the
/// messages with a readable id that the page said in this seat, from its first welcome on, whatever connection
/// carried them; *replies* are the replies to those, in the order in which the relay sent them. [`Ask::Enter`],
/// [`Ask::CreateClass`], [`Ask::JoinClass`], [`Ask::Resume`] and [`Ask::Ping`] are neither, and nor are their replies.
///
/// - After `enter` the trace is told by itself, from the lab's beginning: `next_seq` of the welcome's lab is the
///   number it begins with.
/// - After `resume` nothing of the trace is told until the page asks to `watch`: it knows how far it got, or, just
///   loaded, watches from the lab's `first_seq`. The calls of its own process stand there with the ids that asked
///   for them.
/// - `resume` with `heard`: the replies from number `heard` + 1 on follow the welcome. Of replies that were sent
///   only the last `queued_bytes` bytes are kept; should the page miss more, `resume` fails with `no_such_seat` and
///   that limit, and it can come back without `heard`. Should it have heard more than there were: `out_of_range`.
/// - `resume` without `heard`: none is repeated, and from then on replies are counted from 1.
/// - The page then says again what it said after its request number `heard` of this welcome, with the same ids.
/// - To a class a member comes back also when nothing is kept any more: the seat then `is_new`, `heard` of the
///   `resume` counts for nothing, and nothing is said again.
///
/// Calls that were in flight as a page left for another lab reply when it comes back; those of the open lab, which
/// nobody comes back to, fail as `cancelled` before it leaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// The secret that gives access to the seat.
    pub token: String,
    /// The number of calls and asks the relay has received; the page repeats those after it.
    pub heard: u64,
    /// An id that none of its calls or asks has had.
    pub next_id: u64,
    /// Seconds all is kept while no page is there.
    pub keep_seconds: u64,
    /// Whether a member came back to a class and found nothing kept: no socket, no call, another process.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_new: bool,
}

/// The answer to the message with the same id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reply {
    /// The message's id; none where it could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// How long the call took, from start to return, in nanoseconds.
    pub took_ns: u64,
    /// The socket's own address, once it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local: Option<SocketAddr>,
    /// The address at the other end, where the socket is connected.
    #[serde(skip_serializing_if = "Option::is_none")]
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

/// Why the relay ends the connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goodbye {
    /// The reason, which a page shows in its reader's language.
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
    /// The page sent nothing for `idle_seconds`.
    Idle,
    /// More than `pages` in total.
    TooManyPages,
    /// More than `pages_per_address` from this address.
    TooManyPagesFromAddress,
    /// The relay has as many file descriptors open as the system allows: the limit is that number.
    OutOfDescriptors,
    /// The page did not read what it was sent for `unread_seconds`.
    Unread,
    /// The page did not answer the WebSocket's pings (RFC 6455 §5.5.2) until the next was due, `ping_seconds` later.
    PingTimeout,
    /// What came was no conversation: not a JSON object, or not text.
    NotAConversation,
    /// One message was too long even to be answered.
    TooLong,
    /// Another page has taken over with the same token.
    TakenOver,
    /// The teacher has removed this member from the class.
    Removed,
    /// The teacher has ended the class.
    ClassEnded,
}

impl GoodbyeReason {
    /// Its WebSocket close code (RFC 6455 §7.4; 4000 and up are this protocol's).
    #[must_use]
    pub const fn close_code(self) -> u16 {
        match self {
            Self::ShuttingDown => 1001,
            Self::NotAConversation => 1003,
            Self::TooLong => 1009,
            Self::TooManyPages | Self::TooManyPagesFromAddress | Self::OutOfDescriptors => 1013,
            Self::Idle => 4000,
            Self::Unread => 4001,
            Self::TakenOver => 4002,
            Self::Removed => 4003,
            Self::ClassEnded => 4004,
            Self::PingTimeout => 4005,
        }
    }
}
