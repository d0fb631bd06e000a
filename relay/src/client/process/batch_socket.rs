//! A connected socket whose calls follow each other as fast as they can: each is traced as any other is, but many are
//! made, and written down, at once.

use std::{
    fmt, io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_util::FutureExt;
use shared::{
    call::{Call, How, Transport},
    outcome::{Failed, Outcome, Returned},
    trace::CallName,
    udp::MAX_DATAGRAM_BYTES,
};
use tokio::net::{TcpStream, UdpSocket};

use super::TracedSocket;
use crate::{
    failure,
    sys::{
        bursts::{self, Batch, Burst},
        streams,
    },
    trace::{CallArgs, CallReturn, EventBatch, Flow, OpenCall, SocketSnapshot},
};

/// Most bytes of a stream that one read takes.
const MAX_CHUNK_BYTES: usize = 64 << 10;

/// One socket and the calls on it: one `send` and one `recv` at a time.
pub struct BatchSocket {
    traced: Rc<TracedSocket>,
    flow: Flow,
    kind: ConnectedSocket,
    receiving: Option<OpenCall>,
    sending: Option<OpenCall>,
    /// Waits for a datagram that netem delivers.
    pending_datagram: Option<Pin<Box<dyn Future<Output = io::Result<Burst>>>>>,
    sent: u64,
    received: u64,
}

enum ConnectedSocket {
    Udp(Rc<UdpSocket>),
    Tcp(Rc<TcpStream>),
}

impl BatchSocket {
    /// Through a socket that is connected, else there is none.
    #[must_use]
    pub fn new(traced: &Rc<TracedSocket>) -> Option<Self> {
        let kind = match traced.socket.transport() {
            Transport::Udp => ConnectedSocket::Udp(traced.socket.udp()?),
            Transport::Tcp => ConnectedSocket::Tcp(traced.socket.stream()?),
        };
        if let ConnectedSocket::Udp(socket) = &kind {
            bursts::enable_gro(socket);
        }
        let flow = Flow {
            process: traced.process.id,
            fd: Some(traced.fd),
            transport: traced.socket.transport(),
            local: traced.socket.local(),
            peer: Some(traced.socket.peer()?),
            client: Some(traced.register_address()?),
        };
        Some(Self {
            traced: Rc::clone(traced),
            flow,
            kind,
            receiving: None,
            sending: None,
            pending_datagram: None,
            sent: 0,
            received: 0,
        })
    }

    /// Sends what is left of the batch: of UDP each by itself, of TCP all of it in one call.
    ///
    /// # Errors
    /// As the kernel failed the call; what it was to send is gone from the batch.
    pub fn poll_send(
        &mut self,
        context: &mut Context<'_>,
        batch: &mut Batch,
    ) -> Poll<Result<(), Failed>> {
        match &self.kind {
            ConnectedSocket::Udp(socket) => {
                let socket = Rc::clone(socket);
                self.poll_send_datagrams(context, &socket, batch)
            }
            ConnectedSocket::Tcp(stream) => {
                let stream = Rc::clone(stream);
                self.poll_send_bytes(context, &stream, batch)
            }
        }
    }

    fn poll_send_datagrams(
        &mut self,
        context: &mut Context<'_>,
        socket: &UdpSocket,
        batch: &mut Batch,
    ) -> Poll<Result<(), Failed>> {
        loop {
            let error = match self.send_on(socket, batch) {
                Ok(()) => return Poll::Ready(Ok(())),
                Err(error) => error,
            };
            if error.kind() == io::ErrorKind::WouldBlock {
                // The event loop reports room only after it was asked for it.
                if ready!(socket.poll_send_ready(context)).is_ok() {
                    continue;
                }
            }
            batch.advance(1);
            let sending = self.sending.take();
            return Poll::Ready(Err(self.record_failure(sending, &error)));
        }
    }

    /// Sends datagrams until the kernel has no room or fails one.
    fn send_on(&mut self, socket: &UdpSocket, batch: &mut Batch) -> io::Result<()> {
        let at_once = self.traced.process.trace.may_burst();
        let mut events = self.traced.process.trace.batch(self.flow);
        events.keep_buffer(batch.bytes());
        while !batch.is_empty() {
            let together = batch.together(at_once && self.sending.is_none());
            // Those the kernel does not take together may leave alone.
            let many = together > 1 && batch.send(socket, None, together).is_ok();
            if many {
                self.traced.socket.receiver().hint_server();
            }
            for nth in 0..if many { together } else { 1 } {
                let datagram = batch.next(1);
                let length = datagram.len() as u64;
                let sending = self.sending.take();
                let open = sending.unwrap_or_else(|| start_send(&mut events, datagram));
                if !many {
                    if let Err(error) = batch.send(socket, None, 1) {
                        self.sending = Some(open);
                        return Err(error);
                    }
                    self.traced.socket.receiver().hint_server();
                }
                if nth == 0 {
                    events.tick();
                }
                events.finish_call(open, CallReturn::Sent(length), None);
                batch.advance(1);
            }
        }
        Ok(())
    }

    fn poll_send_bytes(
        &mut self,
        context: &mut Context<'_>,
        stream: &TcpStream,
        batch: &mut Batch,
    ) -> Poll<Result<(), Failed>> {
        let mut events = self.traced.process.trace.batch(self.flow);
        if self.sending.is_none() {
            events.keep_buffer(batch.bytes());
            self.sending = Some(start_send(&mut events, batch.rest()));
        }
        while !batch.is_empty() {
            let written = match stream.try_write(batch.rest()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(stream.poll_write_ready(context)).map(|()| 0)
                }
                other => other,
            };
            match written {
                Ok(taken) => batch.advance_bytes(taken),
                Err(error) => {
                    drop(events);
                    batch.give_up();
                    let sending = self.sending.take();
                    return Poll::Ready(Err(self.record_failure(sending, &error)));
                }
            }
        }
        let length = batch.length() as u64;
        if let Some(open) = self.sending.take() {
            events.tick();
            events.finish_call(open, CallReturn::Sent(length), Some(self.sent));
        }
        self.sent += length;
        Poll::Ready(Ok(()))
    }

    /// Ends the sending direction of a stream: `shutdown(SHUT_WR)`.
    pub fn shut_down_sending(&self) {
        let call = Call::Shutdown {
            fd: self.traced.fd,
            how: How::Write,
        };
        // It never blocks; a connection that has ended is noticed by the next receive.
        let _made = self.traced.make(&call, None).now_or_never();
    }

    /// What comes next from the other end, as one `recv` after the other returns it.
    ///
    /// # Errors
    /// As the kernel failed the call; of a stream that was the last.
    pub fn poll_burst(&mut self, context: &mut Context<'_>) -> Poll<Result<Burst, Failed>> {
        let ConnectedSocket::Udp(socket) = &self.kind else {
            return Poll::Pending;
        };
        let socket = Rc::clone(socket);
        if self.receiving.is_none() {
            let mut events = self.traced.process.trace.batch(self.flow);
            self.receiving = Some(start_receive(&mut events, MAX_DATAGRAM_BYTES));
        }
        let burst = match ready!(self.poll_next_burst(context, &socket)) {
            Ok(burst) => burst,
            Err(error) => {
                let receiving = self.receiving.take();
                return Poll::Ready(Err(self.record_failure(receiving, &error)));
            }
        };
        let mut events = self.traced.process.trace.batch(self.flow);
        events.keep_buffer(burst.bytes());
        events.set_ancillary(burst.ancillary);
        let mut receiving = self.receiving.take();
        for at in 0..burst.count() {
            let open = receiving
                .take()
                .unwrap_or_else(|| start_receive(&mut events, MAX_DATAGRAM_BYTES));
            let datagram = burst.datagram(at);
            events.finish_call(open, CallReturn::Datagram(datagram, datagram.len()), None);
        }
        self.receiving = Some(start_receive(&mut events, MAX_DATAGRAM_BYTES));
        drop(events);
        Poll::Ready(Ok(burst))
    }

    fn poll_next_burst(
        &mut self,
        context: &mut Context<'_>,
        socket: &UdpSocket,
    ) -> Poll<io::Result<Burst>> {
        if self.pending_datagram.is_none() {
            match ready!(self.traced.socket.receiver().poll_burst(context, socket)) {
                // To be tried again after a pause.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(None) => {}
                Ok(Some(burst)) => return Poll::Ready(Ok(burst)),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        let traced = &self.traced;
        let pending_datagram = self.pending_datagram.get_or_insert_with(|| {
            let traced = Rc::clone(traced);
            Box::pin(async move { traced.socket.burst().await })
        });
        let burst = ready!(pending_datagram.as_mut().poll(context));
        self.pending_datagram = None;
        Poll::Ready(burst)
    }

    /// The next bytes of a stream, none at its end.
    ///
    /// # Errors
    /// As the kernel failed the call.
    pub fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Result<Bytes, Failed>> {
        let ConnectedSocket::Tcp(stream) = &self.kind else {
            return Poll::Pending;
        };
        let stream = Rc::clone(stream);
        if self.receiving.is_none() {
            let mut events = self.traced.process.trace.batch(self.flow);
            self.receiving = Some(start_receive(&mut events, MAX_CHUNK_BYTES));
        }
        let chunk = match ready!(streams::poll_read(context, &stream, MAX_CHUNK_BYTES)) {
            Ok(chunk) => chunk,
            Err(error) => {
                let receiving = self.receiving.take();
                return Poll::Ready(Err(self.record_failure(receiving, &error)));
            }
        };
        let Some(open) = self.receiving.take() else {
            return Poll::Ready(Ok(chunk));
        };
        if chunk.is_empty() {
            self.record_return(open, Outcome::Returned(Returned::EndOfStream));
        } else {
            let mut events = self.traced.process.trace.batch(self.flow);
            events.keep_buffer(&chunk);
            events.finish_call(open, CallReturn::Chunk(&chunk), Some(self.received));
            self.receiving = Some(start_receive(&mut events, MAX_CHUNK_BYTES));
            self.received += chunk.len() as u64;
        }
        Poll::Ready(Ok(chunk))
    }

    fn record_failure(&self, open: Option<OpenCall>, error: &io::Error) -> Failed {
        let failed = failure::kernel(error);
        if let Some(open) = open {
            self.record_return(open, Outcome::Failed(failed.clone()));
        }
        failed
    }

    /// Records the return of a call by itself, outside a batch.
    fn record_return(&self, open: OpenCall, outcome: Outcome) {
        let (udp, sends) = (self.flow.transport == Transport::Udp, open.is_send());
        let offset = if sends { self.sent } else { self.received };
        let facts = if udp {
            self.traced.socket.errors()
        } else {
            self.traced.socket.last_facts()
        };
        let ends = SocketSnapshot {
            local: self.flow.local,
            peer: self.flow.peer,
            client: self.flow.client,
            offset: Some(offset).filter(|_| !udp),
            facts,
        };
        self.traced.process.trace.finish_call(open, outcome, ends);
    }
}

fn start_send(events: &mut EventBatch<'_>, data: &[u8]) -> OpenCall {
    let given = CallArgs {
        data: Some(data),
        ..CallArgs::default()
    };
    events.start_call(CallName::Send, true, given)
}

fn start_receive(events: &mut EventBatch<'_>, size: usize) -> OpenCall {
    let given = CallArgs {
        size: Some(size),
        ..CallArgs::default()
    };
    events.start_call(CallName::Recv, true, given)
}

impl fmt::Debug for BatchSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchSocket")
            .field("flow", &self.flow)
            .finish_non_exhaustive()
    }
}
