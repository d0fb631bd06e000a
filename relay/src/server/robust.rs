//! The robust servers: they serve all clients at once, answer streams chunk by chunk, and survive any input.

mod datagrams;

pub(super) use datagrams::udp;

use std::{
    cell::RefCell, collections::BTreeSet, future::poll_fn, net::SocketAddr, rc::Rc, time::Duration,
};

use bytes::Bytes;
use shared::{
    call::Fd,
    outcome::Returned,
    trace::{Arguments, CallName},
};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::{
    Ended, FIRST_FD, TaskConfig,
    task::Stream,
    tracer::{
        CallError, ConnectionGuard, ServerTracer, receive_arguments, send_arguments, task_call,
    },
};
use crate::{
    sys::{descriptors::lowest_free, streams::poll_read},
    trace::{CallArgs, CallReturn, Flow, OpenCall, SocketSnapshot},
};

/// How long to wait when a connection could not be accepted.
const BACK_OFF: Duration = Duration::from_millis(50);
pub(super) async fn tcp(listener: TcpListener, config: TaskConfig, tracer: ServerTracer) -> Ended {
    let local = listener.local_addr().ok();
    let mut connections = JoinSet::new();
    let fds = Rc::new(RefCell::new(BTreeSet::from([FIRST_FD])));
    loop {
        let open = tracer.start(Some(FIRST_FD), CallName::Accept, Arguments::default(), None);
        let accepting = async {
            loop {
                tokio::select! {
                    accepted = listener.accept() => break accepted,
                    Some(_) = connections.join_next() => {}
                }
            }
        };
        match tracer.interruptible(accepting).await {
            Ok((stream, from)) => {
                config.configure_connection(&stream);
                let fd = lowest_free(|fd| fds.borrow().contains(&fd));
                fds.borrow_mut().insert(fd);
                let local = stream.local_addr().ok();
                let facts = tracer.facts(&stream, true);
                let ends = SocketSnapshot {
                    facts,
                    ..SocketSnapshot::between(local, Some(from))
                };
                tracer.finish(open, Ok(Returned::Accepted { fd, from }), ends);
                let connection = ServedConnection {
                    fd,
                    from,
                    local,
                    tracer: tracer.clone(),
                };
                let fds = Rc::clone(&fds);
                connections.spawn_local(async move {
                    connection.serve(stream, config).await;
                    fds.borrow_mut().remove(&fd);
                });
            }
            Err(error) => {
                tracer.finish(open, Err(error.to_failed()), SocketSnapshot::default());
                let waited = match error {
                    CallError::Interrupted => Err(error),
                    _ if error.is_exhaustion() => tracer.wait_for_descriptor().await,
                    CallError::Failed(_) => tracer.sleep(BACK_OFF).await,
                };
                if waited.is_err() {
                    break;
                }
            }
        }
    }
    // Each of them was interrupted, too, and closes its socket.
    while connections.join_next().await.is_some() {}
    let ends = SocketSnapshot::between(local, None);
    tracer.close(FIRST_FD, listener, None, ends);
    Ended::Stopped
}

/// What a connection does after it has worked on what came.
enum Next {
    /// All was sent: the next receive has started.
    Receiving(OpenCall),
    /// The kernel took this number of bytes: the rest is still to be sent.
    Sending(OpenCall, usize),
    /// Nothing was sent yet: the delay comes first.
    Delaying,
}

/// One client's connection to the robust TCP server. Each connection has its own delay.
struct ServedConnection {
    fd: Fd,
    from: SocketAddr,
    local: Option<SocketAddr>,
    tracer: ServerTracer,
}

impl ServedConnection {
    async fn serve(self, mut stream: TcpStream, config: TaskConfig) {
        let _guard = ConnectionGuard {
            tracer: &self.tracer,
            from: self.from,
        };
        // A stranger's option that fails costs latency, nothing else.
        stream.set_nodelay(true).ok();
        // However it ended, the trace has it, and the socket is given back.
        self.converse(&mut stream, config).await.ok();
        self.close(stream);
    }

