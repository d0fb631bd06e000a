//! The states of a socket and what leads from one to the next: UDP's few, and TCP's as RFC 9293 §3.3.2 names them.
//! Which one is lit comes from the calls, from what the kernel reported after one, or from its list; the newest wins.

use shared::{
    call::Transport,
    trace::{CallName, SocketState},
};

use super::SocketCard;
use crate::model::{Model, core::time::Millis, trace::kernel::Kernel};

/// A state, in both transports' lives; LISTEN and SYN-RECEIVED are a server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DiagramState {
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

/// The source of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StateSource {
    /// It follows from this call.
    Call(CallName),
    /// The kernel, after this call.
    Kernel(Option<CallName>),
    /// The kernel, in its list of sockets.
    List,
}

/// Where a socket is in its life, and since which event of the trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ObservedState {
    pub(crate) state: DiagramState,
    pub(crate) source: StateSource,
    pub(super) seq: u64,
}

/// A box of the picture: where it stands, in columns and rows.
pub(crate) type DiagramBox = (DiagramState, [i32; 2]);

/// UDP's picture.
pub(crate) const UDP: [DiagramBox; 4] = [
    (DiagramState::Unbound, [0, 0]),
    (DiagramState::Bound, [1, 0]),
    (DiagramState::Connected, [2, 0]),
    (DiagramState::Closed, [1, 1]),
];
/// TCP's, as a client meets it: opened at the top, closed first by us at the left, first by them at the right.
pub(crate) const TCP: [DiagramBox; 9] = [
    (DiagramState::Closed, [0, 0]),
    (DiagramState::SynSent, [1, 0]),
    (DiagramState::Established, [2, 0]),
    (DiagramState::FinWait1, [0, 1]),
    (DiagramState::Closing, [1, 1]),
    (DiagramState::CloseWait, [2, 1]),
    (DiagramState::FinWait2, [0, 2]),
    (DiagramState::TimeWait, [1, 2]),
    (DiagramState::LastAck, [2, 2]),
];

/// The ways between them. Those back to CLOSED are not drawn: they lead there from everywhere.
pub(crate) const UDP_WAYS: [[DiagramState; 2]; 2] = [
    [DiagramState::Unbound, DiagramState::Bound],
    [DiagramState::Bound, DiagramState::Connected],
];
pub(crate) const TCP_WAYS: [[DiagramState; 2]; 9] = [
    [DiagramState::Closed, DiagramState::SynSent],
    [DiagramState::SynSent, DiagramState::Established],
    [DiagramState::Established, DiagramState::FinWait1],
    [DiagramState::Established, DiagramState::CloseWait],
    [DiagramState::FinWait1, DiagramState::FinWait2],
    [DiagramState::FinWait1, DiagramState::Closing],
    [DiagramState::Closing, DiagramState::TimeWait],
    [DiagramState::CloseWait, DiagramState::LastAck],
    [DiagramState::FinWait2, DiagramState::TimeWait],
];

impl DiagramState {
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
pub(crate) struct CurrentState {
    pub(crate) state: DiagramState,
    pub(crate) source: StateSource,
    /// TIME-WAIT: milliseconds until it is over.
    pub(crate) left: Option<Millis>,
    /// Closed, and the kernel has let go too, or nothing is known of what it still does.
    pub(crate) over: bool,
}

/// What is known of a socket's state, newest first.
pub(crate) fn now(card: &SocketCard, model: &Model, at: Millis) -> CurrentState {
    let local = card.local.map(|local| model.seen_as(local));
    let kernel = &model.kernel;
    let listed = local
        .filter(|_| !card.gone)
        .and_then(|local| kernel.find(card.transport, local, card.peer));
    // Of a closed socket only the kernel's list tells.
    let is_newer = card.closed || kernel.seq() > card.observed.seq;
    let from_kernel_list = listed
        .filter(|socket| is_newer && !(card.closed && socket.held))
        .and_then(|socket| {
            Some((
                DiagramState::of_list(socket.state)?,
                kernel.remaining(socket, at),
            ))
        });
    match from_kernel_list {
        Some((state, left)) if left != Some(0) => CurrentState {
            state,
            source: StateSource::List,
            left,
            over: false,
        },
        Some(_) | None => CurrentState {
            state: card.observed.state,
            source: over_by(card, kernel),
            left: None,
            over: card.closed,
        },
    }
}

/// A connection that is not in the list any more is over by the list.
const fn over_by(card: &SocketCard, kernel: &Kernel) -> StateSource {
    let is_tcp = matches!(card.transport, Transport::Tcp);
    if card.closed && is_tcp && card.peer.is_some() && kernel.is_known() {
        StateSource::List
    } else {
        card.observed.source
    }
}

/// The calls that usually come next.
pub(crate) const fn next(now: CurrentState) -> &'static [CallName] {
    use CallName::{
        Bind, Close, Connect, GetPeerName, GetSockName, Recv, RecvFrom, Send, SendTo, Shutdown,
    };
    if now.over {
        return &[];
    }
    match now.state {
        DiagramState::Unbound => &[Bind, Connect, SendTo, Close],
        DiagramState::Bound => &[SendTo, RecvFrom, Connect, GetSockName, Close],
        DiagramState::Connected => &[Send, Recv, GetPeerName, Close],
        DiagramState::Closed => &[Bind, Connect, Close],
        DiagramState::SynSent => &[],
        DiagramState::Established => &[Send, Recv, Shutdown, Close],
        DiagramState::FinWait1 | DiagramState::FinWait2 => &[Recv, Close],
        DiagramState::CloseWait => &[Send, Shutdown, Close],
        DiagramState::Closing | DiagramState::TimeWait | DiagramState::LastAck => &[Close],
    }
}
