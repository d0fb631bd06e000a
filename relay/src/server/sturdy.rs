//! The servers one would run: everyone at once, streams answered as they come, and no input ends them.

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
    Ended, FIRST_FD, Job,
    task::Stream,
    witness::{Broken, Served, Witness, receives, sends, work_name},
};
use crate::{
    client::lowest_free,
    sys::{descriptors::is_exhausted, streams::poll_read},
    trace::{Came, Ends, Given, Line, OpenCall},
};

/// How long to wait when a connection could not be accepted.
const BACK_OFF: Duration = Duration::from_millis(50);
pub(super) async fn tcp(listener: TcpListener, job: Job, witness: Witness) -> Ended {
    let local = listener.local_addr().ok();
    let mut connections = JoinSet::new();
    let fds = Rc::new(RefCell::new(BTreeSet::from([FIRST_FD])));
    loop {
        let open = witness.starts(Some(FIRST_FD), CallName::Accept, Arguments::default(), None);
        let accepting = async {
            loop {
                tokio::select! {
                    accepted = listener.accept() => break accepted,
                    Some(_) = connections.join_next() => {}
                }
            }
        };
        match witness.blocks(accepting).await {
            Ok((stream, from)) => {
                job.meets(&stream);
                let fd = lowest_free(|fd| fds.borrow().contains(&fd));
                fds.borrow_mut().insert(fd);
                let local = stream.local_addr().ok();
                let facts = witness.facts(&stream, true);
                let ends = Ends {
                    local,
                    peer: Some(from),
                    facts,
                    ..Ends::default()
                };
                witness.returns(open, Ok(Returned::Accepted { fd, from }), ends);
                let connection = Connection {
                    fd,
                    from,
                    local,
                    witness: witness.clone(),
                };
                let fds = Rc::clone(&fds);
                connections.spawn_local(async move {
                    connection.serve(stream, job).await;
                    fds.borrow_mut().remove(&fd);
                });
            }
            Err(broken) => {
                witness.returns(open, Err(broken.told()), Ends::default());
                let waited = match broken {
                    Broken::Interrupted => Err(broken),
                    Broken::Failed(error) if is_exhausted(&error) => {
                        witness.wait_for_descriptor().await
                    }
                    Broken::Failed(_) => witness.waits(BACK_OFF).await,
                };
                if waited.is_err() {
                    break;
                }
            }
        }
    }
    // Each of them was interrupted, too, and closes its socket.
    while connections.join_next().await.is_some() {}
    let ends = Ends {
        local,
        ..Ends::default()
    };
    witness.closes(FIRST_FD, listener, None, ends);
    Ended::Stopped
}

/// What a connection does after it has worked on what came.
enum Next {
    /// All was sent: it receives again.
    Receiving(OpenCall),
    /// So many bytes were taken: the rest is still to be sent.
    Sending(OpenCall, usize),
    /// Nothing yet: it thinks first.
    Thinking,
}

/// One client's connection to the sturdy TCP server, which thinks for each connection by itself.
struct Connection {
    fd: Fd,
    from: SocketAddr,
    local: Option<SocketAddr>,
    witness: Witness,
}

impl Connection {
    async fn serve(self, mut stream: TcpStream, job: Job) {
        let _served = Served {
            witness: &self.witness,
            from: self.from,
        };
        // A stranger's option that fails costs latency, nothing else.
        stream.set_nodelay(true).ok();
        // However it ended, the trace has it, and the socket is given back.
        self.converse(&mut stream, job).await.ok();
        self.close(stream);
    }

