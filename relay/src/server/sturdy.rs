//! The servers one would run: everyone at once, streams answered as they come, and no input ends them.

use std::{cell::RefCell, collections::BTreeSet, io, net::SocketAddr, rc::Rc, time::Duration};

use shared::{
    call::Fd,
    outcome::Returned,
    trace::{Arguments, CallName},
};
use tokio::{
    io::{AsyncWriteExt, Interest},
    net::{TcpListener, TcpStream, UdpSocket},
    task::JoinSet,
};

use super::{
    Ended, FIRST_FD, Job, PLAYGROUND_PORT,
    task::{Stream, datagram_answer},
    witness::{Broken, Served, Witness, receives, sends},
};
use crate::{client::lowest_free, edge::Gate, sys::receive, trace::Ends};

/// How long to wait when the system has no descriptor left for another connection.
const BACK_OFF: Duration = Duration::from_millis(50);
/// So many datagrams are thought about at once; with more the next one waits in the kernel's buffer.
const MOST_THOUGHTS: usize = 256;

/// What is thought about holds up nobody else: as such a program hands each sentence to a thread or task of its own,
/// each datagram is thought about beside the others. Without a time to think there is nothing to hand on.
pub(super) async fn udp(
    socket: UdpSocket,
    gate: Gate,
    job: Job,
    witness: Witness,
) -> io::Result<Ended> {
    let socket = Rc::new(socket);
    let local = socket.local_addr()?;
    let ends = |peer| Ends {
        local: Some(local),
        peer,
        ..Ends::default()
    };
    let mut thoughts = JoinSet::new();
    let mut buffer = vec![0; job.receive_size];
    loop {
        while thoughts.try_join_next().is_some() {}
        if thoughts.len() >= MOST_THOUGHTS {
            thoughts.join_next().await;
        }
        let asks = receives(job.receive_size);
        let open = witness.starts(Some(FIRST_FD), CallName::RecvFrom, asks, None);
        let receiving = gate.receive(&socket, &mut buffer);
        let received = witness.blocks(receiving).await;
        match received {
            Ok(receive::Received {
                kept,
                length,
                from,
                facts,
            }) => {
                let sentence = &buffer[..kept];
                let truncated = kept < length;
                let returned = Returned::Datagram {
                    data: sentence.into(),
                    from,
                    truncated,
                    length: length as u64,
                };
                witness.returns(
                    open,
                    Ok(returned),
                    Ends {
                        facts,
                        ..ends(Some(from))
                    },
                );
                if from.port() != PLAYGROUND_PORT && from.port() != local.port() {
                    let answer = witness.answers(job.task, sentence, from, || {
                        datagram_answer(job.task, sentence)
                    });
                    let ends = ends(Some(from));
                    if job.think_ms == 0 {
                        answer_datagram(&socket, &answer, from, &witness, ends).await;
                    } else {
                        let (socket, witness) = (Rc::clone(&socket), witness.clone());
                        thoughts.spawn_local(async move {
                            if witness.thinks(job.think_ms, from).await.is_ok() {
                                answer_datagram(&socket, &answer, from, &witness, ends).await;
                            }
                        });
                    }
                }
            }
            Err(broken) => {
                witness.returns(open, Err(broken.told()), ends(None));
                if matches!(broken, Broken::Interrupted) {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
    }
    while thoughts.join_next().await.is_some() {}
    witness.closes(FIRST_FD, socket, None, ends(None));
    Ok(Ended::Stopped)
}

async fn answer_datagram(
    socket: &UdpSocket,
    answer: &[u8],
    from: SocketAddr,
    witness: &Witness,
    ends: Ends,
) {
    let open = witness.starts(
        Some(FIRST_FD),
        CallName::SendTo,
        sends(answer, Some(from)),
        Some(from),
    );
    let result = witness.blocks(socket.send_to(answer, from)).await;
    let result = result
        .map(|sent| Returned::Sent { sent: sent as u64 })
        .map_err(|broken| broken.told());
    witness.returns(open, result, ends);
}

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

/// One client's connection to the sturdy TCP server, which thinks for each connection by itself.
struct Connection {
    fd: Fd,
    from: SocketAddr,
    local: Option<SocketAddr>,
    witness: Witness,
}

thread_local! {
    /// One buffer for all connections of an event loop: an idle one then costs next to nothing.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
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
        loop {
            let chunk = self.receive(stream, job, received).await?;
            received += chunk.len() as u64;
            let answer = if chunk.is_empty() {
                answers.end()
            } else {
                let work = || answers.answer(&chunk);
                self.witness.answers(job.task, &chunk, self.from, work)
            };
            if !answer.is_empty() {
                self.send(stream, &answer, job, sent).await?;
                sent += answer.len() as u64;
            }
            if chunk.is_empty() {
                return Ok(());
            }
        }
    }

    /// The next bytes; none at the end of the stream.
    async fn receive(&self, stream: &TcpStream, job: Job, offset: u64) -> Result<Vec<u8>, Broken> {
        let open = self.starts(CallName::Recv, receives(job.receive_size));
        let attempt = || {
            BUFFER.with_borrow_mut(|buffer| {
                if buffer.len() < job.receive_size {
                    buffer.resize(job.receive_size, 0);
                }
                let kept = stream.try_read(&mut buffer[..job.receive_size])?;
                Ok(buffer[..kept].to_vec())
            })
        };
        let receiving = stream.async_io(Interest::READABLE, attempt);
        let received = self.witness.blocks(receiving).await;
        let result = match &received {
            Ok(chunk) if chunk.is_empty() => Ok(Returned::EndOfStream),
            Ok(chunk) => Ok(Returned::Chunk {
                data: chunk.as_slice().into(),
            }),
            Err(broken) => Err(broken.told()),
        };
        self.witness.returns(open, result, self.ends(Some(offset)));
        received
    }

    /// Thinks, and sends all of it.
    async fn send(
        &self,
        stream: &mut TcpStream,
        answer: &[u8],
        job: Job,
        offset: u64,
    ) -> Result<(), Broken> {
        self.witness.thinks(job.think_ms, self.from).await?;
        let open = self.starts(CallName::Send, sends(answer, None));
        let sent = self.witness.blocks(stream.write_all(answer)).await;
        let result = match &sent {
            Ok(()) => Ok(Returned::Sent {
                sent: answer.len() as u64,
            }),
            Err(broken) => Err(broken.told()),
        };
        self.witness.returns(open, result, self.ends(Some(offset)));
        sent
    }

    fn close(&self, stream: TcpStream) {
        let facts = self.witness.facts(&stream, false);
        let ends = Ends {
            facts,
            ..self.ends(None)
        };
        self.witness.closes(self.fd, stream, Some(self.from), ends);
    }

    fn starts(&self, name: CallName, arguments: Arguments) -> crate::trace::OpenCall {
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
