//! Requests of a page: checked against the limits, and turned into calls in the order of each socket.

use shared::{
    call::Call,
    message::Request,
    outcome::{Failed, Outcome, Reason, Returned},
};

use super::{
    CallEffect, Core, Effect, PageEffect, ReadyCall, Transition, cancelled,
    socket_table::Cancelled, without_socket,
};
use crate::failure;

/// The longest name of a host in text form (RFC 1035 §2.3.4).
const MAX_NAME_BYTES: usize = 253;

impl<S> Core<S> {
    pub(super) fn handle_transition(&mut self, id: u64, transition: Transition, length: usize) {
        let checked = self.check_length(length).and(self.sockets.check_id(id));
        self.record_id(id);
        match checked {
            Ok(()) => self.push(PageEffect::Transition(id, transition)),
            Err(failed) => self.send(Some(id), Err(failed)),
        }
    }

    pub(super) fn handle_request(
        &mut self,
        id: u64,
        request: Request,
        length: usize,
        may_call: impl FnOnce() -> Result<(), Failed>,
    ) {
        self.record_request(id);
        let checked = self
            .check_length(length)
            .and_then(|()| self.sockets.check_id(id));
        let result = checked.and_then(|()| match request {
            Request::Call(call) => self.handle_call(id, call, may_call),
            Request::Ask(ask) => {
                self.push(PageEffect::Control(id, ask));
                Ok(None)
            }
        });
        match result {
            Ok(None) => {}
            Ok(Some(returned)) => self.reply(id, without_socket(Outcome::Returned(returned))),
            Err(failed) => self.fail(id, failed),
        }
    }

    /// Starts or queues a call. Returns what is known at once; otherwise the reply follows when the call returns.
    fn handle_call(
        &mut self,
        id: u64,
        call: Call,
        may_call: impl FnOnce() -> Result<(), Failed>,
    ) -> Result<Option<Returned>, Failed> {
        // A muted member may still end what it has started.
        if !matches!(call, Call::Cancel { .. } | Call::Close { .. }) {
            may_call()?;
        }
        self.check_size(&call)?;
        match (call.fd(), &call) {
            (_, Call::Cancel { of }) => return self.cancel(*of).map(Some),
            (_, Call::Socket { transport, family }) => {
                let fd = self.sockets.next_fd()?;
                self.effects.push_back(Effect::Call(CallEffect::Open {
                    id,
                    fd,
                    transport: *transport,
                    family: *family,
                }));
            }
            (_, Call::GetAddrInfo { name, transport }) => {
                if name.len() > MAX_NAME_BYTES {
                    let message = format!("a name has at most {MAX_NAME_BYTES} bytes");
                    let limit = MAX_NAME_BYTES as u64;
                    return Err(failure::limit(Reason::DataTooLarge, limit, message));
                }
                self.sockets.start_unbound(id)?;
                self.effects.push_back(Effect::Call(CallEffect::Resolve {
                    id,
                    name: name.clone(),
                    transport: *transport,
                }));
            }
            (Some(fd), _) => {
                if let Some(ready) = self.sockets.submit(id, fd, call)? {
                    self.start(ready);
                }
            }
            (None, _) => {
                let message = "this call needs a socket";
                return Err(failure::relay(Reason::Malformed, message));
            }
        }
        Ok(None)
    }

    pub(super) fn start(&mut self, ready: ReadyCall<S>) {
        let effect = match ready {
            ReadyCall {
                id,
                call: Call::Close { fd },
                socket,
                ..
            } => CallEffect::Close { id, fd, socket },
            ready => CallEffect::Start(ready),
        };
        self.effects.push_back(Effect::Call(effect));
    }

    fn cancel(&mut self, of: u64) -> Result<Returned, Failed> {
        match self.sockets.cancel(of) {
            Cancelled::Running => self
                .effects
                .push_back(Effect::Call(CallEffect::Cancel { id: of })),
            Cancelled::Queued => self.fail(of, cancelled()),
            Cancelled::NotInFlight => {
                let message = format!("no call with id {of} is in flight");
                return Err(failure::relay(Reason::NoSuchCall, message));
            }
        }
        Ok(Returned::Nothing)
    }

    fn check_length(&self, length: usize) -> Result<(), Failed> {
        let limit = self.limits.message_bytes;
        if length as u64 > limit {
            let message = format!("a message may have {limit} bytes, this one has {length}");
            return Err(failure::limit(Reason::MessageTooLarge, limit, message));
        }
        Ok(())
    }

    fn check_size(&self, call: &Call) -> Result<(), Failed> {
        let limit = self.limits.data_bytes;
        let size = match (call, call.data()) {
            (Call::Recv { size, .. } | Call::RecvFrom { size, .. }, _) => u64::from(*size),
            (_, data) => data.map_or(0, |data| data.len() as u64),
        };
        if size > limit {
            let message = format!("one call carries at most {limit} bytes, this one {size}");
            return Err(failure::limit(Reason::DataTooLarge, limit, message));
        }
        Ok(())
    }
}
