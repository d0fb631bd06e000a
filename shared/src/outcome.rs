//! How a call ended: its result, or why it failed and whether the kernel or the relay refused it.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error, ser::SerializeMap};

use crate::{call::Fd, data::Data};

/// The end of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It succeeded.
    Returned(Returned),
    /// It failed.
    Failed(Failed),
}

/// What a call returned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Returned {
    /// Nothing but success: `{}`.
    #[serde(serialize_with = "write_nothing")]
    Nothing,
    /// `socket`: the new socket.
    Socket {
        /// Its number.
        fd: Fd,
    },
    /// `accept`: the connection's own socket, and the client's address.
    Accepted {
        /// Its number in the server's process.
        fd: Fd,
        /// The client's address.
        from: SocketAddr,
    },
    /// `send`, `sendto`: the number of bytes taken.
    Sent {
        /// Bytes; a stream may take fewer than it was given.
        sent: u64,
    },
    /// `recv` on a stream: the next bytes, never none. On UDP: none, and from nobody, which is no datagram: what `recv`
    /// and `recvfrom` return at once after `shutdown` has ended receiving, and nothing is left to be received.
    Chunk {
        /// The bytes.
        data: Data,
    },
    /// `recv`, `recvfrom` on UDP: one datagram, possibly an empty one.
    Datagram {
        /// As much of it as fitted.
        data: Data,
        /// The sender's address.
        from: SocketAddr,
        /// Whether its end was cut off and is lost.
        truncated: bool,
        /// How long it really was, in bytes.
        length: u64,
    },
    /// `recv` on a stream: the other side has ended it; not an error, not empty data.
    #[serde(serialize_with = "write_end_of_stream")]
    EndOfStream,
    /// `getsockname`, `getpeername`.
    Address {
        /// The address.
        address: SocketAddr,
    },
    /// `getaddrinfo`: the addresses of a host, best first.
    Resolved {
        /// The addresses, at least one.
        addresses: Vec<IpAddr>,
    },
    /// `save`: where the trace is.
    Saved {
        /// Its name: whoever knows `/t/{link}` may read it.
        link: String,
        /// The secret that allows deleting it; sent only here.
        secret: String,
        /// When it is deleted by itself: seconds since 1970-01-01 UTC.
        expires_s: u64,
    },
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// The error's name as in errno(3), such as `ECONNREFUSED`; empty where no kernel has the like: `muted`.
    pub errno: String,
    /// One English sentence: the system's own, or the relay's with what to do.
    pub message: String,
    /// Whether the kernel answered, or the relay would not even ask it.
    #[serde(default, skip_serializing_if = "FailureSource::is_kernel")]
    pub source: FailureSource,
    /// The rule by which the relay refused it, which a page shows in its reader's language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The limit that was hit, in its own unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

/// Whether the kernel or the relay failed a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureSource {
    /// The kernel, asked for real.
    #[default]
    Kernel,
    /// The relay: a limit, a rule, or a message it could not understand.
    Relay,
}

impl FailureSource {
    /// The usual case, left out of the JSON.
    #[must_use]
    pub const fn is_kernel(&self) -> bool {
        matches!(self, Self::Kernel)
    }
}

