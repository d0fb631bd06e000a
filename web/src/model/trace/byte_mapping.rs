//! Which bytes of a send ended in which receive, and from where a receive has its bytes.
//!
//! TCP keeps no boundaries between sends: what shows where bytes went is how many had gone that way before
//! (`offset`), on both sides. A datagram stays whole; the datagrams from one address to another are matched in their
//! order, a lost one being passed over.

mod datagram;
mod stream;
mod text;

use std::{net::SocketAddr, ops::Range};

use shared::{call::Transport, trace::CallName};

pub(crate) use self::text::line;
use crate::model::trace::log::{Call, ClientId, Side, same_address};

/// Where the bytes of one call went, or from where they came.
#[derive(Clone, Debug)]
pub(crate) struct ByteMapping<'a> {
    /// The call.
    pub(crate) call: &'a Call,
    /// Its bytes in pieces, in their order, without holes.
    pub(crate) pieces: Vec<MappedRange<'a>>,
}

/// Bytes of a call that share a fate.
#[derive(Clone, Debug)]
pub(crate) struct MappedRange<'a> {
    /// Which of the call's own bytes, counted from 0.
    pub(crate) bytes: Range<u64>,
    /// What became of them, or where they are from.
    pub(crate) fate: Delivery<'a>,
}

/// What became of bytes.
#[derive(Clone, Debug)]
pub(crate) enum Delivery<'a> {
    /// They are these bytes of that call on the other side.
    Met(&'a Call, Range<u64>),
    /// A send's: nobody has received them yet.
    UnderWay,
    /// A send's: they were thrown away with the connection.
    ThrownAway,
    /// A send's: the datagram was longer than the buffer of this call that received it, and they were cut off.
    CutOff(&'a Call),
    /// A receive's: the call that sent them is not in the trace.
    Unseen,
}

impl ByteMapping<'_> {
    /// Whether the call is the one that sends.
    pub(crate) fn is_send(&self) -> bool {
        sends(self.call)
    }

    /// The calls on the other side, each once.
    pub(crate) fn partners(&self) -> Vec<&Call> {
        let mut partners: Vec<&Call> = Vec::new();
        for piece in &self.pieces {
            if let Delivery::Met(call, _) | Delivery::CutOff(call) = piece.fate
                && partners.iter().all(|known| known.id != call.id)
            {
                partners.push(call);
            }
        }
        partners
    }
}

/// Traces the bytes of a call among all the calls that are known; none where it carried none.
pub(crate) fn of<'a>(
    call: &'a Call,
    all: impl Iterator<Item = &'a Call>,
) -> Option<ByteMapping<'a>> {
    let bytes = call.payload().filter(|_| sends(call) || receives(call))?;
    let ends = ends(call)?;
    let on_the_way = all.filter(|other| self::ends(other).is_some_and(|other| other.matches(ends)));
    let calls: Vec<&Call> = on_the_way.collect();
    let pieces = match call.transport {
        Transport::Tcp => stream::pieces(call, bytes, &calls)?,
        Transport::Udp => datagram::pieces(call, &calls)?,
    };
    Some(ByteMapping { call, pieces })
}

/// Both ends of what a call was about, and which of them is the client's.
#[derive(Clone, Copy)]
struct Endpoints {
    transport: Transport,
    client: SocketAddr,
    server: Option<SocketAddr>,
    /// The client's socket, where it is known: another may have had its address before.
    socket: Option<ClientId>,
}

impl Endpoints {
    fn matches(self, other: Self) -> bool {
        let sockets = self.socket.zip(other.socket);
        if sockets.is_some_and(|(one, another)| one != another) {
            return false;
        }
        let one_server = match (self.server, other.server) {
            (Some(one), Some(another)) => same_address(one, another),
            _ => true,
        };
        self.transport == other.transport && same_address(self.client, other.client) && one_server
    }
}

fn ends(call: &Call) -> Option<Endpoints> {
    let end = call.end.as_ref()?;
    let named = call
        .arguments
        .as_ref()
        .and_then(|arguments| arguments.address);
    let peer = end.peer.or(named);
    let (client, server) = match call.side {
        Side::Client => (end.local?, peer),
        Side::Server => (peer?, end.local),
    };
    Some(Endpoints {
        transport: call.transport,
        client,
        server,
        socket: call.client,
    })
}

const fn sends(call: &Call) -> bool {
    matches!(call.name, CallName::Send | CallName::SendTo)
}

const fn receives(call: &Call) -> bool {
    matches!(call.name, CallName::Recv | CallName::RecvFrom)
}
