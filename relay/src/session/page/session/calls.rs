//! The calls of a session on real sockets.

use std::{
    rc::Rc,
    task::{Context, Poll, Waker},
};

use futures_util::{future::LocalBoxFuture, stream::FuturesUnordered};
use shared::{
    call::{Fd, Transport},
    outcome::Failed,
};
use tokio::sync::oneshot;

use super::PageSession;
use crate::{
    client::{FinishedCall, OwnHost, TracedSocket},
    session::page::core::{CallEffect, Effect, PageEffect, ReadyCall, cancelled},
};

/// The calls of a page that have not returned.
pub(in crate::session::page) type Calls = FuturesUnordered<LocalBoxFuture<'static, ReturnedCall>>;

/// A call that has returned.
pub(in crate::session::page) struct ReturnedCall {
    /// The message's id.
    pub(in crate::session::page) id: u64,
    /// The socket, if the call used one.
    pub(in crate::session::page) fd: Option<Fd>,
    pub(in crate::session::page) result: FinishedCall,
}

impl PageSession {
    /// Performs the session's effects up to the next one for the page, and returns that.
    pub(in crate::session::page) fn perform_calls(&mut self) -> Option<PageEffect> {
        while let Some(effect) = self.core.poll_effect() {
            match effect {
                Effect::Call(effect) => self.perform(effect),
                Effect::Page(effect) => return Some(effect),
            }
        }
        None
    }

    pub(in crate::session::page) fn handle_returned(&mut self, returned: ReturnedCall) {
        let ReturnedCall { id, fd, result } = returned;
        self.cancels.remove(&id);
        self.core.handle_returned(id, fd, result);
    }

    fn perform(&mut self, effect: CallEffect<TracedSocket>) {
        match effect {
            CallEffect::Open {
                id,
                fd,
                transport,
                family,
            } => {
                let server = self.context.lab.server_address(transport);
                let (socket, took_ns) = self.process.open(fd, transport, family, server, Some(id));
                self.core.handle_opened(id, fd, socket, took_ns);
            }
            CallEffect::Resolve {
                id,
                name,
                transport,
            } => self.resolve(id, name, transport),
            CallEffect::Start(ready) => self.start(ready),
            CallEffect::Close { id, fd, socket } => {
                let result = socket.close(Some(id));
                self.core.handle_closed(id, fd, result);
            }
            CallEffect::Cancel { id } => {
                if let Some(cancel) = self.cancels.remove(&id) {
                    // The receiver is gone if the call has just returned.
                    cancel.send(()).ok();
                }
            }
        }
    }

    /// Starts a call; most return at once.
    fn start(&mut self, ready: ReadyCall<TracedSocket>) {
        let ReadyCall {
            id,
            call,
            fd,
            socket,
        } = ready;
        let (cancel, cancels) = oneshot::channel();
        let mut call: LocalBoxFuture<'static, ReturnedCall> = Box::pin(async move {
            let cancelled = until_cancelled(cancels);
            let result = socket.make_until(&call, Some(id), cancelled).await;
            // The next call may be the close, which must be the last to hold the socket.
            drop(socket);
            ReturnedCall {
                id,
                fd: Some(fd),
                result,
            }
        });
        match call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(returned) => self.handle_returned(returned),
            Poll::Pending => self.push(id, cancel, call),
        }
    }

    fn resolve(&mut self, id: u64, name: String, transport: Transport) {
        let lab = &self.context.lab;
        let own = OwnHost {
            name: lab.host_name().to_owned(),
            address: lab.server_address(transport).ip(),
        };
        let (cancel, cancels) = oneshot::channel();
        let process = Rc::clone(&self.process);
        let call = Box::pin(async move {
            let cancelled = until_cancelled(cancels);
            let resolving = process.resolve(name, transport, own, Some(id), cancelled);
            ReturnedCall {
                id,
                fd: None,
                result: resolving.await,
            }
        });
        self.push(id, cancel, call);
    }

    fn push(
        &mut self,
        id: u64,
        cancel: oneshot::Sender<()>,
        call: LocalBoxFuture<'static, ReturnedCall>,
    ) {
        self.cancels.insert(id, cancel);
        self.calls.push(call);
    }
}

/// Resolves with ECANCELED when the call is cancelled; otherwise never.
async fn until_cancelled(cancels: oneshot::Receiver<()>) -> Failed {
    match cancels.await {
        Ok(()) => cancelled(),
        Err(_) => std::future::pending().await,
    }
}
