//! The writer of the events of calls. Calls on one socket that follow each other closely are written as one batch, and
//! none of its events is made before a viewer looks, so that tracing a call costs next to nothing.

use std::{
    cell::{OnceCell, RefCell},
    net::SocketAddr,
};

use bytes::Bytes;
use shared::{
    call::Transport,
    trace::{Arguments, CallName, ProcessId, What},
};

use super::{
    derive::{self, CallEnd},
    open_call::OpenCall,
    tcp_close::{Side, TcpOp},
};
use crate::{
    sys::Ancillary,
    trace::{
        Trace,
        log::{CallArgs, CallReturn, CompactEvent, DerivedSegment, EncodedBatch, Flow, TimedEvent},
        processes::{Processes, RecentCall},
    },
};

thread_local! {
    /// Buffers that every batch uses again.
    static SCRATCH: RefCell<Scratch> = const {
        RefCell::new(Scratch { events: Vec::new(), recent_calls: Vec::new() })
    };
}

#[derive(Debug, Default)]
struct Scratch {
    events: Vec<TimedEvent>,
    /// The calls to be remembered at the client's address.
    recent_calls: Vec<RecentCall>,
}

/// The derived packet and the derived segment that follow from the return of a call.
pub(super) type Consequences = [Option<CompactEvent>; 2];

/// The calls of one flow, whose events are appended to the log when the batch is dropped. No other event may be recorded
/// in between.
#[derive(Debug)]
pub struct EventBatch<'a> {
    trace: &'a Trace,
    now_ns: u64,
    /// Whether the events are those of a single call, whose flow may be between two clients.
    single: bool,
    is_external: OnceCell<bool>,
    encoded: EncodedBatch,
    scratch: Scratch,
}

impl Trace {
    /// Starts a batch of calls that bytes between a client and a server go through.
    pub fn batch(&self, flow: Flow) -> EventBatch<'_> {
        let concerns = (!self.off)
            .then(|| self.concerns(flow.process, flow.transport, flow.client))
            .flatten();
        EventBatch::new(self, flow, self.now(), concerns)
    }

    /// The client that a call concerns: the caller, or the client for which a server makes the call.
    pub(super) fn concerns(
        &self,
        process: ProcessId,
        transport: Transport,
        client: Option<SocketAddr>,
    ) -> Option<ProcessId> {
        if Processes::is_server(process) {
            return client.map(|address| self.client_at((transport, address)));
        }
        Some(process)
    }
}

impl<'a> EventBatch<'a> {
    /// Keeps a buffer, so that arguments and results inside it need not be copied.
    pub fn keep_buffer(&mut self, buffer: &Bytes) {
        if !self.trace.off && !buffer.is_empty() {
            // A batch has one or two buffers and is kept for long: spare capacity would be kept, too.
            self.encoded.buffers.reserve_exact(1);
            self.encoded.buffers.push(buffer.clone());
        }
    }

    /// Sets the kernel's ancillary data of the datagrams that are received from now on.
    pub const fn set_ancillary(&mut self, ancillary: Ancillary) {
        self.encoded.ancillary = ancillary;
    }

    /// Reads the clock: what follows happens now.
    pub fn tick(&mut self) {
        self.now_ns = self.trace.now();
    }

    /// Starts a call; `on_socket` is false for the program's own work.
    pub fn start_call(
        &mut self,
        name: CallName,
        on_socket: bool,
        args: CallArgs<&[u8]>,
    ) -> OpenCall {
        let open = self.open(name, on_socket, &Arguments::default());
        if self.trace.off {
            return open;
        }
        let data = args.data.map(|data| self.encoded.byte_range(data));
        self.push(CompactEvent::Started {
            call: open.call,
            name,
            on_socket,
            args: CallArgs {
                data,
                size: args.size,
                names_peer: args.names_peer,
                letter: args.letter,
            },
        });
        open
    }

    /// Returns from a call. `offset` is the number of bytes that had gone the same way through a stream before.
    pub fn finish_call(
        &mut self,
        mut open: OpenCall,
        returned: CallReturn<&[u8]>,
        offset: Option<u64>,
    ) {
        let consequences = self.close(&mut open, returned.into());
        if self.trace.off {
            return;
        }
        let result = match returned {
            CallReturn::Sent(sent) => CallReturn::Sent(sent),
            CallReturn::Chunk(data) => CallReturn::Chunk(self.encoded.byte_range(data)),
            CallReturn::Datagram(data, length) => {
                CallReturn::Datagram(self.encoded.byte_range(data), length)
            }
        };
        self.push(CompactEvent::Returned {
            call: open.call,
            on_socket: open.fd.is_some(),
            took_ns: self.now_ns.saturating_sub(open.started_ns),
            result,
            offset,
        });
        self.push_consequences(consequences);
    }

    /// The batch of a single call, which may have arguments and results without a compact form.
    pub(super) fn single(
        trace: &'a Trace,
        flow: Flow,
        now_ns: u64,
        concerns: Option<ProcessId>,
    ) -> Self {
        let mut batch = Self::new(trace, flow, now_ns, concerns);
        batch.single = true;
        batch
    }

    fn new(trace: &'a Trace, flow: Flow, now_ns: u64, concerns: Option<ProcessId>) -> Self {
        let mut encoded = EncodedBatch::new(flow);
        encoded.concerns = concerns;
        encoded.of_class = trace.of_class;
        encoded.started_wall = trace.started_wall;
        Self {
            trace,
            now_ns,
            single: false,
            is_external: OnceCell::new(),
            encoded,
            scratch: SCRATCH.take(),
        }
    }

    /// Records an event of a single call at once.
    pub(super) fn record(&self, what: What) {
        self.trace
            .record_at(self.now_ns, what, self.encoded.concerns);
    }