/// The relay's own reasons to fail a call or an ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The message is JSON, but no call or ask.
    Malformed,
    /// No call or ask of this name.
    UnknownCall,
    /// The call or ask has no such key: no key is ignored.
    UnknownKey,
    /// The whole message is longer than `message_bytes`.
    MessageTooLarge,
    /// The call's data is longer than `data_bytes`.
    DataTooLarge,
    /// More than `sockets` at once.
    TooManySockets,
    /// More than `calls` in flight.
    TooManyCalls,
    /// The calls that wait for their turn carry more than `queued_bytes` together.
    TooMuchWaiting,
    /// This page has no socket of that number, or no longer.
    NoSuchSocket,
    /// The call to cancel is not in flight.
    NoSuchCall,
    /// The id belongs to a call that is still in flight.
    IdInUse,
    /// The page cancelled it.
    Cancelled,
    /// The socket's time ran out (`settimeout`).
    TimedOut,
    /// Ports below 1024 belong to the system.
    PortReserved,
    /// The port of the lab's server, or the one after it, at which nobody is: never a client's, of either transport,
    /// also while the server is not running.
    LabsPort,
    /// The page's sockets share this address with other programs, so the kernel has to choose the port: `bind` 0.
    OnlyPortZero,
    /// Names other than `localhost` and the lab's own are not looked up.
    UnknownName,
    /// Another program has the port of target `nobody`, so that it cannot be reserved.
    NotNobody,
    /// That socket of the page's own has no address that is its alone, or this call is not for it.
    NoAddress,
    /// More than `labs` in all.
    TooManyLabs,
    /// More than `labs_per_address` of this address.
    TooManyLabsFromAddress,
    /// There is no address left for another lab.
    NoAddressLeft,
    /// Nothing is kept under this token, or no longer.
    NoSuchSeat,
    /// A value is not among those that can be had.
    OutOfRange,
    /// No datagram of this number is held.
    NotHeld,
    /// Only the user who started the relay may do this to the open lab, on the relay's own machine.
    OnlyThisMachine,
    /// The server is already running.
    AlreadyRunning,
    /// The server is not running.
    NotRunning,
    /// This system has no such option.
    NotOnThisSystem,
    /// A class is created by the user who started the relay, on its own machine, or with its admin token.
    OnlyWithAdminToken,
    /// More classes than `classes`.
    TooManyClasses,
    /// No class has this code, or no longer.
    NoSuchClass,
    /// The teacher lets nobody else join.
    ClassLocked,
    /// The class has as many members as it may.
    ClassFull,
    /// More members of one class than `members_per_address` from this address.
    TooManyMembersFromAddress,
    /// A name, or what is said to all, has no letters.
    TextMissing,
    /// A name, a title or a message has more characters than the limit.
    TextTooLong,
    /// A name, a title or a message has characters that cannot be seen or turn others around.
    TextNotPlain,
    /// Only the class's teacher may do this.
    OnlyTeacher,
    /// The page is in no class, or it is the teacher and no member.
    NotInClass,
    /// The teacher has muted this member.
    Muted,
    /// The teacher has removed this member, and has not let it in again.
    Removed,
    /// The class has no such member, or no longer.
    NoSuchMember,
    /// There is no card of which predictions are taken or the outcome is due.
    NoCard,
    /// The page may not watch that process.
    NotVisible,
    /// The class has too many members to watch all at once.
    TooManyToSeeAll,
    /// It could not be kept: the disk is full, or the store is damaged. Nothing was changed.
    NotKept,
    /// No trace is saved under this link, or no longer, or the secret is not its.
    NoSuchLink,
    /// More saved traces than `links`.
    TooManyLinks,
    /// More saved traces of one address than `links_per_address`.
    TooManyLinksFromAddress,
    /// With this one, more bytes of saved traces than `links_bytes`.
    TooManyLinkBytes,
    /// With this one, more bytes of saved traces of one address than `links_bytes_per_address`.
    TooManyLinkBytesFromAddress,
    /// The trace is longer than `link_bytes`.
    TraceTooLong,
    /// There is no event in what is to be saved.
    NothingToSave,
}

/// The flat JSON of [`Returned`]: which keys there are tells the variant. Read so and not by derive, which would
/// first copy all of it.
#[derive(Deserialize)]
struct ReturnedFields {
    fd: Option<Fd>,
    sent: Option<u64>,
    data: Option<Data>,
    from: Option<SocketAddr>,
    truncated: Option<bool>,
    length: Option<u64>,
    end_of_stream: Option<bool>,
    address: Option<SocketAddr>,
    addresses: Option<Vec<IpAddr>>,
    link: Option<String>,
    secret: Option<String>,
    expires_s: Option<u64>,
}

/// `{}`.
fn write_nothing<S: Serializer>(serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_map(Some(0))?.end()
}

/// `{"end_of_stream":true}`.
fn write_end_of_stream<S: Serializer>(serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry("end_of_stream", &true)?;
    map.end()
}

impl<'de> Deserialize<'de> for Returned {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = ReturnedFields::deserialize(deserializer)?;
        Ok(match fields {
            ReturnedFields {
                end_of_stream: Some(true),
                ..
            } => Self::EndOfStream,
            ReturnedFields {
                fd: Some(fd),
                from: Some(from),
                ..
            } => Self::Accepted { fd, from },
            ReturnedFields { fd: Some(fd), .. } => Self::Socket { fd },
            ReturnedFields {
                sent: Some(sent), ..
            } => Self::Sent { sent },
            ReturnedFields {
                data: Some(data),
                from: Some(from),
                truncated: Some(truncated),
                length,
                ..
            } => {
                let length = length.unwrap_or(data.len() as u64);
                Self::Datagram {
                    data,
                    from,
                    truncated,
                    length,
                }
            }
            ReturnedFields {
                data: Some(_),
                from: Some(_),
                ..
            } => {
                return Err(D::Error::custom("a datagram says whether it was truncated"));
            }
            ReturnedFields {
                data: Some(data), ..
            } => Self::Chunk { data },
            ReturnedFields {
                address: Some(address),
                ..
            } => Self::Address { address },
            ReturnedFields {
                addresses: Some(addresses),
                ..
            } => Self::Resolved { addresses },
            ReturnedFields {
                link: Some(link),
                secret: Some(secret),
                expires_s: Some(expires_s),
                ..
            } => Self::Saved {
                link,
                secret,
                expires_s,
            },
            _ => Self::Nothing,
        })
    }
}