    /// Answers chunk by chunk until the stream ends.
    async fn converse(&self, stream: &mut TcpStream, job: Job) -> Result<(), Broken> {
        let mut answers = Stream::new(job.task);
        let (mut received, mut sent) = (0, 0);
        let mut receiving = self.receives(job);
        loop {
            let reading = poll_fn(|context| poll_read(context, stream, job.receive_size));
            let chunk = match self.witness.blocks(reading).await {
                Ok(chunk) if !chunk.is_empty() => chunk,
                ended => {
                    let result = match &ended {
                        Ok(_) => Ok(Returned::EndOfStream),
                        Err(broken) => Err(broken.told()),
                    };
                    let ends = self.ends(Some(received));
                    self.witness.returns(receiving, result, ends);
                    ended?;
                    return self.send(stream, &answers.end(), job, sent).await;
                }
            };
            let length = chunk.len() as u64;
            let work = |chunk: &[u8]| answers.answer(chunk).into();
            let (answer, next) = self.turn(stream, job, (receiving, chunk), (received, sent), work);
            match next {
                Next::Receiving(open) => receiving = open,
                Next::Sending(open, taken) => {
                    let rest = stream.write_all(&answer[taken..]);
                    let result = self.witness.blocks(rest).await;
                    self.is_sent(open, result, &answer, sent)?;
                    receiving = self.receives(job);
                }
                Next::Thinking => {
                    self.send(stream, &answer, job, sent).await?;
                    receiving = self.receives(job);
                }
            }
            received += length;
            sent += answer.len() as u64;
        }
    }

    /// What came is answered as far as that can be done at once.
    fn turn(
        &self,
        stream: &TcpStream,
        job: Job,
        (receiving, chunk): (OpenCall, Bytes),
        (received, sent): (u64, u64),
        work: impl FnOnce(&[u8]) -> Bytes,
    ) -> (Bytes, Next) {
        let mut stretch = self.witness.trace.stretch(Line {
            process: self.witness.process,
            fd: self.fd,
            transport: self.witness.transport,
            local: self.local,
            peer: self.from,
            client: self.from,
        });
        let answer = work(&chunk);
        stretch.holds(&chunk);
        stretch.holds(&answer);
        stretch.returns(receiving, Came::Chunk(&chunk), Some(received));
        if let Some((name, letter)) = work_name(job.task) {
            let given = Given {
                data: Some(&chunk),
                letter,
                ..Given::default()
            };
            let open = stretch.starts(name, false, given);
            stretch.returns(open, Came::Chunk(&answer), None);
        }
        if job.think_ms > 0 {
            return (answer, Next::Thinking);
        }
        if !answer.is_empty() {
            let given = Given {
                data: Some(&answer),
                ..Given::default()
            };
            let open = stretch.starts(CallName::Send, true, given);
            // What the kernel does not take at once, or at all, is tried again by who can wait.
            let taken = stream.try_write(&answer).unwrap_or_default();
            if taken < answer.len() {
                return (answer, Next::Sending(open, taken));
            }
            stretch.tick();
            stretch.returns(open, Came::Sent(taken as u64), Some(sent));
        }
        let size = Given {
            size: Some(job.receive_size),
            ..Given::default()
        };
        let open = stretch.starts(CallName::Recv, true, size);
        (answer, Next::Receiving(open))
    }

    fn receives(&self, job: Job) -> OpenCall {
        self.starts(CallName::Recv, receives(job.receive_size))
    }

    /// Thinks, and sends all of it.
    async fn send(
        &self,
        stream: &mut TcpStream,
        answer: &[u8],
        job: Job,
        offset: u64,
    ) -> Result<(), Broken> {
        if answer.is_empty() {
            return Ok(());
        }
        self.witness.thinks(job.think_ms, self.from).await?;
        let open = self.starts(CallName::Send, sends(answer, None));
        let result = self.witness.blocks(stream.write_all(answer)).await;
        self.is_sent(open, result, answer, offset)
    }

    fn is_sent(
        &self,
        open: OpenCall,
        result: Result<(), Broken>,
        answer: &[u8],
        offset: u64,
    ) -> Result<(), Broken> {
        let told = match &result {
            Ok(()) => Ok(Returned::Sent {
                sent: answer.len() as u64,
            }),
            Err(broken) => Err(broken.told()),
        };
        self.witness.returns(open, told, self.ends(Some(offset)));
        result
    }

    fn close(&self, stream: TcpStream) {
        let facts = self.witness.facts(&stream, false);
        let ends = Ends {
            facts,
            ..self.ends(None)
        };
        self.witness.closes(self.fd, stream, Some(self.from), ends);
    }

    fn starts(&self, name: CallName, arguments: Arguments) -> OpenCall {
        self.witness
            .starts(Some(self.fd), name, arguments, Some(self.from))
    }

    fn ends(&self, offset: Option<u64>) -> Ends {
        Ends {
            local: self.local,
            peer: Some(self.from),
            offset,
            ..Ends::default()
        }
    }
}
