//! One call of the page's own process, from the moment it was asked for.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use shared::{
    call::{Call, Family, Fd, Transport},
    outcome::{Failed, FailureSource, Outcome},
    trace::{Arguments, CallId, CallName, CallStarted, describe},
};

use crate::model::{core::time::Millis, panes::server::Servers};

/// A call.
#[derive(Clone, Debug)]
pub(crate) struct CallRecord {
    /// The message that asked for it; none where another page of this seat did.
    pub(crate) request: Option<u64>,
    /// Its number in the trace; none while it waits for its turn, and for ever where the relay would not make it.
    pub(crate) call: Option<CallId>,
    /// The socket it was made on.
    pub(crate) card: Option<u64>,
    /// The number of that socket.
    pub(crate) fd: Option<Fd>,
    /// Which call.
    pub(crate) name: CallName,
    /// UDP or TCP.
    pub(crate) transport: Transport,
    /// `socket` alone: which addresses were asked for.
    pub(crate) family: Option<Family>,
    /// With what.
    pub(crate) arguments: Arguments,
    /// Since when, by the page's clock.
    pub(crate) since: Millis,
    /// What came of it, and after how many nanoseconds.
    pub(crate) end: Option<(Outcome, u64)>,
    /// It will never be seen to end.
    pub(crate) gone: bool,
}

impl CallRecord {
    /// As it was asked for.
    pub(super) fn asked(call: &Call, transport: Transport, card: Option<u64>, now: Millis) -> Self {
        let family = if let Call::Socket { family, .. } = call {
            *family
        } else {
            None
        };
        let (name, arguments) = describe(call, None);
        Self {
            request: None,
            call: None,
            card,
            fd: call.fd(),
            name,
            transport,
            family,
            arguments,
            since: now,
            end: None,
            gone: false,
        }
    }

    /// As the trace tells it, where this page did not ask for it.
    pub(super) fn seen(started: &CallStarted, card: Option<u64>, at: Millis) -> Self {
        Self {
            request: started.request,
            call: Some(started.call),
            card,
            fd: started.fd,
            name: started.name,
            transport: started.transport,
            family: None,
            arguments: started.arguments.clone(),
            since: at,
            end: None,
            gone: false,
        }
    }

    /// It is its turn now.
    pub(super) fn began(&mut self, started: &CallStarted, at: Millis) {
        self.call = Some(started.call);
        self.arguments.clone_from(&started.arguments);
        self.since = at;
        // The trace knows better than a refusal that never was.
        self.end = None;
    }

    /// Sets the target until the trace reports it; only the trace knows the address of a socket on the workbench.
    pub(super) fn aim(&mut self, to: &str, servers: &Servers) {
        let is_aimed = matches!(self.name, CallName::Connect | CallName::SendTo);
        if !is_aimed || to.parse::<Fd>().is_ok() {
            return;
        }
        let server = servers.get(self.transport).map(|server| server.address);
        self.arguments.address = server.map(|server| match to {
            "nobody" => SocketAddr::new(server.ip(), server.port().saturating_add(1)),
            "localhost6" => SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), server.port()),
            _ => server,
        });
    }

    /// Whether it still may return.
    pub(crate) const fn is_open(&self) -> bool {
        self.end.is_none() && !self.gone
    }

    /// Whether it waits for the call before it on the same socket.
    pub(crate) const fn waits_for_its_turn(&self) -> bool {
        self.is_open() && self.call.is_none()
    }

    /// Why it failed, where it did.
    pub(crate) const fn failed(&self) -> Option<&Failed> {
        match &self.end {
            Some((Outcome::Failed(failed), _)) => Some(failed),
            Some((Outcome::Returned(_), _)) | None => None,
        }
    }

    /// Whether the relay would not even ask the kernel, by a rule that is its own alone: a closed socket is closed
    /// for everybody, and a timeout or the end of one's patience are no rules.
    pub(crate) fn is_refused(&self) -> bool {
        self.failed().is_some_and(|failed| {
            failed.source == FailureSource::Relay
                && !["EBADF", "ECANCELED", "EAGAIN", "EWOULDBLOCK", "ETIMEDOUT"]
                    .contains(&failed.errno.as_str())
        })
    }
}
