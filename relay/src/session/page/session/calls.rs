//! The calls of a page: checked against its limits, made in order on each socket, and settled as they return.

use std::{
    rc::Rc,
    task::{Context, Poll, Waker},
};

use futures_util::future::LocalBoxFuture;
use shared::{
    call::{Call, Family, Fd, Transport},
    outcome::{Failed, Outcome, Reason, Returned},
};
use tokio::sync::oneshot;

use super::{PageSession, ReturnedCall, plain};
use crate::{
    client::{FinishedCall, OwnHost, TracedSocket},
    failure,
    session::page::socket_table::{Cancelled, ReadyCall},
};

/// The longest name a host can have (RFC 1035 §2.3.4, as it is written).
const LONGEST_NAME: usize = 253;

impl PageSession {
    /// Makes a call or lets it wait; what is known at once is returned, the rest replies when it has returned.
    pub(super) fn call(&mut self, id: u64, call: Call) -> Result<Option<Returned>, Failed> {
        // What only ends something a muted member may do as well.
        let ends = matches!(call, Call::Cancel { .. } | Call::Close { .. });
        if let Some(place) = self.place.as_ref().filter(|_| !ends) {
            place.check_may_call()?;
        }
        self.check_size(&call)?;
        match (call.fd(), &call) {
            (_, Call::Cancel { of }) => self.cancel(*of).map(Some),
            (_, Call::Socket { transport, family }) => {
                self.open(id, *transport, *family)?;
                Ok(None)
            }
            (_, Call::GetAddrInfo { .. }) => {
                self.resolve(id, call)?;
                Ok(None)
            }
            (Some(fd), _) => {
                if let Some(turn) = self.table.submit(id, fd, call)? {
                    self.make(turn);
                }
                Ok(None)
            }
            (None, _) => Err(failure::relay(
                Reason::Malformed,
                "this call needs a socket",
            )),
        }
    }

    fn check_size(&self, call: &Call) -> Result<(), Failed> {
        let limit = self.context.limits.data_bytes;
        let asked = match (call, call.data()) {
            (Call::Recv { size, .. } | Call::RecvFrom { size, .. }, _) => u64::from(*size),
            (_, data) => data.map_or(0, |data| data.len() as u64),
        };
        if asked > limit {
            let message = format!("one call carries at most {limit} bytes, this one {asked}");
            return Err(failure::limit(Reason::DataTooLarge, limit, message));
        }
        Ok(())
    }

    fn open(
        &mut self,
        id: u64,
        transport: Transport,
        family: Option<Family>,
    ) -> Result<(), Failed> {
        let fd = self.table.next_fd()?;
        let server = self.context.lab.server_address(transport);
        let (door, took_ns) = self.process.open(fd, transport, family, server, Some(id));
        let outcome = failure::outcome(door.map(|door| {
            self.table.insert(fd, door);
            Returned::Socket { fd }
        }));
        self.reply(
            id,
            FinishedCall {
                outcome,
                took_ns,
                local: None,
                peer: None,
            },
        );
        Ok(())
    }

    /// Asks for a host's addresses. No socket's turn has to come for it.
    fn resolve(&mut self, id: u64, call: Call) -> Result<(), Failed> {
        let Call::GetAddrInfo { name, transport } = &call else {
            return Ok(());
        };
        if name.len() > LONGEST_NAME {
            let message = format!("a name has at most {LONGEST_NAME} bytes");
            return Err(failure::limit(
                Reason::DataTooLarge,
                LONGEST_NAME as u64,
                message,
            ));
        }
        self.table.check_room()?;
        let lab = &self.context.lab;
        let own = OwnHost {
            name: lab.host_name().to_owned(),
            address: lab.server_address(*transport).ip(),
        };
        let (cancel, cancels) = oneshot::channel();
        self.table.runs(id, cancel);
        let (process, name, transport) = (Rc::clone(&self.process), name.clone(), *transport);
        self.calls.push(Box::pin(async move {
            let cancelled = until_cancelled(cancels);
            let made = process.resolve(name, transport, own, Some(id), cancelled);
            ReturnedCall {
                id,
                made: made.await,
                call,
                door: None,
            }
        }));
        Ok(())
    }

    fn cancel(&mut self, of: u64) -> Result<Returned, Failed> {
        match self.table.cancel(of) {
            Cancelled::Running(cancel) => {
                // A call that returned in this very moment has nobody left to cancel it.
                cancel.send(()).ok();
                Ok(Returned::Nothing)
            }
            Cancelled::Waiting => {
                self.fail(of, cancelled());
                Ok(Returned::Nothing)
            }
            Cancelled::NotInFlight => Err(failure::relay(
                Reason::NoSuchCall,
                format!("no call with id {of} is in flight"),
            )),
        }
    }

    /// Makes a call, and those in line behind it for as long as each returns at once.
    fn make(&mut self, turn: ReadyCall<TracedSocket>) {
        let mut turn = Some(turn);
        while let Some(next) = turn.take() {
            let mut call = self.begin(next);
            match call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(returned) => turn = self.conclude(returned),
                Poll::Pending => self.calls.push(call),
            }
        }
    }

    fn begin(&mut self, turn: ReadyCall<TracedSocket>) -> LocalBoxFuture<'static, ReturnedCall> {
        let ReadyCall {
            id,
            call,
            fd,
            socket: door,
        } = turn;
        let (cancel, cancels) = oneshot::channel();
        self.table.runs(id, cancel);
        Box::pin(async move {
            let cancelled = until_cancelled(cancels);
            let made = if matches!(call, Call::Close { .. }) {
                // Closing has to wait until this future has let go of the socket.
                plain(Outcome::Returned(Returned::Nothing))
            } else {
                door.make_until(&call, Some(id), cancelled).await
            };
            ReturnedCall {
                id,
                call,
                made,
                door: Some((fd, door)),
            }
        })
    }

    /// A call has returned: its reply goes out, and the next one in line has its turn.
    pub(in crate::session::page) fn settle(&mut self, returned: ReturnedCall) {
        if let Some(turn) = self.conclude(returned) {
            self.make(turn);
        }
    }

    /// Its reply goes out; whose turn it is then.
    fn conclude(&mut self, returned: ReturnedCall) -> Option<ReadyCall<TracedSocket>> {
        let ReturnedCall {
            id,
            call,
            made,
            door,
        } = returned;
        let Some((fd, door)) = door else {
            self.table.ended(id);
            self.reply(id, made);
            return None;
        };
        if matches!(call, Call::Close { .. }) {
            self.close(id, fd, door);
            return None;
        }
        drop(door);
        self.reply(id, made);
        self.table.returned(id, fd)
    }

    fn close(&mut self, id: u64, fd: Fd, door: Rc<TracedSocket>) {
        let orphans = self.table.remove(fd);
        let _no_turn = self.table.returned(id, fd);
        let made = door.close(Some(id));
        self.reply(id, made);
        for orphan in orphans {
            let message = format!("socket {fd} was closed before this call had its turn");
            self.fail(orphan, failure::relay(Reason::NoSuchSocket, message));
        }
    }
}

/// The failure of a call that somebody cancels; never, of one nobody does.
async fn until_cancelled(cancels: oneshot::Receiver<()>) -> Failed {
    match cancels.await {
        Ok(()) => cancelled(),
        Err(_) => std::future::pending().await,
    }
}

fn cancelled() -> Failed {
    failure::relay(Reason::Cancelled, "the page cancelled this call")
}