    /// Numbers a call that starts, and reports it to its client's address and its connection.
    pub(super) fn open(
        &mut self,
        name: CallName,
        on_socket: bool,
        arguments: &Arguments,
    ) -> OpenCall {
        let trace = self.trace;
        let Flow {
            process,
            fd,
            transport,
            client,
            ..
        } = self.encoded.flow;
        trace.metrics.count_call();
        let mut open = OpenCall {
            call: trace.next_call.replace(trace.next_call.get() + 1),
            process,
            transport,
            name,
            fd: fd.filter(|_| on_socket),
            started_ns: self.now_ns,
            // Nobody looks for a call that is not recorded.
            located: trace.off,
            unassigned_seq: None,
            op: None,
            close_segment: None,
        };
        if self.encoded.waits_for_any_client(name) {
            return open;
        }
        if trace.is_derived() && transport == Transport::Tcp {
            open.op = TcpOp::of(name, arguments);
        }
        self.locate(&mut open);
        if let Some(op) = open.op {
            let mut connections = trace.tcp_connections.borrow_mut();
            open.close_segment = connections.start_call(open.caller(), op, client);
        }
        open
    }

    /// Reports the return of a call to its client's address and its connection.
    pub(super) fn close(&mut self, open: &mut OpenCall, end: CallEnd<'_>) -> Consequences {
        self.assign(open);
        self.locate(open);
        // Every return changes the connection's state, also that of a call whose segment is known.
        let returned = self.finish_op(open, end);
        let segment = open.close_segment.or(returned);
        let packet = self.derive_packet(open, end);
        [
            packet,
            segment.map(|segment| self.encoded.add_segment(segment)),
        ]
    }

    /// Derived packets come after the event of the call that they follow from.
    pub(super) fn push_consequences(&mut self, consequences: Consequences) {
        for event in consequences.into_iter().flatten() {
            self.push(event);
        }
    }

    /// Remembers a call at its client's address, where packets look for it.
    pub(super) fn locate(&mut self, open: &mut OpenCall) {
        let Some(client) = self.encoded.flow.client.filter(|_| !open.located) else {
            return;
        };
        open.located = true;
        if open.op == Some(TcpOp::Connect) {
            let mut connections = self.trace.tcp_connections.borrow_mut();
            connections.connect(client, open.caller());
        }
        if open.may_send_packets() {
            self.scratch.recent_calls.push(open.to_recent());
        }
    }

    /// Class labs only: assigns a call that started for any client to the client that it turned out to concern.
    fn assign(&self, open: &OpenCall) {
        if let (Some(seq), Some(process)) = (open.unassigned_seq, self.encoded.concerns) {
            self.trace.log.borrow_mut().assign(seq, process);
        }
    }

    /// The FIN or RST that certainly follows from the return of a call.
    fn finish_op(&self, open: &OpenCall, end: CallEnd<'_>) -> Option<DerivedSegment> {
        let op = open.op?;
        let Flow {
            local,
            peer,
            client,
            ..
        } = self.encoded.flow;
        let caller = open.caller();
        let server = match caller.side {
            Side::Client => peer,
            Side::Server => local,
        };
        let mut connections = self.trace.tcp_connections.borrow_mut();
        if let (TcpOp::Accept, true, Some(client)) = (op, end.is_success(), client) {
            connections.accept(client, self.is_external());
        }
        connections.finish_call(caller, op, end, client, server)
    }

    /// The packet that follows from the return of a call, if none is captured.
    fn derive_packet(&self, open: &OpenCall, end: CallEnd<'_>) -> Option<CompactEvent> {
        let flow = &self.encoded.flow;
        if !self.trace.is_derived() {
            return None;
        }
        let (own, peer) = (flow.own_address()?, flow.peer?);
        let udp = flow.transport == Transport::Udp;
        let packet = derive::packet(open.name, udp, end, self.is_external())?;
        // A packet between two clients does not cross between client and server.
        let is_internal = |address| self.trace.is_internal((flow.transport, address));
        if self.single && is_internal(own) && is_internal(peer) {
            return None;
        }
        Some(CompactEvent::Derived {
            kind: packet.kind,
            outward: packet.outward,
            length: packet.length,
            because: open.call,
        })
    }

    /// Whether a server calls for an external client, whose own calls are not traced.
    fn is_external(&self) -> bool {
        *self.is_external.get_or_init(|| {
            let client = self.encoded.concerns;
            client.is_some_and(|client| {
                client != self.encoded.flow.process && self.trace.is_external(client)
            })
        })
    }

    fn push(&mut self, event: CompactEvent) {
        self.scratch.events.push((self.now_ns, event));
    }
}

impl Drop for EventBatch<'_> {
    fn drop(&mut self) {
        let (trace, flow) = (self.trace, self.encoded.flow);
        let Scratch {
            events,
            recent_calls,
        } = &mut self.scratch;
        if let (Some(client), false) = (flow.client, recent_calls.is_empty()) {
            let mut processes = trace.processes.borrow_mut();
            processes.add_calls((flow.transport, client), recent_calls);
            recent_calls.clear();
        }
        if self.single {
            for (mono_ns, event) in events.drain(..) {
                let what = self.encoded.to_what(event);
                trace.record_at(mono_ns, what, self.encoded.concerns);
            }
        } else if !events.is_empty() {
            let encoded = std::mem::replace(&mut self.encoded, EncodedBatch::new(flow));
            trace.log.borrow_mut().append_batch(encoded, events);
            trace.count_appended(events.len() as u64);
            events.clear();
        }
        SCRATCH.replace(std::mem::take(&mut self.scratch));
    }
}
