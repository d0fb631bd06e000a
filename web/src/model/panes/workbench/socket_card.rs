//! One socket on the bench: its addresses, who chose them, and where in its life it is.

use std::net::SocketAddr;

use shared::{
    call::{Family, Fd, Transport},
    outcome::{Failed, FailureSource, Outcome, Returned},
    trace::{CallName, CallReturned, Fact},
};

use super::{
    call_record::CallRecord,
    state_diagram::{DiagramState, ObservedState, StateSource},
};

/// A socket.
#[derive(Debug)]
pub(crate) struct SocketCard {
    /// Which it is: numbers are used again, this is not.
    pub(crate) key: u64,
    /// Its number.
    pub(crate) fd: Fd,
    /// UDP or TCP.
    pub(crate) transport: Transport,
    /// Which addresses it has.
    pub(crate) family: Family,
    /// Its own address, once it has one.
    pub(crate) local: Option<SocketAddr>,
    /// Whether `bind` named the port.
    pub(crate) bound: bool,
    /// The other end, where `connect` named one.
    pub(crate) peer: Option<SocketAddr>,
    /// Whether it was given back.
    pub(crate) closed: bool,
    /// Whether it was lost with its process.
    pub(crate) gone: bool,
    /// What its calls and the kernel's facts tell of its state.
    pub(crate) observed: ObservedState,
}

impl SocketCard {
    /// Fresh from `socket`.
    pub(super) fn new(key: u64, fd: Fd, made: &CallRecord, seq: u64) -> Self {
        Self {
            key,
            fd,
            transport: made.transport,
            family: made.family.unwrap_or(Family::Inet),
            local: None,
            bound: false,
            peer: None,
            closed: false,
            gone: false,
            observed: ObservedState {
                state: match made.transport {
                    Transport::Udp => DiagramState::Unbound,
                    Transport::Tcp => DiagramState::Closed,
                },
                source: StateSource::Call(CallName::Socket),
                seq,
            },
        }
    }

    /// A call on it begins: one that opens a connection sends its SYN.
    pub(super) fn started(&mut self, name: CallName, seq: u64) {
        let opens = name == CallName::Connect && self.observed.state == DiagramState::Closed;
        if opens && self.transport == Transport::Tcp && !self.closed {
            self.set_state(DiagramState::SynSent, StateSource::Call(name), seq);
        }
    }

    /// A call on it returned.
    pub(super) fn returned(&mut self, made: &CallRecord, returned: &CallReturned, seq: u64) {
        self.local = returned.local.or(self.local);
        if self.local.is_some_and(|local| local.is_ipv6()) {
            self.family = Family::Inet6;
        }
        match &returned.outcome {
            Outcome::Returned(value) => self.succeeded(made, returned, value, seq),
            Outcome::Failed(failed) => self.failed(made.name, failed, seq),
        }
        self.got_port(made.name, seq);
        // The facts reported along with `close` are from before it.
        if !self.closed {
            self.apply_facts(&returned.facts, Some(made.name), seq);
        }
    }

    fn succeeded(
        &mut self,
        made: &CallRecord,
        returned: &CallReturned,
        value: &Returned,
        seq: u64,
    ) {
        let source = StateSource::Call(made.name);
        let is_udp = self.transport == Transport::Udp;
        match made.name {
            CallName::Bind => {
                let port = made.arguments.address.map(|address| address.port());
                self.bound = port.is_some_and(|port| port != 0);
            }
            CallName::Connect => {
                self.peer = returned.peer.or(made.arguments.address);
                let state = if is_udp {
                    DiagramState::Connected
                } else {
                    DiagramState::Established
                };
                self.set_state(state, source, seq);
            }
            CallName::Close => {
                self.closed = true;
                self.set_state(DiagramState::Closed, source, seq);
            }
            _ if *value == Returned::EndOfStream
                && self.observed.state == DiagramState::Established =>
            {
                self.set_state(DiagramState::CloseWait, source, seq);
            }
            CallName::Socket
            | CallName::Send
            | CallName::SendTo
            | CallName::Recv
            | CallName::RecvFrom
            | CallName::SetTimeout
            | CallName::SetSockOpt
            | CallName::GetSockName
            | CallName::GetPeerName
            | CallName::Shutdown
            | CallName::GetAddrInfo
            | CallName::Listen
            | CallName::Accept
            | CallName::Upper
            | CallName::Count
            | CallName::Reverse
            | CallName::Sleep => {}
        }
    }

    /// The kernel chooses a port for a sending socket, even if it then sends nothing.
    fn got_port(&mut self, by: CallName, seq: u64) {
        let has_port = self.local.is_some_and(|local| local.port() != 0);
        if self.observed.state == DiagramState::Unbound && has_port {
            self.set_state(DiagramState::Bound, StateSource::Call(by), seq);
        }
    }

    fn failed(&mut self, name: CallName, failed: &Failed, seq: u64) {
        // A cancelled call has not stopped the kernel.
        let is_over = failed.source == FailureSource::Kernel;
        if name == CallName::Connect && self.observed.state == DiagramState::SynSent && is_over {
            self.set_state(DiagramState::Closed, StateSource::Call(name), seq);
        }
    }

    /// Applies the facts that the kernel reported after this call.
    pub(super) fn apply_facts(&mut self, facts: &[Fact], after: Option<CallName>, seq: u64) {
        let state = facts
            .iter()
            .find(|fact| fact.name == "tcp_info.state")
            .and_then(|fact| DiagramState::of_tcp_info(&fact.value));
        if let Some(state) = state.filter(|_| !self.closed) {
            self.set_state(state, StateSource::Kernel(after), seq);
        }
    }

    const fn set_state(&mut self, state: DiagramState, source: StateSource, seq: u64) {
        self.observed = ObservedState { state, source, seq };
    }
}