    /// Answers chunk by chunk until the stream ends.
    async fn converse(&self, stream: &mut TcpStream, config: TaskConfig) -> Result<(), CallError> {
        let mut answers = Stream::new(config.task);
        let (mut received, mut sent) = (0, 0);
        let mut receiving = self.start_receive(config);
        loop {
            let reading = poll_fn(|context| poll_read(context, stream, config.receive_size));
            let chunk = match self.tracer.interruptible(reading).await {
                Ok(chunk) if !chunk.is_empty() => chunk,
                ended => {
                    let result = match &ended {
                        Ok(_) => Ok(Returned::EndOfStream),
                        Err(error) => Err(error.to_failed()),
                    };
                    let ends = self.ends(Some(received));
                    self.tracer.finish(receiving, result, ends);
                    ended?;
                    return self.send(stream, &answers.end(), config, sent).await;
                }
            };
            let length = chunk.len() as u64;
            let work = |chunk: &[u8]| answers.answer(chunk).into();
            let (answer, next) =
                self.turn(stream, config, (receiving, chunk), (received, sent), work);
            match next {
                Next::Receiving(open) => receiving = open,
                Next::Sending(open, taken) => {
                    let rest = stream.write_all(&answer[taken..]);
                    let result = self.tracer.interruptible(rest).await;
                    self.record_sent(open, result, &answer, sent)?;
                    receiving = self.start_receive(config);
                }
                Next::Delaying => {
                    self.send(stream, &answer, config, sent).await?;
                    receiving = self.start_receive(config);
                }
            }
            received += length;
            sent += answer.len() as u64;
        }
    }

    /// Answers a chunk as far as the kernel takes the answer at once.
    fn turn(
        &self,
        stream: &TcpStream,
        config: TaskConfig,
        (receiving, chunk): (OpenCall, Bytes),
        (received, sent): (u64, u64),
        work: impl FnOnce(&[u8]) -> Bytes,
    ) -> (Bytes, Next) {
        let mut events = self.tracer.trace.batch(Flow {
            process: self.tracer.process,
            fd: Some(self.fd),
            transport: self.tracer.transport,
            local: self.local,
            peer: Some(self.from),
            client: Some(self.from),
        });
        let answer = work(&chunk);
        events.keep_buffer(&chunk);
        events.keep_buffer(&answer);
        events.finish_call(receiving, CallReturn::Chunk(&chunk), Some(received));
        if let Some((name, letter)) = task_call(config.task) {
            let given = CallArgs {
                data: Some(&*chunk),
                letter,
                ..CallArgs::default()
            };
            let open = events.start_call(name, false, given);
            events.finish_call(open, CallReturn::Chunk(&answer), None);
        }
        if config.think_ms > 0 {
            return (answer, Next::Delaying);
        }
        if !answer.is_empty() {
            let given = CallArgs {
                data: Some(&*answer),
                ..CallArgs::default()
            };
            let open = events.start_call(CallName::Send, true, given);
            // `Next::Sending` waits for the kernel to take the rest.
            let taken = stream.try_write(&answer).unwrap_or_default();
            if taken < answer.len() {
                return (answer, Next::Sending(open, taken));
            }
            events.tick();
            events.finish_call(open, CallReturn::Sent(taken as u64), Some(sent));
        }
        let size = CallArgs {
            size: Some(config.receive_size),
            ..CallArgs::default()
        };
        let open = events.start_call(CallName::Recv, true, size);
        (answer, Next::Receiving(open))
    }

    fn start_receive(&self, config: TaskConfig) -> OpenCall {
        self.start(CallName::Recv, receive_arguments(config.receive_size))
    }

    /// Sends all of an answer after the delay.
    async fn send(
        &self,
        stream: &mut TcpStream,
        answer: &[u8],
        config: TaskConfig,
        offset: u64,
    ) -> Result<(), CallError> {
        if answer.is_empty() {
            return Ok(());
        }
        self.tracer.delay(config.think_ms, self.from).await?;
        let open = self.start(CallName::Send, send_arguments(answer, None));
        let result = self.tracer.interruptible(stream.write_all(answer)).await;
        self.record_sent(open, result, answer, offset)
    }

    fn record_sent(
        &self,
        open: OpenCall,
        result: Result<(), CallError>,
        answer: &[u8],
        offset: u64,
    ) -> Result<(), CallError> {
        let returned = match &result {
            Ok(()) => Ok(Returned::Sent {
                sent: answer.len() as u64,
            }),
            Err(error) => Err(error.to_failed()),
        };
        self.tracer.finish(open, returned, self.ends(Some(offset)));
        result
    }

    fn close(&self, stream: TcpStream) {
        let facts = self.tracer.facts(&stream, false);
        let ends = SocketSnapshot {
            facts,
            ..self.ends(None)
        };
        self.tracer.close(self.fd, stream, Some(self.from), ends);
    }

    fn start(&self, name: CallName, arguments: Arguments) -> OpenCall {
        self.tracer
            .start(Some(self.fd), name, arguments, Some(self.from))
    }

    fn ends(&self, offset: Option<u64>) -> SocketSnapshot {
        SocketSnapshot {
            offset,
            ..SocketSnapshot::between(self.local, Some(self.from))
        }
    }
}
