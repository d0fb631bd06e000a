//! The robust UDP server. It answers a burst with a burst; in the trace, and on the wire, each datagram is received
//! and answered by itself.

use std::{io, net::SocketAddr, rc::Rc};

use shared::{outcome::Returned, trace::CallName};
use tokio::{net::UdpSocket, task::JoinSet};

use super::super::{
    Ended, FIRST_FD, TaskConfig, is_question,
    task::{append_datagram_answer, datagram_answer},
    tracer::{CallError, ServerTracer, receive_arguments, send_arguments, task_call},
};
use crate::{
    netem::ImpairedReceiver,
    sys::bursts::{self, Batch, BatchBuilder, Burst},
    trace::{CallArgs, CallReturn, EventBatch, Flow, OpenCall, SocketSnapshot},
};

/// Most answers that are delayed at once; the next datagram waits in the kernel's buffer.
const MAX_DELAYED_ANSWERS: usize = 256;

/// A delayed answer delays no other: each runs in its own task. Without a delay no task is needed.
pub(in super::super) async fn udp(
    socket: UdpSocket,
    receiver: ImpairedReceiver,
    config: TaskConfig,
    tracer: ServerTracer,
) -> io::Result<Ended> {
    bursts::enable_gro(&socket);
    let local = socket.local_addr()?;
    let server = Server {
        socket: Rc::new(socket),
        receiver: Rc::new(receiver),
        config,
        tracer,
        local,
    };
    let (mut delayed, mut next) = (JoinSet::new(), None);
    loop {
        while delayed.try_join_next().is_some() {}
        let open = next.take().unwrap_or_else(|| server.start_receive());
        let tracer = &server.tracer;
        match tracer
            .interruptible(server.receiver.receive_burst(&server.socket))
            .await
        {
            Ok(burst) if config.think_ms == 0 && server.is_answerable(&burst) => {
                next = server.answer(open, &burst).await;
            }
            Ok(burst) => server.answer_after_delay(open, &burst, &mut delayed).await,
            Err(error) => {
                tracer.finish(open, Err(error.to_failed()), server.ends(None));
                if matches!(error, CallError::Interrupted) {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
    }
    while delayed.join_next().await.is_some() {}
    let ends = server.ends(None);
    server.tracer.close(FIRST_FD, server.socket, None, ends);
    Ok(Ended::Stopped)
}

#[derive(Clone)]
struct Server {
    socket: Rc<UdpSocket>,
    receiver: Rc<ImpairedReceiver>,
    config: TaskConfig,
    tracer: ServerTracer,
    local: SocketAddr,
}

/// What came in a burst, how much of it was received, and the answers.
struct Answers<'a> {
    burst: &'a Burst,
    received: usize,
    batch: Batch,
}

impl Server {
    fn start_receive(&self) -> OpenCall {
        let asks = receive_arguments(self.config.receive_size);
        self.tracer
            .start(Some(FIRST_FD), CallName::RecvFrom, asks, None)
    }

    fn ends(&self, peer: Option<SocketAddr>) -> SocketSnapshot {
        SocketSnapshot::between(Some(self.local), peer)
    }

    /// Whether it answers these datagrams.
    const fn is_answerable(&self, burst: &Burst) -> bool {
        is_question(burst.from, &burst.ancillary, self.local.port())
    }

    /// Answers all of a burst at once. Returns the next `recvfrom`, where its start was recorded along with that.
    async fn answer(&self, open: OpenCall, burst: &Burst) -> Option<OpenCall> {
        let door = (self.tracer.transport, burst.from);
        let trace = &self.tracer.trace;
        trace.register_sender(door, burst.ancillary.received_at_ns);
        let mut answers = Answers::to(burst, self.config);
        let mut receiving = Some(open);
        while let Some(stuck) = self.answer_on(&mut answers, &mut receiving) {
            let answer = answers.batch.next(1);
            let sending = self.socket.send_to(answer, burst.from);
            let sent = self.tracer.interruptible(sending).await;
            let result = sent
                .map(|sent| Returned::Sent { sent: sent as u64 })
                .map_err(|error| error.to_failed());
            self.tracer
                .finish(stuck, result, self.ends(Some(burst.from)));
            answers.batch.advance(1);
        }
        receiving
    }

    /// Sends answers as long as the kernel has room. Returns the `sendto` that has to wait, if one has.
    fn answer_on(
        &self,
        answers: &mut Answers<'_>,
        receiving: &mut Option<OpenCall>,
    ) -> Option<OpenCall> {
        let trace = &self.tracer.trace;
        let at_once = trace.may_burst();
        let mut events = trace.batch(Flow {
            process: self.tracer.process,
            fd: Some(FIRST_FD),
            transport: self.tracer.transport,
            local: Some(self.local),
            peer: Some(answers.burst.from),
            client: Some(answers.burst.from),
        });
        events.set_ancillary(answers.burst.ancillary);
        events.keep_buffer(answers.burst.bytes());
        events.keep_buffer(answers.batch.bytes());
        while !answers.batch.is_empty() {
            let together = answers.batch.together(at_once);
            // Where the kernel does not take several together, they are sent one by one.
            let many = together > 1 && self.send(answers, together);
            for nth in 0..if many { together } else { 1 } {
                let open = self.trace_answer(&mut events, answers, receiving.take());
                if !many && !self.send(answers, 1) {
                    return Some(open);
                }
                if nth == 0 {
                    events.tick();
                }
                let sent = answers.batch.left()[0] as u64;
                events.finish_call(open, CallReturn::Sent(sent), None);
                answers.batch.advance(1);
            }
        }
        // In a crowd it has to be found again, once it is known for whom it was.
        *receiving = (!trace.is_of_class())
            .then(|| events.start_call(CallName::RecvFrom, true, self.capacity()));
        None
    }

    fn capacity(&self) -> CallArgs<&'static [u8]> {
        CallArgs {
            size: Some(self.config.receive_size),
            ..CallArgs::default()
        }
    }

    /// Sends the next answers in one call, if the kernel takes them.
    fn send(&self, answers: &Answers<'_>, count: usize) -> bool {
        let from = answers.burst.from;
        let sent = answers.batch.send(&self.socket, Some(from), count).is_ok();
        if sent {
            self.receiver.hint_client(from);
        }
        sent
    }

    /// Records that the next sentence is received and answered, up to the start of its `sendto`.
    fn trace_answer(
        &self,
        events: &mut EventBatch<'_>,
        answers: &mut Answers<'_>,
        receiving: Option<OpenCall>,
    ) -> OpenCall {
        let receiving = receiving
            .unwrap_or_else(|| events.start_call(CallName::RecvFrom, true, self.capacity()));
        let datagram = answers.burst.datagram(answers.received);
        answers.received += 1;
        let sentence = self.config.truncate(datagram);
        let answer = answers.batch.next(1);
        events.finish_call(
            receiving,
            CallReturn::Datagram(sentence, datagram.len()),
            None,
        );
        if let Some((name, letter)) = task_call(self.config.task) {
            let given = CallArgs {
                data: Some(sentence),
                letter,
                ..CallArgs::default()
            };
            let open = events.start_call(name, false, given);
            events.finish_call(open, CallReturn::Chunk(answer), None);
        }
        let given = CallArgs {
            data: Some(answer),
            names_peer: true,
            ..CallArgs::default()
        };
        events.start_call(CallName::SendTo, true, given)
    }

    /// Receives each datagram of a burst, and answers it after the delay.
    async fn answer_after_delay(&self, open: OpenCall, burst: &Burst, delayed: &mut JoinSet<()>) {
        let (from, mut receiving) = (burst.from, Some(open));
        for datagram in burst.datagrams() {
            if delayed.len() >= MAX_DELAYED_ANSWERS {
                delayed.join_next().await;
            }
            let open = receiving.take().unwrap_or_else(|| self.start_receive());
            let sentence = self.config.truncate(&datagram);
            let returned = Returned::Datagram {
                data: sentence.into(),
                from,
                truncated: sentence.len() < datagram.len(),
                length: datagram.len() as u64,
            };
            let facts = burst.ancillary.facts();
            let ends = self.ends(Some(from));
            self.tracer
                .finish(open, Ok(returned), SocketSnapshot { facts, ..ends });
            if self.is_answerable(burst) {
                let task = self.config.task;
                let work = || datagram_answer(task, sentence);
                let answer = self
                    .tracer
                    .apply_infallible_task(task, sentence, from, work);
                let server = self.clone();
                delayed.spawn_local(async move { server.answer_later(from, &answer).await });
            }
        }
    }

    async fn answer_later(&self, from: SocketAddr, answer: &[u8]) {
        let thinking = self.tracer.delay(self.config.think_ms, from);
        if thinking.await.is_err() {
            return;
        }
        let asks = send_arguments(answer, Some(from));
        let open = self
            .tracer
            .start(Some(FIRST_FD), CallName::SendTo, asks, Some(from));
        let result = self
            .tracer
            .interruptible(self.socket.send_to(answer, from))
            .await;
        let result = result
            .map(|sent| Returned::Sent { sent: sent as u64 })
            .map_err(|error| error.to_failed());
        self.tracer.finish(open, result, self.ends(Some(from)));
    }
}

impl<'a> Answers<'a> {
    fn to(burst: &'a Burst, config: TaskConfig) -> Self {
        let mut answers = BatchBuilder::default();
        for at in 0..burst.count() {
            let sentence = config.truncate(burst.datagram(at));
            answers.add_with(|bytes| append_datagram_answer(config.task, sentence, bytes));
        }
        Self {
            burst,
            received: 0,
            batch: answers.finish(),
        }
    }
}
