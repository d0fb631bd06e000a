//! The states of a socket and what leads from one to the next: UDP's few, and TCP's as RFC 9293 §3.3.2 names them.
//! Which one is lit comes from the calls, from what the kernel told after one, or from its list; the newest wins.

use shared::{
    call::Transport,
    trace::{CallName, SocketState},
};

use super::Card;
use crate::model::{Model, core::time::Millis, trace::kernel::Kernel};

/// A state, in both transports' lives; LISTEN and SYN-RECEIVED are a server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// UDP: no port yet.
    Unbound,
    /// UDP: it has a port.
    Bound,
    /// UDP: and a peer.
    Connected,
    Closed,
    SynSent,
    Established,
    FinWait1,
    FinWait2,
    Closing,
    TimeWait,
    CloseWait,
    LastAck,
}

/// Who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// It follows from this call.
    Call(CallName),
    /// The kernel, after this call.
    Kernel(Option<CallName>),
    /// The kernel, in its list of sockets.
    List,
}

/// Where a socket is in its life, and since which event of the trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) state: State,
    pub(crate) told: Told,
    pub(super) seq: u64,
}

/// A box of the picture: where it stands, in columns and rows.
pub(crate) type Place = (State, [i32; 2]);

/// UDP's picture.
pub(crate) const UDP: [Place; 4] = [
    (State::Unbound, [0, 0]),
    (State::Bound, [1, 0]),
    (State::Connected, [2, 0]),
    (State::Closed, [1, 1]),
];
/// TCP's, as a client meets it: opened at the top, closed first by us at the left, first by them at the right.
pub(crate) const TCP: [Place; 9] = [
    (State::Closed, [0, 0]),
    (State::SynSent, [1, 0]),
    (State::Established, [2, 0]),
    (State::FinWait1, [0, 1]),
    (State::Closing, [1, 1]),
    (State::CloseWait, [2, 1]),
    (State::FinWait2, [0, 2]),
    (State::TimeWait, [1, 2]),
    (State::LastAck, [2, 2]),
];

/// The ways between them. Those back to CLOSED are not drawn: they lead there from everywhere.
pub(crate) const UDP_WAYS: [[State; 2]; 2] = [
    [State::Unbound, State::Bound],
    [State::Bound, State::Connected],
];
pub(crate) const TCP_WAYS: [[State; 2]; 9] = [
    [State::Closed, State::SynSent],
    [State::SynSent, State::Established],
    [State::Established, State::FinWait1],
    [State::Established, State::CloseWait],
    [State::FinWait1, State::FinWait2],
    [State::FinWait1, State::Closing],
    [State::Closing, State::TimeWait],
    [State::CloseWait, State::LastAck],
    [State::FinWait2, State::TimeWait],
];

impl State {
    /// As the RFC writes it; UDP's in the words of the manual.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Unbound => "unbound",
            Self::Bound => "bound",
            Self::Connected => "connected",
            Self::Closed => "CLOSED",
            Self::SynSent => "SYN-SENT",
            Self::Established => "ESTABLISHED",
            Self::FinWait1 => "FIN-WAIT-1",
            Self::FinWait2 => "FIN-WAIT-2",
            Self::Closing => "CLOSING",
            Self::TimeWait => "TIME-WAIT",
            Self::CloseWait => "CLOSE-WAIT",
            Self::LastAck => "LAST-ACK",
        }
    }

    /// As the relay names what `TCP_INFO` said.
    pub(super) fn of_tcp_info(name: &str) -> Option<Self> {
        let known = TCP.iter().find(|(state, _)| state.name() == name);
        known.map(|(state, _)| *state)
    }

    const fn of_list(state: SocketState) -> Option<Self> {
        Some(match state {
            SocketState::Bound => Self::Bound,
            SocketState::Connected => Self::Connected,
            SocketState::SynSent => Self::SynSent,
            SocketState::Established => Self::Established,
            SocketState::FinWait1 => Self::FinWait1,
            SocketState::FinWait2 => Self::FinWait2,
            SocketState::CloseWait => Self::CloseWait,
            SocketState::Closing => Self::Closing,
            SocketState::LastAck => Self::LastAck,
            SocketState::TimeWait => Self::TimeWait,
            SocketState::Closed => Self::Closed,
            SocketState::Listen | SocketState::SynReceived => return None,
        })
    }
}

/// A socket's state now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Now {
    pub(crate) state: State,
    pub(crate) told: Told,
    /// TIME-WAIT: milliseconds until it is over.
    pub(crate) left: Option<Millis>,
    /// Closed, and the kernel has let go too, or nothing is known of what it still does.
    pub(crate) over: bool,
}

/// What is known of a socket's state, newest first.
pub(crate) fn now(card: &Card, model: &Model, at: Millis) -> Now {
    let local = card.local.map(|local| model.seen_as(local));
    let kernel = &model.kernel;
    let listed = local
        .filter(|_| !card.gone)
        .and_then(|local| kernel.find(card.transport, local, card.peer));
    // A socket that was given back has nobody to tell of it but the list.
    let is_newer = card.closed || kernel.seq() > card.spot.seq;
    let by_list = listed
        .filter(|socket| is_newer && !(card.closed && socket.held))
        .and_then(|socket| Some((State::of_list(socket.state)?, kernel.left(socket, at))));
    match by_list {
        Some((state, left)) if left != Some(0) => Now {
            state,
            told: Told::List,
            left,
            over: false,
        },
        Some(_) | None => Now {
            state: card.spot.state,
            told: over_by(card, kernel),
            left: None,
            over: card.closed,
        },
    }
}

/// A connection that is not in the list any more is over by the list.
const fn over_by(card: &Card, kernel: &Kernel) -> Told {
    let is_tcp = matches!(card.transport, Transport::Tcp);
    if card.closed && is_tcp && card.peer.is_some() && kernel.is_known() {
        Told::List
    } else {
        card.spot.told
    }
}

/// The calls that usually come next.
pub(crate) const fn next(now: Now) -> &'static [CallName] {
    use CallName::{
        Bind, Close, Connect, GetPeerName, GetSockName, Recv, RecvFrom, Send, SendTo, Shutdown,
    };
    if now.over {
        return &[];
    }
    match now.state {
        State::Unbound => &[Bind, Connect, SendTo, Close],
        State::Bound => &[SendTo, RecvFrom, Connect, GetSockName, Close],
        State::Connected => &[Send, Recv, GetPeerName, Close],
        State::Closed => &[Bind, Connect, Close],
        State::SynSent => &[],
        State::Established => &[Send, Recv, Shutdown, Close],
        State::FinWait1 | State::FinWait2 => &[Recv, Close],
        State::CloseWait => &[Send, Shutdown, Close],
        State::Closing | State::TimeWait | State::LastAck => &[Close],
    }
}
